//! Masks: a bit for each byte of a block of 64.
#![allow(clippy::inline_always)] // what is compiled for a processor's instructions is only what is inlined there

/// The first `n` bits.
#[inline(always)]
pub(super) fn below(n: usize) -> u64 {
    if n < 64 { (1 << n) - 1 } else { !0 }
}

/// The bytes after those of a mask.
#[inline(always)]
pub(super) fn follow(mask: u64, before: &mut u64) -> u64 {
    let after = mask << 1 | *before;
    *before = mask >> 63;
    after
}

/// From each opening quote up to before its closing one, where the block begins outside of a string.
#[inline(always)]
pub(super) fn insides(quotes: u64) -> u64 {
    let mut odd = quotes;
    for shift in [1, 2, 4, 8, 16, 32] {
        odd ^= odd << shift;
    }
    odd
}

/// The braces open after a block, whose text may end with it, if they are closed only by the text's last byte.
#[inline(never)]
pub(super) fn depth_after(opens: u64, closes: u64, mut depth: u32, left: usize) -> Option<u32> {
    let mut braces = opens | closes;
    while braces != 0 {
        let at = braces.trailing_zeros();
        braces &= braces - 1;
        if opens >> at & 1 == 1 {
            depth += 1;
            continue;
        }
        depth = depth.checked_sub(1)?;
        if depth == 0 && at as usize + 1 != left {
            return None;
        }
    }
    Some(depth)
}
