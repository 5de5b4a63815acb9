//! The parts of one hour on their way into the sink, one after another.

use crate::archive::sums::{OpenPart, PartSink};

/// Numbers the parts; at most one is open.
pub(super) struct Parts<'a, S: PartSink + ?Sized> {
    sink: &'a mut S,
    sha256: bool,
    open: Option<OpenPart>,
    next: u32,
}

impl<'a, S: PartSink + ?Sized> Parts<'a, S> {
    /// No part yet.
    pub(super) fn new(sink: &'a mut S, sha256: bool) -> Self {
        Self { sink, sha256, open: None, next: 0 }
    }

    /// The length of the open part.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.open.as_ref().map(OpenPart::bytes)
    }

    /// Writes into the open part; begins one when none is open. `rows` were counted before a part that begins.
    pub(super) fn write(&mut self, bytes: &[u8], rows: u64) -> Result<(), S::Error> {
        let part = if let Some(part) = &mut self.open {
            part
        } else {
            let part = OpenPart::begin(self.sink, self.next, rows, self.sha256)?;
            self.next += 1;
            self.open.insert(part)
        };
        part.write(self.sink, bytes)
    }

    /// Ends the open part, if there is one. `rows` were counted up to here.
    pub(super) fn end(&mut self, rows: u64) -> Result<(), S::Error> {
        match self.open.take() {
            Some(part) => part.end(self.sink, rows),
            None => Ok(()),
        }
    }
}
