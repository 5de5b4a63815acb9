//! What the daemon remembers: a cache of the lake, and the work in progress.
//!
//! Everything about sled is in this module. sled 0.34.7 keeps what it acknowledged through a `kill -9`, but it does not
//! open again after one that tore `snap.*.generating`, its `flush` is no fsync, it cannot be used again after a full
//! disk, and a damaged file may make it panic or hang. [`SledJournal::open`] and its [`Journal::commit`] answer each.

mod codec;
mod error;
mod identity;
mod ladder;
mod lock;
mod mark;
mod memory;
mod store;
mod transfer;

#[cfg(test)]
mod tests;

pub use error::JournalError;
pub use memory::MemoryJournal;
pub use store::{Opened, SledJournal};
pub use transfer::{ImportError, export, import};

use crate::model::{Change, Snapshot};

/// Reads one stored record, as opening does: its key and its value with version and checksum.
pub fn read_record(key: &[u8], value: &[u8]) -> Result<Snapshot, JournalError> {
    let mut snapshot = Snapshot::default();
    codec::read(key, value, &mut snapshot)?;
    Ok(snapshot)
}

/// The store of the engine's records.
pub trait Journal: Send {
    /// Everything, as of the last commit.
    fn load(&mut self) -> Result<Snapshot, JournalError>;

    /// All changes or none, durable when it returns. After an error it is unknown whether they were written: commit
    /// them again (a repeat changes nothing) or load. Batches are best kept under a few thousand changes.
    fn commit(&mut self, changes: &[Change]) -> Result<(), JournalError>;
}
