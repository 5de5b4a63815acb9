//! Figures for people: counts, sizes, spans, rates.

/// `950`, `14.8K`, `2.1M`, `3.0G`.
pub fn count(number: u64) -> String {
    scaled(number, 1000.0, ["", "K", "M", "G", "T"])
}

/// `812 B`, `240 MiB`, `1.9 GiB`.
pub fn bytes(number: u64) -> String {
    scaled(number, 1024.0, [" B", " KiB", " MiB", " GiB", " TiB"])
}

/// Bytes per second: `2.9 MiB/s`.
pub fn rate(bytes_per_second: u64) -> String {
    format!("{}/s", bytes(bytes_per_second))
}

/// One decimal below a hundred, none above.
fn scaled(number: u64, base: f64, units: [&str; 5]) -> String {
    let mut value = number as f64;
    let mut unit = 0;
    // What would be rounded to four digits goes to the next unit.
    while unit < 4 && value >= if unit == 0 { base } else { base - 0.5 } {
        value /= base;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0}{}", units[unit])
    } else {
        format!("{value:.1}{}", units[unit])
    }
}

/// `0h09m`, `11h40m`, `3d 04h`.
pub fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600, seconds / 60 % 60);
    if days > 0 { format!("{days}d {:02}h", hours % 24) } else { format!("{hours}h{minutes:02}m") }
}

/// As [`span`], but in seconds below two minutes: `42 s`.
pub fn short_span(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { span(seconds) }
}

/// `1 hour`, `168 hours`.
pub fn hours(number: u64) -> String {
    plural(number, "hour")
}

/// `1 row`, `3 rows`.
pub fn plural(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([0, 999, 1000, 14_812_345, 999_960].map(count), ["0", "999", "1.0K", "14.8M", "1.0M"]);
        assert_eq!([812, 251_658_240, 2_040_109_465].map(bytes), ["812 B", "240 MiB", "1.9 GiB"]);
        assert_eq!([59, 540, 42_000, 273_600].map(span), ["0h00m", "0h09m", "11h40m", "3d 04h"]);
        assert_eq!([119, 120].map(short_span), ["119 s", "0h02m"]);
        assert_eq!((hours(1), hours(168), rate(3_040_870)), ("1 hour".into(), "168 hours".into(), "2.9 MiB/s".into()));
    }
}
