//! The reader's promises, kept against archives built in code.
#![allow(clippy::cast_possible_truncation)]

mod arriving;
#[cfg(feature = "parquet")]
mod columns;
mod gzips;
mod hostile;
mod json;
mod parts;
mod random;
mod reads;
mod rows;
mod whole;
mod zipper;

use std::io::{Read, Write};

use xxhash_rust::xxh3::xxh3_128;

use super::*;
use crate::model::{Content, ContentHash, Format};

/// The archive's window in these tests.
fn day() -> Window {
    Window::new("2026-01-15T00".parse().unwrap(), "2026-01-15T23".parse().unwrap()).unwrap()
}

fn hour(number: i64) -> Hour {
    day().first().plus(number)
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn open(bytes: &[u8]) -> Result<Archive, Fault> {
    Archive::open(file(bytes), day(), Limits::default())
}

fn packing(format: Format, part_target: u64) -> Packing {
    Packing { format, part_target, sha256: true }
}

/// Keeps every part.
#[derive(Debug, Default, PartialEq)]
struct Collect {
    open: Option<(u32, Vec<u8>)>,
    parts: Vec<(PartSums, Vec<u8>)>,
}

impl Collect {
    fn joined(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

impl PartSink for Collect {
    type Error = String;

    fn begin(&mut self, part: u32) -> Result<(), String> {
        assert!(self.open.is_none() && part as usize == self.parts.len());
        self.open = Some((part, Vec::new()));
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), String> {
        assert!(!chunk.is_empty());
        self.open.as_mut().unwrap().1.extend_from_slice(chunk);
        Ok(())
    }

    fn end(&mut self, sums: PartSums) -> Result<(), String> {
        let (part, bytes) = self.open.take().unwrap();
        assert_eq!((sums.part, sums.bytes), (part, bytes.len() as u64));
        self.parts.push((sums, bytes));
        Ok(())
    }
}

/// Opens an archive and reads all its hours.
fn read_all(bytes: &[u8], format: Format) -> Result<Vec<(Content, Collect)>, Fault> {
    let archive = open(bytes)?;
    let hours: Vec<Hour> = archive.hours().collect();
    let read = |hour| {
        let mut sink = Collect::default();
        match archive.read_hour(hour, packing(format, 1 << 20), &mut sink) {
            Ok(content) => Ok((content, sink)),
            Err(ReadError::Archive(fault)) => Err(fault),
            Err(ReadError::Sink(error)) => panic!("{error}"),
        }
    };
    hours.into_iter().map(read).collect()
}

/// Reads the one hour of an archive.
fn read_one(bytes: &[u8], format: Format) -> (Content, Collect) {
    let mut hours = read_all(bytes, format).unwrap();
    assert_eq!(hours.len(), 1);
    hours.pop().unwrap()
}

/// The archive is refused as broken, in printable words that say `reason`.
#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    for format in Format::built() {
        let fault = read_all(bytes, format).expect_err(reason);
        assert_eq!(fault.kind, FaultKind::BrokenArchive, "{fault}");
        assert!(fault.detail.contains(reason), "\"{}\" does not say \"{reason}\"", fault.detail);
        assert!(fault.detail.len() <= Fault::DETAIL_MAX && fault.detail.chars().all(|c| (' '..='~').contains(&c)));
    }
}

/// Another decoder's opinion of a zstd file: one frame with a checksum.
fn unzstd_all(mut bytes: &[u8]) -> Vec<u8> {
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(&mut bytes).unwrap();
    let mut raw = Vec::new();
    decoder.read_to_end(&mut raw).unwrap();
    let told = decoder.decoder.get_checksum_from_data();
    assert!(told.is_some() && told == decoder.decoder.get_calculated_checksum());
    assert!(bytes.is_empty(), "more than one frame");
    raw
}

/// The formats that hold the lines as they were sent.
const OF_LINES: [Format; 3] = [Format::JsonGz, Format::Json, Format::JsonZst];

/// The lines that an object of a format holds.
fn lines_of(bytes: &[u8], format: Format) -> Vec<u8> {
    match format {
        Format::JsonGz => gunzip_all(bytes),
        Format::Json => bytes.to_vec(),
        Format::JsonZst => unzstd_all(bytes),
        Format::Parquet => unreachable!("it holds no lines"),
    }
}

/// Another decoder's opinion of a gzip file.
fn gunzip_all(bytes: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut raw).unwrap();
    raw
}

/// Counts and hashes in the plainest way.
fn naive(raw: &[u8]) -> Content {
    let mut content = Content::default();
    for line in raw.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(|b| b" \t\r".contains(b))) {
        content.rows += 1;
        content.rows_invalid += u64::from(!is_object(line));
        content.content_hash.add(xxh3_128(line));
    }
    content
}

fn is_object(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|text| {
        text.trim_start_matches([' ', '\t', '\r']).starts_with('{')
            && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    })
}

fn figures(content: &Content) -> (u64, u64, ContentHash) {
    (content.rows, content.rows_invalid, content.content_hash)
}
