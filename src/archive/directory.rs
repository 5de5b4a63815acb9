//! The end of a zip: its end-of-central-directory record and the directory it speaks of, read independently of the
//! zip crate, which finds a record past junk and silently collapses members of the same name.
//!
//! Source: APPNOTE.TXT 6.3.10, sections 4.3.12 (central directory), 4.3.14 and 4.3.15 (zip64), 4.3.16 (end record).

use crate::model::Fault;

use super::bytes::{u16_at, u32_at, u64_at};
use super::names::NAME_MAX;
use super::pread::Pread;

const END: u32 = 0x0605_4b50;
const END_LENGTH: usize = 22;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_LENGTH: usize = 20;
const END64: u32 = 0x0606_4b50;
pub(super) const RECORD: u32 = 0x0201_4b50;
const RECORD_LENGTH: usize = 46;

/// Bytes of directory for each member, on average, above which it is refused: names, extra fields and comments are
/// held in memory. Amplitude's take about 100.
const RECORD_AVERAGE_MAX: u64 = 512;

/// Where the central directory lies and how many members it lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Records.
    pub(super) count: u64,
    /// Offset of the first record.
    pub(super) start: u64,
    /// Length of all records.
    pub(super) length: u64,
    /// Length of the archive's comment.
    pub(super) comment: usize,
}

/// Finds the directory and walks its records: as many as the end record says, end to end, nothing after the archive.
pub(super) fn inspect(file: &mut Pread, max_entries: u64) -> Result<Directory, Fault> {
    let watch = file.watch();
    let (end, comment, record) = end_record(file)?;
    if u16_at(&record, 4) != 0 || u16_at(&record, 6) != 0 || u16_at(&record, 8) != u16_at(&record, 10) {
        return Err(watch.fault("the archive is split over several files"));
    }
    let small = Directory {
        count: u64::from(u16_at(&record, 10)),
        length: u64::from(u32_at(&record, 12)),
        start: u64::from(u32_at(&record, 16)),
        comment,
    };
    let (directory, limit) = match locator(file, end)? {
        Some(offset) => (zip64(file, offset, end - LOCATOR_LENGTH as u64, small)?, offset),
        None => (small, end),
    };
    if directory.start.checked_add(directory.length) != Some(limit) {
        return Err(watch.fault(format!(
            "the central directory does not end where the end record begins: {} bytes from {}, end record at {limit}",
            directory.length, directory.start
        )));
    }
    if directory.count > max_entries {
        return Err(watch.fault(format!("{} members, more than {max_entries}", directory.count)));
    }
    walk(file, directory)?;
    if directory.length > (directory.count + 128).saturating_mul(RECORD_AVERAGE_MAX) {
        return Err(watch.fault(format!("a directory of {} bytes for {} members", directory.length, directory.count)));
    }
    Ok(directory)
}

/// The last end record whose comment runs exactly to the end of the file: its offset, comment length and fixed part.
fn end_record(file: &mut Pread) -> Result<(u64, usize, [u8; END_LENGTH]), Fault> {
    let watch = file.watch();
    let length = file.length();
    let tail_length = length.min((END_LENGTH + usize::from(u16::MAX)) as u64);
    let mut tail = vec![0; usize::try_from(tail_length).unwrap_or(0)];
    file.exact_at(length - tail_length, &mut tail).map_err(|error| watch.fault(error))?;
    let mut seen = false;
    for at in (0..(tail.len() + 1).saturating_sub(END_LENGTH)).rev() {
        if u32_at(&tail, at) == END {
            seen = true;
            let comment = usize::from(u16_at(&tail, at + 20));
            if at + END_LENGTH + comment == tail.len() {
                let record = std::array::from_fn(|i| tail[at + i]);
                return Ok((length - tail_length + at as u64, comment, record));
            }
        }
    }
    Err(watch.fault(if seen {
        "the end record is not at the end: bytes follow the archive, or it is torn there"
    } else {
        "the archive has no end record: it is torn"
    }))
}

/// The offset of the zip64 end record, when a locator stands right before the end record.
fn locator(file: &mut Pread, end: u64) -> Result<Option<u64>, Fault> {
    let watch = file.watch();
    let Some(at) = end.checked_sub(LOCATOR_LENGTH as u64) else { return Ok(None) };
    let mut bytes = [0; LOCATOR_LENGTH];
    file.exact_at(at, &mut bytes).map_err(|error| watch.fault(error))?;
    if u32_at(&bytes, 0) != LOCATOR {
        return Ok(None);
    }
    if u32_at(&bytes, 4) != 0 || u32_at(&bytes, 16) > 1 {
        return Err(watch.fault("the archive is split over several files"));
    }
    Ok(Some(u64_at(&bytes, 8)))
}

/// The zip64 end record at `offset`, which must end at the locator and agree with the small one.
fn zip64(file: &mut Pread, offset: u64, locator: u64, small: Directory) -> Result<Directory, Fault> {
    let watch = file.watch();
    let mut bytes = [0; 56];
    file.exact_at(offset, &mut bytes).map_err(|_| watch.fault("the zip64 end record lies outside the archive"))?;
    if u32_at(&bytes, 0) != END64
        || offset.checked_add(12).and_then(|at| at.checked_add(u64_at(&bytes, 4))) != Some(locator)
    {
        return Err(watch.fault("the zip64 end record is not where its locator says"));
    }
    if u32_at(&bytes, 16) != 0 || u32_at(&bytes, 20) != 0 || u64_at(&bytes, 24) != u64_at(&bytes, 32) {
        return Err(watch.fault("the archive is split over several files"));
    }
    let large = Directory {
        count: u64_at(&bytes, 32),
        length: u64_at(&bytes, 40),
        start: u64_at(&bytes, 48),
        comment: small.comment,
    };
    let agrees = |small: u64, limit: u64, large: u64| small == limit || small == large;
    let (short, long) = (u64::from(u16::MAX), u64::from(u32::MAX));
    let same = agrees(small.count, short, large.count)
        && agrees(small.length, long, large.length)
        && agrees(small.start, long, large.start);
    if same { Ok(large) } else { Err(watch.fault("the two end records contradict each other")) }
}

/// Steps over the records, holding none: there are as many as were announced, and they fill the directory exactly.
fn walk(file: &mut Pread, directory: Directory) -> Result<(), Fault> {
    let watch = file.watch();
    let end = directory.start + directory.length;
    let (mut at, mut count) = (directory.start, 0_u64);
    while at < end && count <= directory.count {
        let mut record = [0; RECORD_LENGTH];
        file.exact_at(at, &mut record).map_err(|error| watch.fault(error))?;
        if u32_at(&record, 0) != RECORD {
            return Err(watch.fault(format!("the central directory is damaged at record {count}")));
        }
        let name = u16_at(&record, 28);
        if usize::from(name) > NAME_MAX {
            return Err(watch.fault(format!("record {count} has a name of {name} bytes")));
        }
        if u16_at(&record, 34) != 0 {
            return Err(watch.fault("the archive is split over several files"));
        }
        at += RECORD_LENGTH as u64 + u64::from(name) + u64::from(u16_at(&record, 30)) + u64::from(u16_at(&record, 32));
        count += 1;
    }
    if at != end || count != directory.count {
        let more = if at < end { "more" } else { &count.to_string() };
        return Err(
            watch.fault(format!("the end record says {} members, the central directory holds {more}", directory.count))
        );
    }
    Ok(())
}
