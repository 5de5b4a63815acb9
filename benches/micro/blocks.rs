//! The blocks, in the order in which an hour goes through them.

use std::hint::black_box;
use std::io::Read as _;
use std::time::Duration;

use ampd::archive::{Archive, Discard, Limits, Measure};
use ampd::journal::{Journal as _, SledJournal};
use ampd::lake::manifest_of;
use ampd::model::Format;
use crc_fast::{CrcAlgorithm, checksum};
use flate2::{Decompress, FlushDecompress, Status};
use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

use super::fixture::{Fixture, day, manifest, source, transitions};
use super::meter::{Per, measure};
use super::{packing, read};

/// Operations of one run, where one alone is too short to be measured.
const REPEATS: usize = 1000;
const COMMITS: usize = 50;

/// Measures what has `word` in its name.
pub fn run(fixture: &Fixture, word: &str) {
    let raw = Per::RawBytes(fixture.raw_bytes());
    let members = fixture.packed.len();
    println!(
        "{members} members, {:.1} MB of raw JSON, {:.1} MB of zip",
        mega(fixture.raw_bytes()),
        mega(fixture.archive.len())
    );
    let block = |name: &str, per: Per, work: &mut dyn FnMut()| {
        if name.contains(word) {
            measure(name, per, work);
        }
    };

    block("gunzip: zlib-rs, streamed by 64 KiB", raw, &mut || fixture.packed.iter().for_each(|gzip| inflate(gzip)));
    block("gunzip: flate2's MultiGzDecoder", raw, &mut || fixture.packed.iter().for_each(|gzip| decode(gzip)));
    block("gunzip: libdeflate, a member at once", raw, &mut at_once(fixture));
    block("zip index: open, a member", Per::Operations(members), &mut || {
        black_box(Archive::open(fixture.file(), day(), Limits::default()).expect("an archive"));
    });
    block("row check: counted, checked, hashed, summed", raw, &mut || check(fixture));
    block("row check: its sums alone, SHA-256 and CRC-64", raw, &mut || {
        fixture.raw.iter().for_each(|lines| sums(lines));
    });
    block("row check: serde_json's IgnoredAny, nothing else", raw, &mut || ignore(fixture));
    let written = |format: &Format| *format != Format::Parquet || cfg!(feature = "parquet");
    for format in Format::ALL.into_iter().filter(written) {
        block(&format!("an archive read to {format} parts"), raw, &mut || {
            black_box(read(fixture.file(), format));
        });
    }
    let hour = Archive::open(fixture.file(), day(), Limits::default()).expect("an archive");
    let first = hour.hours().next().expect("an hour");
    block("one tiny hour read to json.gz parts", Per::Operations(1), &mut || {
        black_box(hour.read_hour(first, packing(Format::JsonGz), &mut Discard).expect("a good hour"));
    });
    let manifest = manifest();
    let written = serde_json::to_vec(&manifest).expect("JSON");
    block("manifest: written", Per::Operations(REPEATS), &mut || {
        (0..REPEATS).for_each(|_| drop(black_box(serde_json::to_vec(&manifest))));
    });
    block("manifest: read", Per::Operations(REPEATS), &mut || {
        (0..REPEATS).for_each(|_| drop(black_box(manifest_of(&source(), manifest.hour, 1, &written))));
    });
    block("journal: one transition committed", Per::Operations(2 * COMMITS), &mut commits());
}

fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

fn inflate(gzip: &[u8]) {
    let mut output = vec![0; 128 << 10];
    let mut inflate = Decompress::new_gzip(15);
    for piece in gzip.chunks(64 << 10) {
        let mut at = 0;
        loop {
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(&piece[at..], &mut output, FlushDecompress::None).expect("gzip");
            at += usize::try_from(inflate.total_in() - before.0).expect("no more than the piece");
            let full = inflate.total_out() - before.1 == output.len() as u64;
            if status == Status::StreamEnd || (at == piece.len() && !full) {
                break;
            }
        }
    }
    black_box(inflate.total_out());
}

fn decode(gzip: &[u8]) {
    let mut output = vec![0; 128 << 10];
    let mut reader = flate2::bufread::MultiGzDecoder::new(gzip);
    while reader.read(&mut output).expect("gzip") > 0 {}
}

fn at_once(fixture: &Fixture) -> impl FnMut() {
    let mut decompressor = libdeflater::Decompressor::new();
    let longest = fixture.raw.iter().map(Vec::len).max().unwrap_or_default();
    let mut output = vec![0; longest];
    move || {
        for gzip in &fixture.packed {
            black_box(decompressor.gzip_decompress(gzip, &mut output).expect("gzip"));
        }
    }
}

fn check(fixture: &Fixture) {
    let mut measure = Measure::new(Format::Json, &Limits::default()).expect("a reader");
    for (lines, number) in fixture.raw.iter().zip(0..) {
        measure.begin(number).expect("a part");
        lines.chunks(128 << 10).for_each(|piece| measure.feed(piece).expect("lines"));
        black_box(measure.end().expect("lines"));
    }
    assert_eq!(measure.finish().expect("the rows").rows_invalid, 0);
}

fn sums(lines: &[u8]) {
    black_box(Sha256::digest(lines));
    black_box(checksum(CrcAlgorithm::Crc64Nvme, lines));
}

fn ignore(fixture: &Fixture) {
    for line in fixture.raw.iter().flat_map(|lines| lines.split(|byte| *byte == b'\n')).filter(|line| !line.is_empty())
    {
        serde_json::from_slice::<IgnoredAny>(line).expect("a row");
    }
}

/// Commits of two transitions in turn, each durable on its own as the driver wants it.
fn commits() -> impl FnMut() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut journal = SledJournal::open(folder.path(), Duration::from_secs(30)).expect("a journal").journal;
    move || {
        let _kept = &folder;
        for _ in 0..COMMITS {
            for change in transitions() {
                journal.commit(&[change]).expect("room for it");
            }
        }
    }
}
