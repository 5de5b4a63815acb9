//! `parquet`: the rows as typed columns.

use super::Packed;
use super::parts::Parts;
use crate::archive::ReadError;
use crate::archive::columns::{Batch, File};
use crate::archive::rows::Rows;
use crate::archive::sums::PartSink;
use crate::model::{Fault, FaultKind};

/// A row of a column is held whole.
const ROW_MAX: usize = 16 << 20;

/// A part ends with the row group that reaches the target.
pub(super) struct Columns {
    target: u64,
    batch: Batch,
    file: Option<File>,
    /// Rows that are in row groups.
    written: u64,
}

impl Columns {
    /// Parts of about `target` bytes.
    pub(super) fn new(target: u64) -> Self {
        Self { target, batch: Batch::new(), file: None, written: 0 }
    }

    /// Takes the next lines, cut anywhere.
    pub(super) fn take<S: PartSink + ?Sized>(
        &mut self,
        parts: &mut Parts<'_, S>,
        mut bytes: &[u8],
        rows: &mut Rows,
    ) -> Packed<S> {
        while !bytes.is_empty() {
            if self.batch.is_full() {
                self.group(parts)?;
            }
            let end = memchr::memchr(b'\n', bytes);
            let (piece, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            self.batch.push(piece.strip_suffix(b"\n").unwrap_or(piece));
            if self.batch.unfinished() > ROW_MAX {
                let detail = format!(
                    "a row of more than {ROW_MAX} bytes does not fit into parquet: lake.format = \"json.gz\" takes it"
                );
                return Err(ReadError::Archive(Fault::new(FaultKind::InvalidRows, detail)));
            }
            self.counted(rows, end.is_some(), |rows| rows.push(piece));
            bytes = rest;
        }
        Ok(())
    }

    /// The member has ended, and with it a line without a newline.
    pub(super) fn end_line(&mut self, rows: &mut Rows) {
        let unfinished = rows.is_inside_line();
        self.counted(rows, unfinished, Rows::end_line);
    }

    /// The hour has ended.
    pub(super) fn finish<S: PartSink + ?Sized>(&mut self, parts: &mut Parts<'_, S>) -> Packed<S> {
        if self.batch.rows() > 0 {
            self.group(parts)?;
        }
        self.end(parts)
    }

    /// What a line is, is what [`Rows`] counts it as.
    fn counted(&mut self, rows: &mut Rows, ends: bool, count: impl FnOnce(&mut Rows)) {
        let (before, invalid) = (rows.count(), rows.invalid());
        count(rows);
        if rows.count() > before {
            self.batch.end_row(rows.invalid() == invalid);
        } else if ends {
            self.batch.drop_line();
        }
    }

    /// Makes a row group of the batch; ends the part that is full with it.
    fn group<S: PartSink + ?Sized>(&mut self, parts: &mut Parts<'_, S>) -> Packed<S> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::begin().map_err(ReadError::Archive)?),
        };
        let rows = u64::from(self.batch.rows());
        let ready = file.write(&mut self.batch).map_err(ReadError::Archive)?;
        parts.write(ready, self.written).map_err(ReadError::Sink)?;
        ready.clear();
        self.written += rows;
        if file.is_full() || parts.bytes().is_some_and(|bytes| bytes >= self.target) {
            self.end(parts)?;
        }
        Ok(())
    }

    fn end<S: PartSink + ?Sized>(&mut self, parts: &mut Parts<'_, S>) -> Packed<S> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let end = file.end().map_err(ReadError::Archive)?;
        parts.write(&end, self.written).map_err(ReadError::Sink)?;
        parts.end(self.written).map_err(ReadError::Sink)
    }
}
