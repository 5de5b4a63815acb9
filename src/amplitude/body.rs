//! The body of an answer: read with an idle time, and known to be whole or not.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Exported;
use super::words::{self, seconds};
use crate::model::{Fault, FaultKind};

/// How far a body has been read.
pub struct Body {
    read: u64,
    announced: Option<u64>,
    idle: Duration,
}

impl Body {
    /// Nothing read yet of a body whose length was announced, or not.
    pub fn new(announced: Option<u64>, idle: Duration) -> Self {
        Self { read: 0, announced, idle }
    }

    /// `Content-Length`.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Bytes read.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self, response: &mut Response) -> Result<Option<Bytes>, Fault> {
        match timeout(self.idle, response.chunk()).await {
            Err(_) => Err(self.stalled()),
            Ok(Err(error)) => Err(self.cut(&error)),
            Ok(Ok(chunk)) => {
                self.read += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
                Ok(chunk)
            }
        }
    }

    /// The body's start: `head`, already read, and what follows up to `most` bytes. All of it within one idle time.
    pub async fn first(&mut self, response: &mut Response, mut head: Vec<u8>, most: usize) -> Result<Vec<u8>, Fault> {
        let deadline = Instant::now() + self.idle;
        while head.len() < most {
            match timeout_at(deadline, self.next(response)).await {
                Err(_) => return Err(self.stalled()),
                Ok(chunk) => match chunk? {
                    Some(bytes) => head.extend_from_slice(&bytes[..bytes.len().min(most - head.len())]),
                    None => break,
                },
            }
        }
        head.truncate(most);
        Ok(head)
    }

    /// The end was reached.
    pub fn whole(&self) -> Result<Exported, Fault> {
        match self.announced {
            Some(announced) if announced != self.read => {
                Err(Fault::new(FaultKind::BodyShort, format!("the body ended {}", self.progress())))
            }
            _ => Ok(Exported::Archive { bytes: self.read }),
        }
    }

    fn stalled(&self) -> Fault {
        let words = format!("no byte for {}, {}", seconds(self.idle), self.progress());
        Fault::new(FaultKind::BodyStalled, words)
    }

    fn cut(&self, error: &reqwest::Error) -> Fault {
        let causes = words::causes(error);
        match words::io_kind(error) {
            Some(ErrorKind::UnexpectedEof) => {
                Fault::new(FaultKind::BodyShort, format!("the body ended {}: {causes}", self.progress()))
            }
            _ => Fault::new(FaultKind::BodyReset, format!("the body was cut off {}: {causes}", self.progress())),
        }
    }

    fn progress(&self) -> String {
        match self.announced {
            Some(announced) => format!("after {} of {announced} bytes", self.read),
            None => format!("after {} bytes of an unknown number", self.read),
        }
    }
}
