//! The configuration as the decisions use it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::hour::Hour;
use super::names::{Format, SourceName};
use super::retry::RetryPolicy;
use super::window::Window;

/// What the decisions need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// By source.
    pub sources: BTreeMap<SourceName, SourcePolicy>,
    /// Attempts and waits.
    pub retry: RetryPolicy,
    /// How packed rows are shaped.
    pub format: Format,
    /// Parts are made up to this many bytes.
    pub part_target: u64,
    /// Hours with rows that are not UTF-8 JSON objects are quarantined.
    pub quarantine_invalid: bool,
    /// A store without conditional writes is accepted: this daemon is the only writer.
    pub single_writer: bool,
    /// On a store without conditional writes, how long an unanswered manifest PUT may still land.
    pub late_write: TimeDelta,
    /// Hours read and uploaded at once.
    pub uploads_max: usize,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePolicy {
    /// The first hour to keep that the configuration names.
    pub start: Option<Hour>,
    /// Requests in flight.
    pub max_parallel: usize,
    /// Most hours in one request.
    pub window_max: u32,
    /// How long after its end an hour becomes due.
    pub settle_delay: TimeDelta,
    /// The second asking of an empty hour comes at least this long after the hour became due.
    pub empty_confirm: TimeDelta,
    /// Ask again this long after publishing.
    pub recheck_after: Option<TimeDelta>,
}

impl SourcePolicy {
    /// When an hour becomes due.
    pub fn due_at(&self, hour: Hour) -> DateTime<Utc> {
        hour.due_at(self.settle_delay)
    }

    /// The newest hour that is due.
    pub fn newest_due(&self, now: DateTime<Utc>) -> Hour {
        Hour::containing(now - self.settle_delay).previous()
    }

    /// When an empty hour may be believed.
    pub fn empty_at(&self, hour: Hour) -> DateTime<Utc> {
        self.due_at(hour) + self.empty_confirm
    }

    /// Whether a recheck that was set for `due` is to be asked for: `due_now` is the earlier of the local clock (`now`)
    /// and Amplitude's.
    pub fn recheck_is_due(&self, due: DateTime<Utc>, due_now: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.recheck_after.is_some() && (due <= due_now || self.is_far_ahead(due, now))
    }

    /// A recheck further ahead than its own delay was set under another clock and counts as past. Clocks differ a
    /// little all the time, so this takes more than a little.
    pub fn is_far_ahead(&self, due: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.recheck_after.is_none_or(|after| due - now > after + TimeDelta::hours(1))
    }
}

/// What a one-shot command works on. The daemon's scope is everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The sources in it, each with its windows; without any, all its hours.
    pub sources: BTreeMap<SourceName, Vec<Window>>,
}

impl Scope {
    /// Whether an hour is in it.
    pub fn contains(&self, source: &SourceName, hour: Hour) -> bool {
        self.sources.get(source).is_some_and(|windows| in_any(windows, hour))
    }

    /// From the first to the last hour of a source in it; `None` when all its hours are.
    pub fn span(&self, source: &SourceName) -> Option<Window> {
        let windows = self.sources.get(source)?;
        let first = windows.iter().map(|window| window.first()).min()?;
        Window::new(first, windows.iter().map(|window| window.last()).max()?)
    }
}

/// Whether an hour lies in one of the windows; without any, every hour does.
pub fn in_any(windows: &[Window], hour: Hour) -> bool {
    windows.is_empty() || windows.iter().any(|window| window.contains(hour))
}

/// The windows that cover just these hours (in order, each once).
pub fn windows_of(hours: &[Hour]) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for hour in hours {
        match windows.last().and_then(|last| last.extended_to(*hour)) {
            Some(longer) => {
                windows.pop();
                windows.push(longer);
            }
            None => windows.push(Window::of(*hour)),
        }
    }
    windows
}
