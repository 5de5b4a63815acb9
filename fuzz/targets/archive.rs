//! Any bytes as a downloaded archive. Whatever they are: an answer, a fault in printable words, never a panic; and what
//! is read holds the same rows in every format, which an independent decoder finds in the objects too; and what is read
//! while it arrives counts only where the whole archive gives the same.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use ampd::archive::{Archive, Arriving, Limits, Packing, PartSink, PartSums, ReadError, Walk};
use ampd::model::{Content, Fault, FaultKind, Format, Hour, Window};
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

/// Small enough that a bomb is a short input.
const LIMITS: Limits = Limits {
    max_expansion: 200,
    expansion_floor: 1 << 20,
    max_member_output: 4 << 20,
    max_entries: 1000,
    max_row_bytes: 64 << 10,
};

pub fn run(input: &[u8]) {
    let window = Window::new("2026-01-15T00".parse().unwrap(), "2026-01-15T23".parse().unwrap()).unwrap();
    let walk = Walk::default();
    let early = arriving(input, window, &walk);
    let archive = match Archive::open(file(input), window, LIMITS) {
        Ok(archive) => archive,
        Err(fault) => return is_blamed_on_the_archive(&fault),
    };
    if walk.judge(&archive).is_ok() {
        for (hour, content, objects) in early {
            assert_eq!(read(&archive, hour, Format::Json), Ok((content, objects)), "{hour} is what was read early");
        }
    }
    for hour in archive.hours().collect::<Vec<_>>() {
        let packed = read(&archive, hour, Format::JsonGz);
        let plain = read(&archive, hour, Format::Json);
        let zst = read(&archive, hour, Format::JsonZst);
        if let (Ok((content, objects)), Ok((same, lines))) = (&zst, &plain) {
            assert_eq!(content, same, "json.zst holds the same rows");
            if !objects.is_empty() {
                let mut raw = Vec::new();
                StreamingDecoder::new(objects.as_slice()).expect("a frame").read_to_end(&mut raw).expect("a whole one");
                assert_eq!(&raw, lines);
            }
        }
        assert_eq!(zst.is_ok(), plain.is_ok());
        match (packed, plain) {
            (Ok((packed, objects)), Ok((plain, lines))) => {
                assert_eq!(packed, plain, "both formats hold the same rows");
                let mut raw = Vec::new();
                MultiGzDecoder::new(objects.as_slice()).read_to_end(&mut raw).expect("a gzip file, or no file");
                let rows = |text: &[u8]| {
                    text.split(|byte| *byte == b'\n')
                        .filter(|line| !ampd::archive::is_blank(line))
                        .map(<[u8]>::to_vec)
                        .collect::<Vec<_>>()
                };
                assert_eq!(rows(&raw), rows(&lines));
                assert_eq!(rows(&raw).len() as u64, packed.rows);
            }
            (Err(one), Err(other)) => {
                is_blamed_on_the_archive(&one);
                is_blamed_on_the_archive(&other);
            }
            (one, other) => panic!("the formats disagree: {:?} {:?}", one.map(|of| of.0), other.map(|of| of.0)),
        }
    }
}

/// The hours that are read to their ends while these bytes arrive.
fn arriving(input: &[u8], window: Window, walk: &Walk) -> Vec<(Hour, Content, Vec<u8>)> {
    let mut arriving = Arriving::new(input, window, LIMITS, walk.clone());
    let mut hours = Vec::new();
    while let Some((hour, _)) = arriving.next_hour() {
        let mut joined = Joined::default();
        let Some((content, _)) = arriving.read_hour(packing(Format::Json), &mut joined) else { break };
        hours.push((hour, content, joined.0));
    }
    hours
}

fn is_blamed_on_the_archive(fault: &Fault) {
    assert!(matches!(fault.kind, FaultKind::BrokenArchive | FaultKind::NotAnArchive), "{fault:?}");
    assert!(!fault.detail.is_empty() && fault.detail.len() <= Fault::DETAIL_MAX, "{fault:?}");
    assert!(fault.detail.chars().all(|c| (' '..='~').contains(&c)), "{fault:?}");
}

fn file(bytes: &[u8]) -> File {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempfile_in(memory) } else { tempfile::tempfile() };
    let mut file = made.unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Everything that is written, one part after another.
#[derive(Default)]
struct Joined(Vec<u8>);

impl PartSink for Joined {
    type Error = std::convert::Infallible;

    fn begin(&mut self, _: u32) -> Result<(), Self::Error> {
        Ok(())
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), Self::Error> {
        self.0.extend_from_slice(chunk);
        Ok(())
    }

    fn end(&mut self, _: PartSums) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn packing(format: Format) -> Packing {
    Packing { format, part_target: u64::MAX, sha256: false }
}

fn read(archive: &Archive, hour: Hour, format: Format) -> Result<(Content, Vec<u8>), Fault> {
    let mut joined = Joined::default();
    match archive.read_hour(hour, packing(format), &mut joined) {
        Ok(content) => Ok((content, joined.0)),
        Err(ReadError::Archive(fault)) => Err(fault),
        Err(ReadError::Sink(never)) => match never {},
    }
}
