//! A data object on its way into a bucket.
//!
//! An object up to one part long goes in one PUT; a longer one as a multipart upload whose parts go out while the next
//! one fills. Memory: the first [`SMALL`] bytes of an object are free, from then on a buffer of one part is taken from
//! those that all uploads of the lake share (`lake.max_parallel`, at least two). An upload never waits for a second
//! buffer while it fills one, and a part on its way gives its buffer back by itself: so uploads cannot block each other
//! for good, as long as each of them is fed by a task of its own.
//!
//! Each byte is summed once: the sums of the whole object are joined from those of its parts.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};

use super::buffers::Buffer;
use super::{LakeError, Store};
use crate::config::StoreChecksum;
use crate::lake::{Answer, ObjectWriter, Stored, Summing, Sums};

mod multipart;

use multipart::Multipart;

/// Bytes of an object that need no buffer of the shared ones.
const SMALL: usize = 256 << 10;

/// The object.
pub(super) struct Upload {
    store: Arc<Store>,
    key: String,
    /// Until the object is no longer small.
    small: BytesMut,
    /// From then on.
    part: Option<Buffer>,
    /// The sums of what is not sent yet.
    summing: Option<Summing>,
    /// The sums of the parts before.
    sent: Option<Summing>,
    multipart: Option<Multipart>,
}

impl Upload {
    pub(super) fn begin(store: Arc<Store>, key: &str) -> Self {
        let (key, summing) = (key.to_owned(), store.summing());
        Self { store, key, small: BytesMut::new(), part: None, summing: Some(summing), sent: None, multipart: None }
    }

    fn lost(&self) -> LakeError {
        LakeError::Integrity(format!("{} lost a write", self.key))
    }

    async fn append(&mut self, mut chunk: Bytes) -> Result<(), LakeError> {
        // Taken away while the write is under way: one that failed, or was dropped half way, can never be finished.
        let mut summing = self.summing.take().ok_or_else(|| self.lost())?;
        while !chunk.is_empty() {
            if self.part.as_ref().is_some_and(Buffer::is_full) {
                self.send_part(std::mem::replace(&mut summing, self.store.summing())).await?;
            }
            if self.part.is_none() && self.small.len() + chunk.len() <= SMALL {
                summing.update(&chunk);
                self.small.extend_from_slice(&chunk);
                break;
            }
            let part = match &mut self.part {
                Some(part) => part,
                none => {
                    let mut part = self.store.buffers.take().await?;
                    part.fill(&std::mem::take(&mut self.small));
                    none.insert(part)
                }
            };
            let taken = part.fill(&chunk);
            summing.update(&chunk[..taken]);
            chunk.advance(taken);
        }
        self.summing = Some(summing);
        Ok(())
    }

    fn take_part(&mut self) -> Bytes {
        match self.part.take() {
            Some(part) => part.freeze(),
            None => std::mem::take(&mut self.small).freeze(),
        }
    }

    async fn send_part(&mut self, summing: Summing) -> Result<(), LakeError> {
        let body = self.take_part();
        match &mut self.sent {
            Some(sent) => sent.join(&summing),
            none => *none = Some(summing.clone()),
        }
        if self.multipart.is_none() {
            self.multipart = Some(Multipart::begin(Arc::clone(&self.store), self.key.clone()).await?);
        }
        match &mut self.multipart {
            Some(multipart) => multipart.send(body, summing.finish()).await,
            None => Ok(()),
        }
    }

    async fn finished(mut self, sums: Sums) -> Result<Stored, LakeError> {
        let last = self.summing.take().ok_or_else(|| self.lost())?;
        let mut whole = self.sent.clone().unwrap_or_else(|| last.clone());
        if self.sent.is_some() {
            whole.join(&last);
        }
        let sums = match whole.checked(&self.key, &sums) {
            Ok(sums) => sums,
            Err(error) => {
                self.given_up().await;
                return Err(error);
            }
        };
        if self.multipart.is_none() {
            let body = self.take_part();
            return self.store.put_data(&self.key, body, &sums).await;
        }
        let sent = self.send_part(last).await;
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
        self.part = None;
        if let Some(multipart) = self.multipart.take() {
            multipart.abort().await;
        }
    }
}

impl Store {
    /// Sums of the kinds that the store checks.
    fn summing(&self) -> Summing {
        let checksum = self.section.checksum;
        Summing::new(checksum == StoreChecksum::Crc32, checksum == StoreChecksum::Sha256)
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
