//! Random archives: what lands is what was sent.

use proptest::prelude::*;

use super::zipper::{Descriptor, Entry, Zip, gzip};
use super::*;

/// A member: its lines, whether the last has a newline, in how many gzip streams, stored, descriptor.
#[derive(Clone, Debug)]
struct Sent {
    raw: Vec<u8>,
    cuts: usize,
    stored: bool,
    streamed: bool,
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (any::<u32>(), "[a-zé\\\\/ ]{0,40}").prop_map(|(id, text)| serde_json::json!({"id": id, "text": text}).to_string().into_bytes()),
        1 => proptest::sample::select(vec![&b""[..], b"\r", b"  ", b"not json", b"\xff", b"{}\r"]).prop_map(<[u8]>::to_vec),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    (proptest::collection::vec(line(), 0..40), any::<bool>(), 1_usize..4, any::<bool>(), any::<bool>()).prop_map(
        |(lines, newline, cuts, stored, streamed)| {
            let mut raw = lines.join(&b'\n');
            if newline && !lines.is_empty() {
                raw.push(b'\n');
            }
            Sent { raw, cuts, stored, streamed }
        },
    )
}

fn entry(part: usize, sent: &Sent) -> Entry {
    let pieces = sent.raw.chunks((sent.raw.len() / sent.cuts).max(1));
    let content = if sent.raw.is_empty() { gzip("") } else { pieces.flat_map(gzip).collect() };
    Entry::new(format!("7/7_2026-01-15_3#{}.json.gz", part * 7), content).with(|entry| {
        entry.method = if sent.stored { 0 } else { 8 };
        entry.descriptor = if sent.streamed { Descriptor::Signed } else { Descriptor::None };
    })
}

/// The members one after another, a newline between where one is missing.
fn joined(members: &[Sent]) -> Vec<u8> {
    let mut raw: Vec<u8> = Vec::new();
    for member in members {
        if raw.last().is_some_and(|byte| *byte != b'\n') {
            raw.push(b'\n');
        }
        raw.extend_from_slice(&member.raw);
    }
    raw
}

fn rows_of(raw: &[u8]) -> Vec<Vec<u8>> {
    raw.split(|byte| *byte == b'\n').filter(|line| !is_blank(line)).map(<[u8]>::to_vec).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_lands_is_what_was_sent(members in proptest::collection::vec(sent(), 1..6), target in 1_u64..3000) {
        let archive = open(&Zip::of(members.iter().enumerate().map(|(part, sent)| entry(part, sent))).bytes()).unwrap();
        let expected = naive(&joined(&members));
        for format in OF_LINES {
            let mut sink = Collect::default();
            let content = archive.read_hour(hour(3), packing(format, target), &mut sink).unwrap();
            prop_assert_eq!(figures(&content), figures(&expected));
            let mut rows = Vec::new();
            for (sums, bytes) in &sink.parts {
                let raw = lines_of(bytes, format);
                let here = rows_of(&raw);
                prop_assert_eq!(sums.rows, here.len() as u64);
                rows.extend(here);
            }
            prop_assert_eq!(rows, rows_of(&joined(&members)));
            if format == Format::Json {
                let (landed, sent) = (sink.joined(), joined(&members));
                prop_assert_eq!(landed.strip_suffix(b"\n").unwrap_or(&landed), sent.strip_suffix(b"\n").unwrap_or(&sent));
            } else if sink.parts.len() == 1 {
                prop_assert_eq!(lines_of(&sink.joined(), format).len(), joined(&members).len());
            }
        }
    }

    #[test]
    fn random_bytes_are_no_archive_and_no_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), pk: bool) {
        if pk && bytes.len() > 4 {
            bytes[..4].copy_from_slice(b"PK\x03\x04");
        }
        prop_assert!(read_all(&bytes, Format::JsonGz).is_err());
    }
}
