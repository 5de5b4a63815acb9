//! The manifest: an hour's commit record in the lake (`ampd.manifest/1`), and what we keep of it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::hour::Hour;
use super::names::{CaptureId, ContentHash, SourceName};
use super::window::Window;

/// The only schema there is.
pub const SCHEMA: &str = "ampd.manifest/1";

/// What a publication says of its hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HourState {
    /// The hour has rows.
    Data,
    /// Two agreeing answers said that the hour has none.
    Empty,
    /// A person decided to go on without it.
    Skipped,
}

/// One object of an hour. Keys are relative to the lake's prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Key relative to the prefix.
    pub key: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Lines that are not blank.
    pub rows: u64,
    /// SHA-256, hex, where it was computed.
    pub sha256: Option<String>,
    /// CRC-64/NVME, base64 of its 8 big-endian bytes, as S3 writes it.
    pub crc64nvme: Option<String>,
    /// What the store answered, where it did.
    pub etag: Option<String>,
}

/// The download an hour was published from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureFacts {
    /// Null for a skipped hour.
    pub id: Option<CaptureId>,
    /// SHA-256 of the archive, hex; null when Amplitude answered 404.
    pub sha256: Option<String>,
    /// Length of the archive in bytes.
    pub bytes: u64,
    /// The hours that were asked.
    pub window: Window,
}

/// An hour's commit record, as it is stored: every key always present, null where it has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The source.
    pub source: SourceName,
    /// Amplitude's project id as its member names say it; null for an hour without data.
    pub project: Option<String>,
    /// The hour.
    pub hour: Hour,
    /// 1 for the first publication, then one more each time.
    pub generation: u32,
    /// Data, empty or skipped.
    pub state: HourState,
    /// Why a person skipped the hour.
    pub reason: Option<String>,
    /// Lines that are not blank.
    pub rows: u64,
    /// The part of them that is not a UTF-8 JSON object.
    pub rows_invalid: u64,
    /// See [`ContentHash`].
    pub content_hash: ContentHash,
    /// The hour's objects.
    pub objects: Vec<Object>,
    /// The download.
    pub capture: CaptureFacts,
    /// The event days the hour touched.
    pub event_dates: Vec<NaiveDate>,
    /// RFC 3339.
    pub min_server_upload_time: Option<DateTime<Utc>>,
    /// RFC 3339.
    pub max_server_upload_time: Option<DateTime<Utc>>,
    /// The version that published.
    pub ampd_version: String,
    /// RFC 3339.
    pub published_at: DateTime<Utc>,
}

impl Manifest {
    /// Bytes of all objects.
    pub fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.bytes).sum()
    }

    /// What the journal keeps of it.
    pub fn facts(&self) -> ManifestFacts {
        ManifestFacts {
            state: self.state,
            rows: self.rows,
            rows_invalid: self.rows_invalid,
            bytes: self.bytes(),
            content_hash: self.content_hash,
            capture: self.capture.id,
        }
    }

    /// What the journal keeps of it.
    pub fn reference(&self) -> ManifestRef {
        ManifestRef { generation: self.generation, published_at: self.published_at, facts: Some(self.facts()) }
    }
}

/// What an hour's upload found: everything of the manifest but where and when it is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The generation the object keys were made for.
    pub generation: u32,
    /// Data or empty (skipped for a person's decision).
    pub state: HourState,
    /// Why a person skipped the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// See [`Manifest::project`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// What was counted while reading.
    pub content: Content,
    /// What was uploaded.
    pub objects: Vec<Object>,
}

impl Draft {
    /// The draft of an hour without rows.
    pub fn without_rows(generation: u32, state: HourState, reason: Option<String>) -> Self {
        Self { generation, state, reason, project: None, content: Content::default(), objects: Vec::new() }
    }
}

/// What reading an hour's rows to the end found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Lines that are not blank.
    pub rows: u64,
    /// The part of them that is not a UTF-8 JSON object.
    pub rows_invalid: u64,
    /// See [`ContentHash`].
    pub content_hash: ContentHash,
    /// The event days the hour touched, in order, at most [`Content::EVENT_DATES_MAX`].
    pub event_dates: Vec<NaiveDate>,
    /// The smallest `server_upload_time` seen.
    pub min_server_upload_time: Option<DateTime<Utc>>,
    /// The largest.
    pub max_server_upload_time: Option<DateTime<Utc>>,
}

impl Content {
    /// Client clocks make up dates; a manifest lists this many at most (the earliest are kept).
    pub const EVENT_DATES_MAX: usize = 1000;
}

/// What the journal keeps of a published manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFacts {
    /// Data, empty or skipped.
    pub state: HourState,
    /// Lines that are not blank.
    pub rows: u64,
    /// The part of them that is not a UTF-8 JSON object.
    pub rows_invalid: u64,
    /// Bytes of all objects.
    pub bytes: u64,
    /// See [`ContentHash`].
    pub content_hash: ContentHash,
    /// The capture it was published from.
    pub capture: Option<CaptureId>,
}

/// A publication of an hour as the journal remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestRef {
    /// The newest generation.
    pub generation: u32,
    /// When it was published: `published_at`, or the store's Last-Modified after a rebuild.
    pub published_at: DateTime<Utc>,
    /// Null after a rebuild from a listing, until the manifest was read.
    pub facts: Option<ManifestFacts>,
}
