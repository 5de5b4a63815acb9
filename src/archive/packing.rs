//! How an hour's members become parts. The same archive and packing give the same parts, byte for byte.

use crate::model::Format;

use super::gunzip::NEWLINE_MEMBER;
use super::rows::Rows;
use super::sums::{OpenPart, PartSink};

/// The shape of an hour's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// What the parts hold.
    pub format: Format,
    /// `json.gz`: members are joined up to this many bytes, one that is larger is a part of its own. `json`: a part
    /// ends with the line that reaches it.
    pub part_target: u64,
    /// Compute SHA-256 for formats that do not always have it.
    pub sha256: bool,
}

/// Writes the parts of one hour.
pub(super) struct Packer<'a, S: PartSink + ?Sized> {
    packing: Packing,
    sink: &'a mut S,
    part: Option<OpenPart>,
    next_part: u32,
    /// The last member's last line has no newline, and the part that holds it is still open.
    newline_owed: bool,
}

impl<'a, S: PartSink + ?Sized> Packer<'a, S> {
    /// No part yet.
    pub(super) fn new(packing: Packing, sink: &'a mut S) -> Self {
        Self { packing, sink, part: None, next_part: 0, newline_owed: false }
    }

    /// A member of `gzip_bytes` comes next.
    pub(super) fn begin_member(&mut self, gzip_bytes: u64, rows: &Rows) -> Result<(), S::Error> {
        if self.packing.format == Format::Json {
            if std::mem::take(&mut self.newline_owed) {
                self.write(b"\n", rows)?;
            }
            return Ok(());
        }
        let separator: &[u8] = if self.newline_owed { &NEWLINE_MEMBER } else { &[] };
        let joined = self.part.as_ref().map(|part| part.bytes() + separator.len() as u64 + gzip_bytes);
        self.newline_owed = false;
        match joined {
            Some(joined) if joined <= self.packing.part_target => self.write(separator, rows),
            _ => {
                self.end_part(rows)?;
                self.write(&[], rows)
            }
        }
    }

    /// The member's next bytes, as they were sent.
    pub(super) fn gzip(&mut self, bytes: &[u8], rows: &Rows) -> Result<(), S::Error> {
        match self.packing.format {
            Format::JsonGz => self.write(bytes, rows),
            Format::Json => Ok(()),
        }
    }

    /// The member's next lines; they are counted here, since a part may end between two of them.
    pub(super) fn lines(&mut self, mut bytes: &[u8], rows: &mut Rows) -> Result<(), S::Error> {
        if self.packing.format == Format::JsonGz {
            rows.push(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            if self.is_full() && !rows.is_inside_line() {
                self.end_part(rows)?;
            }
            let (piece, rest) = bytes.split_at(self.line_end_at_target(bytes));
            self.write(piece, rows)?;
            rows.push(piece);
            bytes = rest;
        }
        Ok(())
    }

    /// The member has ended; a line without a newline ends with it.
    pub(super) fn end_member(&mut self, rows: &mut Rows) {
        self.newline_owed = rows.is_inside_line();
        rows.end_line();
    }

    /// The hour has ended.
    pub(super) fn finish(mut self, rows: &Rows) -> Result<(), S::Error> {
        self.end_part(rows)
    }

    fn is_full(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.bytes() >= self.packing.part_target)
    }

    /// How many of `bytes` still belong to this part: up to the end of the line that reaches the target.
    fn line_end_at_target(&self, bytes: &[u8]) -> usize {
        let written = self.part.as_ref().map_or(0, OpenPart::bytes);
        let missing = self.packing.part_target.saturating_sub(written).max(1) - 1;
        let from = usize::try_from(missing).unwrap_or(usize::MAX).min(bytes.len());
        memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |end| from + end + 1)
    }

    /// Writes into the open part; begins one when none is open.
    fn write(&mut self, bytes: &[u8], rows: &Rows) -> Result<(), S::Error> {
        let part = if let Some(part) = &mut self.part {
            part
        } else {
            let sha256 = self.packing.sha256 || self.packing.format == Format::JsonGz;
            let part = OpenPart::begin(self.sink, self.next_part, rows.count(), sha256)?;
            self.next_part += 1;
            self.part.insert(part)
        };
        part.write(self.sink, bytes)
    }

    fn end_part(&mut self, rows: &Rows) -> Result<(), S::Error> {
        match self.part.take() {
            Some(part) => part.end(self.sink, rows.count()),
            None => Ok(()),
        }
    }
}
