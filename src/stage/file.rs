//! A download under way: hashed while it is written, under its final name only when it is whole and durable.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::mem;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

use super::room::io_fault;
use super::tail::{Growing, Growth, Tail};
use super::{Stage, names, sync_directory};
use crate::model::{CaptureId, Fault, FaultKind};

/// Bytes collected before they are written. The next are collected meanwhile, so a download holds twice as many.
const BUFFER: usize = 1024 * 1024;

/// So often the disk is made to take what was written, so that little is left for the end, when everybody waits for it.
const SYNC_EVERY: u64 = 16 * 1024 * 1024;

/// A whole archive, on disk for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

/// An archive that is being written. Dropped before [`StageFile::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct StageFile {
    state: State,
    buffer: Vec<u8>,
    spare: Vec<u8>,
    received: u64,
    limit: u64,
    path: PathBuf,
    growing: Growing,
}

/// The file is either at hand or with a thread that writes to it.
#[derive(Debug)]
enum State {
    AtHand(Box<Open>),
    Writing(JoinHandle<Written>),
    Failed,
}

/// What a writing thread gives back: the file, the buffer it wrote, and whether it could.
type Written = (Box<Open>, Vec<u8>, Result<(), Fault>);

/// The open file; only threads that may block touch it.
#[derive(Debug)]
struct Open {
    file: File,
    hash: Sha256,
    part: Part,
    growth: Arc<Growth>,
    unsynced: u64,
}

/// The name and the counted bytes of an unfinished file. Dropping it deletes the one and gives back the others.
#[derive(Debug)]
struct Part {
    stage: Stage,
    capture: CaptureId,
    path: PathBuf,
    counted: u64,
    kept: bool,
}

impl Stage {
    /// Starts the file of a capture (`<capture>.zip.part`, mode 0600), while there is room. What an earlier try of the
    /// same capture left is deleted. It may block on the disk for a moment.
    pub fn begin(&self, capture: CaptureId) -> Result<StageFile, Fault> {
        let inner = &self.inner;
        inner.check_room(0)?;
        if !inner.ledger().writing.insert(capture) {
            return Err(Fault::new(FaultKind::StagingFailed, format!("capture {capture} is being written already")));
        }
        let path = names::part(&inner.dir, capture);
        let part = Part { stage: self.clone(), capture, path: path.clone(), counted: 0, kept: false };
        let failed = |what| {
            let path = &path;
            move |error: std::io::Error| io_fault(what, path, &error)
        };
        self.delete(&path).and_then(|_| self.remove(capture)).map_err(failed("delete"))?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed("create"))?;
        let growing = Growing::default();
        let growth = Arc::clone(&growing.0);
        Ok(StageFile {
            state: State::AtHand(Box::new(Open { file, hash: Sha256::new(), part, growth, unsynced: 0 })),
            buffer: Vec::with_capacity(BUFFER),
            spare: Vec::new(),
            received: 0,
            limit: inner.archive_limit,
            path,
            growing,
        })
    }
}

impl StageFile {
    /// Refuses an archive whose announced length is over a limit, before any of it is written.
    pub fn announce(&self, content_length: Option<u64>) -> Result<(), Fault> {
        let Some(length) = content_length else { return Ok(()) };
        if length > self.limit {
            return Err(self.over_limit(length));
        }
        match &self.state {
            State::AtHand(open) => open.part.stage.inner.check_room(length),
            State::Writing(_) | State::Failed => Ok(()),
        }
    }

    /// A reader of what is written, from its beginning to where the download ends, however that is.
    pub fn tail(&self) -> Result<Tail, Fault> {
        let file = File::open(&self.path).map_err(|error| io_fault("read", &self.path, &error))?;
        Ok(Tail::new(file, Arc::clone(&self.growing.0)))
    }

    /// Takes the next bytes. After a fault the file takes no more, and what it held is deleted.
    pub async fn write(&mut self, mut chunk: &[u8]) -> Result<(), Fault> {
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > self.limit {
            // Waits for the thread that writes, so that the room is free again when the fault is known.
            drop(self.at_hand().await);
            return Err(self.over_limit(self.received));
        }
        while !chunk.is_empty() {
            let (now, later) = chunk.split_at(chunk.len().min(BUFFER - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            chunk = later;
            if self.buffer.len() == BUFFER {
                self.spill().await?;
            }
        }
        Ok(())
    }

    /// Makes the archive durable under its final name: writes the rest, fsyncs, renames, fsyncs the directory.
    /// When the future is dropped midway the archive may be there all the same, as after a crash: [`Stage::remove`] it.
    pub async fn commit(mut self) -> Result<Staged, Fault> {
        let mut open = self.at_hand().await?;
        let rest = mem::take(&mut self.buffer);
        let finished = spawn_blocking(move || {
            open.append(&rest)?;
            open.finish()
        });
        finished.await.map_err(|error| interrupted(&error))?
    }

    /// Hands the full buffer to a thread, once the one before is written.
    async fn spill(&mut self) -> Result<(), Fault> {
        let mut open = self.at_hand().await?;
        let mut next = mem::take(&mut self.spare);
        next.clear();
        next.reserve_exact(BUFFER);
        let full = mem::replace(&mut self.buffer, next);
        self.state = State::Writing(spawn_blocking(move || {
            let outcome = open.append(&full);
            (open, full, outcome)
        }));
        Ok(())
    }

    /// The file, when what was handed over is written.
    async fn at_hand(&mut self) -> Result<Box<Open>, Fault> {
        match mem::replace(&mut self.state, State::Failed) {
            State::AtHand(open) => Ok(open),
            State::Writing(writing) => {
                let (open, buffer, outcome) = writing.await.map_err(|error| interrupted(&error))?;
                self.spare = buffer;
                outcome.map(|()| open)
            }
            State::Failed => Err(Fault::new(FaultKind::StagingFailed, "the staged file failed before")),
        }
    }

    /// Waits until nothing is being written.
    #[cfg(test)]
    pub(super) async fn at_rest(&mut self) {
        self.state = State::AtHand(self.at_hand().await.unwrap());
    }

    fn over_limit(&self, length: u64) -> Fault {
        let (length, most) = (ByteSize::b(length), ByteSize::b(self.limit));
        let words = format!(
            "an archive of {length} or more; at most {most} are accepted (staging.max_archive_bytes, max_bytes)"
        );
        Fault::new(FaultKind::OverArchiveLimit, words)
    }
}

impl Open {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.len() as u64;
        self.part.stage.inner.claim(length)?;
        self.part.counted += length;
        self.hash.update(bytes);
        self.file.write_all(bytes).map_err(|error| io_fault("write", &self.part.path, &error))?;
        self.growth.add(length);
        self.unsynced += length;
        if self.unsynced < SYNC_EVERY {
            return Ok(());
        }
        self.unsynced = 0;
        self.file.sync_data().map_err(|error| io_fault("fsync", &self.part.path, &error))
    }

    fn finish(self) -> Result<Staged, Fault> {
        let Open { file, hash, mut part, growth, .. } = self;
        let whole = names::archive(&part.stage.inner.dir, part.capture);
        file.sync_all().map_err(|error| io_fault("fsync", &part.path, &error))?;
        fs::rename(&part.path, &whole).map_err(|error| io_fault("rename", &part.path, &error))?;
        part.path = whole;
        sync_directory(&part.stage.inner.dir).map_err(|error| io_fault("fsync", &part.stage.inner.dir, &error))?;
        part.kept = true;
        growth.end(true);
        let staged = Staged { bytes: part.counted, sha256: hex::encode(hash.finalize()) };
        part.stage.inner.ledger().verified.insert(part.capture, (staged.bytes, staged.sha256.clone()));
        Ok(staged)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let inner = &self.stage.inner;
        if !self.kept {
            // What cannot be deleted now is swept at the next start.
            let _ = fs::remove_file(&self.path);
            inner.release(self.counted);
        }
        inner.ledger().writing.remove(&self.capture);
    }
}

fn interrupted(error: &tokio::task::JoinError) -> Fault {
    Fault::new(FaultKind::StagingFailed, format!("writing the staged file was interrupted: {error}"))
}
