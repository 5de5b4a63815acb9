//! An hour of a staged archive: read to its end on a blocking thread, its parts streamed into the lake meanwhile.

use std::sync::Arc;

use crc_fast::Digest;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::points::lake_down;
use super::{LiveEffects, blocking, lake_fault};
use crate::archive::{Discard, Packing, PartSink, PartSums, ReadError};
use crate::engine::Outcome;
use crate::failpoints::{Point, around};
use crate::lake::{Borrower, Buffer, Lake, ObjectWriter, Piece, Sums};
use crate::model::layout::{self, ObjectId};
use crate::model::{CaptureRecord, Content, Draft, Fault, FaultKind, Format, Hour, HourState, Object};
use crate::telemetry::{Line, Metrics, Phase, Progress, say};

/// Bytes of a part that need none of the lake's buffers.
const SMALL: usize = 64 * 1024;
/// Pieces that may wait for the store.
pub(super) const QUEUE: usize = 2;

/// What comes next of an hour's parts.
pub(super) enum Next {
    Begin(u32),
    Piece(Box<Piece>),
    End(PartSums),
}

/// The reader's side: it fills the buffers that are sent. It fails when the other side is gone, and then nothing is said
/// about the archive.
pub(super) struct QueueSink {
    queue: mpsc::Sender<Next>,
    buffers: Borrower,
    /// The beginning of a piece, until it is no longer small.
    small: Vec<u8>,
    /// From then on.
    buffer: Option<Buffer>,
}

/// The lake's side gave up, or has no room: why.
pub(super) struct Gone(String);

impl QueueSink {
    pub(super) fn new(queue: mpsc::Sender<Next>, buffers: Borrower) -> Self {
        Self { queue, buffers, small: Vec::new(), buffer: None }
    }

    fn send(&self, next: Next) -> Result<(), Gone> {
        self.queue.blocking_send(next).map_err(|_| Gone("the upload ended before the hour did".to_owned()))
    }

    /// A buffer that begins with what was small.
    fn grown(&mut self) -> Result<Buffer, Gone> {
        let mut buffer = Handle::current().block_on(self.buffers.take()).map_err(|error| Gone(error.to_string()))?;
        buffer.fill(&self.small);
        self.small.clear();
        Ok(buffer)
    }
}

impl PartSink for QueueSink {
    type Error = Gone;

    fn begin(&mut self, part: u32) -> Result<(), Gone> {
        self.send(Next::Begin(part))
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), Gone> {
        if self.buffer.is_none() && self.small.len() + chunk.len() <= SMALL {
            self.small.extend_from_slice(chunk);
            return Ok(());
        }
        let mut buffer = self.buffer.take().map_or_else(|| self.grown(), Ok)?;
        buffer.fill(chunk);
        self.buffer = Some(buffer);
        Ok(())
    }

    fn piece(&self) -> u64 {
        self.buffers.room() as u64
    }

    fn end_piece(&mut self, crc64nvme: Digest) -> Result<(), Gone> {
        let bytes = match self.buffer.take() {
            Some(buffer) => buffer.freeze(),
            None => std::mem::take(&mut self.small).into(),
        };
        self.send(Next::Piece(Box::new(Piece { bytes, crc64nvme })))
    }

    fn end(&mut self, sums: PartSums) -> Result<(), Gone> {
        self.send(Next::End(sums))
    }
}

impl LiveEffects {
    pub(super) async fn measure(&self, capture: &CaptureRecord, hour: Hour) -> Result<Outcome, Fault> {
        let archive = self.archive(capture).await?;
        // Nothing is landed, so nothing is compressed.
        let packing = Packing { format: Format::JsonGz, ..self.packing(capture) };
        let reader = self.reader().await?;
        let content = blocking(move || {
            let _reader = reader;
            archive.read_hour(hour, packing, &mut Discard).map_err(|error| match error {
                ReadError::Archive(fault) => fault,
                ReadError::Sink(never) => match never {},
            })
        })
        .await?;
        log_hour(capture, hour, &content, archive_members_text(None));
        Ok(Outcome::Measured(Box::new(content)))
    }

    pub(super) async fn upload(&self, capture: &CaptureRecord, hour: Hour, generation: u32) -> Result<Outcome, Fault> {
        let archive = self.archive(capture).await?;
        if let Some(draft) = self.early_draft(capture.id, hour, generation).await {
            self.progress.add_rows(draft.content.rows);
            return Ok(Outcome::Uploaded(Box::new(draft)));
        }
        let packing = self.packing(capture);
        let project = archive.project().map(str::to_owned);
        let members = archive.members(hour);
        let reader = self.reader().await?;
        let (queue, pieces) = mpsc::channel(QUEUE);
        let buffers = self.lake.buffers().borrower();
        let reading = tokio::task::spawn_blocking(move || {
            let _reader = reader;
            let mut sink = QueueSink::new(queue, buffers);
            archive.read_hour(hour, packing, &mut sink)
        });
        let named = project.as_deref().unwrap_or_default();
        let writing = self.landing.write_parts(capture, hour, generation, named, pieces).await;
        let read =
            reading.await.map_err(|error| Fault::new(FaultKind::Panicked, format!("a reader panicked: {error}")))?;
        let content = match (read, writing) {
            (Err(ReadError::Archive(fault)), _) | (_, Err(fault)) => return Err(fault),
            (Err(ReadError::Sink(Gone(why))), Ok(_)) => return Err(Fault::new(FaultKind::LakeUnavailable, why)),
            (Ok(content), Ok(objects)) => (content, objects),
        };
        let (content, objects) = content;
        self.progress.add_rows(content.rows);
        log_hour(capture, hour, &content, archive_members_text(Some((members, objects.len()))));
        let draft = Draft { generation, state: HourState::Data, reason: None, project, content, objects };
        Ok(Outcome::Uploaded(Box::new(draft)))
    }
}

/// Where parts land, and what counts them.
#[derive(Clone)]
pub(super) struct Landing {
    pub(super) lake: Arc<dyn Lake>,
    pub(super) progress: Progress,
    pub(super) metrics: Metrics,
}

impl Landing {
    /// Takes the pieces of an hour's parts and makes objects of them. When the reader stops in the middle of a part,
    /// that part is given up.
    pub(super) async fn write_parts(
        &self,
        capture: &CaptureRecord,
        hour: Hour,
        generation: u32,
        project: &str,
        mut pieces: mpsc::Receiver<Next>,
    ) -> Result<Vec<Object>, Fault> {
        let mut objects = Vec::new();
        let mut open: Option<(String, Box<dyn ObjectWriter>)> = None;
        while let Some(next) = pieces.recv().await {
            match next {
                Next::Begin(part) => {
                    let object = ObjectId { hour, generation, capture: capture.id, part };
                    let key = layout::object_key(&capture.source, project, object, capture.format);
                    let writer = self.lake.writer(&key).await.map_err(|error| lake_fault(&error))?;
                    open = Some((key, writer));
                }
                Next::Piece(piece) => {
                    self.progress.add_uploaded(piece.bytes.len() as u64);
                    self.metrics.add_uploaded(piece.bytes.len() as u64);
                    let Some((_, writer)) = open.as_mut() else { continue };
                    if let Err(error) = writer.write(*piece).await {
                        give_up(open.take()).await;
                        return Err(lake_fault(&error));
                    }
                }
                Next::End(sums) => {
                    let Some((key, writer)) = open.take() else { continue };
                    objects.push(finish(key, writer, sums).await?);
                }
            }
        }
        give_up(open).await;
        Ok(objects)
    }
}

async fn give_up(open: Option<(String, Box<dyn ObjectWriter>)>) {
    if let Some((_, writer)) = open {
        writer.abort().await;
    }
}

async fn finish(key: String, writer: Box<dyn ObjectWriter>, sums: PartSums) -> Result<Object, Fault> {
    let PartSums { bytes, rows, sha256, crc64nvme, .. } = sums;
    let wanted = Sums { bytes, crc64nvme: crc64nvme.clone(), crc32: None, sha256: sha256.clone() };
    let stored = async { writer.finish(wanted).await.map_err(|error| lake_fault(&error)) };
    let stored = around(Point::UploadPut, lake_down, stored).await?;
    Ok(Object { key, bytes, rows, sha256, crc64nvme: Some(crc64nvme), etag: stored.etag })
}

pub(super) fn archive_members_text(counts: Option<(usize, usize)>) -> String {
    match counts {
        Some((members, objects)) => format!("read to its end: {members} members into {objects} objects"),
        None => "read to its end, to compare".to_owned(),
    }
}

pub(super) fn log_hour(capture: &CaptureRecord, hour: Hour, content: &Content, words: String) {
    let line = Line::debug(words).phase(Phase::ZipFileExtract).source(&capture.source).hour(hour);
    let line = line.capture(capture.id).with("rows", content.rows).with("rows_invalid", content.rows_invalid);
    say(&line);
}
