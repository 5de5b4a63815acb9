//! A data object on its way into a bucket.
//!
//! A piece is a part. An object that is shorter than one goes in one PUT; a longer one as a multipart upload, whose parts
//! go out while the next ones are made. Memory: the buffers that all uploads of the lake share (`lake.max_parallel`, at
//! least two). A part on its way gives its buffer back by itself: so uploads cannot block each other for good.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{LakeError, Store};
use crate::config::StoreChecksum;
use crate::lake::{Answer, ObjectWriter, Piece, Stored, Summing, Sums};

mod multipart;

use multipart::Multipart;

/// The object.
pub(super) struct Upload {
    store: Arc<Store>,
    key: String,
    /// What the parts before came to; taken away while a write is under way: one that failed, or was dropped half way, can
    /// never be finished.
    sent: Option<Sent>,
    /// The piece that is shorter than a part.
    last: Option<(Piece, Summing)>,
    multipart: Option<Multipart>,
}

/// The sums of the parts so far, if there are any.
type Sent = Option<Summing>;

impl Upload {
    pub(super) fn begin(store: Arc<Store>, key: &str) -> Self {
        Self { store, key: key.to_owned(), sent: Some(None), last: None, multipart: None }
    }

    fn lost(&self) -> LakeError {
        LakeError::Integrity(format!("{} lost a write", self.key))
    }

    async fn append(&mut self, piece: Piece) -> Result<(), LakeError> {
        let sent = self.sent.take().filter(|_| self.last.is_none()).ok_or_else(|| self.lost())?;
        let summing = self.store.summing().of_piece(&piece);
        if piece.bytes.len() < self.store.buffers.room() {
            self.last = Some((piece, summing));
            self.sent = Some(sent);
            return Ok(());
        }
        let joined = joined(sent, &summing);
        self.send_part(piece, summing).await?;
        self.sent = Some(Some(joined));
        Ok(())
    }

    async fn send_part(&mut self, piece: Piece, summing: Summing) -> Result<(), LakeError> {
        if self.multipart.is_none() {
            self.multipart = Some(Multipart::begin(Arc::clone(&self.store), self.key.clone()).await?);
        }
        match &mut self.multipart {
            Some(multipart) => multipart.send(piece.bytes, summing.finish()).await,
            None => Ok(()),
        }
    }

    async fn finished(mut self, sums: Sums) -> Result<Stored, LakeError> {
        let sent = self.sent.take().ok_or_else(|| self.lost())?;
        let last = self.last.take();
        let whole = match &last {
            Some((_, summing)) => joined(sent, summing),
            None => sent.unwrap_or_else(|| self.store.summing()),
        };
        let sums = match whole.checked(&self.key, &sums) {
            Ok(sums) => sums,
            Err(error) => {
                self.given_up().await;
                return Err(error);
            }
        };
        if self.multipart.is_none() {
            let body = last.map(|(piece, _)| piece.bytes).unwrap_or_default();
            return self.store.put_data(&self.key, body, &sums).await;
        }
        let sent = match last {
            Some((piece, summing)) => self.send_part(piece, summing).await,
            None => Ok(()),
        };
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
        self.last = None;
        if let Some(multipart) = self.multipart.take() {
            multipart.abort().await;
        }
    }
}

fn joined(sent: Sent, next: &Summing) -> Summing {
    match sent {
        Some(mut sent) => {
            sent.join(next);
            sent
        }
        None => next.clone(),
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
    fn write(&mut self, piece: Piece) -> Answer<'_, ()> {
        Box::pin(self.append(piece))
    }

    fn finish(self: Box<Self>, sums: Sums) -> Answer<'static, Stored> {
        Box::pin(self.finished(sums))
    }

    fn abort(mut self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.given_up().await })
    }
}
