//! The exact check, from byte to byte: it says yes and no. The text must be valid UTF-8 already.

use wide::u8x16;

use super::{Field, Picked, field_of, pick};
use crate::archive::nesting::Nesting;

/// What may come next.
#[derive(Clone, Copy)]
enum Next {
    FirstKey,
    Key,
    FirstItem,
    Value,
    After,
}

/// The exact check of a line that is UTF-8.
pub(in crate::archive) fn object<'a>(text: &'a [u8], nesting: &mut Nesting) -> Option<Picked<'a>> {
    let mut picked = Picked::default();
    let from = space(text, 0);
    if text.get(from) != Some(&b'{') {
        return None;
    }
    let end = container(text, from, nesting, &mut picked)?;
    (space(text, end) == text.len()).then_some(picked)
}

/// The position after the object or array that begins at `from`.
pub(super) fn container<'a>(
    text: &'a [u8],
    from: usize,
    nesting: &mut Nesting,
    picked: &mut Picked<'a>,
) -> Option<usize> {
    let mut field = Field::Other;
    let is_object = text[from] == b'{';
    nesting.clear();
    nesting.open(is_object);
    let mut next = if is_object { Next::FirstKey } else { Next::FirstItem };
    let mut at = from + 1;
    loop {
        at = space(text, at);
        let byte = *text.get(at)?;
        next = match (next, byte) {
            (Next::FirstKey | Next::Key, b'"') => {
                let end = string(text, at + 1)?;
                if nesting.depth() == 1 {
                    field = field_of(&text[at + 1..end - 1]);
                }
                at = space(text, end);
                if text.get(at) != Some(&b':') {
                    return None;
                }
                at += 1;
                // What nearly every value is: taken here, without going round.
                if text.get(at) == Some(&b'"') {
                    at = value(text, at, nesting, field, picked)?;
                    Next::After
                } else if text[at..].starts_with(b"null") {
                    at += 4;
                    Next::After
                } else {
                    Next::Value
                }
            }
            (Next::FirstKey, b'}') | (Next::FirstItem, b']') => {
                at += 1;
                nesting.close();
                Next::After
            }
            (Next::After, b',') => {
                at += 1;
                if nesting.in_object() { Next::Key } else { Next::Value }
            }
            (Next::After, b'}' | b']') if (byte == b'}') == nesting.in_object() => {
                at += 1;
                nesting.close();
                Next::After
            }
            (Next::Value | Next::FirstItem, b'{' | b'[') => {
                at += 1;
                nesting.open(byte == b'{');
                if byte == b'{' { Next::FirstKey } else { Next::FirstItem }
            }
            (Next::Value | Next::FirstItem, b'"') => {
                at = value(text, at, nesting, field, picked)?;
                Next::After
            }
            (Next::Value | Next::FirstItem, _) => {
                at = scalar(text, at, byte)?;
                Next::After
            }
            _ => return None,
        };
        if nesting.depth() == 0 {
            return Some(at);
        }
    }
}

/// The position after a string that is a value and whose quote is at `at`.
#[inline]
fn value<'a>(text: &'a [u8], at: usize, nesting: &Nesting, field: Field, picked: &mut Picked<'a>) -> Option<usize> {
    let end = string(text, at + 1)?;
    if nesting.depth() == 1 && field != Field::Other {
        pick(picked, field, &text[at + 1..end - 1]);
    }
    Some(end)
}

/// The first position from `at` that is no whitespace.
#[inline]
fn space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

/// The position after the closing quote of a string whose first byte is at `at`.
#[inline]
pub(super) fn string(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = plain(text, at);
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape(text, at + 1)?,
            0x00..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// Skips bytes that mean nothing inside a string, sixteen at a time; stops at or before a quote, backslash or control.
#[inline]
fn plain(text: &[u8], mut at: usize) -> usize {
    while let Some(piece) = text.get(at..).and_then(|left| left.first_chunk::<16>()) {
        let bytes = u8x16::new(*piece);
        let is = |byte| bytes.simd_eq(u8x16::splat(byte));
        let marks = (is(b'"') | is(b'\\') | bytes.min(u8x16::splat(0x1f)).simd_eq(bytes)).to_bitmask();
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += 16;
    }
    at
}

/// The position after an escape whose letter is at `at`.
pub(super) fn escape(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' if text.get(at + 1..at + 5)?.iter().all(u8::is_ascii_hexdigit) => Some(at + 5),
        _ => None,
    }
}

/// The position after `true`, `false`, `null` or a number.
pub(super) fn scalar(text: &[u8], at: usize, first: u8) -> Option<usize> {
    let word = |word: &[u8]| text[at..].starts_with(word).then_some(at + word.len());
    match first {
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'n' => word(b"null"),
        b'-' => number(text, at + 1),
        _ => number(text, at),
    }
}

/// The position after a number without its sign.
fn number(text: &[u8], at: usize) -> Option<usize> {
    let mut at = match text.get(at)? {
        b'0' => at + 1,
        _ => digits(text, at)?,
    };
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Some(at)
}

/// The position after at least one digit.
fn digits(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    (at > from).then_some(at)
}
