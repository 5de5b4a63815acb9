//! Measuring objects that are in a lake already: the same counts and sums that an hour had when it was landed, for
//! whoever checks them again. Fed by pieces, so that any reader, also an asynchronous one, can drive it.

use std::convert::Infallible;

use crate::model::{Content, Fault, Format};

use super::gunzip::Gunzip;
use super::rows::Rows;
use super::sums::{Discard, OpenPart, PartSums};
use super::{Limits, ReadError};

/// Measures the objects of one hour, one after another: `begin`, any number of `feed`, `end` for each, then `finish`.
pub struct Measure {
    format: Format,
    gunzip: Gunzip,
    rows: Rows,
    part: OpenPart,
}

impl Measure {
    /// For objects of this format.
    pub fn new(format: Format, limits: &Limits) -> Self {
        let part = OpenPart::new(0, 0, true);
        Self { format, gunzip: Gunzip::new(), rows: Rows::new(limits.max_row_bytes), part }
    }

    /// An object begins.
    pub fn begin(&mut self, number: u32) {
        self.gunzip.begin(u64::MAX);
        self.part = OpenPart::new(number, self.rows.count(), true);
    }

    /// The object's next bytes. The fault of an object that is no whole gzip file is `BrokenArchive`.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Ok(()) = self.part.write(&mut Discard, bytes);
        let rows = &mut self.rows;
        match self.format {
            Format::Json => rows.push(bytes),
            Format::JsonGz => {
                let take = &mut |out: &[u8]| {
                    rows.push(out);
                    Ok::<(), ReadError<Infallible>>(())
                };
                self.gunzip.feed(bytes, take).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// The object has ended: its length, rows and sums.
    pub fn end(&mut self) -> Result<PartSums, Fault> {
        if self.format == Format::JsonGz {
            self.gunzip.finish().map_err(fault)?;
        }
        self.rows.end_line();
        let part = std::mem::replace(&mut self.part, OpenPart::new(0, 0, true));
        Ok(part.sums(self.rows.count()))
    }

    /// What all objects come to.
    pub fn finish(self) -> Content {
        self.rows.into_content()
    }
}

fn fault(error: ReadError<Infallible>) -> Fault {
    match error {
        ReadError::Archive(fault) => fault,
        ReadError::Sink(never) => match never {},
    }
}
