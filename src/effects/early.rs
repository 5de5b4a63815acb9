//! Hours that are read and uploaded while their archive still arrives. Nothing relies on them before the archive is whole,
//! durable and judged: then the hour's [`Step::Upload`](crate::engine::Step::Upload) finds them done. Until then they are
//! objects that no manifest names, like those of any capture in work.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::upload::{Landing, Next, QUEUE, QueueSink, archive_members_text, log_hour};
use super::{LiveEffects, READERS};
use crate::archive::{Arriving, Limits, Packing, Walk};
use crate::model::{
    CaptureId, CaptureRecord, CaptureState, Content, Draft, Fault, FaultKind, Hour, HourState, SourceName,
};
use crate::stage::{Staged, Tail};
use crate::telemetry::{Level, Line, Phase, say};

/// What arrives within a quarter of a second on a fast link is read as fast when it is whole: most windows, at the cost
/// they always had.
const EARLY_AFTER: u64 = 8 << 20;

/// What is read of one capture while it arrives.
#[derive(Default)]
pub(super) struct Early {
    walk: Walk,
    /// The drafts to be, with their generations.
    drafts: Mutex<BTreeMap<Hour, (u32, oneshot::Receiver<Draft>)>>,
}

/// A capture whose archive is not judged yet. Dropped so, its reading ends.
pub(super) struct Unjudged(Option<Arc<Early>>);

impl Drop for Unjudged {
    fn drop(&mut self) {
        if let Some(early) = self.0.take() {
            early.walk.end();
        }
    }
}

impl LiveEffects {
    /// Begins to read a download of which `received` bytes came, when that pays and nobody else is read so.
    pub(super) fn read_early(
        &self,
        capture: &CaptureRecord,
        hours: &mut BTreeMap<Hour, u32>,
        received: u64,
        tail: impl FnOnce() -> Result<Tail, Fault>,
    ) -> Option<Unjudged> {
        if hours.is_empty() || received < EARLY_AFTER {
            return None;
        }
        // Asked once for each download.
        let hours = std::mem::take(hours);
        let unordered = self.unordered.lock().unwrap_or_else(PoisonError::into_inner).contains(&capture.source);
        let place = Arc::clone(&self.early_place).try_acquire_owned().ok().filter(|_| !unordered)?;
        let tail = tail().ok()?;
        let early = Arc::new(Early::default());
        let reader = Reader {
            early: Arc::clone(&early),
            landing: self.landing.clone(),
            capture: capture.clone(),
            hours,
            packing: self.packing(capture),
            limits: self.limits,
            places: Arc::new(Semaphore::new(READERS)),
            readers: Arc::clone(&self.readers),
        };
        tokio::task::spawn_blocking(move || {
            let _place = place;
            reader.read(tail);
        });
        Some(Unjudged(Some(early)))
    }

    /// The archive is staged. What was read of it before counts only if its directory lists exactly that; otherwise keys
    /// were written that other bytes belong to, and the capture is not to be used.
    pub(super) async fn judge(
        &self,
        capture: &CaptureRecord,
        staged: &Staged,
        mut unjudged: Unjudged,
    ) -> Result<(), Fault> {
        let Some(early) = unjudged.0.clone() else { return Ok(()) };
        let state = CaptureState::Staged { bytes: staged.bytes, sha256: staged.sha256.clone() };
        let why = match self.archive(&CaptureRecord { state, ..capture.clone() }).await {
            Ok(archive) => match early.walk.judge(&archive) {
                Ok(()) => {
                    unjudged.0 = None;
                    self.early.lock().unwrap_or_else(PoisonError::into_inner).insert(capture.id, early);
                    return Ok(());
                }
                Err(why) => why,
            },
            Err(fault) => {
                early.walk.end();
                if early.walk.is_empty() {
                    return Ok(());
                }
                if fault.kind != FaultKind::BrokenArchive {
                    return Err(fault);
                }
                fault.detail
            }
        };
        self.forget_archive(capture.id);
        self.read_no_more_early(&capture.source);
        Err(Fault::new(FaultKind::CaptureLost, format!("the archive is not what was uploaded while it arrived: {why}")))
    }

    fn read_no_more_early(&self, source: &SourceName) {
        self.unordered.lock().unwrap_or_else(PoisonError::into_inner).insert(source.clone());
        let text = "archives of this source are read only when they are whole, until the next start";
        say(&Line::new(Level::Warn, text).phase(Phase::ZipFileExtract).source(source));
    }

    /// The hour's draft, if it was read while the archive arrived; waits where its end is on its way.
    pub(super) async fn early_draft(&self, capture: CaptureId, hour: Hour, generation: u32) -> Option<Draft> {
        let early = self.early.lock().unwrap_or_else(PoisonError::into_inner).get(&capture).cloned()?;
        let (of, draft) = early.drafts.lock().unwrap_or_else(PoisonError::into_inner).remove(&hour)?;
        if of == generation { draft.await.ok() } else { None }
    }
}

/// The thread that reads.
struct Reader {
    early: Arc<Early>,
    landing: Landing,
    capture: CaptureRecord,
    hours: BTreeMap<Hour, u32>,
    packing: Packing,
    limits: Limits,
    /// Hours that are read or still written.
    places: Arc<Semaphore>,
    /// Hours that are read by anybody.
    readers: Arc<Semaphore>,
}

impl Reader {
    /// Reads hour after hour, until something is unusual, the lake does not take a part, or the download ends.
    fn read(&self, tail: Tail) {
        let lake = Arc::clone(&self.landing.lake);
        // As long as the archive is read: the buffers stay.
        let buffers = lake.buffers().borrower();
        let mut archive = Arriving::new(tail, self.capture.window, self.limits, self.early.walk.clone());
        while let Some((hour, project)) = archive.next_hour() {
            let Some(generation) = self.hours.get(&hour).copied() else { return };
            let place = |of: &Arc<Semaphore>| Handle::current().block_on(Arc::clone(of).acquire_owned());
            let (Ok(place), Ok(_reader)) = (place(&self.places), place(&self.readers)) else { return };
            let (queue, pieces) = mpsc::channel(QUEUE);
            let (tell, read) = oneshot::channel();
            self.write(hour, generation, project.to_owned(), (pieces, read), place);
            let found = archive.read_hour(self.packing, &mut QueueSink::new(queue, buffers.clone()));
            let Some(found) = found else { return };
            let _ = tell.send(found);
        }
    }

    /// Writes the hour's parts meanwhile, and tells what they came to.
    fn write(
        &self,
        hour: Hour,
        generation: u32,
        project: String,
        (pieces, read): (mpsc::Receiver<Next>, oneshot::Receiver<(Content, usize)>),
        place: OwnedSemaphorePermit,
    ) {
        let (landing, capture) = (self.landing.clone(), self.capture.clone());
        let (tell, draft) = oneshot::channel();
        self.early.drafts.lock().unwrap_or_else(PoisonError::into_inner).insert(hour, (generation, draft));
        Handle::current().spawn(async move {
            let _place = place;
            let written = landing.write_parts(&capture, hour, generation, &project, pieces).await;
            match (written, read.await) {
                (Ok(objects), Ok((content, members))) => {
                    log_hour(&capture, hour, &content, archive_members_text(Some((members, objects.len()))));
                    let (state, project) = (HourState::Data, Some(project));
                    let _ = tell.send(Draft { generation, state, reason: None, project, content, objects });
                }
                (Ok(_), Err(_)) => {}
                (Err(fault), _) => {
                    let line = Line::debug(format!("not uploaded while it arrives: {fault}")).phase(Phase::S3Load);
                    say(&line.source(&capture.source).hour(hour).capture(capture.id));
                }
            }
        });
    }
}
