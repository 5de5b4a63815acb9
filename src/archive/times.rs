//! Which event days an hour touched, and its first and last upload time. Odd values are passed over: they are rows all
//! the same, only not of these figures.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use crate::model::Content;

/// What the times of the rows seen so far come to.
#[derive(Debug, Default)]
pub(super) struct Times {
    dates: BTreeSet<NaiveDate>,
    last_date: [u8; 10],
    first: Option<Upload>,
    last: Option<Upload>,
}

/// An upload time and its text. Texts of this form sort as their times do.
#[derive(Debug)]
struct Upload {
    text: Vec<u8>,
    time: DateTime<Utc>,
}

impl Times {
    /// Takes an `event_time`: its day counts.
    pub(super) fn event(&mut self, text: &[u8]) {
        let Some((day, rest)) = text.split_first_chunk::<10>() else { return };
        if *day == self.last_date || !matches!(rest.first(), None | Some(b' ' | b'T')) {
            return;
        }
        if let Some(date) = date(day) {
            self.last_date = *day;
            self.dates.insert(date);
            if self.dates.len() > Content::EVENT_DATES_MAX {
                self.dates.pop_last();
            }
        }
    }

    /// Takes a `server_upload_time`; read only when it lies outside what was seen.
    pub(super) fn upload(&mut self, text: &[u8]) {
        let before = self.first.as_ref().is_none_or(|first| text < first.text.as_slice());
        let after = self.last.as_ref().is_none_or(|last| text > last.text.as_slice());
        if !before && !after {
            return;
        }
        let Some(time) = date_time(text) else { return };
        if before {
            self.first = Some(Upload { text: text.to_vec(), time });
        }
        if after {
            self.last = Some(Upload { text: text.to_vec(), time });
        }
    }

    /// Writes the figures into `content`.
    pub(super) fn into_content(self, content: &mut Content) {
        content.event_dates = self.dates.into_iter().collect();
        content.min_server_upload_time = self.first.map(|upload| upload.time);
        content.max_server_upload_time = self.last.map(|upload| upload.time);
    }
}

/// `YYYY-MM-DD`
fn date(text: &[u8; 10]) -> Option<NaiveDate> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i32::try_from(number(&text[..4])?).ok()?;
    NaiveDate::from_ymd_opt(year, number(&text[5..7])?, number(&text[8..])?)
}

/// `YYYY-MM-DD HH:MM:SS[.f]` with one to nine digits of a second, UTC.
pub(super) fn date_time(text: &[u8]) -> Option<DateTime<Utc>> {
    let (day, rest) = text.split_first_chunk::<10>()?;
    let (clock, fraction) = rest.split_first_chunk::<9>()?;
    if clock[0] != b' ' || clock[3] != b':' || clock[6] != b':' {
        return None;
    }
    let nanos = match fraction.split_first() {
        None => 0,
        Some((b'.', digits)) if (1..=9).contains(&digits.len()) => {
            number(digits)? * 10_u32.pow(9 - u32::try_from(digits.len()).ok()?)
        }
        Some(_) => return None,
    };
    let (hour, minute, second) = (number(&clock[1..3])?, number(&clock[4..6])?, number(&clock[7..])?);
    Some(date(day)?.and_hms_nano_opt(hour, minute, second, nanos)?.and_utc())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}
