//! Durations, sizes, hours and schedules as people write them. Every error says what would have been right and
//! never repeats what was written.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};

/// How durations are written.
pub(super) const DURATION_HELP: &str = r#"write a duration as "90m", "1h30m", "7d", "2w" or "0s""#;
/// How sizes are written.
pub(super) const SIZE_HELP: &str = r#"write a size as "20GiB", "500MB", or plain bytes"#;
/// How windows are written.
pub(super) const HOURS_HELP: &str = r#"write "6h", "1d" or "1w": whole hours, at least 1h, at most 365d"#;

const UNITS: [&str; 21] = [
    "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour",
    "hours", "d", "day", "days", "w", "week",
];
const LONG_UNITS: [&str; 10] = ["h", "hr", "hrs", "hour", "hours", "d", "day", "days", "w", "week"];

/// A duration; months and years are refused, because they have no fixed length.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    spelled(text, &UNITS)
}

/// A window in whole hours.
pub(super) fn hours(text: &str) -> Result<u32, String> {
    let length = spelled(text, &LONG_UNITS).map_err(|_| "must be hours, days or weeks".to_owned())?;
    match length.as_secs() / 3600 {
        hours @ 1..=8760 => Ok(u32::try_from(hours).unwrap_or(8760)),
        0 => Err("must be at least one hour".to_owned()),
        _ => Err("must be at most 365 days".to_owned()),
    }
}

fn spelled(text: &str, units: &[&str]) -> Result<Duration, String> {
    let words = text.split(|c: char| c.is_ascii_digit() || c.is_ascii_whitespace()).filter(|word| !word.is_empty());
    for word in words {
        if !units.contains(&word) && word != "weeks" {
            return Err("has a unit that is not known here".to_owned());
        }
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("needs a unit".to_owned());
    }
    humantime::parse_duration(text).map_err(|_| "is no duration".to_owned())
}

/// Bytes: `20GiB`, `500MB`, or a plain integer.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit = text[number_end..].trim().to_ascii_lowercase();
    let known = ["", "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "k", "m", "g", "t"];
    if number_end == 0 || !known.contains(&unit.as_str()) {
        return Err("is no size".to_owned());
    }
    if unit.is_empty() || unit == "b" {
        return text[..number_end].parse().map_err(|_| "is no size".to_owned());
    }
    text.parse::<bytesize::ByteSize>().map(|size| size.as_u64()).map_err(|_| "is no size".to_owned())
}

/// A duration as it is best read.
pub(super) fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, length) in [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis >= length && millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") }
}

/// A size as it is best read.
pub(super) fn size_text(bytes: u64) -> String {
    for (unit, length) in [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= length && bytes.is_multiple_of(length) {
            return format!("{}{unit}", bytes / length);
        }
    }
    format!("{bytes} bytes")
}

/// A cron expression of 5 or 6 fields, as 6 fields.
pub(super) fn cron(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let full = match (fields.len(), text.contains('@')) {
        (_, true) => return Err("must be written in fields, not as a nickname".to_owned()),
        (5, _) => format!("0 {}", fields.join(" ")),
        (6, _) => fields.join(" "),
        (n, _) => return Err(format!("has {n} field{}, expected 5 or 6", if n == 1 { "" } else { "s" })),
    };
    match parsed_cron(&full) {
        Some(cron) => match cron.find_next_occurrence(&chrono::DateTime::<chrono::Utc>::UNIX_EPOCH, false) {
            Ok(_) => Ok(full),
            Err(_) => Err("never comes".to_owned()),
        },
        None => Err(wrong_field(&full).unwrap_or_else(|| "is no cron expression".to_owned())),
    }
}

/// The schedule of a cron expression of six fields, one space between them.
pub(super) fn parsed_cron(text: &str) -> Option<Cron> {
    // The parser takes a list that names nothing, and then looks for its next minute up to the year 5000.
    if text.split([' ', ',']).any(str::is_empty) {
        return None;
    }
    CronParser::builder().seconds(Seconds::Required).build().parse(text).ok()
}

/// Which field of a cron expression is wrong: each is tried alone.
fn wrong_field(full: &str) -> Option<String> {
    const NAMES: [(&str, &str); 6] = [
        ("second", "0-59"),
        ("minute", "0-59"),
        ("hour", "0-23"),
        ("day of month", "1-31"),
        ("month", "1-12 or JAN-DEC"),
        ("day of week", "0-7 or SUN-SAT"),
    ];
    full.split_whitespace().zip(NAMES).enumerate().find_map(|(at, (field, (name, range)))| {
        let mut alone = ["0", "0", "0", "*", "*", "*"];
        alone[at] = field;
        let wrong = parsed_cron(&alone.join(" ")).is_none();
        wrong.then(|| format!("is wrong in the field of the {name} ({range}; `*`, lists, ranges and `/` steps too)"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90m", 5400), ("1h30m", 5400), ("7d", 604_800), ("2w", 1_209_600), ("0s", 0), ("1h 5s", 3605)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "-1s", "1M", "2months", "1y", "h", "soon", "1.5h", "99999999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_in_both_systems() {
        for (text, bytes) in
            [("20GiB", 20 << 30), ("500MB", 500_000_000), ("1024", 1024), ("1.5GiB", 3 << 29), ("0", 0)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-5GB", "5 apples", "NaN", "1e9", "1.5"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn windows_are_whole_hours() {
        assert_eq!((hours("6h"), hours("1d"), hours("1w"), hours("365d")), (Ok(6), Ok(24), Ok(168), Ok(8760)));
        for text in ["0h", "90m", "366d", "1h30m", "24", "1M", "30s"] {
            assert!(hours(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cron_error_says_what_is_wrong() {
        assert_eq!(cron("5 * * * *").as_deref(), Ok("0 5 * * * *"));
        assert_eq!(cron("30 5 * * * MON-FRI").as_deref(), Ok("30 5 * * * MON-FRI"));
        assert_eq!(cron("5 * * *").unwrap_err(), "has 4 fields, expected 5 or 6");
        assert!(cron("61 * * * *").unwrap_err().contains("minute"));
        assert!(cron("0 25 * * *").unwrap_err().contains("hour"));
        assert!(cron(", * * * *").unwrap_err().contains("minute"));
        assert!(cron("1,,2 * * * *").unwrap_err().contains("minute"));
        assert!(cron("@hourly").unwrap_err().contains("nickname"));
        assert_eq!(cron("0 0 30 2 *").unwrap_err(), "never comes");
        assert!(cron("0 0 0 1 1 * 2030").is_err());
    }
}
