//! What is asked of a bucket: everything but uploads.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::DateTime as AwsTime;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::io::AsyncReadExt as _;

use super::{LakeError, Store, answers, date};
use crate::lake::directory::too_long;
use crate::lake::sums::{base64_to_hex, is_digest};
use crate::lake::{GET_MAX, Head, LOOK_MAX, Listed, Page, Sighting, Version, keys};
use crate::model::layout;

impl Store {
    pub(super) async fn open(&self, key: &str) -> Result<Option<GetObjectOutput>, LakeError> {
        let full = self.key(key)?;
        match self.client.get_object().bucket(&self.bucket).key(&full).send().await {
            Ok(output) => Ok(Some(output)),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(self.asked("GetObject", key).failed(&error)),
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, LakeError> {
        let Some(output) = self.open(key).await? else { return Ok(None) };
        if output.content_length().is_some_and(|bytes| u64::try_from(bytes).is_ok_and(|bytes| bytes > GET_MAX)) {
            return Err(too_long(key));
        }
        let mut body = Vec::new();
        let mut reader = std::pin::pin!(output.body.into_async_read().take(GET_MAX + 1));
        reader.read_to_end(&mut body).await.map_err(|error| answers::broke_off(key, &error))?;
        if body.len() as u64 > GET_MAX { Err(too_long(key)) } else { Ok(Some(body.into())) }
    }

    /// One request: the `Date` of its answer is the store's time, whether the object is there or not.
    pub(super) async fn look(&self, key: &str) -> Result<Sighting, LakeError> {
        let (full, date) = (self.key(key)?, date::Seen::default());
        let request = self.client.get_object().bucket(&self.bucket).key(&full).customize().interceptor(date.clone());
        let output = match request.send().await {
            Ok(output) => Some(output),
            Err(error) if error.code() == Some("NoSuchKey") => None,
            Err(error) => return Err(self.asked("GetObject", key).failed(&error)),
        };
        let store_time = date.get().ok_or_else(|| self.without_date())?;
        let Some(output) = output else { return Ok(Sighting { found: None, store_time }) };
        let version = Version(output.e_tag().map(answers::unquoted).unwrap_or_default());
        let mut body = Vec::new();
        let mut reader = std::pin::pin!(output.body.into_async_read().take(LOOK_MAX));
        reader.read_to_end(&mut body).await.map_err(|error| answers::broke_off(key, &error))?;
        Ok(Sighting { found: Some((body.into(), version)), store_time })
    }

    pub(super) async fn head(&self, key: &str) -> Result<Option<Head>, LakeError> {
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

    pub(super) async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, LakeError> {
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

    pub(super) async fn delete(&self, key: &str) -> Result<(), LakeError> {
        let full = self.key(key)?;
        match self.client.delete_object().bucket(&self.bucket).key(&full).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(()),
            Err(error) => Err(self.asked("DeleteObject", key).failed(&error)),
        }
    }

    /// The `Date` of an answer to the cheapest question: what it answers does not matter, it need not exist.
    pub(super) async fn time(&self) -> Result<DateTime<Utc>, LakeError> {
        let date = date::Seen::default();
        let key = self.key(layout::LAKE_JSON)?;
        let request = self.client.head_object().bucket(&self.bucket).key(key).customize().interceptor(date.clone());
        let answer = request.send().await;
        match (date.get(), answer) {
            (Some(date), _) => Ok(date),
            (None, Err(error)) => Err(self.asked("HeadObject", layout::LAKE_JSON).failed(&error)),
            (None, Ok(_)) => Err(self.without_date()),
        }
    }

    pub(super) fn without_date(&self) -> LakeError {
        LakeError::Refused(format!("{} answers without a Date header", self.place))
    }
}

/// Everything above relies on the order of a listing; a store that has another one must not be believed.
pub(super) fn in_order(page: &Page, after: Option<&str>) -> Result<(), &'static str> {
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
