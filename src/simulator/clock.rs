//! The virtual clock: fixed, or running at a distance from the clock that the caller gave.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

#[derive(Clone, Copy)]
enum Mode {
    /// It stands still until somebody moves it.
    Fixed(DateTime<Utc>),
    /// It runs with the given clock, this much ahead.
    Running(TimeDelta),
}

/// The only time that the simulator knows.
pub struct Clock {
    given: fn() -> DateTime<Utc>,
    mode: Mutex<Mode>,
}

impl Clock {
    pub fn new(given: fn() -> DateTime<Utc>, fixed: Option<DateTime<Utc>>) -> Self {
        let mode = fixed.map_or(Mode::Running(TimeDelta::zero()), Mode::Fixed);
        Self { given, mode: Mutex::new(mode) }
    }

    pub fn now(&self) -> DateTime<Utc> {
        match *self.mode.lock().unwrap_or_else(PoisonError::into_inner) {
            Mode::Fixed(at) => at,
            Mode::Running(ahead) => (self.given)().checked_add_signed(ahead).unwrap_or_default(),
        }
    }

    /// The clock as it was given: token buckets fill by it, because who waits for one waits in that time.
    pub fn given(&self) -> DateTime<Utc> {
        (self.given)()
    }

    pub fn is_running(&self) -> bool {
        matches!(*self.mode.lock().unwrap_or_else(PoisonError::into_inner), Mode::Running(_))
    }

    /// Sets the time, and says whether it stands or runs from there.
    pub fn set(&self, at: DateTime<Utc>, running: bool) {
        let mode = if running { Mode::Running(at - (self.given)()) } else { Mode::Fixed(at) };
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    /// Moves the time forward (or back), without a change of mode.
    pub fn advance(&self, by: TimeDelta) {
        let mut mode = self.mode.lock().unwrap_or_else(PoisonError::into_inner);
        *mode = match *mode {
            Mode::Fixed(at) => Mode::Fixed(at.checked_add_signed(by).unwrap_or(at)),
            Mode::Running(ahead) => Mode::Running(ahead.checked_add(&by).unwrap_or(ahead)),
        };
    }
}
