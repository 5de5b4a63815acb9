//! The blocking half of a directory lake.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::durable::{Directories, trouble};
use super::scratch::Scratch;
use super::together::Together;
use super::walk::Reading;
use super::{LakeError, too_long};
use crate::lake::{Created, GET_MAX, Head, keys};

/// What the blocking halves of the operations share.
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) directories: Directories,
    pub(super) scratch: Scratch,
    pub(super) readings: Together<Reading>,
}

impl Place {
    /// Opens a lake's directory, made where it is missing, and sweeps what crashed processes left unfinished.
    pub(super) fn open(root: PathBuf) -> Result<Self, LakeError> {
        let directories = Directories::create_root(&root)?;
        let scratch = Scratch::open(&root, &directories)?;
        Ok(Self { root, directories, scratch, readings: Together::default() })
    }

    /// The file of a key.
    pub(super) fn path(&self, key: &str) -> Result<PathBuf, LakeError> {
        keys::check(key)?;
        Ok(self.root.join(key))
    }

    /// Writes a temporary file, whole and fsynced.
    pub(super) fn written(&self, body: &[u8]) -> Result<PathBuf, LakeError> {
        let (mut file, path) = self.scratch.file()?;
        let done = file.write_all(body).and_then(|()| self.directories.sync_content(&file, &path));
        self.or_remove(&path, done)?;
        Ok(path)
    }

    /// Passes a result on; a failure removes the temporary file.
    pub(super) fn or_remove<T>(&self, path: &Path, result: io::Result<T>) -> Result<T, LakeError> {
        result.map_err(|error| {
            self.directories.forget();
            // The first error is the one to tell; what stays is swept with the scratch directory.
            let _ = fs::remove_file(path);
            trouble("write", path, &error)
        })
    }

    /// Moves a fsynced temporary file to its key, replacing what was there, durably.
    pub(super) fn publish(&self, temporary: &Path, target: &Path) -> Result<(), LakeError> {
        self.moved(temporary, target)?;
        self.made_durable(target)
    }

    pub(super) fn moved(&self, temporary: &Path, target: &Path) -> Result<(), LakeError> {
        let renamed = self.directories.lead_to(target).and_then(|()| self.directories.rename(temporary, target));
        self.or_remove(temporary, renamed)
    }

    pub(super) fn made_durable(&self, target: &Path) -> Result<(), LakeError> {
        self.directories.sync_parent(target).map_err(|error| trouble("fsync the directory of", target, &error))
    }

    pub(super) fn create(&self, key: &str, body: &[u8]) -> Result<Created, LakeError> {
        let target = self.path(key)?;
        let temporary = self.written(body)?;
        let linked = match self.directories.lead_to(&target).and_then(|()| self.directories.link(&temporary, &target)) {
            Ok(()) => Ok(Created::Created),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Created::Exists),
            Err(error) if no_hard_links(&error) => {
                let _ = fs::remove_file(&temporary);
                return Err(LakeError::Refused(format!(
                    "the file system of {} has no hard links, which create-once files need: use another one for lake.path ({error})",
                    self.root.display()
                )));
            }
            Err(error) => Err(error),
        };
        let created = self.or_remove(&temporary, linked)?;
        // `Exists` too: who linked it may not have come to its fsync yet, and our caller will rely on the file.
        self.made_durable(&target)?;
        fs::remove_file(&temporary).map_err(|error| trouble("remove", &temporary, &error))?;
        Ok(created)
    }

    pub(super) fn put(&self, key: &str, body: &[u8]) -> Result<(), LakeError> {
        let target = self.path(key)?;
        let temporary = self.written(body)?;
        self.publish(&temporary, &target)
    }

    /// Opens a key for reading; `None` when there is no such file.
    pub(super) fn opened(&self, key: &str) -> Result<Option<(fs::File, fs::Metadata)>, LakeError> {
        let path = self.path(key)?;
        let opened = fs::File::open(&path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        match opened {
            Ok((file, metadata)) if metadata.is_file() => Ok(Some((file, metadata))),
            Ok(_) => Ok(None),
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(trouble("read", &path, &error)),
        }
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Bytes>, LakeError> {
        let Some((file, metadata)) = self.opened(key)? else { return Ok(None) };
        let mut body = Vec::new();
        let read = if metadata.len() > GET_MAX { Ok(0) } else { file.take(GET_MAX + 1).read_to_end(&mut body) };
        read.map_err(|error| trouble("read", &self.root.join(key), &error))?;
        if metadata.len() > GET_MAX || body.len() as u64 > GET_MAX {
            return Err(too_long(key));
        }
        Ok(Some(body.into()))
    }

    pub(super) fn head(&self, key: &str) -> Result<Option<Head>, LakeError> {
        let path = self.path(key)?;
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(Head {
                bytes: metadata.len(),
                crc64nvme: None,
                sha256: None,
                etag: None,
                modified: modified(&path, &metadata)?,
                content_encoding: None,
            })),
            Ok(_) => Ok(None),
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(trouble("look at", &path, &error)),
        }
    }

    pub(super) fn delete(&self, key: &str) -> Result<(), LakeError> {
        let path = self.path(key)?;
        match fs::remove_file(&path) {
            Ok(()) => self.made_durable(&path),
            Err(error) if absent(&error) => Ok(()),
            Err(error) => Err(trouble("remove", &path, &error)),
        }
    }

    /// The time that a file created now gets: the file server's clock, where the directory is a network mount. It stays
    /// empty: nothing has to reach the disk.
    pub(super) fn time(&self) -> Result<DateTime<Utc>, LakeError> {
        let (_, path) = self.scratch.file()?;
        let time = fs::metadata(&path)
            .map_err(|error| trouble("look at", &path, &error))
            .and_then(|metadata| modified(&path, &metadata));
        fs::remove_file(&path).map_err(|error| trouble("remove", &path, &error))?;
        time
    }
}

/// No such file; a file where the key has a directory counts too.
pub(super) fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

pub(super) fn no_hard_links(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(rustix::io::Errno::from_raw_os_error),
        Some(rustix::io::Errno::PERM | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS)
    )
}

pub(super) fn modified(path: &Path, metadata: &fs::Metadata) -> Result<DateTime<Utc>, LakeError> {
    metadata.modified().map(DateTime::from).map_err(|error| trouble("look at", path, &error))
}
