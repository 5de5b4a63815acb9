//! `SplitMix64`: small, fast, and the same on every machine. Everything random in the simulator comes from here,
//! seeded by what it is about (seed, project, hour, row), so that no answer depends on what was asked before.

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of pseudo-random numbers.
pub struct Random(u64);

impl Random {
    pub fn new(subject: &[u64]) -> Self {
        Self(mix(subject))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        scramble(self.0)
    }

    /// A number below `bound`, which must not be zero; the bias is below 2^-32 for the bounds used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// An index below `bound`.
    pub fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or(0)
    }

    /// A whole number of microseconds (or anything else signed) in `from..to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from.saturating_add_unsigned(self.below(to.saturating_sub(from).max(1).unsigned_abs()))
    }

    /// True for about this share of the calls.
    pub fn chance(&mut self, share: f64) -> bool {
        fraction(self.next()) < share
    }

    /// Fisher and Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

/// One number from many.
pub fn mix(subject: &[u64]) -> u64 {
    subject.iter().fold(0x51A7_E5ED, |state, part| scramble(state ^ scramble(part.wrapping_add(STEP))))
}

/// `number` as a fraction in `0.0 .. 1.0`.
pub fn fraction(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

/// A share (`0.0` to `1.0`) in thousandths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to 0..=1000, and NaN becomes 0
pub fn permille(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1000.0) as u64
}

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
