//! A data object on its way into a directory.

use std::fs::{self, File};
use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use super::durable::trouble;
use super::{LakeError, PIECE, Place, blocking};
use crate::lake::{Answer, ObjectWriter, Piece, Stored, Summing, Sums};

/// Writes a temporary file and renames it when its sums are right.
pub(super) struct FileWriter {
    place: Arc<Place>,
    key: String,
    target: PathBuf,
    /// Taken away while a write is under way: one that failed, or was dropped half way, can never be finished.
    written: Option<Written>,
}

/// What came so far. The last piece waits for the end: an object of one piece costs one visit to a thread that may block.
struct Written {
    /// Of what is written, whatever it was when it was read.
    summing: Summing,
    last: Bytes,
    file: Option<(File, Temporary)>,
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
        let written = Written { summing: Summing::new(false, false), last: Bytes::new(), file: None };
        Ok(Self { place, key, target, written: Some(written) })
    }

    fn taken(&mut self) -> Result<Written, LakeError> {
        self.written.take().ok_or_else(|| LakeError::Integrity(format!("{} lost a write", self.key)))
    }

    async fn finished(mut self, sums: Sums) -> Result<Stored, LakeError> {
        let Written { summing, last, file } = self.taken()?;
        summing.checked(&self.key, &sums)?;
        let (place, target) = (self.place, self.target);
        blocking(move || {
            let (file, temporary) = append(&place, file, &last)?;
            place.directories.make_ahead(&target);
            let synced = place.directories.sync_content(&file, &temporary.0);
            synced.map_err(|error| trouble("write", &temporary.0, &error))?;
            place.publish(&temporary.0, &target)?;
            Ok(Stored::default())
        })
        .await
    }
}

/// Writes the next bytes, the first ones to a new file.
fn append(place: &Place, file: Option<(File, Temporary)>, bytes: &[u8]) -> Result<(File, Temporary), LakeError> {
    let (mut file, temporary) = match file {
        Some(open) => open,
        None => place.scratch.file().map(|(file, path)| (file, Temporary(path)))?,
    };
    file.write_all(bytes).map_err(|error| trouble("write", &temporary.0, &error))?;
    Ok((file, temporary))
}

impl ObjectWriter for FileWriter {
    fn write(&mut self, Piece { bytes, .. }: Piece) -> Answer<'_, ()> {
        Box::pin(async move {
            let mut written = self.taken()?;
            if !written.last.is_empty() {
                return Err(LakeError::Integrity(format!("{} goes on after its last piece", self.key)));
            }
            written.summing.update(&bytes);
            if bytes.len() < PIECE {
                written.last = bytes;
            } else {
                let (place, file) = (Arc::clone(&self.place), written.file.take());
                written.file = Some(blocking(move || append(&place, file, &bytes)).await?);
            }
            self.written = Some(written);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, sums: Sums) -> Answer<'static, Stored> {
        Box::pin(self.finished(sums))
    }

    fn abort(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let Some(file) = self.written.and_then(|written| written.file) else { return };
            // Blocking for one unlink, where the runtime has no thread to spare for it the drop does the same.
            let _ = tokio::task::spawn_blocking(move || drop(file)).await;
        })
    }
}
