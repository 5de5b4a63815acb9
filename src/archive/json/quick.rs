//! The quick way for the rows that exports have: 64 bytes at a time, a bit for each byte, no walk from byte to byte.
//!
//! It only ever says yes: what it does not vouch for is left to the exact check, which alone says no. It knows objects
//! without whitespace between their tokens; an array in them is read by the exact check and taken for one scalar.
//!
//! Bit `n` of a mask is byte `n` of the block. A mask of a kind of byte is moved up by one to say what follows such a
//! byte; the bit that falls out at the top is kept for the next block ([`Before`]). The rules, outside of strings:
//! - a value or a key begins where an opening brace, a colon or a comma stands before, and only there, but for `{}`;
//! - after an opening brace or a comma it begins with a quote: a key;
//! - a colon stands after a key's closing quote, and only there.
//!
//! Keys are told from values by an addition: a mask of the insides of strings plus the opening quotes of the keys carries
//! along each key, up to its closing quote.

#![allow(clippy::inline_always)] // what is compiled for a processor's instructions is only what is inlined there

use fearless_simd::prelude::*;
use fearless_simd::{Simd, u8x16, u8x64};

use super::bits::{below, depth_after, follow, insides};
use super::exact::{container, escape, scalar, string};
use super::{Field, Nesting, Picked, field_of, pick};

/// What the block before left.
#[derive(Default)]
struct Before {
    /// All ones inside a string.
    string: u64,
    /// 1 where the first byte belongs to an escape.
    escaped: u64,
    /// 1 inside a key.
    key: u64,
    /// 1 after a byte of the kind.
    open: u64,
    colon: u64,
    separator: u64,
    key_end: u64,
    scalar: u64,
    /// The opening quotes of its keys.
    key_starts: u64,
    /// Open braces.
    depth: u32,
}

/// The bytes of a block by their kind; but for the first two, without those in strings and in arrays.
struct Kinds {
    /// From each opening quote up to before its closing one.
    strings: u64,
    /// Those that are no part of an escape, outside of arrays.
    quotes: u64,
    colons: u64,
    commas: u64,
    opens: u64,
    closes: u64,
    /// All others, and whole arrays.
    scalars: u64,
}

/// A row on its way.
struct Row<'a, 'n, S> {
    simd: S,
    text: &'a [u8],
    nesting: &'n mut Nesting,
    picked: Picked<'a>,
    before: Before,
    /// Where the block begins.
    at: usize,
    /// Where the last array ended.
    array_end: usize,
}

/// The picked fields of `text`, and whether it is ASCII, if it is plainly one JSON object (as far as its UTF-8 is valid).
#[inline(always)]
pub(super) fn object<'a, S: Simd>(simd: S, text: &'a [u8], nesting: &mut Nesting) -> Option<(Picked<'a>, bool)> {
    if text.first() != Some(&b'{') || text.last() != Some(&b'}') {
        return None;
    }
    // The object is a value: as after a colon.
    let before = Before { colon: 1, separator: 1, ..Before::default() };
    let mut row = Row { simd, text, nesting, picked: Picked::default(), before, at: 0, array_end: 0 };
    let (mut least, mut all) = (u8x64::splat(simd, b' '), u8x64::splat(simd, 0));
    let (blocks, tail) = text.as_chunks::<64>();
    let mut padded = [b' '; 64];
    padded[..tail.len()].copy_from_slice(tail);
    for block in blocks.iter().chain((!tail.is_empty()).then_some(&padded)) {
        let bytes = u8x64::from_slice(simd, block);
        (least, all) = (least.min(bytes), all | bytes);
        row.block(bytes)?;
        row.at += 64;
    }
    let controls = least.simd_lt(u8x64::splat(simd, b' ')).any_true();
    let ascii = all.simd_lt(u8x64::splat(simd, 0x80)).all_true();
    (row.before.depth == 0 && !controls).then_some((row.picked, ascii))
}

impl<S: Simd> Row<'_, '_, S> {
    #[inline(always)]
    fn block(&mut self, bytes: u8x64<S>) -> Option<()> {
        let mut kinds = self.kinds(bytes)?;
        self.scalars(&mut kinds)?;
        let (key_starts, key_ends) = self.rules(&kinds)?;
        self.picks(&kinds, key_starts, key_ends)?;
        let Kinds { opens, closes, .. } = kinds;
        let depth = &mut self.before.depth;
        *depth = if *depth > closes.count_ones() || closes == 0 {
            *depth + opens.count_ones() - closes.count_ones()
        } else {
            depth_after(opens, closes, *depth, self.text.len() - self.at)?
        };
        Some(())
    }

    #[inline(always)]
    fn kinds(&mut self, bytes: u8x64<S>) -> Option<Kinds> {
        let is = |byte: u8| bytes.simd_eq(u8x64::splat(self.simd, byte)).to_bitmask();
        let before = &mut self.before;
        let mut quotes = is(b'"');
        let backslashes = is(b'\\') & !before.escaped;
        if backslashes | before.escaped != 0 {
            let (escaped, next) = escapes(self.text, self.at, backslashes)?;
            quotes &= !(escaped | before.escaped);
            before.escaped = next;
        }
        let strings = insides(quotes) ^ before.string;
        before.string = 0_u64.wrapping_sub(strings >> 63);
        let array = below(self.array_end.max(self.at) - self.at);
        let outside = !(strings | quotes | array) & below(self.text.len() - self.at);
        let (colons, commas) = (is(b':') & outside, is(b',') & outside);
        let (opens, closes) = (is(b'{') & outside, is(b'}') & outside);
        let scalars = outside & !(colons | commas | opens | closes) | array;
        Some(Kinds { strings, quotes: quotes & !array, colons, commas, opens, closes, scalars })
    }

    /// Reads each scalar and array that begins in the block.
    #[inline(always)]
    fn scalars(&mut self, kinds: &mut Kinds) -> Option<()> {
        let mut starts = kinds.scalars & !(kinds.scalars << 1 | self.before.scalar);
        while starts != 0 {
            let start = starts.trailing_zeros();
            starts &= starts - 1;
            let from = self.at + start as usize;
            let end = if self.text[from] == b'[' {
                self.array_end = container(self.text, from, self.nesting, &mut Picked::default())?;
                let array = below(self.array_end - self.at) & !0 << start;
                kinds.scalars |= array;
                let Kinds { quotes, colons, commas, opens, closes, .. } = kinds;
                for mask in [quotes, colons, commas, opens, closes, &mut starts] {
                    *mask &= !array;
                }
                self.array_end
            } else {
                plain_scalar(self.simd, self.text, from)?
            };
            if !matches!(self.text.get(end), Some(b',' | b'}')) {
                return None;
            }
        }
        Some(())
    }

    /// The opening and the closing quotes of the keys, where all rules are kept.
    #[inline(always)]
    fn rules(&mut self, kinds: &Kinds) -> Option<(u64, u64)> {
        let Kinds { strings, quotes, colons, commas, opens, closes, scalars } = *kinds;
        let before = &mut self.before;
        let string_starts = quotes & strings;
        let after_colon = follow(colons, &mut before.colon);
        let after_separator = follow(opens | commas | colons, &mut before.separator);
        let empty = closes & follow(opens, &mut before.open);
        let begins = string_starts | opens | scalars & !follow(scalars, &mut before.scalar);
        let keys_due = after_separator & !after_colon;
        let key_starts = string_starts & keys_due;
        let (carried, key) = strings.overflowing_add(key_starts | before.key);
        before.key = u64::from(key);
        let key_ends = carried & !strings & quotes;
        let bad = (begins ^ after_separator) & !empty
            | keys_due & (opens | scalars)
            | colons ^ follow(key_ends, &mut before.key_end);
        (bad == 0).then_some((key_starts, key_ends))
    }

    /// Picks the values of the fields that are looked at, found by the lengths of their keys.
    #[inline(always)]
    fn picks(&mut self, kinds: &Kinds, key_starts: u64, key_ends: u64) -> Option<()> {
        let earlier = std::mem::replace(&mut self.before.key_starts, key_starts);
        let ended = |length: usize| key_ends & (key_starts << (length + 1) | earlier >> (63 - length));
        let (events, uploads) = (ended(b"event_time".len()), ended(b"server_upload_time".len()));
        let mut ends = events | uploads;
        while ends != 0 {
            let end = ends.trailing_zeros();
            ends &= ends - 1;
            let length = if events >> end & 1 == 1 { b"event_time".len() } else { b"server_upload_time".len() };
            let quote = self.at + end as usize;
            let field = field_of(&self.text[quote - length..quote]);
            let so_far = |mask: u64| (mask & below(end as usize)).count_ones();
            if field != Field::Other
                && self.before.depth + so_far(kinds.opens) == so_far(kinds.closes) + 1
                && self.text.get(quote + 2) == Some(&b'"')
            {
                let value = quote + 3;
                pick(&mut self.picked, field, &self.text[value..string(self.text, value)? - 1]);
            }
        }
        Some(())
    }
}

/// The first two bytes of each escape of a block, and 1 when one goes on in the next block.
#[cold]
#[inline(never)]
fn escapes(text: &[u8], at: usize, mut backslashes: u64) -> Option<(u64, u64)> {
    let (mut escaped, mut next) = (0, 0);
    while backslashes != 0 {
        let first = backslashes.trailing_zeros();
        escape(text, at + first as usize + 1)?;
        let both = 3 << first;
        escaped |= both;
        backslashes &= !both;
        next = u64::from(first == 63);
    }
    Some((escaped, next))
}

/// The position after a scalar: `null` and short whole numbers here, all others by the exact check.
#[inline(always)]
fn plain_scalar<S: Simd>(simd: S, text: &[u8], from: usize) -> Option<usize> {
    if let Some(piece) = text[from..].first_chunk::<16>() {
        if piece.starts_with(b"null") {
            return Some(from + 4);
        }
        let values = u8x16::from_slice(simd, piece) - u8x16::splat(simd, b'0');
        let others = values.simd_gt(u8x16::splat(simd, 9)).to_bitmask();
        let digits = others.trailing_zeros() as usize;
        if others != 0 && digits > 0 && (piece[0] != b'0' || digits == 1) && matches!(piece[digits], b',' | b'}') {
            return Some(from + digits);
        }
    }
    scalar(text, from, text[from])
}
