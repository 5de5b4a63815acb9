//! How members become parts.

use super::super::gunzip::NEWLINE_MEMBER;
use super::zipper::{Entry, Zip, gzip};
use super::*;

fn pack(entries: &[Entry], format: Format, part_target: u64) -> (Content, Collect) {
    let archive = open(&Zip::of(entries.iter().cloned()).bytes()).unwrap();
    let mut sink = Collect::default();
    let content = archive.read_hour(hour(3), packing(format, part_target), &mut sink).unwrap();
    (content, sink)
}

fn entries(lines: &[&str]) -> Vec<Entry> {
    lines.iter().enumerate().map(|(part, lines)| Entry::lines(3, part as u64, lines)).collect()
}

#[test]
fn json_gz_lands_the_members_byte_for_byte_in_natural_order() {
    let lines = |part: u64| format!("{{\"part\":{part}}}\n");
    let parts = [627, 10, 9, 70, 100];
    let members: Vec<Entry> = parts.iter().map(|part| Entry::lines(3, *part, lines(*part))).collect();
    let (content, sink) = pack(&members, Format::JsonGz, 1 << 20);
    let expected: Vec<u8> = [9, 10, 70, 100, 627].iter().flat_map(|part| gzip(lines(*part))).collect();
    assert_eq!((content.rows, sink.parts.len(), sink.joined()), (5, 1, expected));
}

#[test]
fn a_member_is_never_split_and_a_part_never_passes_its_target() {
    let members = entries(&["{\"a\":1}\n", "{\"a\":2}\n{\"a\":3}\n", "{\"a\":4}\n"]);
    let size = |i: usize| members[i].content.len() as u64;
    let rows =
        |target| pack(&members, Format::JsonGz, target).1.parts.iter().map(|part| part.0.rows).collect::<Vec<_>>();
    assert_eq!(rows(size(0) + size(1) + size(2)), [4]);
    assert_eq!(rows(size(0) + size(1) + size(2) - 1), [3, 1]);
    assert_eq!(rows(size(0) + size(1) - 1), [1, 2, 1][..].to_vec());
    assert_eq!(rows(1), [1, 2, 1], "a member larger than the target is a part of its own");
    assert_eq!(rows(0), [1, 2, 1]);
}

#[test]
fn a_missing_newline_becomes_a_gzip_member_of_its_own() {
    let members = entries(&["{\"a\":1}", "{\"a\":2}\n", "{\"a\":3}"]);
    let (content, sink) = pack(&members, Format::JsonGz, 1 << 20);
    let expected = [&members[0].content[..], &NEWLINE_MEMBER, &members[1].content, &members[2].content].concat();
    assert_eq!(sink.joined(), expected);
    assert_eq!(gunzip_all(&sink.joined()), b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}");
    assert_eq!(figures(&content), figures(&naive(b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}")));
}

#[test]
fn no_newline_is_added_where_a_new_part_begins() {
    let members = entries(&["{\"a\":1}", "{\"a\":2}"]);
    let together = (members[0].content.len() + members[1].content.len()) as u64;
    let (_, sink) = pack(&members, Format::JsonGz, together);
    assert_eq!(sink.parts.len(), 2, "the newline would pass the target");
    assert_eq!(sink.joined(), [&members[0].content[..], &members[1].content].concat());
    assert_eq!(pack(&members, Format::JsonGz, together + 21).1.parts.len(), 1);
}

#[test]
fn members_without_lines_are_landed_as_they_are() {
    let members = entries(&["", "{\"a\":1}", "", "{\"a\":2}"]);
    let (content, sink) = pack(&members, Format::JsonGz, 1 << 20);
    assert_eq!((content.rows, content.rows_invalid), (2, 0));
    assert_eq!(gunzip_all(&sink.joined()), b"{\"a\":1}\n{\"a\":2}");
    assert_eq!(pack(&members, Format::Json, 1 << 20).1.joined(), b"{\"a\":1}\n{\"a\":2}");
    let (content, sink) = pack(&entries(&[""]), Format::JsonGz, 1 << 20);
    assert_eq!((content, sink.parts.len()), (Content::default(), 1));
    assert_eq!(pack(&entries(&["", ""]), Format::Json, 1 << 20).1.parts.len(), 0);
}

#[test]
fn json_lands_the_lines_with_a_newline_between_members() {
    let (content, sink) = pack(&entries(&["{}\r\n\n{}", "x\n", " ", "{\"a\":1}"]), Format::Json, 1 << 20);
    assert_eq!(sink.joined(), b"{}\r\n\n{}\nx\n \n{\"a\":1}");
    assert_eq!((content.rows, content.rows_invalid), (4, 1));
    assert_eq!(sink.parts[0].0.rows, 4);
}

#[test]
fn json_parts_end_with_the_line_that_reaches_the_target() {
    let members = entries(&["{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", "{\"a\":4}", "{\"a\":5}\n\n\n"]);
    let cut = |target| {
        let (_, sink) = pack(&members, Format::Json, target);
        sink.parts.iter().map(|(sums, bytes)| (sums.rows, bytes.len())).collect::<Vec<_>>()
    };
    assert_eq!(cut(8), [(1, 8), (1, 8), (1, 8), (1, 8), (1, 8), (0, 2)]);
    assert_eq!(cut(9), [(2, 16), (2, 16), (1, 9), (0, 1)]);
    assert_eq!(cut(16), [(2, 16), (2, 16), (1, 10)]);
    assert_eq!(cut(0), [(1, 8), (1, 8), (1, 8), (1, 8), (1, 8), (0, 1), (0, 1)]);
    assert_eq!(cut(1000), [(5, 42)]);
}

#[test]
fn a_row_longer_than_a_part_is_never_cut() {
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(700_000));
    let (content, sink) = pack(&entries(&[&long, "{}\n"]), Format::Json, 1000);
    assert_eq!((content.rows, content.rows_invalid), (2, 0));
    assert_eq!(sink.parts.iter().map(|part| part.0.bytes).collect::<Vec<_>>(), [long.len() as u64, 3]);
}

/// Lines that do not compress: some 20 kB each.
fn noise(lines: u64) -> Vec<Vec<u8>> {
    let text = |line: u64| (0..640_u64).map(move |i| format!("{:032x}", xxh3_128(&(line * 1000 + i).to_le_bytes())));
    (0..lines).map(|line| format!("{{\"a\":\"{}\"}}", text(line).collect::<String>()).into_bytes()).collect()
}

#[test]
fn json_zst_lands_the_lines_of_json() {
    let members = entries(&["{}\r\n\n{}", "x\n", " ", "{\"a\":1}"]);
    let (content, sink) = pack(&members, Format::JsonZst, 1 << 20);
    assert_eq!(unzstd_all(&sink.joined()), pack(&members, Format::Json, 1 << 20).1.joined());
    assert_eq!((content.rows, content.rows_invalid, sink.parts.len()), (4, 1, 1));
    assert_eq!(pack(&entries(&["", ""]), Format::JsonZst, 1 << 20).1.parts.len(), 0);
}

#[test]
fn json_zst_parts_end_with_a_row_soon_after_the_target() {
    let lines = noise(100);
    let raw = [lines.join(&b'\n'), b"\n".to_vec()].concat();
    for target in [1, 100_000, 300_000, 10 << 20] {
        let (content, sink) = pack(&[Entry::new("7/7_2026-01-15_3#0.json.gz", gzip(&raw))], Format::JsonZst, target);
        assert_eq!(figures(&content), figures(&naive(&raw)));
        let mut landed = Vec::new();
        for (number, (sums, bytes)) in sink.parts.iter().enumerate() {
            let here = unzstd_all(bytes);
            assert!(here.ends_with(b"\n") && here.starts_with(b"{"), "no row is cut");
            assert_eq!(naive(&here).rows, sums.rows);
            assert!(sums.bytes < target + 100_000, "{target}: {}", sums.bytes);
            assert!(sums.bytes >= target || number + 1 == sink.parts.len(), "{target}: {}", sums.bytes);
            landed.extend(here);
        }
        assert!(landed == raw && (target > 1 << 20) == (sink.parts.len() == 1));
    }
}

#[test]
fn json_zst_parts_do_not_depend_on_how_the_lines_arrive() {
    let lines = noise(60);
    let whole = |cuts: &[usize]| {
        let pieces = cuts.iter().scan(0, |at, cut| Some(std::mem::replace(at, *cut)..*cut));
        let raw = lines.join(&b'\n');
        let content = pieces.flat_map(|range| gzip(&raw[range])).chain(gzip(&raw[cuts[cuts.len() - 1]..]));
        pack(&[Entry::new("7/7_2026-01-15_3#0.json.gz", content.collect::<Vec<u8>>())], Format::JsonZst, 250_000)
    };
    let expected = whole(&[1]);
    assert!(expected.1.parts.len() > 2);
    for cuts in [&[20_000][..], &[131_072, 131_073, 400_000], &[3, 7, 99, 262_144]] {
        assert_eq!(whole(cuts), expected, "{cuts:?}");
    }
}

#[test]
fn every_part_carries_its_sums() {
    use base64::Engine as _;
    use sha2::Digest as _;
    for (format, parts) in [(Format::JsonGz, 2), (Format::Json, 2), (Format::JsonZst, 1)] {
        let (_, sink) = pack(&entries(&["{\"a\":1}\n", "{\"a\":2}\n"]), format, 1);
        assert_eq!(sink.parts.len(), parts);
        for (sums, bytes) in &sink.parts {
            assert_eq!(sums.sha256.as_deref(), Some(hex::encode(sha2::Sha256::digest(bytes)).as_str()));
            let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
            assert_eq!(sums.crc64nvme, base64::engine::general_purpose::STANDARD.encode(crc.to_be_bytes()));
        }
    }
}

#[test]
fn sha256_is_left_out_of_all_but_json_gz_unless_asked_for() {
    let archive = open(&Zip::of(entries(&["{}\n"])).bytes()).unwrap();
    for format in Format::built() {
        let mut sink = Collect::default();
        archive.read_hour(hour(3), Packing { format, part_target: 1, sha256: false }, &mut sink).unwrap();
        assert_eq!(sink.parts[0].0.sha256.is_some(), format == Format::JsonGz, "{format}");
    }
}

#[test]
fn the_crc_is_the_one_that_s3_checks() {
    let mut sink = Collect::default();
    let mut part = super::super::sums::OpenPart::begin(&mut sink, 0, 0, false).unwrap();
    part.write(&mut sink, b"12345").unwrap();
    part.write(&mut sink, b"6789").unwrap();
    part.end(&mut sink, 0).unwrap();
    assert_eq!(sink.parts[0].0.crc64nvme, "rosUhgp5mIg=", "0xAE8B14860A799888");
}

/// Cuts parts into pieces of ten bytes.
#[derive(Default)]
struct Pieces {
    open: Vec<u8>,
    lengths: Vec<usize>,
    parts: Vec<PartSums>,
}

impl PartSink for Pieces {
    type Error = String;

    fn begin(&mut self, _part: u32) -> Result<(), String> {
        self.lengths.clear();
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), String> {
        self.open.extend_from_slice(chunk);
        Ok(())
    }

    fn piece(&self) -> u64 {
        10
    }

    fn end_piece(&mut self, crc64nvme: crc_fast::Digest) -> Result<(), String> {
        let piece = std::mem::take(&mut self.open);
        assert_eq!(crc64nvme.finalize(), crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &piece));
        self.lengths.push(piece.len());
        Ok(())
    }

    fn end(&mut self, sums: PartSums) -> Result<(), String> {
        assert!(self.open.is_empty(), "the last piece has ended");
        self.parts.push(sums);
        Ok(())
    }
}

#[test]
fn a_part_is_handed_over_in_pieces_whose_sums_join_to_its_own() {
    for (length, expected) in [(0, vec![]), (1, vec![1]), (10, vec![10]), (20, vec![10, 10]), (25, vec![10, 10, 5])] {
        let bytes: Vec<u8> = (0..length).collect();
        for cut in 0..=bytes.len() {
            let (mut sink, mut whole) = (Pieces::default(), Collect::default());
            let mut part = super::super::sums::OpenPart::begin(&mut sink, 0, 0, true).unwrap();
            let mut same = super::super::sums::OpenPart::begin(&mut whole, 0, 0, true).unwrap();
            for chunk in [&bytes[..cut], &bytes[cut..]] {
                part.write(&mut sink, chunk).unwrap();
                same.write(&mut whole, chunk).unwrap();
            }
            part.end(&mut sink, 0).unwrap();
            same.end(&mut whole, 0).unwrap();
            assert_eq!(sink.lengths, expected);
            assert_eq!(sink.parts[0], whole.parts[0].0);
        }
    }
}

#[test]
fn the_same_archive_and_packing_give_the_same_parts() {
    let members = entries(&["{\"a\":1}", "{\"a\":2}\n", "{\"a\":3}"]);
    for format in Format::built() {
        assert_eq!(pack(&members, format, 60), pack(&members, format, 60));
    }
}
