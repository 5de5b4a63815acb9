//! An hour of server-upload time, UTC: the unit of work.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A whole UTC hour, counted from the Unix epoch. Contiguous by construction: no time zone, no daylight saving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour that contains `time`.
    pub fn containing(time: DateTime<Utc>) -> Self {
        Self(time.timestamp().div_euclid(3600))
    }

    /// Hours since 1970-01-01T00Z.
    pub const fn index(self) -> i64 {
        self.0
    }

    /// The hour with this number of hours since 1970-01-01T00Z, clamped to the years 1 to 9999.
    pub fn from_index(index: i64) -> Self {
        const YEAR_1: i64 = -17_259_888;
        const YEAR_9999: i64 = 70_389_527;
        Self(index.clamp(YEAR_1, YEAR_9999))
    }

    /// The hour `hour` (0 to 23) of `date`.
    pub fn of_date(date: NaiveDate, hour: u32) -> Option<Self> {
        Some(Self::containing(date.and_hms_opt(hour, 0, 0)?.and_utc()))
    }

    /// The first instant of the hour.
    pub fn start(self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.saturating_mul(3600), 0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The first instant after the hour.
    pub fn end(self) -> DateTime<Utc> {
        self.start() + TimeDelta::hours(1)
    }

    /// The hour after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self::from_index(self.0 + 1)
    }

    /// The hour before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::from_index(self.0 - 1)
    }

    /// The hour this many hours later (earlier when negative).
    #[must_use]
    pub fn plus(self, hours: i64) -> Self {
        Self::from_index(self.0.saturating_add(hours))
    }

    /// The UTC day the hour belongs to.
    pub fn date(self) -> NaiveDate {
        self.start().date_naive()
    }

    /// 0 to 23.
    pub fn hour_of_day(self) -> u32 {
        self.start().hour()
    }

    /// Amplitude's form, `20261121T07`: used in requests and in manifest keys.
    pub fn compact(self) -> String {
        let start = self.start();
        format!("{:04}{:02}{:02}T{:02}", start.year(), start.month(), start.day(), start.hour())
    }

    /// When the hour becomes due: its end plus the settle delay.
    pub fn due_at(self, settle_delay: TimeDelta) -> DateTime<Utc> {
        self.end() + settle_delay
    }
}

/// Why a text is no hour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no hour: write 2026-11-21T07 or 20261121T07 (UTC)")]
pub struct ParseHourError(String);

impl FromStr for Hour {
    type Err = ParseHourError;

    /// Reads `2026-11-21T07` and `20261121T07`, nothing else.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseHourError(text.chars().take(40).collect());
        let digits: String = match text.len() {
            13 if text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-' && text.as_bytes()[10] == b'T' => {
                text.split(['-', 'T']).collect()
            }
            11 if text.as_bytes()[8] == b'T' => text.split('T').collect(),
            _ => return Err(wrong()),
        };
        if digits.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let number = |range: std::ops::Range<usize>| digits[range].parse::<u32>().map_err(|_| wrong());
        let year = i32::try_from(number(0..4)?).map_err(|_| wrong())?;
        NaiveDate::from_ymd_opt(year, number(4..6)?, number(6..8)?)
            .zip(Some(number(8..10)?))
            .and_then(|(date, hour)| Hour::of_date(date, hour))
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start();
        let text = format!("{:04}-{:02}-{:02}T{:02}", start.year(), start.month(), start.day(), start.hour());
        f.pad(&text)
    }
}

impl Serialize for Hour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(text: &str) -> Hour {
        text.parse().expect(text)
    }

    #[test]
    fn both_written_forms_name_the_same_hour() {
        assert_eq!(hour("2026-11-21T07"), hour("20261121T07"));
        assert_eq!(hour("20261121T07").to_string(), "2026-11-21T07");
        assert_eq!(hour("2026-11-21T07").compact(), "20261121T07");
    }

    #[test]
    fn hours_are_contiguous_over_leap_day_and_year_end() {
        assert_eq!(hour("2028-02-28T23").next(), hour("2028-02-29T00"));
        assert_eq!(hour("2027-02-28T23").next(), hour("2027-03-01T00"));
        assert_eq!(hour("2026-12-31T23").next(), hour("2027-01-01T00"));
        assert_eq!(hour("1970-01-01T00").previous(), hour("1969-12-31T23"));
    }

    #[test]
    fn what_is_no_hour_is_refused() {
        for text in
            ["", "2026-11-21", "2026-11-21T24", "2026-02-30T01", "20261121T7", "2026-11-21T7 ", "２０２６1121T07"]
        {
            assert!(text.parse::<Hour>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_hour_survives_writing_and_reading(index in -1_000_000_i64..5_000_000) {
            let hour = Hour::from_index(index);
            proptest::prop_assert_eq!(hour.to_string().parse::<Hour>().unwrap(), hour);
            proptest::prop_assert_eq!(hour.compact().parse::<Hour>().unwrap(), hour);
            proptest::prop_assert_eq!(Hour::containing(hour.start()), hour);
            proptest::prop_assert_eq!(hour.next().start(), hour.end());
        }
    }
}
