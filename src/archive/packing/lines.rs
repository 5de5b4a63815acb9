//! `json`: the plain lines.

use super::Packed;
use super::parts::Parts;
use crate::archive::ReadError;
use crate::archive::rows::Rows;
use crate::archive::sums::PartSink;

/// A part ends with the line that reaches the target.
pub(super) struct Lines {
    target: u64,
}

impl Lines {
    /// Parts of `target` bytes and the rest of a line.
    pub(super) fn new(target: u64) -> Self {
        Self { target }
    }

    /// Takes the next lines, cut anywhere.
    pub(super) fn take<S: PartSink + ?Sized>(
        &self,
        parts: &mut Parts<'_, S>,
        mut bytes: &[u8],
        rows: &mut Rows,
    ) -> Packed<S> {
        while !bytes.is_empty() {
            if parts.bytes().is_some_and(|bytes| bytes >= self.target) && !rows.is_inside_line() {
                parts.end(rows.count()).map_err(ReadError::Sink)?;
            }
            let (piece, rest) = bytes.split_at(self.line_end_at_target(parts.bytes().unwrap_or_default(), bytes));
            parts.write(piece, rows.count()).map_err(ReadError::Sink)?;
            rows.push(piece);
            bytes = rest;
        }
        Ok(())
    }

    /// How many of `bytes` still belong to a part of which `written` are there: up to the end of the line that reaches
    /// the target.
    fn line_end_at_target(&self, written: u64, bytes: &[u8]) -> usize {
        let missing = self.target.saturating_sub(written).max(1) - 1;
        let from = usize::try_from(missing).unwrap_or(usize::MAX).min(bytes.len());
        memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |end| from + end + 1)
    }
}
