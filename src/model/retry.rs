//! Back-off: how long to wait, and when a wait is over. The only place that computes either.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// A wait with its own length, so that a wrong clock cannot make it endless: one that ends further ahead than it is
/// long was stored under another clock and counts as past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it ends.
    pub until: DateTime<Utc>,
    /// How long it was when it began.
    pub seconds: i64,
}

impl Pause {
    /// A pause that begins now.
    pub fn starting(now: DateTime<Utc>, length: TimeDelta) -> Self {
        Self { until: now + length, seconds: length.num_seconds().saturating_add(1) }
    }

    /// Whether it is over.
    pub fn is_over(self, now: DateTime<Utc>) -> bool {
        now >= self.until || self.until - now > TimeDelta::try_seconds(self.seconds).unwrap_or(TimeDelta::MAX)
    }

    /// When it ends, if that is still ahead.
    pub fn ends(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (!self.is_over(now)).then_some(self.until)
    }
}

/// Whether an optional pause is over (none always is).
pub fn is_over(pause: Option<Pause>, now: DateTime<Utc>) -> bool {
    pause.is_none_or(|pause| pause.is_over(now))
}

/// The retry section as the decisions use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts that failed for the hour itself before it is quarantined; also how often in a row the lake, the disk
    /// or a source may fail before a one-shot command gives up.
    pub max_attempts: u32,
    /// First back-off.
    pub initial: TimeDelta,
    /// Longest.
    pub max: TimeDelta,
}

impl RetryPolicy {
    /// Longest `Retry-After` believed.
    pub const RETRY_AFTER_MAX: TimeDelta = TimeDelta::hours(6);

    /// Full jitter: a random wait up to `initial * 2^(failures-1)`, itself at most `max`; never less than a quarter
    /// of `initial`, so that a fast failure cannot spin.
    pub fn back_off(&self, failures: u32, random: &mut Random) -> TimeDelta {
        let initial = self.initial.num_milliseconds().max(1);
        let max = self.max.num_milliseconds().max(1);
        let doublings = failures.saturating_sub(1).min(30);
        let ceiling = initial.saturating_mul(1 << doublings).min(max).max(1);
        let floor = (initial / 4).min(ceiling);
        let span = u64::try_from(ceiling - floor).unwrap_or(0);
        let wait = floor + i64::try_from(random.below(span + 1)).unwrap_or(0);
        TimeDelta::milliseconds(wait)
    }

    /// The wait after a fault of the source: what it asked for, else the back-off.
    pub fn source_wait(&self, failures: u32, retry_after_seconds: Option<u64>, random: &mut Random) -> TimeDelta {
        match retry_after_seconds {
            Some(seconds) => {
                let asked = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX);
                asked.min(Self::RETRY_AFTER_MAX)
            }
            None => self.back_off(failures, random),
        }
    }
}

/// A small seeded generator (`SplitMix64`, Steele, Lea and Flood 2014) for jitter and capture ids: decisions stay
/// replayable from a seed. Not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed; a process takes one from the operating system, a test its own.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 when it is 0). The bias of the remainder does not matter for jitter.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.bits() % bound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy { max_attempts: 5, initial: TimeDelta::seconds(5), max: TimeDelta::minutes(15) }
    }

    #[test]
    fn back_off_grows_and_stays_under_its_ceiling() {
        let mut random = Random::new(7);
        for failures in 1..200 {
            let ceiling = TimeDelta::seconds(5 * (1 << (failures - 1).min(20))).min(policy().max);
            for _ in 0..20 {
                let wait = policy().back_off(failures, &mut random);
                assert!(wait <= ceiling && wait >= TimeDelta::milliseconds(1250), "{failures}: {wait}");
            }
        }
    }

    #[test]
    fn a_wait_stored_under_a_clock_that_ran_ahead_is_over() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let pause = Pause::starting(now + TimeDelta::days(365), TimeDelta::minutes(10));
        assert!(pause.is_over(now));
        let pause = Pause::starting(now, TimeDelta::minutes(10));
        assert!(!pause.is_over(now) && pause.is_over(now + TimeDelta::minutes(10)));
    }

    #[test]
    fn retry_after_is_honoured_but_not_for_ever() {
        let mut random = Random::new(1);
        assert_eq!(policy().source_wait(1, Some(42), &mut random), TimeDelta::seconds(42));
        assert_eq!(policy().source_wait(1, Some(u64::MAX), &mut random), RetryPolicy::RETRY_AFTER_MAX);
    }
}
