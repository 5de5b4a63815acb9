//! A lake in an S3 bucket, AWS's or a compatible one.
//!
//! Every body that is sent is in memory, has a known length and carries a checksum of the whole object that was
//! computed before (`lake.checksum`): so the SDK repeats requests by itself, the store checks the bytes from end to
//! end, and no request is `aws-chunked`, an encoding that several stores keep on the object. Over https the payload is
//! not hashed a second time for the signature (TLS and the checksum protect it); over http it is.
//!
//! Objects of `json.gz` have the type `application/gzip` and **no** `Content-Encoding`: HTTP clients undo an encoding
//! on their own, and readers that expect the gzip file their key promises would get its content.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::DateTime as AwsTime;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;

use super::directory::too_long;
use super::error::LakeError;
use super::sums::{base64_to_hex, is_digest};
use super::{Answer, Created, GET_MAX, Head, Lake, LakeFacts, Listed, ObjectWriter, Page, Reader, keys};
use crate::config;
use crate::model::layout;

mod answers;
mod connect;
mod date;
mod put;
mod upload;

use answers::Asked;

/// Most keys S3 lists at once.
const PAGE: usize = 1000;

/// A lake in an S3 bucket.
pub struct S3Lake {
    store: Arc<Store>,
}

/// What requests and uploads share.
struct Store {
    client: Client,
    bucket: String,
    /// Empty, or with a slash at its end.
    prefix: String,
    place: String,
    section: config::S3,
    /// Nothing but TLS protects an unsigned payload.
    https: bool,
    single_writer: bool,
    uploads: aws_sdk_s3::config::Builder,
    /// Part buffers that all uploads share.
    buffers: Arc<Semaphore>,
    buffer_count: usize,
    page: usize,
}

impl Store {
    /// The bucket's key for a lake's key.
    fn key(&self, key: &str) -> Result<String, LakeError> {
        keys::check(key)?;
        Ok(format!("{}{key}", self.prefix))
    }

    fn asked<'a>(&'a self, operation: &'static str, key: &'a str) -> Asked<'a> {
        Asked { operation, key, bucket: &self.bucket, region: self.client.config().region().map(AsRef::as_ref) }
    }

    async fn open(&self, key: &str) -> Result<Option<GetObjectOutput>, LakeError> {
        let full = self.key(key)?;
        match self.client.get_object().bucket(&self.bucket).key(&full).send().await {
            Ok(output) => Ok(Some(output)),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(self.asked("GetObject", key).failed(&error)),
        }
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, LakeError> {
        let Some(output) = self.open(key).await? else { return Ok(None) };
        if output.content_length().is_some_and(|bytes| u64::try_from(bytes).is_ok_and(|bytes| bytes > GET_MAX)) {
            return Err(too_long(key));
        }
        let mut body = Vec::new();
        let mut reader = std::pin::pin!(output.body.into_async_read().take(GET_MAX + 1));
        reader.read_to_end(&mut body).await.map_err(|error| answers::broke_off(key, &error))?;
        if body.len() as u64 > GET_MAX { Err(too_long(key)) } else { Ok(Some(body.into())) }
    }

    async fn head(&self, key: &str) -> Result<Option<Head>, LakeError> {
        let full = self.key(key)?;
        let request = self.client.head_object().bucket(&self.bucket).key(&full).checksum_mode(ChecksumMode::Enabled);
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => return Ok(None),
            Err(error) => return Err(self.asked("HeadObject", key).failed(&error)),
        };
        // The checksum of a multipart upload may be one of its parts' checksums, which says nothing about the whole;
        // not every store says so. A SHA-256 of parts is never one of the whole.
        let parts = output.e_tag().is_some_and(|etag| etag.contains('-'));
        let whole = match output.checksum_type() {
            Some(kind) => *kind != ChecksumType::Composite,
            None => !parts,
        };
        Ok(Some(Head {
            bytes: output.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
            crc64nvme: output.checksum_crc64_nvme().filter(|sum| whole && is_digest(sum, 8)).map(str::to_owned),
            sha256: output
                .checksum_sha256()
                .filter(|sum| whole && !parts && is_digest(sum, 32))
                .and_then(base64_to_hex),
            etag: output.e_tag().map(answers::unquoted),
            modified: time(output.last_modified()),
            content_encoding: output.content_encoding().filter(|text| !text.is_empty()).map(str::to_owned),
        }))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, LakeError> {
        keys::check_prefix(prefix)?;
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(format!("{}{prefix}", self.prefix));
        let request = request.max_keys(i32::try_from(self.page).unwrap_or(i32::MAX));
        let request = request.set_start_after(after.map(|after| format!("{}{after}", self.prefix)));
        let output = request.send().await.map_err(|error| self.asked("ListObjectsV2", prefix).failed(&error))?;
        let objects = output.contents().iter().filter_map(|object| {
            Some(Listed {
                key: object.key()?.strip_prefix(&self.prefix)?.to_owned(),
                bytes: object.size().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
                modified: time(object.last_modified()),
            })
        });
        let page = Page { objects: objects.collect(), more: output.is_truncated().unwrap_or_default() };
        in_order(&page, after).map_err(|what| LakeError::Refused(format!("{} {what}", self.place)))?;
        Ok(page)
    }

    async fn delete(&self, key: &str) -> Result<(), LakeError> {
        let full = self.key(key)?;
        match self.client.delete_object().bucket(&self.bucket).key(&full).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(()),
            Err(error) => Err(self.asked("DeleteObject", key).failed(&error)),
        }
    }

    /// The `Date` of an answer to the cheapest question: what it answers does not matter, it need not exist.
    async fn time(&self) -> Result<DateTime<Utc>, LakeError> {
        let date = date::Seen::default();
        let key = self.key(layout::LAKE_JSON)?;
        let request = self.client.head_object().bucket(&self.bucket).key(key).customize().interceptor(date.clone());
        let answer = request.send().await;
        match (date.get(), answer) {
            (Some(date), _) => Ok(date),
            (None, Err(error)) => Err(self.asked("HeadObject", layout::LAKE_JSON).failed(&error)),
            (None, Ok(_)) => Err(LakeError::Refused(format!("{} answers without a Date header", self.place))),
        }
    }
}

impl S3Lake {
    /// Makes the client: region and credentials as `lake` says, else as every AWS tool finds them.
    pub async fn open(section: &config::S3, lake: &config::Lake) -> Result<Self, LakeError> {
        Ok(Self { store: Arc::new(connect::store(section, lake).await?) })
    }

    /// The same with another number of keys a page.
    #[must_use]
    pub fn with_page(mut self, page: usize) -> Self {
        if let Some(store) = Arc::get_mut(&mut self.store) {
            store.page = page.clamp(1, PAGE);
        }
        self
    }
}

impl Lake for S3Lake {
    fn writer<'a>(&'a self, key: &'a str) -> Answer<'a, Box<dyn ObjectWriter>> {
        Box::pin(async move {
            keys::check(key)?;
            Ok(Box::new(upload::Upload::begin(Arc::clone(&self.store), key)) as Box<dyn ObjectWriter>)
        })
    }

    fn create<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, Created> {
        Box::pin(put::create(&self.store, key, body))
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, ()> {
        Box::pin(put::small(&self.store, key, body))
    }

    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Bytes>> {
        Box::pin(self.store.get(key))
    }

    fn read<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Reader>> {
        Box::pin(async move {
            let output = self.store.open(key).await?;
            Ok(output.map(|output| Box::new(Box::pin(output.body.into_async_read())) as Reader))
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Head>> {
        Box::pin(self.store.head(key))
    }

    fn list_page<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> Answer<'a, Page> {
        Box::pin(self.store.list(prefix, after))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        Box::pin(self.store.delete(key))
    }

    fn store_time(&self) -> Answer<'_, DateTime<Utc>> {
        Box::pin(self.store.time())
    }

    fn describe(&self) -> LakeFacts {
        LakeFacts { kind: "s3", location: self.store.place.clone() }
    }
}

/// Everything above relies on the order of a listing; a store that has another one must not be believed.
fn in_order(page: &Page, after: Option<&str>) -> Result<(), &'static str> {
    let keys = page.objects.iter().map(|listed| listed.key.as_str());
    if let (Some(first), Some(after)) = (page.objects.first().map(|listed| listed.key.as_str()), after)
        && first <= after
    {
        return Err("lists keys that were not asked for: it does not honour StartAfter, which ampd needs");
    }
    if page.more && page.objects.is_empty() {
        return Err("says that keys follow but lists none");
    }
    if keys.is_sorted_by(|a, b| a < b) {
        Ok(())
    } else {
        Err("does not list keys in the order of their bytes (S3 directory buckets do not), which ampd needs")
    }
}

/// A time as the SDK has it.
fn time(time: Option<&AwsTime>) -> DateTime<Utc> {
    time.and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos())).unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
