//! A data object on its way into a bucket.
//!
//! An object up to one part long goes in one PUT; a longer one as a multipart upload whose parts go out while the next
//! one fills. Memory: the first [`SMALL`] bytes of an object are free, from then on a buffer of one part is taken from
//! those that all uploads of the lake share (`lake.max_parallel`, at least two). An upload never waits for a second
//! buffer while it fills one, and a part on its way gives its buffer back by itself: so uploads cannot block each other
//! for good, as long as each of them is fed by a task of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;

use super::{LakeError, Store};
use crate::config::StoreChecksum;
use crate::lake::{Answer, ObjectWriter, Stored, Summing, Sums};

mod multipart;

use multipart::Multipart;

/// Bytes of an object that need no buffer of the shared ones.
const SMALL: usize = 256 << 10;

/// A buffer on its way; the permit is given back when the part was stored.
struct Part {
    body: Bytes,
    _permit: Option<OwnedSemaphorePermit>,
}

/// The object.
pub(super) struct Upload {
    store: Arc<Store>,
    key: String,
    buffer: BytesMut,
    permit: Option<OwnedSemaphorePermit>,
    summing: Option<Summing>,
    multipart: Option<Multipart>,
}

impl Upload {
    pub(super) fn begin(store: Arc<Store>, key: &str) -> Self {
        let checksum = store.section.checksum;
        let summing = Summing::new(checksum == StoreChecksum::Crc32, checksum == StoreChecksum::Sha256);
        let key = key.to_owned();
        Self { store, key, buffer: BytesMut::new(), permit: None, summing: Some(summing), multipart: None }
    }

    fn part_size(&self) -> usize {
        usize::try_from(self.store.section.part_size).unwrap_or(usize::MAX)
    }

    fn lost(&self) -> LakeError {
        LakeError::Integrity(format!("{} lost a write", self.key))
    }

    async fn append(&mut self, mut chunk: Bytes) -> Result<(), LakeError> {
        // Taken away while the write is under way: one that failed, or was dropped half way, can never be finished.
        let mut summing = self.summing.take().ok_or_else(|| self.lost())?;
        summing.update(&chunk);
        let part_size = self.part_size();
        while !chunk.is_empty() {
            if self.buffer.len() == part_size {
                self.send_part().await?;
            }
            let piece = chunk.split_to(chunk.len().min(part_size - self.buffer.len()));
            if self.buffer.len() + piece.len() > SMALL && self.permit.is_none() {
                self.permit = Some(self.store.buffer().await?);
                self.buffer.reserve(part_size - self.buffer.len());
            }
            self.buffer.extend_from_slice(&piece);
        }
        self.summing = Some(summing);
        Ok(())
    }

    fn take_part(&mut self) -> Part {
        Part { body: std::mem::take(&mut self.buffer).freeze(), _permit: self.permit.take() }
    }

    async fn send_part(&mut self) -> Result<(), LakeError> {
        let part = self.take_part();
        if self.multipart.is_none() {
            self.multipart = Some(Multipart::begin(Arc::clone(&self.store), self.key.clone()).await?);
        }
        match &mut self.multipart {
            Some(multipart) => multipart.send(part).await,
            None => Ok(()),
        }
    }

    async fn finished(mut self, sums: Sums) -> Result<Stored, LakeError> {
        let summing = self.summing.take().ok_or_else(|| self.lost())?;
        let checked = summing.checked(&self.key, &sums);
        let sums = match checked {
            Ok(sums) => sums,
            Err(error) => {
                self.given_up().await;
                return Err(error);
            }
        };
        if self.multipart.is_none() {
            let part = self.take_part();
            return self.store.put_data(&self.key, part.body.clone(), &sums).await;
        }
        let sent = self.send_part().await;
        match (sent, self.multipart.take()) {
            (Ok(()), Some(multipart)) => multipart.complete(&sums).await,
            (sent, multipart) => {
                if let Some(multipart) = multipart {
                    multipart.abort().await;
                }
                sent.and_then(|()| Err(self.lost()))
            }
        }
    }

    async fn given_up(&mut self) {
        self.permit = None;
        if let Some(multipart) = self.multipart.take() {
            multipart.abort().await;
        }
    }
}

impl Store {
    async fn buffer(&self) -> Result<OwnedSemaphorePermit, LakeError> {
        let permit = Arc::clone(&self.buffers).acquire_owned().await;
        permit.map_err(|_| LakeError::Unavailable("the lake is being closed".to_owned()))
    }
}

impl ObjectWriter for Upload {
    fn write(&mut self, chunk: Bytes) -> Answer<'_, ()> {
        Box::pin(self.append(chunk))
    }

    fn finish(self: Box<Self>, sums: Sums) -> Answer<'static, Stored> {
        Box::pin(self.finished(sums))
    }

    fn abort(mut self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.given_up().await })
    }
}
