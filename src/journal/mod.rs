//! What the daemon remembers: a cache of the lake, and the work in progress.

use crate::model::{Change, Snapshot};

/// placeholder until the journal lands
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// io
    #[error("{0}")]
    Io(String),
}
/// Journal
pub trait Journal: Send {
    /// load
    fn load(&mut self) -> Result<Snapshot, JournalError>;
    /// commit
    fn commit(&mut self, changes: &[Change]) -> Result<(), JournalError>;
}
