//! The journal on sled 0.34.7.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::codec::{self, Seal};
use super::ladder::{self, Store};
use super::lock::StateLock;
use super::{Journal, JournalError};
use crate::failpoints::{Point, around_blocking};
use crate::model::{Change, Snapshot};

/// Values longer than this become files of their own inside sled; bytes.
const LARGE: usize = 32 << 10;
/// Records a batch when everything is replaced: sled takes 6 KB of memory for each until the batch is written.
const BATCH: usize = 1000;

/// The opened journal, and what opening it took.
pub struct Opened {
    /// The journal.
    pub journal: SledJournal,
    /// Nothing was ever committed here, or it was set aside: to be rebuilt from the lake.
    pub fresh: bool,
    /// Where the damaged database is.
    pub set_aside: Option<PathBuf>,
    /// What was swept, dropped or set aside, in words; empty after an ordinary start.
    pub notes: Vec<String>,
}

/// The journal on the disk. One process holds it; a commit costs one fdatasync.
pub struct SledJournal {
    /// None after an error, until the next use opens it again: sled cannot be used after one.
    store: Option<Store>,
    /// What `open` read, for the first `load`.
    loaded: Option<Snapshot>,
    dir: PathBuf,
    deadline: Duration,
    large_values: u64,
    /// Where the copy lies; removed with it.
    copy: Option<TempDir>,
    /// Dropped last.
    _lock: StateLock,
}

pub(super) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl SledJournal {
    /// Opens the journal in the state directory `dir` (made when it is not there) and reads all of it. A database that
    /// is damaged, or that sled does not open within `deadline`, is set aside as `sled.quarantine-NNNN`; one that
    /// cannot be used for another reason stays as it is.
    pub fn open(dir: &Path, deadline: Duration) -> Result<Opened, JournalError> {
        Self::climb(dir, StateLock::take(dir)?, deadline)
    }

    /// Opens a copy of it, for who must leave no trace in `dir`; what is written to it is lost.
    pub fn open_copy(dir: &Path, deadline: Duration) -> Result<Opened, JournalError> {
        let failed = |error: std::io::Error| JournalError::Io(format!("no copy to look at can be made: {error}"));
        let copy = tempfile::tempdir().map_err(failed)?;
        let worked_in = dir.join("lock").exists();
        let lock = if worked_in { StateLock::take_to_look(dir)? } else { StateLock::take(copy.path())? };
        if ladder::sled_dir(dir).is_dir() {
            copy_files(&ladder::sled_dir(dir), &ladder::sled_dir(copy.path())).map_err(failed)?;
        }
        let mut opened = Self::climb(copy.path(), lock, deadline)?;
        opened.journal.copy = Some(copy);
        Ok(opened)
    }

    /// Who holds the state directory, as the error that opening it would be; nothing is touched.
    pub fn refuse_held(dir: &Path) -> Result<(), JournalError> {
        match StateLock::take_to_look(dir) {
            Err(error @ JournalError::Locked { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    fn climb(dir: &Path, lock: StateLock, deadline: Duration) -> Result<Opened, JournalError> {
        let mut climbed = ladder::climb(dir, deadline)?;
        let fresh = climbed.store.seal.is_none();
        let journal = Self {
            loaded: Some(std::mem::take(&mut climbed.store.snapshot)),
            store: Some(climbed.store),
            dir: dir.to_owned(),
            deadline,
            large_values: 0,
            copy: None,
            _lock: lock,
        };
        Ok(Opened { journal, fresh, set_aside: climbed.set_aside, notes: climbed.notes })
    }

    /// Which state directory this is; `fresh` (16 hex digits, drawn at random) when it does not know yet.
    pub fn state_id(&self, fresh: &str) -> Result<String, JournalError> {
        super::identity::of(&self.dir, fresh)
    }

    /// Values over 32 KiB written since the start. They work, but sled is slow and wasteful with them.
    pub fn large_values(&self) -> u64 {
        self.large_values
    }

    /// Replaces everything by what `changes` write (`ampd state import`, `ampd state rebuild`), in several batches: one
    /// of 87,600 hours takes sled 600 MB. A journal that a crash left in the midst of it is set aside by the next
    /// `open` and `fresh` again.
    pub fn replace(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        let db = &self.ready()?.db;
        let mut writes = ladder::guarded(|| {
            let keys = db.iter().keys().filter(|key| key.as_ref().map_or(true, |key| &**key != codec::SEAL_KEY));
            keys.map(|key| Ok((key.map_err(JournalError::from_sled)?.to_vec(), None))).collect::<Result<Writes, _>>()
        })?;
        collect(changes, &mut writes)?;
        let mut writes = writes.into_iter().peekable();
        loop {
            let some: Writes = writes.by_ref().take(BATCH).collect();
            let unfinished = writes.peek().is_some();
            self.write(some, unfinished)?;
            if !unfinished {
                return Ok(());
            }
        }
    }

    fn ready(&mut self) -> Result<&mut Store, JournalError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => ladder::reopen(&self.dir, self.deadline)?,
        };
        Ok(self.store.insert(store))
    }

    /// One batch; `unfinished` says that it means nothing without the ones that follow.
    pub(super) fn write(&mut self, writes: Writes, unfinished: bool) -> Result<(), JournalError> {
        self.loaded = None;
        let large = writes.values().flatten().filter(|value| value.len() > LARGE).count();
        let blobs = (large > 0).then(|| ladder::sled_dir(&self.dir).join("blobs"));
        let store = self.ready()?;
        let work = || put(store, writes, unfinished, blobs.as_deref());
        let result = ladder::guarded(|| around_blocking(Point::JournalCommit, JournalError::Io, work));
        match result {
            Ok(seal) => {
                store.mark.write(seal.commits);
                store.seal = Some(seal);
                self.large_values += large as u64;
                Ok(())
            }
            Err(error) => {
                self.close();
                Err(error)
            }
        }
    }

    /// Lets go of the database; dropping one that failed may panic.
    fn close(&mut self) {
        let store = self.store.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(store)));
    }
}

impl Journal for SledJournal {
    fn load(&mut self) -> Result<Snapshot, JournalError> {
        if let Some(snapshot) = self.loaded.take() {
            return Ok(snapshot);
        }
        let store = self.ready()?;
        let result = ladder::guarded(|| ladder::read_all(&store.db));
        if result.is_err() {
            self.close();
        }
        result.map(|(snapshot, _)| snapshot)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        let mut writes = Writes::new();
        collect(changes, &mut writes)?;
        if writes.is_empty() { Ok(()) } else { self.write(writes, false) }
    }
}

impl Drop for SledJournal {
    fn drop(&mut self) {
        self.close();
        self.copy = None;
    }
}

/// A directory and those in it, without links and sockets.
fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, kind) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind)))?;
        let copy = to.join(entry.file_name());
        if kind.is_dir() {
            copy_files(&entry.path(), &copy)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), copy)?;
        }
    }
    Ok(())
}

/// The last change of a key wins.
fn collect(changes: &[Change], writes: &mut Writes) -> Result<(), JournalError> {
    for change in changes {
        let (key, value) = codec::write(change)?;
        writes.insert(key, value);
    }
    Ok(())
}

/// Writes everything and the seal in one batch, and makes it durable.
fn put(store: &Store, writes: Writes, unfinished: bool, blobs: Option<&Path>) -> Result<Seal, JournalError> {
    let mut seal = store.seal.clone().unwrap_or_default();
    let mut batch = sled::Batch::default();
    for (key, value) in writes {
        if let Some(old) = store.db.get(&key).map_err(JournalError::from_sled)? {
            seal.remove(&old);
        }
        match value {
            Some(value) => {
                seal.add(&value);
                batch.insert(key, value);
            }
            None => batch.remove(key),
        }
    }
    seal.commits += 1;
    seal.unfinished = unfinished;
    env!("CARGO_PKG_VERSION").clone_into(&mut seal.written_by);
    batch.insert(codec::SEAL_KEY, codec::write_seal(&seal)?);
    store.db.apply_batch(batch).map_err(JournalError::from_sled)?;
    store.db.flush().map_err(JournalError::from_sled)?;
    if let Some(blobs) = blobs {
        sync_files(blobs).map_err(|error| JournalError::from_io(blobs, &error))?;
    }
    store.log.sync_data().map_err(|error| JournalError::from_io(Path::new("sled/db"), &error))?;
    Ok(seal)
}

fn sync_files(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        match File::open(entry?.path()) {
            Ok(file) => file.sync_data()?,
            // sled removes a file once its value is replaced.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    File::open(dir)?.sync_all()
}
