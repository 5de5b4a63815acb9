//! Lines counted, checked and hashed as they stream by, in bounded memory, without a byte changed.
//!
//! A line is what lies between newlines, a carriage return included. A line of nothing but spaces, tabs and carriage
//! returns is blank: no row. Every other line is a row and part of the content hash, also when it is not the UTF-8 JSON
//! object that it should be; a row longer than [`Limits::max_row_bytes`](super::Limits) is taken for such a one, unread.

use twox_hash::xxhash3_128::Hasher as Xxh3;

use crate::model::{Content, ContentHash};

use super::json::Checker;
use super::times::Times;

/// The line buffer is given back above this size.
const CARRY_KEPT: usize = 1024 * 1024;

/// Whether a line is blank, so not a row.
pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// What the rows seen so far come to.
#[derive(Debug)]
pub(super) struct Rows {
    count: u64,
    invalid: u64,
    hash: ContentHash,
    times: Times,
    checker: Checker,
    /// The line that is not finished yet, up to `max_row_bytes` of it.
    carry: Vec<u8>,
    /// The line that is not finished yet and is already longer.
    overlong: Option<Box<Overlong>>,
    max_row_bytes: usize,
}

/// A line that is too long to be held.
struct Overlong {
    hash: Xxh3,
    blank: bool,
}

impl std::fmt::Debug for Overlong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overlong").field("blank", &self.blank).finish_non_exhaustive()
    }
}

impl Rows {
    /// No rows yet.
    pub(super) fn new(max_row_bytes: usize) -> Self {
        Self {
            count: 0,
            invalid: 0,
            hash: ContentHash::default(),
            times: Times::default(),
            checker: Checker::new(),
            carry: Vec::new(),
            overlong: None,
            max_row_bytes,
        }
    }

    /// Takes the next bytes, cut anywhere.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        if self.is_inside_line() {
            let Some(end) = memchr::memchr(b'\n', bytes) else { return self.keep(bytes) };
            self.keep(&bytes[..end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.line(&bytes[start..end]);
            start = end + 1;
        }
        self.keep(&bytes[start..]);
    }

    /// Rows counted; a line that is not finished is not one yet.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The part of the counted rows that are not JSON objects.
    #[cfg(feature = "parquet")]
    pub(super) fn invalid(&self) -> u64 {
        self.invalid
    }

    /// Whether the last byte taken was not a newline.
    pub(super) fn is_inside_line(&self) -> bool {
        !self.carry.is_empty() || self.overlong.is_some()
    }

    /// Finishes the line that is not finished, if there is one.
    pub(super) fn end_line(&mut self) {
        if let Some(overlong) = self.overlong.take() {
            if !overlong.blank {
                self.count += 1;
                self.invalid += 1;
                self.hash.add(overlong.hash.finish_128());
            }
        } else if !self.carry.is_empty() {
            let mut line = std::mem::take(&mut self.carry);
            self.line(&line);
            if line.capacity() <= CARRY_KEPT {
                line.clear();
                self.carry = line;
            }
        }
    }

    /// What all lines come to.
    pub(super) fn into_content(mut self) -> Content {
        self.end_line();
        let mut content = Content { rows: self.count, rows_invalid: self.invalid, ..Content::default() };
        content.content_hash = self.hash;
        self.times.into_content(&mut content);
        content
    }

    /// Takes a whole line.
    fn line(&mut self, line: &[u8]) {
        if is_blank(line) {
            return;
        }
        self.count += 1;
        self.hash.add(Xxh3::oneshot(line));
        let held = line.len() <= self.max_row_bytes;
        let picked = if held { self.checker.object(line) } else { None };
        let Some(picked) = picked else {
            self.invalid += 1;
            return;
        };
        if let Some(text) = picked.event_time {
            self.times.event(text);
        }
        if let Some(text) = picked.server_upload_time {
            self.times.upload(text);
        }
    }

    /// Takes a piece of a line that goes on.
    fn keep(&mut self, piece: &[u8]) {
        if let Some(overlong) = &mut self.overlong {
            overlong.hash.write(piece);
            overlong.blank &= is_blank(piece);
        } else if self.carry.len() + piece.len() <= self.max_row_bytes {
            self.carry.extend_from_slice(piece);
        } else {
            let carry = std::mem::take(&mut self.carry);
            let mut hash = Xxh3::new();
            hash.write(&carry);
            hash.write(piece);
            self.overlong = Some(Box::new(Overlong { hash, blank: is_blank(&carry) && is_blank(piece) }));
        }
    }
}
