//! A data object on its way into a directory.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::durable::trouble;
use super::{LakeError, Place, blocking};
use crate::lake::{Answer, ObjectWriter, Stored, Summing, Sums};

/// Writes a temporary file and renames it when its sums are right.
pub(super) struct FileWriter {
    place: Arc<Place>,
    key: String,
    target: PathBuf,
    temporary: Temporary,
    file: File,
    summing: Option<Summing>,
}

/// Removes the file when it goes out of scope; after the rename there is none.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl FileWriter {
    pub(super) fn begin(place: Arc<Place>, key: String) -> Result<Self, LakeError> {
        let target = place.path(&key)?;
        let (file, path) = place.scratch.file()?;
        let (file, temporary) = (File::from_std(file), Temporary(path));
        Ok(Self { place, key, target, temporary, file, summing: Some(Summing::new(false, false)) })
    }

    async fn finished(mut self, sums: Sums) -> Result<Stored, LakeError> {
        self.file.flush().await.map_err(|error| trouble("write", &self.temporary.0, &error))?;
        let summing = self.summing.take().ok_or_else(|| LakeError::Integrity(format!("{} lost a write", self.key)))?;
        summing.checked(&self.key, &sums)?;
        let file = self.file.into_std().await;
        let (place, target, temporary) = (self.place, self.target, self.temporary);
        blocking(move || {
            let synced = place.directories.sync_content(&file, &temporary.0);
            synced.map_err(|error| trouble("write", &temporary.0, &error))?;
            place.publish(&temporary.0, &target)?;
            Ok(Stored::default())
        })
        .await
    }
}

impl ObjectWriter for FileWriter {
    fn write(&mut self, chunk: Bytes) -> Answer<'_, ()> {
        Box::pin(async move {
            // Taken away while the write is under way: one that failed, or was dropped half way, can never be finished.
            let mut summing =
                self.summing.take().ok_or_else(|| LakeError::Integrity(format!("{} lost a write", self.key)))?;
            self.file.write_all(&chunk).await.map_err(|error| trouble("write", &self.temporary.0, &error))?;
            summing.update(&chunk);
            self.summing = Some(summing);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, sums: Sums) -> Answer<'static, Stored> {
        Box::pin(self.finished(sums))
    }

    fn abort(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let Self { temporary, file, .. } = *self;
            drop(file.into_std().await);
            // Blocking for one unlink, where the runtime has no thread to spare for it the drop does the same.
            let _ = tokio::task::spawn_blocking(move || drop(temporary)).await;
        })
    }
}
