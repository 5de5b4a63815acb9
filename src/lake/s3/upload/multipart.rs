//! A multipart upload: begun, fed, completed or aborted, never forgotten.

use std::sync::Arc;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, ServerSideEncryption, StorageClass,
};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::super::put::{Checksum, content_type, echoed, tagging};
use super::super::{LakeError, Store, answers};
use crate::config::StoreChecksum;
use crate::lake::{Stored, Sums};

/// S3 takes no more.
const PARTS_MAX: i32 = 10_000;

/// The upload. Dropped before it was completed, it is aborted as far as that can be done; a bucket should have a
/// lifecycle rule (`AbortIncompleteMultipartUpload`) for those of crashed processes.
pub(super) struct Multipart {
    upload: Arc<Open>,
    sent: i32,
    on_their_way: JoinSet<Result<CompletedPart, LakeError>>,
    stored: Vec<CompletedPart>,
    /// The store checks one checksum of the whole object; otherwise each part's.
    whole: bool,
    done: bool,
}

/// What identifies it.
struct Open {
    store: Arc<Store>,
    key: String,
    id: String,
}

impl Multipart {
    pub(super) async fn begin(store: Arc<Store>, key: String) -> Result<Self, LakeError> {
        let (algorithm, mut whole) = match store.section.checksum {
            StoreChecksum::Crc64Nvme => (Some(ChecksumAlgorithm::Crc64Nvme), true),
            StoreChecksum::Crc32 => (Some(ChecksumAlgorithm::Crc32), true),
            StoreChecksum::Sha256 => (Some(ChecksumAlgorithm::Sha256), false),
            StoreChecksum::None => (None, false),
        };
        let request = store.begin_request(&key)?.set_checksum_algorithm(algorithm);
        let full_object = whole.then_some(ChecksumType::FullObject);
        let mut answer = request.clone().set_checksum_type(full_object).send().await;
        // A store from before FULL_OBJECT checksums: each part's then.
        if whole
            && answer
                .as_ref()
                .is_err_and(|error| error.raw_response().is_some_and(|raw| matches!(raw.status().as_u16(), 400 | 501)))
        {
            whole = false;
            answer = request.send().await;
        }
        let output = answer.map_err(|error| store.asked("CreateMultipartUpload", &key).failed(&error))?;
        let id = output.upload_id().unwrap_or_default().to_owned();
        let upload = Arc::new(Open { store, key, id });
        Ok(Self { upload, sent: 0, on_their_way: JoinSet::new(), stored: Vec::new(), whole, done: false })
    }

    /// Sends a part with these sums in the background.
    pub(super) async fn send(&mut self, body: Bytes, sums: Sums) -> Result<(), LakeError> {
        if self.sent == PARTS_MAX {
            let most = u64::from(PARTS_MAX.unsigned_abs()) * self.upload.store.section.part_size;
            return Err(LakeError::Refused(format!(
                "{} is longer than {most} bytes, S3's 10,000 parts of lake.part_size: raise it",
                self.upload.key
            )));
        }
        self.sent += 1;
        self.on_their_way.spawn(Arc::clone(&self.upload).part(self.sent, body, sums));
        while let Some(stored) = self.on_their_way.try_join_next() {
            self.stored.push(joined(stored)?);
        }
        // The shared buffers bound the memory; this keeps one upload from taking all of them.
        while self.on_their_way.len() >= self.upload.store.buffers.count().clamp(2, 4) {
            self.next_stored().await?;
        }
        Ok(())
    }

    async fn next_stored(&mut self) -> Result<(), LakeError> {
        if let Some(stored) = self.on_their_way.join_next().await {
            self.stored.push(joined(stored)?);
        }
        Ok(())
    }

    /// Makes the object appear.
    pub(super) async fn complete(mut self, sums: &Sums) -> Result<Stored, LakeError> {
        let completed = self.try_complete(sums).await;
        match &completed {
            Ok(_) => self.done = true,
            Err(_) => self.abort().await,
        }
        completed
    }

    async fn try_complete(&mut self, sums: &Sums) -> Result<Stored, LakeError> {
        while !self.on_their_way.is_empty() {
            self.next_stored().await?;
        }
        self.stored.sort_by_key(CompletedPart::part_number);
        let Open { store, key, id } = &*self.upload;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(std::mem::take(&mut self.stored))).build();
        let request = store.client.complete_multipart_upload().bucket(&store.bucket).key(store.key(key)?).upload_id(id);
        let request = request.multipart_upload(parts);
        let request = match Checksum::of(store.section.checksum, sums) {
            Checksum::Crc64Nvme(sum) if self.whole => {
                request.checksum_type(ChecksumType::FullObject).checksum_crc64_nvme(sum)
            }
            Checksum::Crc32(sum) if self.whole => request.checksum_type(ChecksumType::FullObject).checksum_crc32(sum),
            _ => request,
        };
        match request.customize().config_override(store.uploads.clone()).send().await {
            Ok(output) => {
                let composite = output.checksum_type() == Some(&ChecksumType::Composite);
                echoed(key, output.checksum_crc64_nvme().filter(|_| !composite), sums)?;
                Ok(Stored { etag: output.e_tag().map(answers::unquoted) })
            }
            // The SDK repeats a completion whose answer was lost; some stores have forgotten the upload by then.
            Err(error) if error.code() == Some("NoSuchUpload") => match store.head(key).await? {
                Some(head)
                    if head.bytes == sums.bytes && head.crc64nvme.as_ref().is_none_or(|sum| *sum == sums.crc64nvme) =>
                {
                    Ok(Stored { etag: head.etag })
                }
                _ => Err(store.asked("CompleteMultipartUpload", key).failed(&error)),
            },
            Err(error) => Err(store.asked("CompleteMultipartUpload", key).failed(&error)),
        }
    }

    /// Gives it up. Failing is no error: a lifecycle rule removes what stays.
    pub(super) async fn abort(mut self) {
        self.done = true;
        self.on_their_way.shutdown().await;
        self.upload.abort().await;
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.on_their_way.abort_all();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let upload = Arc::clone(&self.upload);
            runtime.spawn(async move { upload.abort().await });
        }
    }
}

impl Open {
    async fn part(self: Arc<Self>, number: i32, body: Bytes, sums: Sums) -> Result<CompletedPart, LakeError> {
        let Self { store, key, id } = &*self;
        let request = store.client.upload_part().bucket(&store.bucket).key(store.key(key)?).upload_id(id);
        let request = request.part_number(number).content_length(i64::try_from(body.len()).unwrap_or(i64::MAX));
        let completed = CompletedPart::builder().part_number(number);
        let (request, completed) = match Checksum::of(store.section.checksum, &sums) {
            Checksum::Crc64Nvme(sum) => (request.checksum_crc64_nvme(&sum), completed.checksum_crc64_nvme(sum)),
            Checksum::Crc32(sum) => (request.checksum_crc32(&sum), completed.checksum_crc32(sum)),
            Checksum::Sha256(sum) => (request.checksum_sha256(&sum), completed.checksum_sha256(sum)),
            Checksum::None => (request, completed),
        };
        let request = request.body(ByteStream::from(body));
        let request = request.customize().config_override(store.uploads.clone());
        let answer = if store.private { request.disable_payload_signing().send().await } else { request.send().await };
        let output = answer.map_err(|error| store.asked("UploadPart", key).failed(&error))?;
        Ok(completed.set_e_tag(output.e_tag().map(str::to_owned)).build())
    }

    async fn abort(&self) {
        let Self { store, key, id } = self;
        let Ok(full) = store.key(key) else { return };
        let request = store.client.abort_multipart_upload().bucket(&store.bucket).key(full).upload_id(id);
        if let Err(error) = request.send().await {
            let error = store.asked("AbortMultipartUpload", key).failed(&error);
            tracing::debug!(%error, "a multipart upload stays until the bucket's lifecycle rule removes it");
        }
    }
}

impl Store {
    fn begin_request(&self, key: &str) -> Result<CreateMultipartUploadFluentBuilder, LakeError> {
        let section = &self.section;
        let request = self.client.create_multipart_upload().bucket(&self.bucket).key(self.key(key)?);
        Ok(request
            .content_type(content_type(key))
            .set_server_side_encryption(section.sse.as_deref().map(ServerSideEncryption::from))
            .set_ssekms_key_id(section.kms_key.clone())
            .set_storage_class(section.storage_class.as_deref().map(StorageClass::from))
            .set_tagging(tagging(&section.tags)))
    }
}

fn joined(
    stored: Result<Result<CompletedPart, LakeError>, tokio::task::JoinError>,
) -> Result<CompletedPart, LakeError> {
    stored.unwrap_or_else(|error| Err(LakeError::Unavailable(format!("a part's upload was cut short: {error}"))))
}
