//! The fast way of reading gzip: what it takes the streaming way takes too, and finds the same.

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::super::gunzip::Gunzip;
use super::super::whole::{INPUT_MAX, Whole};
use super::zipper::gzip;
use super::*;

/// Where the two differ: what zlib says of codes that no encoder writes and libdeflate reads all the same.
const CODES: [&str; 6] = [
    "wrong codes in its data",
    "invalid literal/length code",
    "invalid distance code",
    "too many length or distance symbols",
    "invalid code lengths set",
    "invalid literal/lengths set",
];

/// What the streaming way finds, if it takes the file and every byte of it; else what it says.
fn streamed(file: &[u8], cap: u64) -> Result<Vec<u8>, String> {
    let (mut gunzip, mut found) = (Gunzip::new(), Vec::new());
    gunzip.begin(cap);
    let mut keep = |out: &[u8]| {
        found.extend_from_slice(out);
        Ok::<(), ReadError<String>>(())
    };
    let used = gunzip.feed(file, &mut keep).map_err(|error| error.to_string())?;
    gunzip.finish::<String>().map_err(|error| error.to_string())?;
    if used == file.len() { Ok(found) } else { Err("padding follows".to_owned()) }
}

/// What the fast way finds; never something else than the streaming way, and never in a file that this refuses for
/// anything but its codes.
#[track_caller]
fn agreed(whole: &mut Whole, file: &[u8], cap: u64) -> Option<Vec<u8>> {
    let found = whole.gunzip(file, cap).map(<[u8]>::to_vec)?;
    match streamed(file, cap) {
        Ok(streamed) => assert!(streamed == found, "{} bytes hold two things", file.len()),
        Err(reason) => assert!(CODES.iter().any(|codes| reason.contains(codes)), "taken all the same: {reason}"),
    }
    Some(found)
}

fn lines() -> Vec<u8> {
    (0..3_000).flat_map(|n| format!("{{\"a\":{}}}\n", n * 7_919 % 10_007).into_bytes()).collect()
}

#[test]
fn a_plain_member_goes_the_fast_way_up_to_its_cap() {
    let (mut whole, file) = (Whole::new(), gzip(lines()));
    let length = lines().len() as u64;
    assert_eq!(agreed(&mut whole, &file, length), Some(lines()));
    assert_eq!(agreed(&mut whole, &file, length - 1), None);
    assert_eq!(agreed(&mut whole, &gzip(vec![b' '; (16 << 20) + 1]), u64::MAX), None, "more than it may hold");
    let long = [gzip(""), vec![0; INPUT_MAX]].concat();
    assert_eq!(agreed(&mut whole, &long, u64::MAX), None);
    assert_eq!(agreed(&mut whole, &file, u64::MAX), Some(lines()), "after others were refused");
}

#[test]
fn more_than_one_gzip_stream_never_goes_the_fast_way() {
    let (one, mut whole) = (gzip(lines()), Whole::new());
    for file in [
        one.repeat(2),
        one.repeat(3),
        [gzip("{}\n"), one.clone()].concat(),
        [one.clone(), gzip("")].concat(),
        [gzip(""), gzip("")].concat(),
        gzip("{}\n").repeat(1_000),
    ] {
        assert_eq!(agreed(&mut whole, &file, u64::MAX), None);
        assert!(streamed(&file, u64::MAX).is_ok());
    }
}

#[test]
fn what_follows_the_gzip_stream_is_never_taken_for_a_part_of_it() {
    let (one, mut whole) = (gzip(lines()), Whole::new());
    let trailer = one[one.len() - 8..].to_vec();
    for behind in
        [vec![0], vec![0; 8], trailer.clone(), trailer[4..].to_vec(), [vec![7; 100], trailer.clone()].concat()]
    {
        assert_eq!(agreed(&mut whole, &[one.clone(), behind].concat(), u64::MAX), None);
    }
    let within = [one[..one.len() - 8].to_vec(), b"junk".to_vec(), trailer].concat();
    assert_eq!(agreed(&mut whole, &within, u64::MAX), None);
    assert_eq!(agreed(&mut whole, &gzip([0; 0]), u64::MAX), None, "its length is there twice, as zeros");
}

#[test]
fn a_torn_stream_never_goes_the_fast_way_and_a_changed_one_never_with_other_lines() {
    let (one, mut whole) = (gzip(lines()), Whole::new());
    for length in (0..one.len()).step_by(5).chain(one.len() - 12..one.len()) {
        // The room still holds the lines of the call before.
        assert_eq!(agreed(&mut whole, &one[..length], u64::MAX), None, "{length}");
    }
    for at in (0..one.len()).step_by(3) {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = one.clone();
            changed[at] ^= flip;
            let found = agreed(&mut whole, &changed, u64::MAX);
            assert!(found.is_none_or(|found| found == lines()), "byte {at} xor {flip}");
        }
    }
}

#[test]
fn a_header_with_optional_fields_is_left_to_the_streaming_way() {
    let one = gzip(lines());
    // The header's own checksum is one that the fast decoder does not compare.
    let mut file = vec![0x1f, 0x8b, 8, 0x02, 0, 0, 0, 0, 0, 3, 0xde, 0xad];
    file.extend_from_slice(&one[10..]);
    assert_eq!(agreed(&mut Whole::new(), &file, u64::MAX), None);
    assert!(streamed(&file, u64::MAX).is_err());
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof!["[a-z\"{}:,0-9]{0,60}", "(abc){0,200}"];
    let member = (proptest::collection::vec(line, 0..60), 0_u32..10).prop_map(|(lines, level)| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(lines.join("\n").as_bytes()).unwrap();
        encoder.finish().unwrap()
    });
    let behind = prop_oneof![4 => Just(Vec::new()), 1 => (1_usize..20).prop_map(|n| vec![0; n]), 1 => any::<Vec<u8>>()];
    (proptest::collection::vec(member, 1..3), behind).prop_map(|(members, behind)| [members.concat(), behind].concat())
}

proptest! {
    #[test]
    fn both_ways_agree(mut bytes in file(), cap in prop_oneof![Just(u64::MAX), 0_u64..3_000], change: Option<(u16, u8)>, cut: Option<u16>) {
        if let Some((at, flip)) = change {
            let at = usize::from(at) % bytes.len();
            bytes[at] ^= flip;
        }
        if let Some(cut) = cut {
            bytes.truncate(usize::from(cut) % (bytes.len() + 1));
        }
        agreed(&mut Whole::new(), &bytes, cap);
    }
}
