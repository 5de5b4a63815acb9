//! Directories that are there after a power cut, and what to say when the disk does not do as told.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::LakeError;

/// Owner everything, group reads: a lake is for its readers too, but not for everybody.
const DIRECTORY_MODE: u32 = 0o750;

/// Paths remembered as durable; beyond this they are forgotten and synced again.
const REMEMBERED: usize = 4096;

/// Knows which directories of a lake this process has made durable. One that was found rather than created counts only
/// after its parent was fsynced once: who created it may have crashed before that.
pub(super) struct Directories {
    durable: Mutex<HashSet<PathBuf>>,
}

impl Directories {
    /// Creates the lake's root with everything that leads to it.
    pub(super) fn create_root(root: &Path) -> Result<Self, LakeError> {
        let directories = Self { durable: Mutex::default() };
        let absolute = std::path::absolute(root).map_err(|error| trouble("find", root, &error))?;
        if fs::metadata(&absolute).is_err() {
            directories.create(&absolute).map_err(|error| trouble("create", root, &error))?;
        }
        if !absolute.is_dir() {
            return Err(LakeError::Refused(format!("{} is no directory", root.display())));
        }
        directories.remember(root.to_path_buf());
        Ok(directories)
    }

    /// Creates the directories of a file and makes them durable.
    pub(super) fn lead_to(&self, file: &Path) -> io::Result<()> {
        file.parent().map_or(Ok(()), |parent| self.create(parent))
    }

    /// Creates a directory, its parents first, each one durable before anything is put into it.
    pub(super) fn create(&self, directory: &Path) -> io::Result<()> {
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(directory) {
            return Ok(());
        }
        let Some(parent) = directory.parent() else { return Ok(()) };
        match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.forget();
                self.create(parent)?;
                return self.create(directory);
            }
            Err(error) => return Err(error),
        }
        // A parent above the root may be closed to us; it is not ours to make durable.
        match sync(parent) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
        self.remember(directory.to_path_buf());
        Ok(())
    }

    fn remember(&self, directory: PathBuf) {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.len() >= REMEMBERED {
            durable.clear();
        }
        durable.insert(directory);
    }

    /// Makes a file's name durable.
    pub(super) fn sync_parent(&self, file: &Path) -> io::Result<()> {
        match file.parent().map(sync) {
            Some(Err(error)) => {
                self.forget();
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Looks at everything anew: after a failure, because somebody may have removed a directory that we remember.
    pub(super) fn forget(&self) {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Fsyncs a directory.
fn sync(directory: &Path) -> io::Result<()> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    File::open(directory)?.sync_all()
}

/// What went wrong with a file, and whose turn it is.
pub(super) fn trouble(what: &str, path: &Path, error: &io::Error) -> LakeError {
    use io::ErrorKind as Kind;
    let path = path.display();
    match error.kind() {
        Kind::StorageFull => LakeError::Unavailable(format!("the lake's disk is full: cannot {what} {path}")),
        Kind::QuotaExceeded => {
            LakeError::Unavailable(format!("the lake's disk quota is used up: cannot {what} {path}"))
        }
        Kind::PermissionDenied => LakeError::Refused(format!(
            "cannot {what} {path}: permission denied; the lake's directory must belong to the user ampd runs as"
        )),
        Kind::ReadOnlyFilesystem => LakeError::Refused(format!("cannot {what} {path}: the file system is read-only")),
        Kind::CrossesDevices => {
            LakeError::Refused(format!("cannot {what} {path}: a lake must lie on one file system ({error})"))
        }
        _ => LakeError::Unavailable(format!("cannot {what} {path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_waits_and_a_closed_one_asks_for_a_person() {
        let full = trouble("write", Path::new("x"), &io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(&full, LakeError::Unavailable(text) if text.contains("full")), "{full}");
        let closed = trouble("write", Path::new("x"), &io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        assert!(matches!(&closed, LakeError::Refused(text) if text.contains("read-only")), "{closed}");
        let denied = trouble("write", Path::new("x"), &io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(matches!(denied, LakeError::Refused(_)));
    }

    #[test]
    fn a_directory_that_was_removed_behind_our_back_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let directories = Directories::create_root(root.path()).unwrap();
        let file = root.path().join("a/b/c");
        directories.lead_to(&file).unwrap();
        fs::remove_dir_all(root.path().join("a")).unwrap();
        assert!(directories.sync_parent(&file).is_err());
        directories.lead_to(&file).unwrap();
        assert!(root.path().join("a/b").is_dir());
    }
}
