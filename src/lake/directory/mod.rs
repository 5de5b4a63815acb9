//! A lake in a plain directory.
//!
//! Everything is written under a temporary name in `_ampd/v1/tmp/`, fsynced, and then renamed (data, replaceable
//! objects) or linked (create-once objects) into place; the directory is fsynced before success is answered, and so is
//! every directory that leads to it. A reader never sees half a file. Only whole keys are ever visible: a file system
//! without hard links is refused where a create-once object is asked for.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::error::LakeError;
use super::{
    Answer, Buffers, Created, GET_MAX, Head, Lake, LakeFacts, ObjectWriter, Page, Reader, Replaced, Sighting, Version,
};

mod durable;
mod place;
mod replace;
mod scratch;
mod together;
mod walk;
mod writer;

use place::Place;

/// Keys per page. Each page reads a directory anew, so pages are long.
const PAGE: usize = 10_000;

/// Bytes that are written at once, and how many times that may wait for the disk.
const PIECE: usize = 256 << 10;
const PIECES: usize = 16;

/// A lake in a plain directory.
pub struct DirectoryLake {
    place: Arc<Place>,
    buffers: Arc<Buffers>,
    page: usize,
}

impl DirectoryLake {
    /// Opens a lake, creating its directory where it is missing, and sweeps what crashed processes left unfinished.
    pub async fn open(path: &Path) -> Result<Self, LakeError> {
        let root = path.to_path_buf();
        let place = blocking(move || Place::open(root));
        Ok(Self { place: Arc::new(place.await?), buffers: Arc::new(Buffers::new(PIECES, PIECE)), page: PAGE })
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
        // The disk is touched with the object's bytes.
        let writer = writer::FileWriter::begin(Arc::clone(&self.place), key.to_owned());
        Box::pin(async { Ok(Box::new(writer?) as Box<dyn ObjectWriter>) })
    }

    fn buffers(&self) -> &Arc<Buffers> {
        &self.buffers
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
        self.on_disk(move |place| walk::page(place, &prefix, &after, page))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        let key = key.to_owned();
        self.on_disk(move |place| place.delete(&key))
    }

    fn look<'a>(&'a self, key: &'a str) -> Answer<'a, Sighting> {
        let key = key.to_owned();
        self.on_disk(move |place| place.look(&key))
    }

    fn replace<'a>(&'a self, key: &'a str, body: Bytes, seen: Option<&'a Version>) -> Answer<'a, Replaced> {
        let (key, seen) = (key.to_owned(), seen.cloned());
        self.on_disk(move |place| place.replace(&key, &body, seen.as_ref()))
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

/// The refusal of [`GET_MAX`].
pub(super) fn too_long(key: &str) -> LakeError {
    LakeError::Refused(format!("{key} is longer than the {} MiB that such an object can have", GET_MAX >> 20))
}
