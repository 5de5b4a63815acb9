//! Where hours land: S3 or a directory, behind one trait.
//!
//! A lake is a flat map from keys to immutable-by-agreement objects. Everything above it (who may publish, what may
//! be deleted) is decided elsewhere; here is only what a store can be asked, with the same answers from every
//! implementation: the contract tests in `contract.rs` run on each of them.
//!
//! Three promises that callers rely on:
//! * what was answered with success is durable (a directory fsyncs the file and every directory that leads to it);
//! * every operation may be repeated: the same bytes under the same key leave the same lake;
//! * no error text carries a credential.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use crc_fast::{CrcAlgorithm, Digest};
use tokio::io::AsyncRead;

use crate::config;

mod buffers;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod contract_stores;
pub mod directory;
mod error;
pub mod faulty;
mod identity;
mod keys;
mod lease;
mod manifests;
pub mod s3;
mod sums;
#[cfg(test)]
mod wire;

pub use buffers::{Borrower, Buffer, Buffers};
pub use error::LakeError;
pub use identity::{Identity, create_first_hour, first_hour, identify, probe_conditional_writes, read_first_hour};
pub use lease::{LeaseSeen, compares_versions, look_at_lease, write_lease};
pub use manifests::{
    MANIFEST_MAX, ManifestEntry, create_manifest, hour_manifests, list_manifests, manifest_of, read_manifest,
};
pub use sums::{Summing, Sums};

/// What an operation answers, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, LakeError>> + Send + 'a>>;

/// An object's bytes as a stream.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// Longest object that [`Lake::get`] reads into memory.
pub const GET_MAX: u64 = 64 << 20;

/// What a create-once PUT found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The key was free; the body is there now.
    Created,
    /// The key was taken. It may be our own body from an answer that got lost (the SDK repeats by itself), so the
    /// caller compares contents before it says "somebody else's".
    Exists,
}

/// Longest object that [`Lake::look`] reads; a longer one is cut.
pub const LOOK_MAX: u64 = 64 << 10;

/// Which content a key has: another one after every write that changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

/// What [`Lake::look`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What is there, and which version of it.
    pub found: Option<(Bytes, Version)>,
    /// What time it was by the store's clock.
    pub store_time: DateTime<Utc>,
}

/// What a conditional replacement found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The expected version was there; the body is there now.
    Replaced {
        /// Its version.
        version: Version,
        /// What time it was by the store's clock.
        store_time: DateTime<Utc>,
    },
    /// Another version was there. It may be our own body from an answer that got lost: look.
    Changed,
    /// The store knows no such condition; nothing is changed.
    Unsupported,
}

/// One key of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Relative to the lake's prefix.
    pub key: String,
    /// Length.
    pub bytes: u64,
    /// Last-Modified, by the store's own clock.
    pub modified: DateTime<Utc>,
}

/// A piece of a listing, in ascending order of the keys' bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub objects: Vec<Listed>,
    /// Whether keys follow: ask again after the last key of this page. A page with `more` is never empty.
    pub more: bool,
}

/// What the store says of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Length.
    pub bytes: u64,
    /// CRC-64/NVME of the whole object, base64, where the store keeps one.
    pub crc64nvme: Option<String>,
    /// SHA-256 of the whole object, hex, where the store keeps one.
    pub sha256: Option<String>,
    /// Without its quotes.
    pub etag: Option<String>,
    /// Last-Modified, by the store's own clock.
    pub modified: DateTime<Utc>,
    /// `Content-Encoding`, which no object of ours should have.
    pub content_encoding: Option<String>,
}

/// A piece of an object. Its sum was computed where the bytes came from, before they were copied anywhere.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What it holds.
    pub bytes: Bytes,
    /// Their CRC-64/NVME.
    pub crc64nvme: Digest,
}

impl Piece {
    /// A piece of bytes that are at hand.
    pub fn of(bytes: Bytes) -> Self {
        let mut crc64nvme = Digest::new(CrcAlgorithm::Crc64Nvme);
        crc64nvme.update(&bytes);
        Self { bytes, crc64nvme }
    }
}

/// What a finished object got from the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Without its quotes.
    pub etag: Option<String>,
}

/// Which lake this is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeFacts {
    /// `local` or `s3`.
    pub kind: &'static str,
    /// A path, or `s3://bucket/prefix` with the endpoint where it is not AWS.
    pub location: String,
}

/// A store of objects. Keys are relative to the lake's prefix; a key that could leave it is refused.
pub trait Lake: Send + Sync {
    /// Begins a data object. Memory is bounded whatever its length, nothing shows under the key before
    /// [`ObjectWriter::finish`] answered, and writing the key again replaces it.
    fn writer<'a>(&'a self, key: &'a str) -> Answer<'a, Box<dyn ObjectWriter>>;

    /// Memory for the pieces of data objects: each piece but an object's last fills one to its end.
    fn buffers(&self) -> &Arc<Buffers>;

    /// Stores a small object if the key is free (`If-None-Match: *`). See [`Created`] for what `Exists` means. A
    /// store without conditional writes overwrites and answers `Created`: [`probe_conditional_writes`] finds out.
    fn create<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, Created>;

    /// Stores a small object, whatever was there.
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, ()>;

    /// Reads a small object, at most [`GET_MAX`] bytes.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Bytes>>;

    /// Reads an object of any length as a stream. A transfer that breaks off is an error of the stream.
    fn read<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Reader>>;

    /// What the store says of an object.
    fn head<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Head>>;

    /// The keys that begin with `prefix` and are greater than `after`, ascending by their bytes, as many as the store
    /// gives at once.
    fn list_page<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> Answer<'a, Page>;

    /// Removes a key; one that is not there is fine.
    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()>;

    /// Reads a small object with its version and the store's time.
    fn look<'a>(&'a self, key: &'a str) -> Answer<'a, Sighting>;

    /// Stores a small object over the version that was seen, or where none was (`If-Match`, `If-None-Match: *`). Of
    /// rivals that saw the same one at most one succeeds.
    fn replace<'a>(&'a self, key: &'a str, body: Bytes, seen: Option<&'a Version>) -> Answer<'a, Replaced>;

    /// What time it is by the clock that sets Last-Modified. Never the local clock of a remote store's client.
    fn store_time(&self) -> Answer<'_, DateTime<Utc>>;

    /// Which lake this is.
    fn describe(&self) -> LakeFacts;
}

/// A data object on its way. Dropping it without [`finish`](Self::finish) leaves nothing, as far as that can be done.
pub trait ObjectWriter: Send {
    /// Appends. After a piece that is shorter than the lake's ([`Lake::buffers`]) comes none. After an error the object is
    /// lost: abort it.
    fn write(&mut self, piece: Piece) -> Answer<'_, ()>;

    /// Makes the object appear, if what was written is what `sums` says; [`LakeError::Integrity`] otherwise.
    fn finish(self: Box<Self>, sums: Sums) -> Answer<'static, Stored>;

    /// Gives it up and removes what was stored of it.
    fn abort(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Opens the configured lake. A directory is created where it is missing; for S3 no object is asked for yet, but
/// credentials and region are looked up the way every AWS tool does.
pub async fn open(config: &config::Lake) -> Result<Arc<dyn Lake>, LakeError> {
    match &config.place {
        config::LakePlace::Directory { path } => Ok(Arc::new(directory::DirectoryLake::open(path).await?)),
        config::LakePlace::S3(section) => Ok(Arc::new(s3::S3Lake::open(section, config).await?)),
    }
}

/// All keys that begin with `prefix` and are greater than `after`, at most `limit` of them.
pub async fn list_all(
    lake: &dyn Lake,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Listed>, LakeError> {
    let mut all: Vec<Listed> = Vec::new();
    loop {
        let last = all.last().map(|listed| listed.key.clone());
        let page = lake.list_page(prefix, last.as_deref().or(after)).await?;
        let more = page.more && !page.objects.is_empty();
        all.extend(page.objects);
        if !more || all.len() >= limit {
            all.truncate(limit);
            return Ok(all);
        }
    }
}
