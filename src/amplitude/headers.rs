//! The headers that are read: `Date` and `Retry-After`.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longest `Retry-After` believed: a day. Who asks for more is asked again after a day.
pub const RETRY_AFTER_MAX: u64 = 86_400;

/// The answer's `Date`.
pub fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(text.trim()).ok().map(DateTime::from)
}

/// `Retry-After` in seconds, at most [`RETRY_AFTER_MAX`]. Its date form is measured against the answer's own `Date`,
/// so that our clock does not matter; without one it says nothing.
pub fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(text.parse::<u64>().unwrap_or(u64::MAX).min(RETRY_AFTER_MAX));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let sent = SystemTime::from(date(headers)?);
    Some(until.duration_since(sent).map_or(0, |wait| wait.as_secs()).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const SENT: (&str, &str) = ("date", "Sat, 21 Nov 2026 07:00:00 GMT");

    #[test]
    fn retry_after_is_read_in_both_forms() {
        assert_eq!(retry_after(&headers(&[("retry-after", "120")])), Some(120));
        assert_eq!(retry_after(&headers(&[SENT, ("retry-after", "Sat, 21 Nov 2026 07:01:30 GMT")])), Some(90));
    }

    #[test]
    fn a_retry_after_date_in_the_past_means_now() {
        assert_eq!(retry_after(&headers(&[SENT, ("retry-after", "Sat, 21 Nov 2026 06:00:00 GMT")])), Some(0));
    }

    #[test]
    fn a_retry_after_date_without_a_date_says_nothing() {
        assert_eq!(retry_after(&headers(&[("retry-after", "Sat, 21 Nov 2026 07:01:30 GMT")])), None);
    }

    #[test]
    fn retry_after_is_capped_and_nonsense_is_nothing() {
        assert_eq!(retry_after(&headers(&[("retry-after", "99999999999999999999999")])), Some(RETRY_AFTER_MAX));
        for nonsense in ["", "-1", "1.5", "soon"] {
            assert_eq!(retry_after(&headers(&[("retry-after", nonsense)])), None, "{nonsense}");
        }
    }

    #[test]
    fn an_unreadable_date_is_none() {
        assert_eq!(date(&headers(&[("date", "yesterday")])), None);
        assert_eq!(date(&headers(&[SENT])).unwrap().to_rfc3339(), "2026-11-21T07:00:00+00:00");
    }
}
