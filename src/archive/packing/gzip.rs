//! `json.gz`: Amplitude's gzip members, untouched, joined up to the target.

use super::Packed;
use super::parts::Parts;
use crate::archive::ReadError;
use crate::archive::gunzip::NEWLINE_MEMBER;
use crate::archive::rows::Rows;
use crate::archive::sums::PartSink;
use crate::model::{Fault, FaultKind};

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
        gzip_bytes: Option<u64>,
        newline_owed: bool,
        rows: &Rows,
    ) -> Packed<S> {
        let separator: &[u8] = if newline_owed { &NEWLINE_MEMBER } else { &[] };
        let begun = match (parts.bytes(), gzip_bytes) {
            (Some(_), None) => {
                let detail = "a member of unknown length after another one of its hour";
                return Err(ReadError::Archive(Fault::new(FaultKind::BrokenArchive, detail)));
            }
            (Some(bytes), Some(more)) if bytes + separator.len() as u64 + more <= self.target => {
                parts.write(separator, rows.count())
            }
            _ => parts.end(rows.count()).and_then(|()| parts.write(&[], rows.count())),
        };
        begun.map_err(ReadError::Sink)
    }
}
