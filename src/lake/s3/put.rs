//! Objects that go in one request.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use bytes::Bytes;

use super::{LakeError, Store, answers, date};
use crate::config::StoreChecksum;
use crate::lake::sums::{hex_to_base64, is_digest};
use crate::lake::{Created, Replaced, Stored, Sums, Version};

type Refusal = SdkError<PutObjectError, HttpResponse>;

/// A checksum in the form of its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    Crc64Nvme(String),
    Crc32(String),
    Sha256(String),
    None,
}

impl Checksum {
    /// The configured one of these sums.
    pub(super) fn of(wanted: StoreChecksum, sums: &Sums) -> Self {
        let sha256 = || sums.sha256.as_deref().and_then(hex_to_base64);
        match wanted {
            StoreChecksum::Crc64Nvme => Self::Crc64Nvme(sums.crc64nvme.clone()),
            StoreChecksum::Crc32 => sums.crc32.clone().map_or(Self::None, Self::Crc32),
            StoreChecksum::Sha256 => sha256().map_or(Self::None, Self::Sha256),
            StoreChecksum::None => Self::None,
        }
    }
}

/// Whether a body is an hour's data or one of the lake's own small files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Own,
}

impl Store {
    fn put_request(
        &self,
        key: &str,
        body: Bytes,
        sums: &Sums,
        kind: Kind,
    ) -> Result<PutObjectFluentBuilder, LakeError> {
        let request = self.client.put_object().bucket(&self.bucket).key(self.key(key)?);
        let request =
            request.content_length(i64::try_from(body.len()).unwrap_or(i64::MAX)).content_type(content_type(key));
        let request = request.set_server_side_encryption(self.section.sse.as_deref().map(ServerSideEncryption::from));
        let request = request.set_ssekms_key_id(self.section.kms_key.clone()).body(ByteStream::from(body));
        let request = match Checksum::of(self.section.checksum, sums) {
            Checksum::Crc64Nvme(sum) => request.checksum_crc64_nvme(sum),
            Checksum::Crc32(sum) => request.checksum_crc32(sum),
            Checksum::Sha256(sum) => request.checksum_sha256(sum),
            Checksum::None => request,
        };
        Ok(match kind {
            Kind::Own => request,
            Kind::Data => request
                .set_storage_class(self.section.storage_class.as_deref().map(StorageClass::from))
                .set_tagging(tagging(&self.section.tags)),
        })
    }

    async fn send_put(&self, request: PutObjectFluentBuilder) -> Result<PutObjectOutput, Refusal> {
        self.send_dated_put(request, date::Seen::default()).await
    }

    async fn send_dated_put(
        &self,
        request: PutObjectFluentBuilder,
        date: date::Seen,
    ) -> Result<PutObjectOutput, Refusal> {
        let request = request.customize().config_override(self.uploads.clone()).interceptor(date);
        if self.private { request.disable_payload_signing().send().await } else { request.send().await }
    }

    /// Stores a data object that fits into one request.
    pub(super) async fn put_data(&self, key: &str, body: Bytes, sums: &Sums) -> Result<Stored, LakeError> {
        let request = self.put_request(key, body, sums, Kind::Data)?;
        let output = self.send_put(request).await.map_err(|error| self.asked("PutObject", key).failed(&error))?;
        echoed(key, output.checksum_crc64_nvme(), sums)?;
        Ok(Stored { etag: output.e_tag().map(answers::unquoted) })
    }
}

/// The store repeats the checksum it computed, where it does.
pub(super) fn echoed(key: &str, answer: Option<&str>, sums: &Sums) -> Result<(), LakeError> {
    match answer {
        Some(sum) if is_digest(sum, 8) && sum != sums.crc64nvme => Err(LakeError::Integrity(format!(
            "the store says CRC-64/NVME {sum} of {key} where {} was sent",
            sums.crc64nvme
        ))),
        _ => Ok(()),
    }
}

/// Stores one of the lake's own files, whatever was there.
pub(super) async fn small(store: &Store, key: &str, body: Bytes) -> Result<(), LakeError> {
    let sums = Sums::of(&body);
    let request = store.put_request(key, body, &sums, Kind::Own)?;
    store.send_put(request).await.map(drop).map_err(|error| store.asked("PutObject", key).failed(&error))
}

/// Stores one of the lake's own files if the key is free.
///
/// A conflict (409: another writer was at it in the same moment) is asked again. A store that refuses the condition
/// itself (501) is for one writer only: where the configuration says so the condition is left out, as by the stores
/// that ignore it.
pub(super) async fn create(store: &Store, key: &str, body: Bytes) -> Result<Created, LakeError> {
    let sums = Sums::of(&body);
    let mut pause = Duration::from_millis(100);
    for last in [false, false, false, false, true] {
        let request = store.put_request(key, body.clone(), &sums, Kind::Own)?.if_none_match("*");
        let Err(error) = store.send_put(request).await else { return Ok(Created::Created) };
        let status = error.raw_response().map(|response| response.status().as_u16());
        match (status, error.code()) {
            (Some(412), _) => return Ok(Created::Exists),
            (Some(409), _) if !last => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            (Some(501), _) | (_, Some("NotImplemented")) if store.single_writer => {
                return small(store, key, body).await.map(|()| Created::Created);
            }
            (Some(501), _) | (_, Some("NotImplemented")) => {
                return Err(LakeError::Refused(format!(
                    "{} refuses create-once PUTs (If-None-Match: *): when one daemon only writes to it, set lake.single_writer = true",
                    store.place
                )));
            }
            _ => return Err(store.asked("PutObject", key).failed(&error)),
        }
    }
    Err(LakeError::Unavailable(format!("other writers kept {key} busy")))
}

/// Stores one of the lake's own files over the version that was seen, or where none was.
///
/// A key that is gone (404), another writer in the same moment (409) and another version (412) are all the same to the
/// caller: it looks again.
pub(super) async fn replace(
    store: &Store,
    key: &str,
    body: Bytes,
    seen: Option<&Version>,
) -> Result<Replaced, LakeError> {
    let sums = Sums::of(&body);
    let request = store.put_request(key, body, &sums, Kind::Own)?;
    let request = match seen {
        Some(Version(etag)) => request.if_match(format!("\"{etag}\"")),
        None => request.if_none_match("*"),
    };
    let date = date::Seen::default();
    let error = match store.send_dated_put(request, date.clone()).await {
        Ok(output) => {
            let Some(etag) = output.e_tag() else { return Ok(Replaced::Unsupported) };
            let store_time = date.get().ok_or_else(|| store.without_date())?;
            return Ok(Replaced::Replaced { version: Version(answers::unquoted(etag)), store_time });
        }
        Err(error) => error,
    };
    match (error.raw_response().map(|response| response.status().as_u16()), error.code()) {
        (Some(409 | 412), _) | (_, Some("NoSuchKey")) => Ok(Replaced::Changed),
        (Some(501), _) | (_, Some("NotImplemented")) => Ok(Replaced::Unsupported),
        _ => Err(store.asked("PutObject", key).failed(&error)),
    }
}

/// What an object is by the end of its key.
pub(super) fn content_type(key: &str) -> &'static str {
    match key.rsplit('.').next() {
        Some("gz") => "application/gzip",
        Some("zst") => "application/zstd",
        Some("parquet") => "application/vnd.apache.parquet",
        _ if key.starts_with("data/") => "application/x-ndjson",
        _ => "application/json",
    }
}

/// Object tags as their header wants them.
pub(super) fn tagging(tags: &BTreeMap<String, String>) -> Option<String> {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                // Writing into a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        })
    };
    let pairs: Vec<String> = tags.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}
