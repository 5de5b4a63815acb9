//! Is a line exactly one JSON object in UTF-8? The full grammar, no tree, no recursion; on the way the raw text of the
//! two time fields. It accepts just what `serde_json` skips over as `IgnoredAny` (kept by a test that compares both):
//! lone surrogate escapes, numbers of any size, duplicate keys and any depth are legal.
//!
//! Source: RFC 8259.

use fearless_simd::{Level, dispatch};

use super::nesting::Nesting;

mod bits;
mod exact;
mod quick;

#[cfg(test)]
pub(super) use exact::object as exactly;

/// Checks line after line, with the widest instructions that the processor has.
#[derive(Debug)]
pub(super) struct Checker {
    level: Level,
    nesting: Nesting,
}

impl Checker {
    pub(super) fn new() -> Self {
        Self { level: Level::new(), nesting: Nesting::default() }
    }

    /// With the instructions that every processor has.
    #[cfg(test)]
    pub(super) fn baseline() -> Self {
        Self { level: Level::baseline(), ..Self::new() }
    }

    /// `None` when `line` is not exactly one JSON object in UTF-8.
    pub(super) fn object<'a>(&mut self, line: &'a [u8]) -> Option<Picked<'a>> {
        let nesting = &mut self.nesting;
        match dispatch!(self.level, simd => quick::object(simd, line, nesting)) {
            Some((picked, true)) => Some(picked),
            quick => {
                simdutf8::basic::from_utf8(line).ok()?;
                quick.map_or_else(|| exact::object(line, nesting), |(picked, _)| Some(picked))
            }
        }
    }
}

/// The raw text between the quotes of the top-level fields that are looked at; the last one where a key is repeated.
/// A key or value written with escapes is not recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Picked<'a> {
    /// `event_time`
    pub(super) event_time: Option<&'a [u8]>,
    /// `server_upload_time`
    pub(super) server_upload_time: Option<&'a [u8]>,
}

/// Which top-level field's value comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Other,
    EventTime,
    ServerUploadTime,
}

fn field_of(key: &[u8]) -> Field {
    match key {
        b"event_time" => Field::EventTime,
        b"server_upload_time" => Field::ServerUploadTime,
        _ => Field::Other,
    }
}

fn pick<'a>(picked: &mut Picked<'a>, field: Field, value: &'a [u8]) {
    match field {
        Field::EventTime => picked.event_time = Some(value),
        Field::ServerUploadTime => picked.server_upload_time = Some(value),
        Field::Other => {}
    }
}
