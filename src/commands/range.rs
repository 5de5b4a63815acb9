//! Hours as people write them, and ranges of them. Everything is UTC, and both ends are included.

use chrono::{DateTime, NaiveDate, Utc};

use crate::cli::RangeArgs;
use crate::model::{Hour, Window};
use crate::problem::Failure;
use crate::telemetry::figures;

/// Most hours that may be named one by one.
const MOST_NAMED: u64 = 10_000;

/// What a text names: an hour, or a day with its 24. As `from` its first hour counts, as `to` its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point(pub Window);

/// Reads `2026-11-21T07`, `20261121T07`, `2026-11-21` (a day), `-24h`, `-2w`, `yesterday`, `today`, `now` and, so that
/// what ampd prints can be pasted back, `2026-11-20T00..T23`. Minutes that are nought and a `Z` may follow an hour.
pub fn parse_point(text: &str, now: DateTime<Utc>) -> Result<Point, Failure> {
    let text = text.trim();
    let this = Hour::containing(now);
    let found = match text.to_ascii_lowercase().as_str() {
        "now" => Some(Window::of(this)),
        "today" => day(this.date()),
        "yesterday" => this.date().pred_opt().and_then(day),
        lower if lower.starts_with('-') => hours_of_span(&lower[1..]).map(|hours| Window::of(this.plus(-hours))),
        _ => parse_absolute(text),
    };
    found.map(Point).ok_or_else(|| {
        Failure::usage(format!("`{}` is no hour", shortened(text)))
            .help("write 2026-11-21T07, 2026-11-21 (a day), -24h, -2w, yesterday or now; hours are UTC")
    })
}

fn parse_absolute(text: &str) -> Option<Window> {
    if let Some((first, last)) = text.split_once("..") {
        let first = parse_absolute(first.trim())?;
        let last = last.trim();
        let last = match last.strip_prefix('T') {
            Some(hour) => Window::of(format!("{}T{hour}", first.first().date()).parse().ok()?),
            None => parse_absolute(last)?,
        };
        return Window::new(first.first(), last.last());
    }
    if let Ok(midnight) = format!("{text}T00").parse::<Hour>() {
        return day(midnight.date());
    }
    let hour = text.strip_suffix('Z').unwrap_or(text);
    let hour = hour.strip_suffix(":00").unwrap_or(hour);
    let hour = hour.strip_suffix(":00").unwrap_or(hour);
    hour.parse().ok().map(Window::of)
}

fn day(date: NaiveDate) -> Option<Window> {
    Window::new(Hour::of_date(date, 0)?, Hour::of_date(date, 23)?)
}

/// `24h`, `3d`, `2w` as hours.
fn hours_of_span(text: &str) -> Option<i64> {
    let per_unit = match text.chars().last()? {
        'h' => 1,
        'd' => 24,
        'w' => 168,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || digits.len() > 7 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok().map(|number| number * per_unit)
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// `--last 2w`: that many hours, the last of them the newest that is over.
pub fn last(text: &str, now: DateTime<Utc>) -> Result<Window, Failure> {
    let newest = Hour::containing(now).previous();
    let span = hours_of_span(text.trim().trim_start_matches('-').to_ascii_lowercase().as_str());
    span.filter(|hours| *hours > 0)
        .and_then(|hours| Window::new(newest.plus(1 - hours), newest))
        .ok_or_else(|| Failure::usage(format!("`{}` is no span of time", shortened(text))).help("write 24h, 3d or 2w"))
}

/// What `--from` and `--to` say; either may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The first hour.
    pub from: Option<Hour>,
    /// The last hour, included.
    pub to: Option<Hour>,
}

/// Reads `--from` and `--to`.
pub fn bounds(args: &RangeArgs, now: DateTime<Utc>) -> Result<Bounds, Failure> {
    let point = |text: &Option<String>| text.as_deref().map(|text| parse_point(text, now)).transpose();
    let bounds = Bounds {
        from: point(&args.from)?.map(|point| point.0.first()),
        to: point(&args.to)?.map(|point| point.0.last()),
    };
    match (bounds.from, bounds.to) {
        (Some(from), Some(to)) if from > to => Err(backwards(from, to)),
        _ => Ok(bounds),
    }
}

fn backwards(from: Hour, to: Hour) -> Failure {
    Failure::usage(format!("the range ends ({to}) before it begins ({from})")).help("both ends are included, in UTC")
}

impl Bounds {
    /// The range, with what was left out taken from `first` and `last`.
    pub fn within(self, first: Hour, last: Hour) -> Result<Window, Failure> {
        let (from, to) = (self.from.unwrap_or(first), self.to.unwrap_or(last));
        Window::new(from, to).ok_or_else(|| backwards(from, to))
    }

    /// Whether an hour lies within.
    pub fn contains(self, hour: Hour) -> bool {
        self.from.is_none_or(|from| from <= hour) && self.to.is_none_or(|to| hour <= to)
    }
}

/// `HOUR...`: the hours that the arguments name, in order, each once.
pub fn hours(texts: &[String], now: DateTime<Utc>) -> Result<Vec<Hour>, Failure> {
    let windows: Vec<Window> =
        texts.iter().map(|text| parse_point(text, now).map(|point| point.0)).collect::<Result<_, _>>()?;
    let named: u64 = windows.iter().map(|window| u64::from(window.hours())).sum();
    if named > MOST_NAMED {
        return Err(Failure::usage(format!("{named} hours are named at once; at most {MOST_NAMED} can be")));
    }
    let mut hours: Vec<Hour> = windows.into_iter().flat_map(Window::iter).collect();
    hours.sort_unstable();
    hours.dedup();
    Ok(hours)
}

/// The range as it was understood: `2026-11-01T00 .. 2026-11-07T23, 168 hours`.
pub fn echo(window: Window) -> String {
    format!("{} .. {}, {}", window.first(), window.last(), figures::hours(u64::from(window.hours())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T09:12:05Z".parse().unwrap()
    }

    fn point(text: &str) -> String {
        parse_point(text, now()).map_or_else(|failure| failure.message, |point| point.0.to_string())
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, meant) in [
            ("2026-11-21T07", "2026-11-21T07"),
            ("20261121T07", "2026-11-21T07"),
            ("2026-11-21T07:00Z", "2026-11-21T07"),
            ("2026-11-21T07:00:00Z", "2026-11-21T07"),
            ("2026-11-21", "2026-11-21T00..T23"),
            ("20261121", "2026-11-21T00..T23"),
            ("-24h", "2026-11-22T09"),
            ("-2w", "2026-11-09T09"),
            ("yesterday", "2026-11-22T00..T23"),
            ("today", "2026-11-23T00..T23"),
            (" now ", "2026-11-23T09"),
            ("2026-11-20T00..T23", "2026-11-20T00..T23"),
            ("2026-11-20T22..2026-11-21T03", "2026-11-20T22..2026-11-21T03"),
        ] {
            assert_eq!(point(text), meant, "{text}");
        }
    }

    #[test]
    fn what_is_no_hour_is_a_usage_error() {
        for text in [
            "",
            "-",
            "-h",
            "-1.5h",
            "-99999999h",
            "tomorrow",
            "2026-11-31",
            "2026-11-21T24",
            "2026-1-1",
            "..",
            "T07",
            "2026-11-21T07:30",
            "2026-11-21T07..T03",
            "-２h",
            "é",
        ] {
            let failure = parse_point(text, now()).expect_err(text);
            assert_eq!((failure.code, failure.exit.code()), ("E706", 2), "{text}");
        }
    }

    #[test]
    fn a_day_counts_from_its_first_to_its_last_hour() {
        let range = |from: &str, to: &str| {
            let args = RangeArgs { from: Some(from.to_owned()), to: Some(to.to_owned()) };
            let first = Hour::containing(now());
            bounds(&args, now()).and_then(|bounds| bounds.within(first, first)).map(echo)
        };
        assert_eq!(range("2026-11-01", "2026-11-07").unwrap(), "2026-11-01T00 .. 2026-11-07T23, 168 hours");
        assert_eq!(range("2026-11-01T05", "2026-11-01T05").unwrap(), "2026-11-01T05 .. 2026-11-01T05, 1 hour");
        assert!(range("2026-11-02", "2026-11-01").unwrap_err().message.contains("before it begins"));
    }

    #[test]
    fn the_last_two_weeks_end_with_the_newest_hour_that_is_over() {
        let window = last("2w", now()).unwrap();
        assert_eq!((window.last().to_string(), window.hours()), ("2026-11-23T08".to_owned(), 336));
        assert!(last("0h", now()).is_err() && last("soon", now()).is_err());
    }

    #[test]
    fn named_hours_are_sorted_and_counted_once() {
        let texts = ["2026-11-21T07", "2026-11-20T00..T01", "20261121T07"].map(str::to_owned);
        let found: Vec<_> = hours(&texts, now()).unwrap().into_iter().map(|hour| hour.to_string()).collect();
        assert_eq!(found, ["2026-11-20T00", "2026-11-20T01", "2026-11-21T07"]);
        assert!(hours(&["2000-01-01T00..2026-01-01T00".to_owned()], now()).is_err());
    }
}
