//! A window: 1..N contiguous hours asked in one request. Both ends are included, as in Amplitude's `start` and `end`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::hour::Hour;

/// Contiguous hours, both ends included; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(Hour, Hour)", into = "(Hour, Hour)")]
pub struct Window {
    first: Hour,
    last: Hour,
}

impl Window {
    /// The hours from `first` to `last`, both included; `None` when `last` comes before `first`.
    pub fn new(first: Hour, last: Hour) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The window of one hour.
    pub fn of(hour: Hour) -> Self {
        Self { first: hour, last: hour }
    }

    /// The first hour.
    pub fn first(self) -> Hour {
        self.first
    }

    /// The last hour, included.
    pub fn last(self) -> Hour {
        self.last
    }

    /// How many hours; at least 1.
    pub fn hours(self) -> u32 {
        u32::try_from(self.last.index() - self.first.index() + 1).unwrap_or(u32::MAX)
    }

    /// Whether `hour` lies in the window.
    pub fn contains(self, hour: Hour) -> bool {
        self.first <= hour && hour <= self.last
    }

    /// The hours in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Hour> {
        (self.first.index()..=self.last.index()).map(Hour::from_index)
    }

    /// The `start` and `end` of the request that asks for it: Amplitude includes both.
    pub fn bounds(self) -> (String, String) {
        (self.first.compact(), self.last.compact())
    }

    /// This window and the hour right after it; `None` for any other hour.
    pub fn extended_to(self, hour: Hour) -> Option<Window> {
        (hour == self.last.next()).then_some(Self { first: self.first, last: hour })
    }

    /// The part of this window that lies in `other`.
    pub fn intersect(self, other: Window) -> Option<Window> {
        Window::new(self.first.max(other.first), self.last.min(other.last))
    }
}

impl TryFrom<(Hour, Hour)> for Window {
    type Error = String;

    fn try_from((first, last): (Hour, Hour)) -> Result<Self, Self::Error> {
        Window::new(first, last).ok_or_else(|| format!("the window ends ({last}) before it begins ({first})"))
    }
}

impl From<Hour> for Window {
    fn from(hour: Hour) -> Self {
        Self::of(hour)
    }
}

impl From<Window> for (Hour, Hour) {
    fn from(window: Window) -> Self {
        (window.first, window.last)
    }
}

impl fmt::Display for Window {
    /// `2026-11-20T00..T23` within a day, `2026-11-20T22..2026-11-21T03` otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first == self.last, self.first.date() == self.last.date()) {
            (true, _) => write!(f, "{}", self.first),
            (false, true) => write!(f, "{}..T{:02}", self.first, self.last.hour_of_day()),
            (false, false) => write!(f, "{}..{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_included() {
        let window = Window::new("20261120T00".parse().unwrap(), "20261120T23".parse().unwrap()).unwrap();
        assert_eq!(window.hours(), 24);
        assert_eq!(window.iter().count(), 24);
        assert_eq!(window.to_string(), "2026-11-20T00..T23");
        assert!(window.contains(window.last()) && !window.contains(window.last().next()));
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_none() {
        let hour: Hour = "20261120T00".parse().unwrap();
        assert!(Window::new(hour.next(), hour).is_none());
        assert!(serde_json::from_str::<Window>(r#"["2026-01-02T00","2026-01-01T00"]"#).is_err());
    }
}
