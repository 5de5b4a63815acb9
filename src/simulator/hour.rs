//! A UTC hour, written `20260101T05`. The simulator has its own, so that it cannot share a mistake with the daemon.

use std::fmt;

use chrono::{DateTime, NaiveDate, Timelike, Utc};
use serde::{Deserialize, Serialize};

/// One UTC hour, counted from 1970-01-01T00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hour(i64);

impl Hour {
    /// The hour that `at` lies in.
    pub fn containing(at: DateTime<Utc>) -> Self {
        Self(at.timestamp().div_euclid(3600))
    }

    /// Reads `20260101T05` and nothing else, as the Export API does.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == 11
            && bytes.iter().enumerate().all(|(at, byte)| if at == 8 { *byte == b'T' } else { byte.is_ascii_digit() });
        if !well_formed {
            return None;
        }
        let date =
            NaiveDate::from_ymd_opt(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..8].parse().ok()?)?;
        let start = date.and_hms_opt(text[9..].parse().ok()?, 0, 0)?.and_utc();
        Some(Self::containing(start))
    }

    /// Hours since 1970-01-01T00.
    pub fn number(self) -> i64 {
        self.0
    }

    /// Its first instant.
    pub fn start(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.saturating_mul(3600), 0).unwrap_or_default()
    }

    /// The first instant after it.
    pub fn end(self) -> DateTime<Utc> {
        self.plus(1).start()
    }

    /// The hour `hours` later (or earlier).
    #[must_use]
    pub fn plus(self, hours: i64) -> Self {
        Self(self.0.saturating_add(hours))
    }

    /// 0 to 23.
    pub fn of_day(self) -> u32 {
        self.start().hour()
    }

    /// All hours from this one to `last`, both included.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> + Clone {
        (self.0..=last.0).map(Self)
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.start().format("%Y%m%dT%H"))
    }
}

impl TryFrom<String> for Hour {
    type Error = String;

    /// Also reads `2026-01-01T05`, for people who write configurations.
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text.replace('-', "")).ok_or_else(|| format!("`{text}` is not an hour like 20260101T05"))
    }
}

impl From<Hour> for String {
    fn from(hour: Hour) -> Self {
        hour.to_string()
    }
}
