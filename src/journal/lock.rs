//! One process per state directory: `lock`, held for life, with the holder's pid inside.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::JournalError;

/// The held lock; dropping it, or dying, releases it.
#[derive(Debug)]
pub(super) struct StateLock {
    _file: File,
}

impl StateLock {
    /// Makes the state directory (mode 0700) when it is not there, and takes its lock.
    pub(super) fn take(dir: &Path) -> Result<Self, JournalError> {
        make_private_dir(dir)?;
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = hold(&path, &options)?;
        // The pid is for people only: a full disk must not keep the journal from opening.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }

    /// Takes the lock of a state directory where somebody worked before, and writes nothing.
    pub(super) fn take_to_look(dir: &Path) -> Result<Self, JournalError> {
        let file = hold(&dir.join("lock"), OpenOptions::new().read(true))?;
        Ok(Self { _file: file })
    }
}

fn hold(path: &Path, options: &OpenOptions) -> Result<File, JournalError> {
    let failed = |error: std::io::Error| io_error(path, &error);
    let mut file = options.open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked { pid: holder(&mut file) }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn make_private_dir(dir: &Path) -> Result<(), JournalError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| io_error(parent, &error))?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(io_error(dir, &error)),
        _ => {}
    }
    sync_dir(parent)
}

/// Makes the names in `dir` durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| io_error(dir, &error))
}

/// Outside of sled's files no error is damage: a path that is wrong stays wrong when the database is set aside.
pub(super) fn io_error(path: &Path, error: &std::io::Error) -> JournalError {
    match JournalError::from_io(path, error) {
        JournalError::Corrupt(text) => JournalError::Io(text),
        other => other,
    }
}
