//! How an hour's members become parts, each format in a file of its own. The same archive and packing give the same
//! parts, byte for byte.

mod gzip;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;
mod zst;

use crate::model::Format;

use super::ReadError;
use super::rows::Rows;
use super::sums::PartSink;
use gzip::Members;
use lines::Lines;
#[cfg(feature = "parquet")]
use parquet::Columns;
use parts::Parts;
use zst::Zst;

/// The shape of an hour's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// What the parts hold.
    pub format: Format,
    /// `json.gz`: members are joined up to this many bytes, one that is larger is a part of its own. The others: a part
    /// ends with the row that reaches them (`json.zst`, `parquet`: soon after it).
    pub part_target: u64,
    /// Compute SHA-256 for formats that do not always have it.
    pub sha256: bool,
}

/// What is done with the members of the format.
enum Shape {
    Members(Members),
    Lines(Lines),
    Zst(Zst),
    #[cfg(feature = "parquet")]
    Parquet(Box<Columns>),
}

/// Writes the parts of one hour.
pub(super) struct Packer<'a, S: PartSink + ?Sized> {
    parts: Parts<'a, S>,
    shape: Shape,
    /// The last member's last line has no newline.
    newline_owed: bool,
}

/// The sink's error, or the fault that stops the hour.
type Packed<S> = Result<(), ReadError<<S as PartSink>::Error>>;

impl<'a, S: PartSink + ?Sized> Packer<'a, S> {
    /// No part yet.
    pub(super) fn new(packing: Packing, sink: &'a mut S) -> Result<Self, ReadError<S::Error>> {
        let target = packing.part_target;
        let shape = match packing.format {
            Format::JsonGz => Shape::Members(Members::new(target)),
            Format::Json => Shape::Lines(Lines::new(target)),
            Format::JsonZst => Shape::Zst(Zst::new(target).map_err(ReadError::Archive)?),
            #[cfg(feature = "parquet")]
            Format::Parquet => Shape::Parquet(Box::new(Columns::new(target))),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(ReadError::Archive(super::without_parquet())),
        };
        let parts = Parts::new(sink, packing.sha256 || packing.format == Format::JsonGz);
        Ok(Self { parts, shape, newline_owed: false })
    }

    /// A member of `gzip_bytes` comes next, or one so long that nobody knows yet.
    pub(super) fn begin_member(&mut self, gzip_bytes: Option<u64>, rows: &Rows) -> Packed<S> {
        let owed = std::mem::take(&mut self.newline_owed);
        match &mut self.shape {
            Shape::Members(members) => members.begin(&mut self.parts, gzip_bytes, owed, rows),
            Shape::Lines(_) if owed => self.parts.write(b"\n", rows.count()).map_err(ReadError::Sink),
            Shape::Zst(zst) if owed => zst.write(&mut self.parts, b"\n", rows),
            _ => Ok(()),
        }
    }

    /// The member's next bytes, as they were sent.
    pub(super) fn gzip(&mut self, bytes: &[u8], rows: &Rows) -> Packed<S> {
        match self.shape {
            Shape::Members(_) => self.parts.write(bytes, rows.count()).map_err(ReadError::Sink),
            _ => Ok(()),
        }
    }

    /// The member's next lines; they are counted here, since a part may end between two of them.
    pub(super) fn lines(&mut self, bytes: &[u8], rows: &mut Rows) -> Packed<S> {
        match &mut self.shape {
            Shape::Members(_) => {
                rows.push(bytes);
                Ok(())
            }
            Shape::Lines(lines) => lines.take(&mut self.parts, bytes, rows),
            Shape::Zst(zst) => zst.take(&mut self.parts, bytes, rows),
            #[cfg(feature = "parquet")]
            Shape::Parquet(columns) => columns.take(&mut self.parts, bytes, rows),
        }
    }

    /// The member has ended; a line without a newline ends with it.
    pub(super) fn end_member(&mut self, rows: &mut Rows) {
        self.newline_owed = rows.is_inside_line();
        match &mut self.shape {
            #[cfg(feature = "parquet")]
            Shape::Parquet(columns) => columns.end_line(rows),
            _ => rows.end_line(),
        }
    }

    /// The hour has ended.
    pub(super) fn finish(mut self, rows: &Rows) -> Packed<S> {
        match &mut self.shape {
            Shape::Members(_) | Shape::Lines(_) => self.parts.end(rows.count()).map_err(ReadError::Sink),
            Shape::Zst(zst) => zst.end(&mut self.parts, rows),
            #[cfg(feature = "parquet")]
            Shape::Parquet(columns) => columns.finish(&mut self.parts),
        }
    }
}
