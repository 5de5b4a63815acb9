//! `sled/commits`: the number of the last acknowledged commit, beside the database. sled takes a damaged end of its log
//! for a torn write and opens without it; then the database's own number is lower than this one, and that is damage.
//!
//! The mark is written after the commit is durable and is not synced itself: after a power cut it may be too low, which
//! is harmless, never too high.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::JournalError;
use super::lock::io_error;

const LENGTH: usize = 12;

/// The open mark.
#[derive(Debug)]
pub(super) struct Mark(File);

impl Mark {
    /// Opens the mark in the database's directory, new when it is not there.
    pub(super) fn open(sled: &Path) -> Result<Self, JournalError> {
        let path = sled.join("commits");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(&path).map(Self).map_err(|error| io_error(&path, &error))
    }

    /// The number; `None` when there is none, or it is damaged itself.
    pub(super) fn read(&self) -> Option<u64> {
        let mut bytes = [0; LENGTH];
        self.0.read_exact_at(&mut bytes, 0).ok()?;
        let (number, sum) = bytes.split_at(8);
        (crc32c::crc32c(number).to_le_bytes() == sum).then(|| u64::from_le_bytes(number.try_into().unwrap_or_default()))
    }

    /// Writes the number. A failure leaves a lower one, which is harmless, so it is not an error.
    pub(super) fn write(&self, commits: u64) {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&commits.to_le_bytes());
        bytes[8..].copy_from_slice(&crc32c::crc32c(&commits.to_le_bytes()).to_le_bytes());
        let _ = self.0.write_all_at(&bytes, 0);
    }
}
