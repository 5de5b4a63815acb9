//! Any bytes as an hour's lines, in pieces of any size (the first byte says how long), against the plainest way to count
//! and to check them.

use ampd::archive::{Limits, Measure, is_blank};
use ampd::model::Format;
use serde::Deserialize;
use serde::de::IgnoredAny;

pub fn run(input: &[u8]) {
    let Some((size, lines)) = input.split_first() else { return };
    let mut measure = Measure::new(Format::Json, &Limits::default()).expect("plain lines need nothing");
    measure.begin(0).expect("plain lines need nothing");
    for piece in lines.chunks(usize::from(*size).max(1)) {
        measure.feed(piece).expect("plain lines have nothing that could be broken");
    }
    let part = measure.end().expect("plain lines have nothing that could be broken");
    let content = measure.finish().expect("plain lines are held as they were sent");
    let rows: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !is_blank(line)).collect();
    assert_eq!((content.rows, part.rows), (rows.len() as u64, rows.len() as u64));
    assert_eq!(part.bytes, lines.len() as u64);
    let invalid = rows.iter().filter(|row| !is_one_object(row)).count();
    assert_eq!(content.rows_invalid, invalid as u64);
}

fn is_one_object(row: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(row) else { return false };
    let mut reader = serde_json::Deserializer::from_str(text);
    let begins = text.trim_start_matches([' ', '\t', '\r']).starts_with('{');
    begins && IgnoredAny::deserialize(&mut reader).is_ok() && reader.end().is_ok()
}
