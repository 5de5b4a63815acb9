//! How many requests at once, and how many in a while.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};

use super::switches::Limits;

/// A place among the requests in flight; dropping it frees the place.
pub struct Seat(Arc<AtomicU64>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Who may come in.
#[derive(Default)]
pub struct Gate {
    in_flight: Arc<AtomicU64>,
    tokens: Mutex<Option<(f64, DateTime<Utc>)>>,
}

impl Gate {
    /// A place, or none when the request must be answered with 429.
    pub fn enter(&self, limits: &Limits, now: DateTime<Utc>) -> Option<Seat> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        let seat = Seat(self.in_flight.clone());
        let crowded = limits.concurrent.is_some_and(|most| before >= most);
        (!crowded && self.take_token(limits, now)).then_some(seat)
    }

    fn take_token(&self, limits: &Limits, now: DateTime<Utc>) -> bool {
        let Some(bucket) = limits.bucket else { return true };
        let mut state = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, filled_at) = state.unwrap_or((bucket.capacity, now));
        let seconds = (now - filled_at).num_milliseconds().max(0) as f64 / 1000.0;
        let tokens = (tokens + seconds * bucket.refill_per_s).min(bucket.capacity);
        let enough = tokens >= 1.0;
        *state = Some((if enough { tokens - 1.0 } else { tokens }, now));
        enough
    }
}
