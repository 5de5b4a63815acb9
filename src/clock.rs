//! The wall clock and the monotonic clock. Nobody else reads one (`tests/tidy` and `clippy.toml` say so),
//! so that every decision takes the time as an argument and can be replayed.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// The wall clock, UTC. It may be wrong and it may jump; `model` never trusts it alone.
#[allow(clippy::disallowed_methods)]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The monotonic clock, for durations.
#[allow(clippy::disallowed_methods)]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// How long ago `begun` was, by the monotonic clock.
#[allow(clippy::disallowed_methods)]
pub fn since(begun: Instant) -> Duration {
    begun.elapsed()
}
