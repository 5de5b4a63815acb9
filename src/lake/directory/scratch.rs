//! A process's own place for unfinished files, and how the leftovers of crashed ones are found.
//!
//! Every process that opens the lake has a folder `_ampd/v1/tmp/<pid>.<n>/` and holds an exclusive lock on the file
//! `lock` in it for as long as it lives; the system drops the lock with the process. So a folder whose lock is free
//! belongs to nobody: whoever opens the lake next, on any machine that shares it, removes it. A live process's files
//! are never touched, whatever their age. Locks need no clock, no host name and no state.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::LakeError;
use super::durable::{Directories, trouble};
use crate::model::layout;

/// The folder and its lock.
pub(super) struct Scratch {
    directory: PathBuf,
    next: AtomicU64,
    _lock: File,
}

impl Scratch {
    /// Sweeps dead folders, then makes one of our own.
    pub(super) fn open(root: &Path, directories: &Directories) -> Result<Self, LakeError> {
        let parent = root.join(layout::TMP_DIR);
        directories.create(&parent).map_err(|error| trouble("create", &parent, &error))?;
        sweep(&parent);
        for number in 0..10_000 {
            let directory = parent.join(format!("{}.{number}", std::process::id()));
            match claim(&directory) {
                Ok(Some(lock)) => return Ok(Self { directory, next: AtomicU64::new(0), _lock: lock }),
                Ok(None) => {}
                Err(error) => return Err(trouble("create", &directory, &error)),
            }
        }
        Err(LakeError::Refused(format!("{} is full of other processes' folders", parent.display())))
    }

    /// A new, empty file.
    pub(super) fn file(&self) -> Result<(File, PathBuf), LakeError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{number}.part"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&path);
        file.map(|file| (file, path.clone())).map_err(|error| trouble("create", &path, &error))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: what stays is swept by the next process.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Makes a folder and takes its lock. `None` when somebody else has it, or swept it before we had its lock.
fn claim(directory: &Path) -> io::Result<Option<File>> {
    match DirBuilder::new().mode(0o750).create(directory) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error),
    }
    lock(directory)
}

/// Takes a folder's lock, if it is free and still the one that lies there.
fn lock(directory: &Path) -> io::Result<Option<File>> {
    let path = directory.join("lock");
    let file = match OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    let ours = file.metadata()?;
    let there = fs::metadata(&path).is_ok_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev());
    Ok(there.then_some(file))
}

/// Removes the folders of processes that are gone. Nothing depends on it, so what fails is left for the next time.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        match lock(&path) {
            Ok(Some(lock)) => {
                let removed = fs::remove_dir_all(&path);
                drop(lock);
                tracing::debug!(folder = %path.display(), ok = removed.is_ok(), "swept unfinished files of an earlier process");
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(folder = %path.display(), %error, "unfinished files could not be swept"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(root: &Path) -> usize {
        fs::read_dir(root.join(layout::TMP_DIR)).unwrap().count()
    }

    #[test]
    fn a_dead_process_is_swept_and_a_live_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let directories = Directories::create_root(root.path()).unwrap();
        let alive = Scratch::open(root.path(), &directories).unwrap();
        let (_, kept) = alive.file().unwrap();
        let dead = root.path().join(layout::TMP_DIR).join("4294967295.0");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("0.part"), b"half").unwrap();
        fs::write(dead.join("lock"), b"").unwrap();
        let second = Scratch::open(root.path(), &directories).unwrap();
        assert!(!dead.exists() && kept.exists());
        assert_eq!(folders(root.path()), 2);
        drop(second);
        drop(alive);
        assert_eq!(folders(root.path()), 0);
    }
}
