//! A field's text as the value of its column, or nothing where the value would not be exactly what was written.

use std::borrow::Cow;

use crate::archive::times::date_time;

/// What a string says, borrowed where it is written without escapes; none for other values, and for half a surrogate
/// pair, which is no text.
pub(super) fn text(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    match memchr::memchr(b'\\', inner) {
        None => Some(Cow::Borrowed(inner)),
        Some(first) => unescape(inner, first).map(Cow::Owned),
    }
}

fn unescape(inner: &[u8], first: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(inner.len());
    out.extend_from_slice(&inner[..first]);
    let mut rest = &inner[first..];
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'\\' {
            let length = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            out.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let (letter, after) = after.split_first()?;
        rest = after;
        match letter {
            b'"' | b'\\' | b'/' => out.push(*letter),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let unit = unit(&mut rest)?;
                let scalar = match unit {
                    0xd800..0xdc00 => {
                        rest = rest.strip_prefix(b"\\u")?;
                        let low = u32::from(self::unit(&mut rest)?).checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                        0x1_0000 + (u32::from(unit - 0xd800) << 10) + low
                    }
                    _ => u32::from(unit),
                };
                let mut buffer = [0; 4];
                out.extend_from_slice(char::from_u32(scalar)?.encode_utf8(&mut buffer).as_bytes());
            }
            _ => return None,
        }
    }
    Some(out)
}

/// Four hex digits.
fn unit(rest: &mut &[u8]) -> Option<u16> {
    let (digits, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    let digit = |sum: u16, byte: &u8| char::from(*byte).to_digit(16).map(|digit| sum << 4 | digit as u16);
    digits.iter().try_fold(0, digit)
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

/// Microseconds since 1970 of a time as exports write it; none when it has more digits.
pub(super) fn time(value: &[u8]) -> Option<i64> {
    let text = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let time = date_time(text)?;
    time.timestamp_subsec_nanos().is_multiple_of(1000).then(|| time.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        text(value.as_bytes()).map(|text| String::from_utf8(text.into_owned()).unwrap())
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
        assert_eq!(time(b"\"1970-01-01 00:00:01.5\""), Some(1_500_000));
        assert_eq!(time(b"\"2026-01-15 03:04:05.123456\""), Some(1_768_446_245_123_456));
        assert_eq!(time(b"\"2026-01-15 03:04:05\""), Some(1_768_446_245_000_000));
        assert_eq!(time(b"\"1969-12-31 23:59:59.999999\""), Some(-1));
        assert_eq!(time(b"\"2026-01-15 03:04:05.123456000\""), Some(1_768_446_245_123_456));
        for value in
            ["\"2026-01-15 03:04:05.1234567\"", "\"2026-02-30 00:00:00\"", "\"2026-01-15T03:04:05Z\"", "1", "\"\""]
        {
            assert_eq!(time(value.as_bytes()), None, "{value}");
        }
    }
}
