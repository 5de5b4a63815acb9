//! `json.gz`: Amplitude's gzip members, untouched, joined up to the target.

use super::Packed;
use super::parts::Parts;
use crate::archive::ReadError;
use crate::archive::gunzip::NEWLINE_MEMBER;
use crate::archive::rows::Rows;
use crate::archive::sums::PartSink;

/// Members are never split.
pub(super) struct Members {
    target: u64,
}

impl Members {
    /// Parts of up to `target` bytes.
    pub(super) fn new(target: u64) -> Self {
        Self { target }
    }

    /// A member of `gzip_bytes` comes next: into the open part, after the newline that is owed there, or into a new one.
    pub(super) fn begin<S: PartSink + ?Sized>(
        &self,
        parts: &mut Parts<'_, S>,
        gzip_bytes: u64,
        newline_owed: bool,
        rows: &Rows,
    ) -> Packed<S> {
        let separator: &[u8] = if newline_owed { &NEWLINE_MEMBER } else { &[] };
        let joined = parts.bytes().map(|bytes| bytes + separator.len() as u64 + gzip_bytes);
        let begun = match joined {
            Some(joined) if joined <= self.target => parts.write(separator, rows.count()),
            _ => parts.end(rows.count()).and_then(|()| parts.write(&[], rows.count())),
        };
        begun.map_err(ReadError::Sink)
    }
}
