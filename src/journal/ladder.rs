//! How a database is opened whatever a crash or a bad disk left: sweep; then without the snapshots, which sled makes
//! anew from its log, and without `conf`, which holds the settings of `open_unlocked`; then set aside.
//! A full disk, a held lock, a permission error and a newer version's records end the climb: they are no damage.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;

use super::JournalError;
use super::codec::{self, Seal};
use super::lock::{io_error, sync_dir};
use super::mark::Mark;
use crate::model::Snapshot;

/// sled's page cache, bytes. It reads 10 years of hours through it once, and then writes.
const CACHE: u64 = 8 << 20;
/// Databases set aside that are kept.
const KEPT: usize = 3;
/// The lock of a database that was just dropped lingers until sled's threads let go of it: tries, and the wait between.
const LOCK_TRIES: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// An open, verified database and what it holds.
pub(super) struct Store {
    pub(super) db: sled::Db,
    /// For `sync_data`: sled's `flush` is no fsync.
    pub(super) log: File,
    pub(super) mark: Mark,
    /// `None` before the first commit.
    pub(super) seal: Option<Seal>,
    pub(super) snapshot: Snapshot,
}

/// What the climb came to.
pub(super) struct Climbed {
    pub(super) store: Store,
    pub(super) set_aside: Option<PathBuf>,
    pub(super) notes: Vec<String>,
}

enum Failure {
    /// sled did not come back within the deadline; its thread is left behind.
    Hung(Duration),
    Error(JournalError),
}

impl From<Failure> for JournalError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Hung(deadline) => JournalError::Corrupt(format!("sled did not open it within {deadline:?}")),
            Failure::Error(error) => error,
        }
    }
}

/// Where sled lives in the state directory.
pub(super) fn sled_dir(dir: &Path) -> PathBuf {
    dir.join("sled")
}

/// Opens the database in the state directory, climbing as far as needed. The caller holds the directory's lock.
pub(super) fn climb(dir: &Path, deadline: Duration) -> Result<Climbed, JournalError> {
    let sled = sled_dir(dir);
    let mut notes = Vec::new();
    let failure = match attempt(&sled, deadline, &mut notes) {
        Ok(store) => return Ok(Climbed { store, set_aside: None, notes }),
        Err(failure) => failure,
    };
    let hung = matches!(failure, Failure::Hung(_));
    let mut damage = damage_of(failure.into())?;
    // A thread that hangs keeps sled's lock and may still write: nothing is tried in its directory any more.
    if !hung {
        let dropped = remove(&sled, |name| name.starts_with("snap.") || name == "conf")?;
        notes.push(format!("the journal did not open ({damage}); {dropped} files that sled can make anew are dropped"));
        damage = match attempt(&sled, deadline, &mut notes) {
            Ok(store) => return Ok(Climbed { store, set_aside: None, notes }),
            // Only our own first attempt can hold the lock here.
            Err(Failure::Error(JournalError::Locked { .. })) => damage,
            Err(failure) => damage_of(failure.into())?,
        };
    }
    let aside = set_aside(dir)?;
    notes.push(format!("the journal was damaged ({damage}) and is set aside in {}", aside.display()));
    let store = attempt(&sled, deadline, &mut notes)?;
    Ok(Climbed { store, set_aside: Some(aside), notes })
}

/// Opens again after an error of a running database: nothing is dropped or set aside.
pub(super) fn reopen(dir: &Path, deadline: Duration) -> Result<Store, JournalError> {
    Ok(attempt(&sled_dir(dir), deadline, &mut Vec::new())?)
}

fn damage_of(error: JournalError) -> Result<String, JournalError> {
    match error {
        JournalError::Corrupt(why) => Ok(why),
        other => Err(other),
    }
}

/// One opening: sweep, open and verify, in a thread of its own so that a panic or a hang stays there.
fn attempt(sled: &Path, deadline: Duration, notes: &mut Vec<String>) -> Result<Store, Failure> {
    prepare(sled, notes).map_err(Failure::Error)?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let path = sled.to_owned();
    let work = move || {
        let result = guarded(|| open_and_read(&path));
        // Nobody listens after the deadline: the database is closed again.
        let _ = sender.send(result);
    };
    let spawned = thread::Builder::new().name("journal-open".to_owned()).spawn(work);
    spawned.map_err(|error| Failure::Error(JournalError::Io(format!("no thread to open the journal: {error}"))))?;
    match receiver.recv_timeout(deadline) {
        Ok(result) => result.map_err(Failure::Error),
        Err(_) => Err(Failure::Hung(deadline)),
    }
}

/// Runs something of sled's; a panic becomes an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, JournalError>) -> Result<T, JournalError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(JournalError::from_panic(&*panic)))
}

/// The directory, without the snapshots that were being written when a process was killed.
fn prepare(sled: &Path, notes: &mut Vec<String>) -> Result<(), JournalError> {
    if !sled.is_dir() {
        DirBuilder::new().mode(0o700).create(sled).map_err(|error| io_error(sled, &error))?;
    }
    let torn = remove(sled, |name| name.starts_with("snap.") && name.ends_with(".generating"))?;
    if torn > 0 {
        notes.push(format!("{torn} unfinished snapshots of the journal swept"));
    }
    Ok(())
}

fn remove(sled: &Path, wanted: impl Fn(&str) -> bool) -> Result<usize, JournalError> {
    let mut removed = 0;
    for entry in fs::read_dir(sled).map_err(|error| io_error(sled, &error))? {
        let entry = entry.map_err(|error| io_error(sled, &error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if wanted(&name) {
            fs::remove_file(entry.path()).map_err(|error| io_error(&entry.path(), &error))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Renames the database to `sled.quarantine-NNNN` and removes all but the newest of those.
fn set_aside(dir: &Path) -> Result<PathBuf, JournalError> {
    let mut kept: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| io_error(dir, &error))?.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("sled.quarantine-")?.parse().ok());
        kept.extend(number.map(|number| (number, entry.path())));
    }
    kept.sort();
    let next = kept.last().map_or(1, |(number, _)| number.saturating_add(1));
    let aside = dir.join(format!("sled.quarantine-{next:04}"));
    fs::rename(sled_dir(dir), &aside).map_err(|error| io_error(&aside, &error))?;
    for (_, old) in kept.iter().rev().skip(KEPT - 1) {
        // An old one that stays costs room, nothing else.
        let _ = fs::remove_dir_all(old);
    }
    sync_dir(dir)?;
    Ok(aside)
}

fn open_and_read(sled: &Path) -> Result<Store, JournalError> {
    let db = open_unlocked(sled)?;
    let (snapshot, seal) = read_all(&db)?;
    let mark = Mark::open(sled)?;
    let commits = seal.as_ref().map_or(0, |seal| seal.commits);
    match mark.read() {
        Some(acknowledged) if acknowledged > commits => {
            return Err(JournalError::Corrupt(format!(
                "it ends at commit {commits}, {acknowledged} were acknowledged"
            )));
        }
        _ => mark.write(commits),
    }
    let path = sled.join("db");
    let log = File::open(&path).map_err(|error| JournalError::from_io(&path, &error))?;
    log.sync_data().map_err(|error| JournalError::from_io(&path, &error))?;
    sync_dir(sled)?;
    sync_dir(sled.parent().unwrap_or(sled))?;
    Ok(Store { db, log, mark, seal, snapshot })
}

fn open_unlocked(sled: &Path) -> Result<sled::Db, JournalError> {
    let open = || {
        let config = sled::Config::new().path(sled).mode(sled::Mode::LowSpace);
        let db = config.cache_capacity(CACHE).flush_every_ms(None).open()?;
        // Its threads are there from the first task on; opening a new database has none for them.
        let _ = db.flush_async().now_or_never();
        Ok(db)
    };
    for _ in 1..LOCK_TRIES {
        match unhurried(open).map_err(JournalError::from_sled) {
            Err(JournalError::Locked { .. }) => thread::sleep(LOCK_WAIT),
            other => return other,
        }
    }
    unhurried(open).map_err(JournalError::from_sled)
}

/// Threads that are started meanwhile may be woken by their timers up to a minute late. sled starts seven that wait for
/// work, and look each second whether there is too little of it to keep them.
fn unhurried<T>(start: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(60_000_000_000));
    let started = start();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(None);
    started
}

/// Reads every record, and checks each and the seal over all.
pub(super) fn read_all(db: &sled::Db) -> Result<(Snapshot, Option<Seal>), JournalError> {
    let mut snapshot = Snapshot::default();
    let mut seal = None;
    let mut counted = Seal::default();
    let mut unreadable = None;
    for item in db.iter() {
        let (key, value) = item.map_err(JournalError::from_sled)?;
        if &*key == codec::SEAL_KEY {
            seal = Some(codec::read_seal(&value)?);
            continue;
        }
        counted.add(&value);
        match codec::read(&key, &value, &mut snapshot) {
            Err(JournalError::Newer { found, .. }) => unreadable = unreadable.or(Some(found)),
            other => other?,
        }
    }
    if let Some(found) = unreadable {
        let written_by = seal.map_or_else(|| "version unknown".to_owned(), |seal| seal.written_by);
        return Err(JournalError::Newer { written_by, found });
    }
    match &seal {
        Some(seal) if seal.unfinished => Err(JournalError::Corrupt("replacing it was not finished".to_owned())),
        Some(seal) if !seal.same_records(&counted) => {
            let (found, wanted) = (counted.records, seal.records);
            Err(JournalError::Corrupt(format!("{found} records found, {wanted} written, or some of them are old")))
        }
        None if counted.records > 0 => Err(JournalError::Corrupt("its seal is missing".to_owned())),
        _ => Ok((snapshot, seal)),
    }
}
