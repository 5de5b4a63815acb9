//! Directories that are there after a power cut, and what to say when the disk does not do as told.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::LakeError;
use super::together::Together;

/// Owner everything, group reads: a lake is for its readers too, but not for everybody.
const DIRECTORY_MODE: u32 = 0o750;

/// Paths remembered as durable; beyond this they are forgotten and synced again.
const REMEMBERED: usize = 4096;

/// Knows which directories of a lake this process has made durable. One that was found rather than created counts only
/// after its parent was fsynced once: who created it may have crashed before that.
pub(super) struct Directories {
    durable: Mutex<HashSet<PathBuf>>,
    syncs: Together<Result<(), Arc<io::Error>>>,
    #[cfg(test)]
    done: Mutex<Vec<tests::Done>>,
}

impl Directories {
    /// Creates the lake's root with everything that leads to it.
    pub(super) fn create_root(root: &Path) -> Result<Self, LakeError> {
        let directories = Self {
            durable: Mutex::default(),
            syncs: Together::default(),
            #[cfg(test)]
            done: Mutex::default(),
        };
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

    /// Makes the directory of a file before the file's content is fsynced, which takes the directory to the disk too
    /// where the file system has one log: its own fsync then finds little to do. What fails here fails again in
    /// [`Directories::lead_to`], and is told there.
    pub(super) fn make_ahead(&self, file: &Path) {
        if let Some(parent) = file.parent().filter(|parent| !self.is_durable(parent)) {
            let _ = DirBuilder::new().mode(DIRECTORY_MODE).create(parent);
        }
    }

    /// Creates a directory, its parents first, each one durable before anything is put into it.
    pub(super) fn create(&self, directory: &Path) -> io::Result<()> {
        if self.is_durable(directory) {
            return Ok(());
        }
        let Some(parent) = directory.parent() else { return Ok(()) };
        if let Err(error) = make(directory) {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            self.forget();
            self.create(parent)?;
            // Once: there are file systems that know no new directories, and say so in these words.
            make(directory)?;
        }
        // A parent above the root may be closed to us; it is not ours to make durable.
        match self.sync(parent) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            other => other?,
        }
        self.remember(directory.to_path_buf());
        Ok(())
    }

    fn is_durable(&self, directory: &Path) -> bool {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(directory)
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
        match file.parent().map(|parent| self.sync(parent)) {
            Some(Err(error)) => {
                self.forget();
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Makes a file's content durable.
    pub(super) fn sync_content(&self, file: &File, path: &Path) -> io::Result<()> {
        file.sync_all()?;
        self.did(path, None);
        Ok(())
    }

    /// Gives a file its name, in the place of another file; durable once its parent is synced.
    pub(super) fn rename(&self, temporary: &Path, target: &Path) -> io::Result<()> {
        fs::rename(temporary, target)?;
        self.did(temporary, Some(target));
        Ok(())
    }

    /// Gives a file its name, if nobody has it; durable once its parent is synced.
    pub(super) fn link(&self, temporary: &Path, target: &Path) -> io::Result<()> {
        fs::hard_link(temporary, target)?;
        self.did(temporary, Some(target));
        Ok(())
    }

    /// Fsyncs a directory. Who wants it at the same time shares the fsync, and its failure.
    fn sync(&self, directory: &Path) -> io::Result<()> {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let synced =
            self.syncs.run(directory, || File::open(directory).and_then(|file| file.sync_all()).map_err(Arc::new));
        synced.map_err(|error| io::Error::new(error.kind(), error))?;
        self.did(directory, None);
        Ok(())
    }

    /// Tests remember what was done to the disk, in order, and ask what a power cut would leave of it.
    #[cfg_attr(not(test), allow(clippy::unused_self))]
    fn did(&self, path: &Path, named: Option<&Path>) {
        #[cfg(test)]
        tests::remember(&self.done, path, named);
        let _ = (path, named);
    }

    /// Looks at everything anew: after a failure, because somebody may have removed a directory that we remember.
    pub(super) fn forget(&self) {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
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

/// Makes one directory; one that is there is fine.
fn make(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::directory::place::Place;
    use crate::lake::directory::writer::FileWriter;
    use crate::lake::{ObjectWriter as _, Piece, Sums};

    /// Something done to the disk: a path was fsynced, or a file got a name.
    pub(super) type Done = (PathBuf, Option<PathBuf>);

    pub(super) fn remember(done: &Mutex<Vec<Done>>, path: &Path, named: Option<&Path>) {
        done.lock().unwrap().push((path.to_path_buf(), named.map(Path::to_path_buf)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_system_that_takes_no_directories_is_an_error_and_not_asked_for_ever() {
        assert!(Directories::create_root(Path::new("/proc/lake/of/ours")).is_err());
    }

    /// Whether a key is there after a power cut that leaves nothing but what was fsynced: its content before it got its
    /// name, its name since, and every directory that leads to it.
    fn survives(place: &Place, key: &str) -> bool {
        let done = place.directories.done.lock().unwrap().clone();
        let target = place.root.join(key);
        let synced = |path: &Path, done: &[Done]| done.iter().any(|(at, named)| at == path && named.is_none());
        let Some(named) = done.iter().rposition(|(_, named)| named.as_deref() == Some(&target)) else { return false };
        let directories = target.ancestors().skip(1).take_while(|path| *path != place.root);
        synced(&done[named].0, &done[..named])
            && synced(target.parent().unwrap(), &done[named..])
            && directories.map(|directory| directory.parent().unwrap()).all(|parent| synced(parent, &done))
    }

    #[tokio::test]
    async fn what_is_answered_survives_a_power_cut() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("lake");
        for turn in 0..2 {
            let place = Arc::new(Place::open(root.clone()).unwrap());
            if turn == 1 {
                // Somebody made it and crashed before it was durable.
                fs::create_dir(root.join("a1")).unwrap();
            }
            place.put(&format!("a{turn}/put"), b"x").unwrap();
            assert!(survives(&place, &format!("a{turn}/put")));
            place.create(&format!("a{turn}/b/created"), b"x").unwrap();
            assert!(survives(&place, &format!("a{turn}/b/created")));
            let key = format!("a{turn}/c/d/written");
            let mut writer = FileWriter::begin(Arc::clone(&place), key.clone()).unwrap();
            writer.write(Piece::of("x".into())).await.unwrap();
            Box::new(writer).finish(Sums::of(b"x")).await.unwrap();
            assert!(survives(&place, &key));
        }
    }

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
