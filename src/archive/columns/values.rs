//! A field's text as the value of its column, or nothing where the value would not be exactly what was written.

use crate::archive::times::date_time;

/// What a string with escapes says; none for other values, and for half a surrogate pair, which is no text.
pub(super) fn text(value: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut out = Vec::with_capacity(rest.len());
    while let Some(escape) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..escape]);
        let letter = *rest.get(escape + 1)?;
        rest = &rest[escape + 2..];
        match letter {
            b'"' | b'\\' | b'/' => out.push(letter),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut buffer = [0; 4];
                out.extend_from_slice(scalar(&mut rest)?.encode_utf8(&mut buffer).as_bytes());
            }
            _ => return None,
        }
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// What an escape of four digits says, with the one after it where it takes two.
fn scalar(rest: &mut &[u8]) -> Option<char> {
    let first = u32::from(unit(rest)?);
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix(b"\\u")?;
    let low = u32::from(unit(rest)?).checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
}

/// Four hex digits.
fn unit(rest: &mut &[u8]) -> Option<u16> {
    let (digits, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    let value = |byte: &u8| u16::try_from(char::from(*byte).to_digit(16)?).ok();
    digits.iter().try_fold(0, |sum: u16, byte| value(byte).map(|digit| sum << 4 | digit))
}

/// An integer of 64 bits.
pub(super) fn int(value: &[u8]) -> Option<i64> {
    if value == b"-0" {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// A number that 64 bits hold exactly as it was written: printed again with as few digits as tell it from its
/// neighbours, it has the same ones.
pub(super) fn double(value: &[u8]) -> Option<f64> {
    /// So many digits always survive, away from the smallest and largest numbers.
    const SAFE_DIGITS: usize = 15;
    let text = std::str::from_utf8(value).ok()?;
    if !matches!(value.first(), Some(b'-' | b'0'..=b'9')) {
        return None;
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    if value.len() <= SAFE_DIGITS && number.abs() > 1e-300 {
        return Some(number);
    }
    (digits(text) == digits(&format!("{number:e}"))).then_some(number)
}

/// The digits of a number that count: no sign, point, exponent, and no zeros at its ends.
fn digits(number: &str) -> Vec<u8> {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let all: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let from = all.iter().position(|digit| *digit != b'0').unwrap_or(all.len());
    let to = all.iter().rposition(|digit| *digit != b'0').map_or(from, |last| last + 1);
    all[from..to].to_vec()
}

/// `true` or `false`.
pub(super) fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// Reads times; most are of the day of the one before.
#[derive(Debug, Default)]
pub(super) struct Clock {
    day: [u8; 10],
    midnight: i64,
}

impl Clock {
    /// Microseconds since 1970 of a time as exports write it; none when it has more digits.
    pub(super) fn time(&mut self, value: &[u8]) -> Option<i64> {
        let text = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if let Some((day, clock)) = text.split_first_chunk::<10>()
            && *day == self.day
            && let Ok(clock) = clock.try_into()
        {
            return Some(self.midnight + of_day(clock)?);
        }
        let time = date_time(text).filter(|time| time.timestamp_subsec_nanos().is_multiple_of(1000))?;
        self.day = *text.first_chunk()?;
        self.midnight = time.timestamp_micros() - time.timestamp_micros().rem_euclid(86_400_000_000);
        Some(time.timestamp_micros())
    }
}

/// Microseconds since midnight of ` HH:MM:SS.ffffff`.
fn of_day(clock: &[u8; 16]) -> Option<i64> {
    /// Where the digits stand.
    const DIGITS: [usize; 12] = [1, 2, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15];
    let [b' ', _, _, b':', _, _, b':', _, _, b'.', ..] = clock else { return None };
    let digits = DIGITS.map(|at| clock[at].wrapping_sub(b'0'));
    if digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    let two = |at: usize| i64::from(digits[at] * 10 + digits[at + 1]);
    let (hour, minute, second) = (two(0), two(2), two(4));
    let micros = (two(6) * 100 + two(8)) * 100 + two(10);
    (hour < 24 && minute < 60 && second < 60).then_some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        text(value.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn strings_are_read_as_serde_json_reads_them() {
        let strings = [
            r#""""#,
            r#""plain é 🦀""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""a\u00e9\u0000z\uD83D\uDE80""#,
            r#""\ud7ff\ue000\uffff""#,
            r#""x\\""#,
        ];
        for value in strings {
            assert_eq!(read(value), Some(serde_json::from_str(value).unwrap()), "{value}");
        }
    }

    #[test]
    fn what_is_no_text_is_none() {
        let others = ["1", "null", "{}", r#""\ud83d""#, r#""\ude80\ud83d""#, r#""\ud83dx""#, r#""\ud83d\u0041""#];
        for value in others {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn an_integer_is_exact_or_none() {
        for value in [0, 1, -1, 9_007_199_254_740_993, i64::MAX, i64::MIN] {
            assert_eq!(int(value.to_string().as_bytes()), Some(value));
        }
        for value in ["9223372036854775808", "1.0", "1e3", "-0", "\"1\"", "true", "", "-", "{}"] {
            assert_eq!(int(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn a_double_is_exact_or_none() {
        for value in [
            "37.7749",
            "-122.4194",
            "0",
            "-0.0",
            "0.1",
            "1",
            "6396.0",
            "5e-324",
            "1.7976931348623157e308",
            "0.30000000000000004",
            "123456789012345.6",
            "1e22",
            "100000000000000000000",
            "1E5",
            "0.000",
        ] {
            assert_eq!(double(value.as_bytes()), Some(value.parse().unwrap()), "{value}");
        }
        let others = [
            "9007199254740993",
            "18446744073709551617",
            "0.1000000000000000055511151231257827",
            "1e400",
            "-1e400",
            "1e-400",
            "4.9e-324",
            "0.30000000000000001",
            "\"1\"",
            "true",
            "null",
            "",
            "nan",
            "inf",
            "[1]",
        ];
        for value in others {
            assert_eq!(double(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn a_time_is_microseconds_or_none() {
        let mut clock = Clock::default();
        let mut time = |text: &str| clock.time(format!("\"{text}\"").as_bytes());
        for day in ["1969-12-31", "1970-01-01", "2026-01-15", "2026-01-15", "2024-02-29", "0001-01-01", "9999-12-31"] {
            for clock in [
                "00:00:00.000000",
                "03:04:05.123456",
                "23:59:59.999999",
                "03:04:05",
                "01:02:03.5",
                "01:02:03.123456000",
            ] {
                let text = format!("{day} {clock}");
                let expected = chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f").unwrap();
                assert_eq!(time(&text), Some(expected.and_utc().timestamp_micros()), "{text}");
            }
            for clock in [
                "24:00:00.000000",
                "00:60:00.000000",
                "00:00:60.000000",
                "00:00:00.00000x",
                "03:04:05.1234567",
                "03:04:0５.1234",
            ] {
                assert_eq!(time(&format!("{day} {clock}")), None, "{day} {clock}");
            }
        }
        for text in ["2026-02-30 00:00:00", "2026-01-15T03:04:05.000000", "2026-01-15", "", "\u{ff}"] {
            assert_eq!(time(text), None, "{text}");
        }
        assert_eq!(clock.time(b"1"), None);
    }
}
