//! Measuring objects that are in a lake already: the same counts and sums that an hour had when it was landed, for
//! whoever checks them again. Fed by pieces, so that any reader, also an asynchronous one, can drive it.

use std::convert::Infallible;

use crate::model::{Content, Fault, Format};

#[cfg(feature = "parquet")]
use super::columns::Footer;
use super::gunzip::Gunzip;
use super::rows::Rows;
use super::sums::{Discard, OpenPart, PartSums};
use super::unzst::Unzst;
use super::{Limits, ReadError};

/// What takes the lines out of an object.
enum Unpack {
    Plain,
    Gzip(Gunzip),
    Zst(Unzst),
    #[cfg(feature = "parquet")]
    Parquet(Footer),
}

/// Measures the objects of one hour, one after another: `begin`, any number of `feed`, `end` for each, then `finish`.
pub struct Measure {
    unpack: Unpack,
    rows: Rows,
    part: OpenPart,
}

impl Measure {
    /// For objects of this format.
    pub fn new(format: Format, limits: &Limits) -> Result<Self, Fault> {
        let unpack = match format {
            Format::Json => Unpack::Plain,
            Format::JsonGz => Unpack::Gzip(Gunzip::new()),
            Format::JsonZst => Unpack::Zst(Unzst::new()?),
            #[cfg(feature = "parquet")]
            Format::Parquet => Unpack::Parquet(Footer::default()),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(super::without_parquet()),
        };
        Ok(Self { unpack, rows: Rows::new(limits.max_row_bytes), part: OpenPart::new(0, 0, true) })
    }

    /// An object begins.
    pub fn begin(&mut self, number: u32) -> Result<(), Fault> {
        self.part = OpenPart::new(number, self.rows.count(), true);
        match &mut self.unpack {
            Unpack::Plain => {}
            Unpack::Gzip(gunzip) => gunzip.begin(u64::MAX),
            Unpack::Zst(unzst) => unzst.begin()?,
            #[cfg(feature = "parquet")]
            Unpack::Parquet(footer) => *footer = Footer::default(),
        }
        Ok(())
    }

    /// The object's next bytes. The fault of an object that is no whole file of its format is `BrokenArchive`.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Ok(()) = self.part.write(&mut Discard, bytes);
        let rows = &mut self.rows;
        match &mut self.unpack {
            Unpack::Plain => rows.push(bytes),
            Unpack::Gzip(gunzip) => {
                let take = &mut |out: &[u8]| {
                    rows.push(out);
                    Ok::<(), ReadError<Infallible>>(())
                };
                gunzip.feed(bytes, take).map_err(fault)?;
            }
            Unpack::Zst(unzst) => unzst.feed(bytes, &mut |out| rows.push(out))?,
            #[cfg(feature = "parquet")]
            Unpack::Parquet(footer) => footer.feed(bytes),
        }
        Ok(())
    }

    /// The object has ended: its length, rows and sums.
    pub fn end(&mut self) -> Result<PartSums, Fault> {
        self.rows.end_line();
        let part = std::mem::replace(&mut self.part, OpenPart::new(0, 0, true));
        match &self.unpack {
            Unpack::Plain => {}
            Unpack::Gzip(gunzip) => gunzip.finish().map_err(fault)?,
            Unpack::Zst(unzst) => unzst.finish()?,
            #[cfg(feature = "parquet")]
            Unpack::Parquet(footer) => return Ok(part.sums(footer.rows()?)),
        }
        Ok(part.sums(self.rows.count()))
    }

    /// What all objects come to; none for `parquet`, which does not hold the lines as they were sent.
    pub fn finish(self) -> Option<Content> {
        match self.unpack {
            #[cfg(feature = "parquet")]
            Unpack::Parquet(_) => None,
            _ => Some(self.rows.into_content()),
        }
    }
}

fn fault(error: ReadError<Infallible>) -> Fault {
    match error {
        ReadError::Archive(fault) => fault,
        ReadError::Sink(never) => match never {},
    }
}
