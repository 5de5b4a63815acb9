//! JSON written by hand into a reused buffer: a `Value` per row would cost more than all the rest of the simulator.

/// Appends `text` as it is; the caller knows that it needs no escape.
pub fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends `"text"`; the caller knows that it needs no escape.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    raw(out, text);
    out.push(b'"');
}

/// Appends a number.
pub fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10).to_le_bytes()[0];
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number with leading zeros up to `width` digits.
pub fn padded(out: &mut Vec<u8>, value: u64, width: u32) {
    let mut unit = 10_u64.pow(width - 1);
    for _ in 0..width {
        out.push(b'0' + (value / unit % 10).to_le_bytes()[0]);
        unit = (unit / 10).max(1);
    }
}

/// Appends `digits` of the lower-case hexadecimal form of `value`, the lowest ones.
pub fn hex(out: &mut Vec<u8>, value: u64, digits: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for digit in (0..digits).rev() {
        out.push(DIGITS[usize::from((value >> (digit * 4)).to_le_bytes()[0] & 15)]);
    }
}

/// Appends a UUID of the given version, in quotes.
pub fn uuid(out: &mut Vec<u8>, high: u64, low: u64, version: u8) {
    out.push(b'"');
    hex(out, high >> 32, 8);
    out.push(b'-');
    hex(out, high >> 16, 4);
    out.push(b'-');
    out.push(b'0' + version);
    hex(out, high, 3);
    out.push(b'-');
    hex(out, (low >> 48) & 0x3FFF | 0x8000, 4);
    out.push(b'-');
    hex(out, low, 12);
    out.push(b'"');
}

/// Appends `"YYYY-MM-DD HH:MM:SS.ffffff"`, Amplitude's form: a space, six digits, no zone.
pub fn time(out: &mut Vec<u8>, micros: i64) {
    const DAY: i64 = 86_400_000_000;
    let (year, month, day) = civil(micros.div_euclid(DAY));
    let rest = micros.rem_euclid(DAY).unsigned_abs();
    let seconds = rest / 1_000_000;
    out.push(b'"');
    padded(out, year.unsigned_abs(), 4);
    out.push(b'-');
    padded(out, month.unsigned_abs(), 2);
    out.push(b'-');
    padded(out, day.unsigned_abs(), 2);
    out.push(b' ');
    padded(out, seconds / 3600, 2);
    out.push(b':');
    padded(out, seconds / 60 % 60, 2);
    out.push(b':');
    padded(out, seconds % 60, 2);
    out.push(b'.');
    padded(out, rest % 1_000_000, 6);
    out.push(b'"');
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's public algorithm).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    #[test]
    fn times_agree_with_chrono() {
        for micros in [0, 1_766_999_999_123_456, 951_782_400_000_000, 4_102_444_799_999_999, 1_583_020_800_000_001] {
            let mut out = Vec::new();
            super::time(&mut out, micros);
            let expected: DateTime<Utc> = DateTime::from_timestamp_micros(micros).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected.format("\"%Y-%m-%d %H:%M:%S%.6f\"").to_string());
        }
    }

    #[test]
    fn numbers_are_decimal() {
        let mut out = Vec::new();
        super::number(&mut out, 0);
        super::number(&mut out, u64::MAX);
        super::padded(&mut out, 42, 6);
        assert_eq!(out, b"018446744073709551615000042");
    }
}
