//! The staging directory: archives wait here from their download until their hours are published.
//!
//! ```text
//! <dir>/lock                                         held by flock as long as a process uses the directory; holds its pid
//! <dir>/<capture>.zip.part                           a download under way; read as it grows, by its own process only; swept at the next start
//! <dir>/<capture>.zip                                whole: written, fsynced, renamed, the directory fsynced
//! <dir>/quarantine/<label>.<capture>.zip             a broken archive, kept for a person
//! <dir>/quarantine/<label>.<capture>.reason.json     and why it is there
//! ```
//!
//! A file that exists proves nothing: [`Stage::open_capture`] believes only the length and the SHA-256 that the journal
//! recorded. What lies in quarantine counts against `staging.max_bytes` as everything does, but it never stands in the
//! way: the oldest of it is deleted when a download needs the room.

mod captures;
mod file;
mod names;
mod quarantine;
mod room;
mod tail;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config;
use crate::model::CaptureId;

pub use file::{StageFile, Staged};
pub use quarantine::{kept, label};
pub use tail::Tail;

/// Why the staging directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Another process uses it.
    #[error("the staging directory {} is in use{}", .dir.display(), .pid.map_or(String::new(), |pid| format!(" by process {pid}")))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process, where its lock file says so.
        pid: Option<u32>,
    },
    /// It cannot be created, read or written.
    #[error("cannot {what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What the directory holds and may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in downloads, archives and quarantine.
    pub used_bytes: u64,
    /// `staging.max_bytes`.
    pub limit_bytes: u64,
    /// Bytes free on the disk; 0 when the disk does not say.
    pub free_bytes: u64,
}

/// What a sweep deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Unfinished downloads.
    pub parts: u64,
    /// Archives that the journal does not know.
    pub archives: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// Entries that are not ours; they are left alone.
    pub foreign: u64,
}

/// The staging directory, locked for this process. A clone is the same directory; the last one unlocks it.
#[derive(Clone, Debug)]
pub struct Stage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    quarantine: PathBuf,
    max_bytes: u64,
    min_free: u64,
    /// Longest archive: `max_archive_bytes`, and never more than fits into an otherwise empty directory.
    archive_limit: u64,
    keep_quarantined: usize,
    used: AtomicU64,
    ledger: Mutex<Ledger>,
    /// Held while files move into or out of quarantine.
    quarantining: Mutex<()>,
    _lock: File,
}

/// What this process knows about captures.
#[derive(Debug, Default)]
struct Ledger {
    writing: HashSet<CaptureId>,
    /// Length and SHA-256 of what was written or read to the end by this process.
    verified: HashMap<CaptureId, (u64, String)>,
}

impl Stage {
    /// Opens and locks the directory, which is created (mode 0700) where it is missing, and measures what it holds.
    pub fn open(config: &config::Staging) -> Result<Self, StageError> {
        let dir = config.dir.clone();
        let quarantine = quarantine::quarantine_of(&dir);
        for path in [&dir, &quarantine] {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| StageError::Io {
                what: "create",
                path: path.clone(),
                source,
            })?;
        }
        let lock = lock(&dir)?;
        let inner = Inner {
            max_bytes: config.max_bytes,
            min_free: config.min_free,
            archive_limit: config.max_archive_bytes.min(config.max_bytes),
            keep_quarantined: config.keep_quarantined,
            used: AtomicU64::new(0),
            ledger: Mutex::default(),
            quarantining: Mutex::default(),
            _lock: lock,
            dir,
            quarantine,
        };
        let measured = inner.measure();
        measured.map_err(|source| StageError::Io { what: "read", path: inner.dir.clone(), source })?;
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the lock and leaves our pid in it. The system releases it with the process, however that ends.
fn lock(dir: &Path) -> Result<File, StageError> {
    let path = dir.join("lock");
    let failed = |what| {
        let path = path.clone();
        move |source| StageError::Io { what, path, source }
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed("open"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = (&file).take(20).read_to_string(&mut text);
            return Err(StageError::Locked { dir: dir.to_owned(), pid: text.trim().parse().ok() });
        }
        Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
    }
    file.set_len(0)
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
        .map_err(failed("write"))?;
    Ok(file)
}

/// Makes what happened to the names in a directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
