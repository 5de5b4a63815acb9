//! A download that is read while it is written. Whoever reads waits for the bytes; whoever writes waits for nobody.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How far a file is written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    bytes: u64,
    /// Nothing more is written, and this is the whole file, or a torn one.
    whole: Option<bool>,
}

/// What the writer says, and readers wait for.
#[derive(Debug, Default)]
pub(super) struct Growth {
    written: Mutex<Written>,
    grown: Condvar,
}

impl Growth {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many more bytes are in the file.
    pub(super) fn add(&self, bytes: u64) {
        self.lock().bytes += bytes;
        self.grown.notify_all();
    }

    /// Nothing more is written. What is said first counts.
    pub(super) fn end(&self, whole: bool) {
        self.lock().whole.get_or_insert(whole);
        self.grown.notify_all();
    }
}

/// Says when it is dropped that the file stays torn, unless it is whole by then.
#[derive(Debug, Default)]
pub(super) struct Growing(pub(super) Arc<Growth>);

impl Drop for Growing {
    fn drop(&mut self) {
        self.0.end(false);
    }
}

/// Reads the file from its beginning. It blocks until there are bytes; the end of a torn file is an error.
#[derive(Debug)]
pub struct Tail {
    file: File,
    position: u64,
    growth: Arc<Growth>,
}

impl Tail {
    pub(super) fn new(file: File, growth: Arc<Growth>) -> Self {
        Self { file, position: 0, growth }
    }

    /// Waits until there are bytes after the position; 0 at the end of a whole file.
    fn wait(&self) -> io::Result<u64> {
        let none = |written: &mut Written| written.bytes <= self.position && written.whole.is_none();
        let written = self.growth.grown.wait_while(self.growth.lock(), none);
        let Written { bytes, whole } = *written.unwrap_or_else(PoisonError::into_inner);
        if whole == Some(false) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the download ended before its end"));
        }
        Ok(bytes.saturating_sub(self.position))
    }
}

impl Read for Tail {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.wait()?).unwrap_or(usize::MAX).min(out.len());
        let read = self.file.read_at(&mut out[..there], self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
