//! Zip of gzipped JSON lines: opened, bounded, checked, counted, hashed.
//!
//! An export's archive is a zip whose members are gzip files of JSON lines. It comes from a network, so nothing it says
//! is believed: [`Archive::open`] judges the directory without reading a member; [`Archive::read_hour`] reads the
//! members of one hour to their ends and writes the hour's parts to a [`PartSink`]. Both are synchronous; several
//! threads may read hours of the same archive. Memory does not depend on the size of members or rows.
//!
//! ```text
//! open       directory (end record, count) -> zip crate (entries) -> index (names, methods) -> placement (no overlap, no hole)
//! read_hour  pread -> zip crate (inflate, CRC) -> gunzip (all members, CRC, cap) -> rows (count, check, hash)
//!                                             \-> packing -> sums -> sink        \-> packing (all but json.gz)
//!            a short member of one gzip stream goes through whole instead of gunzip, held in one piece
//! ```

mod arriving;
mod bytes;
#[cfg(feature = "parquet")]
mod columns;
mod directory;
mod gunzip;
mod index;
mod json;
mod measure;
mod names;
mod nesting;
mod packing;
mod placement;
mod pread;
mod read;
mod rows;
mod sums;
#[cfg(test)]
mod tests;
mod times;
mod unzst;
mod walk;
mod whole;

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config, ZipArchiveMetadata};

use crate::config::Staging;
use crate::model::{Fault, FaultKind, Hour, Window};

pub use arriving::Arriving;
pub use measure::Measure;
pub use packing::Packing;
pub use read::ReadError;
pub use rows::is_blank;
pub use sums::{Discard, PartSink, PartSums};
pub use walk::Walk;

/// What an archive may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may come out of a member for each of its bytes in the archive.
    pub max_expansion: u64,
    /// A member's output up to here is never judged by `max_expansion`.
    pub expansion_floor: u64,
    /// Bytes that may come out of a member.
    pub max_member_output: u64,
    /// Members, folders included.
    pub max_entries: u64,
    /// A longer row is counted and hashed, but not held, so not checked: it counts as invalid.
    pub max_row_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_expansion: 200,
            expansion_floor: 64 << 20,
            max_member_output: 64 << 30,
            max_entries: 100_000,
            max_row_bytes: 16 << 20,
        }
    }
}

impl From<&Staging> for Limits {
    fn from(staging: &Staging) -> Self {
        Self { max_expansion: staging.max_expansion, ..Self::default() }
    }
}

impl Limits {
    /// Most bytes that may come out of a member of `compressed` bytes.
    fn output_cap(&self, compressed: u64) -> u64 {
        compressed.saturating_mul(self.max_expansion).max(self.expansion_floor).min(self.max_member_output)
    }
}

/// An archive that was opened and inspected. Cheap to clone; clones share the file.
#[derive(Clone)]
pub struct Archive(Arc<Opened>);

impl std::fmt::Debug for Archive {
    /// Without its directory, which may be long.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hours = self.0.index.hours.len();
        f.debug_struct("Archive").field("bytes", &self.0.length).field("hours", &hours).finish_non_exhaustive()
    }
}

struct Opened {
    file: Arc<File>,
    length: u64,
    zip: Arc<ZipArchiveMetadata>,
    index: index::Index,
    limits: Limits,
    /// As many as hours were read at once.
    spare: Mutex<Vec<read::Buffers>>,
}

impl Archive {
    /// Opens and inspects an archive without reading a member: it begins with `PK`, nothing stands before or after it,
    /// its directory is whole and lists as many members as its end record says, none twice, none over another, each
    /// stored or deflated, each named as an export names them, for an hour of `window`, of one project.
    pub fn open(file: File, window: Window, limits: Limits) -> Result<Archive, Fault> {
        const BUFFER: usize = 32 * 1024;
        const HEADER_BUFFER: usize = 512;
        let length = file.metadata().map_err(|error| Fault::new(FaultKind::StagingFailed, error))?.len();
        let file = Arc::new(file);
        let mut reader = pread::Pread::new(Arc::clone(&file), length, BUFFER);
        let watch = reader.watch();
        magic(&mut reader)?;
        let directory = directory::inspect(&mut reader, limits.max_entries)?;
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = ZipArchive::with_config(config, reader).map_err(|error| watch.fault(error))?;
        if zip.has_duplicate_names() || zip.len() as u64 != directory.count {
            return Err(watch.fault(format!(
                "a name is there twice: {} members, {} names",
                directory.count,
                zip.len()
            )));
        }
        if zip.central_directory_start() != directory.start || zip.comment().len() != directory.comment {
            return Err(watch.fault("the archive has two end records"));
        }
        let zip = zip.metadata();
        let mut index = index::read(&zip, window, &limits)?;
        let mut headers = pread::Pread::new(Arc::clone(&file), length, HEADER_BUFFER);
        placement::check(&mut headers, &zip, std::mem::take(&mut index.listed), directory.start)?;
        Ok(Archive(Arc::new(Opened { file, length, zip, index, limits, spare: Mutex::default() })))
    }

    /// The hours that have members, in order.
    pub fn hours(&self) -> impl Iterator<Item = Hour> {
        self.0.index.hours.keys().copied()
    }

    /// The project that the members name, digits; `None` when there are none.
    pub fn project(&self) -> Option<&str> {
        self.0.index.project.as_deref()
    }

    /// How many members `hour` has.
    pub fn members(&self, hour: Hour) -> usize {
        self.hour_members(hour).len()
    }

    /// Bytes of gzip that `hour` has, as the directory declares them.
    pub fn compressed_bytes(&self, hour: Hour) -> u64 {
        self.hour_members(hour).iter().map(|member| member.gzip_bytes).sum()
    }

    /// The length of the archive in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.length
    }

    fn hour_members(&self, hour: Hour) -> &[index::Member] {
        self.0.index.hours.get(&hour).map_or(&[], Vec::as_slice)
    }

    fn zip(&self) -> &ZipArchiveMetadata {
        &self.0.zip
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }

    fn spare(&self) -> MutexGuard<'_, Vec<read::Buffers>> {
        self.0.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self, buffer: usize) -> pread::Pread {
        pread::Pread::new(Arc::clone(&self.0.file), self.0.length, buffer)
    }
}

/// What the `parquet` feature was left out for.
#[cfg(not(feature = "parquet"))]
fn without_parquet() -> Fault {
    Fault::new(FaultKind::LakeRefused, "this ampd was built without the format parquet")
}

/// The first two bytes are `PK`, or this is no archive at all.
fn magic(reader: &mut pread::Pread) -> Result<(), Fault> {
    let mut first = [0; 2];
    if reader.length() >= 2 {
        let watch = reader.watch();
        reader.exact_at(0, &mut first).map_err(|error| watch.fault(error))?;
    }
    match (&first, reader.length()) {
        (b"PK", _) => Ok(()),
        (_, 0) => Err(Fault::new(FaultKind::NotAnArchive, "the body is empty")),
        (_, length) => Err(Fault::new(FaultKind::NotAnArchive, format!("{length} bytes that do not begin with PK"))),
    }
}
