//! A lake in a plain directory.
//!
//! Everything is written under a temporary name in `_ampd/v1/tmp/`, fsynced, and then renamed (data, replaceable
//! objects) or linked (create-once objects) into place; the directory is fsynced before success is answered, and so is
//! every directory that leads to it. A reader never sees half a file. Only whole keys are ever visible: a file system
//! without hard links is refused where a create-once object is asked for.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::error::LakeError;
use super::{Answer, Created, GET_MAX, Head, Lake, LakeFacts, ObjectWriter, Page, Reader, keys};

mod durable;
mod scratch;
mod walk;
mod writer;

use durable::{Directories, trouble};
use scratch::Scratch;

/// Keys per page. Each page reads a directory anew, so pages are long.
const PAGE: usize = 10_000;

/// A lake in a plain directory.
pub struct DirectoryLake {
    place: Arc<Place>,
    page: usize,
}

/// What the blocking halves of the operations share.
struct Place {
    root: PathBuf,
    directories: Directories,
    scratch: Scratch,
}

impl Place {
    /// The file of a key.
    fn path(&self, key: &str) -> Result<PathBuf, LakeError> {
        keys::check(key)?;
        Ok(self.root.join(key))
    }

    /// Writes a temporary file, whole and fsynced.
    fn written(&self, body: &[u8]) -> Result<PathBuf, LakeError> {
        let (mut file, path) = self.scratch.file()?;
        let done = file.write_all(body).and_then(|()| file.sync_all());
        self.or_remove(&path, done)?;
        Ok(path)
    }

    /// Passes a result on; a failure removes the temporary file.
    fn or_remove<T>(&self, path: &Path, result: io::Result<T>) -> Result<T, LakeError> {
        result.map_err(|error| {
            self.directories.forget();
            // The first error is the one to tell; what stays is swept with the scratch directory.
            let _ = fs::remove_file(path);
            trouble("write", path, &error)
        })
    }

    /// Moves a fsynced temporary file to its key, replacing what was there, durably.
    fn publish(&self, temporary: &Path, target: &Path) -> Result<(), LakeError> {
        let renamed = self.directories.lead_to(target).and_then(|()| fs::rename(temporary, target));
        self.or_remove(temporary, renamed)?;
        self.directories.sync_parent(target).map_err(|error| trouble("fsync the directory of", target, &error))
    }

    fn create(&self, key: &str, body: &[u8]) -> Result<Created, LakeError> {
        let target = self.path(key)?;
        let temporary = self.written(body)?;
        let linked = match self.directories.lead_to(&target).and_then(|()| fs::hard_link(&temporary, &target)) {
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
        self.directories.sync_parent(&target).map_err(|error| trouble("fsync the directory of", &target, &error))?;
        fs::remove_file(&temporary).map_err(|error| trouble("remove", &temporary, &error))?;
        Ok(created)
    }

    fn put(&self, key: &str, body: &[u8]) -> Result<(), LakeError> {
        let target = self.path(key)?;
        let temporary = self.written(body)?;
        self.publish(&temporary, &target)
    }

    /// Opens a key for reading; `None` when there is no such file.
    fn opened(&self, key: &str) -> Result<Option<(fs::File, fs::Metadata)>, LakeError> {
        let path = self.path(key)?;
        let opened = fs::File::open(&path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        match opened {
            Ok((file, metadata)) if metadata.is_file() => Ok(Some((file, metadata))),
            Ok(_) => Ok(None),
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(trouble("read", &path, &error)),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Bytes>, LakeError> {
        let Some((file, metadata)) = self.opened(key)? else { return Ok(None) };
        let mut body = Vec::new();
        let read = if metadata.len() > GET_MAX { Ok(0) } else { file.take(GET_MAX + 1).read_to_end(&mut body) };
        read.map_err(|error| trouble("read", &self.root.join(key), &error))?;
        if metadata.len() > GET_MAX || body.len() as u64 > GET_MAX {
            return Err(too_long(key));
        }
        Ok(Some(body.into()))
    }

    fn head(&self, key: &str) -> Result<Option<Head>, LakeError> {
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

    fn delete(&self, key: &str) -> Result<(), LakeError> {
        let path = self.path(key)?;
        match fs::remove_file(&path) {
            Ok(()) => {
                self.directories.sync_parent(&path).map_err(|error| trouble("fsync the directory of", &path, &error))
            }
            Err(error) if absent(&error) => Ok(()),
            Err(error) => Err(trouble("remove", &path, &error)),
        }
    }

    /// The time that a file written now gets: the file server's clock, where the directory is a network mount.
    fn time(&self) -> Result<DateTime<Utc>, LakeError> {
        let path = self.written(b"now")?;
        let time = fs::metadata(&path)
            .map_err(|error| trouble("look at", &path, &error))
            .and_then(|metadata| modified(&path, &metadata));
        fs::remove_file(&path).map_err(|error| trouble("remove", &path, &error))?;
        time
    }
}

impl DirectoryLake {
    /// Opens a lake, creating its directory where it is missing, and sweeps what crashed processes left unfinished.
    pub async fn open(path: &Path) -> Result<Self, LakeError> {
        let root = path.to_path_buf();
        let place = blocking(move || {
            let directories = Directories::create_root(&root)?;
            let scratch = Scratch::open(&root, &directories)?;
            Ok(Place { root, directories, scratch })
        });
        Ok(Self { place: Arc::new(place.await?), page: PAGE })
    }

    /// The same with another number of keys a page.
    #[must_use]
    pub fn with_page(mut self, page: usize) -> Self {
        self.page = page.max(1);
        self
    }

    /// Runs the blocking half of an operation.
    fn on_disk<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Place>) -> Result<T, LakeError> + Send + 'static,
    ) -> Answer<'a, T> {
        let place = Arc::clone(&self.place);
        Box::pin(blocking(move || work(&place)))
    }
}

impl Lake for DirectoryLake {
    fn writer<'a>(&'a self, key: &'a str) -> Answer<'a, Box<dyn ObjectWriter>> {
        let key = key.to_owned();
        self.on_disk(move |place| {
            Ok(Box::new(writer::FileWriter::begin(Arc::clone(place), key)?) as Box<dyn ObjectWriter>)
        })
    }

    fn create<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, Created> {
        let key = key.to_owned();
        self.on_disk(move |place| place.create(&key, &body))
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, ()> {
        let key = key.to_owned();
        self.on_disk(move |place| place.put(&key, &body))
    }

    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Bytes>> {
        let key = key.to_owned();
        self.on_disk(move |place| place.get(&key))
    }

    fn read<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Reader>> {
        let key = key.to_owned();
        self.on_disk(move |place| {
            let opened = place.opened(&key)?;
            Ok(opened.map(|(file, _)| Box::new(tokio::fs::File::from_std(file)) as Reader))
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Head>> {
        let key = key.to_owned();
        self.on_disk(move |place| place.head(&key))
    }

    fn list_page<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> Answer<'a, Page> {
        let (prefix, after, page) = (prefix.to_owned(), after.unwrap_or_default().to_owned(), self.page);
        self.on_disk(move |place| walk::page(&place.root, &prefix, &after, page))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        let key = key.to_owned();
        self.on_disk(move |place| place.delete(&key))
    }

    fn store_time(&self) -> Answer<'_, DateTime<Utc>> {
        self.on_disk(|place| place.time())
    }

    fn describe(&self) -> LakeFacts {
        LakeFacts { kind: "local", location: self.place.root.display().to_string() }
    }
}

/// Runs file work where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LakeError> + Send + 'static,
) -> Result<T, LakeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(LakeError::Unavailable(format!("work on the lake's files was cut short: {error}"))),
    }
}

/// No such file; a file where the key has a directory counts too.
fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn no_hard_links(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(rustix::io::Errno::from_raw_os_error),
        Some(rustix::io::Errno::PERM | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS)
    )
}

/// The refusal of [`GET_MAX`].
pub(super) fn too_long(key: &str) -> LakeError {
    LakeError::Refused(format!("{key} is longer than the {} MiB that such an object can have", GET_MAX >> 20))
}

fn modified(path: &Path, metadata: &fs::Metadata) -> Result<DateTime<Utc>, LakeError> {
    metadata.modified().map(DateTime::from).map_err(|error| trouble("look at", path, &error))
}
