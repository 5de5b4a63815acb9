//! One request to Amplitude, streamed into staging.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::LiveEffects;
use super::early::Unjudged;
use super::points::staging_down;
use crate::amplitude::{Answer, ArchiveSink, Client, Exported, Writing};
use crate::engine::{Outcome, ServerClock};
use crate::failpoints::{Point, around};
use crate::model::{CaptureRecord, Fault, FaultKind, Hour, SourceName};
use crate::stage::{StageFile, Staged};
use crate::telemetry::{Level, Line, Phase, say};

/// Writes an answer's body into staging; the file begins with the body.
struct StagingSink<'a> {
    effects: &'a LiveEffects,
    capture: &'a CaptureRecord,
    file: Option<StageFile>,
    received: u64,
    /// Hours that may be read while they arrive, until they are.
    hours: BTreeMap<Hour, u32>,
    early: Option<Unjudged>,
}

impl ArchiveSink for StagingSink<'_> {
    fn begin(&mut self, content_length: Option<u64>) -> Result<(), Fault> {
        let file = self.effects.stage.begin(self.capture.id)?;
        file.announce(content_length)?;
        self.file = Some(file);
        Ok(())
    }

    fn write<'a>(&'a mut self, chunk: &'a [u8]) -> Writing<'a> {
        Box::pin(async move {
            self.effects.progress.add_downloaded(chunk.len() as u64);
            self.effects.metrics.add_downloaded(chunk.len() as u64);
            let Some(file) = self.file.as_mut() else {
                return Err(Fault::new(FaultKind::StagingFailed, "bytes before the beginning of the archive"));
            };
            file.write(chunk).await?;
            self.received += chunk.len() as u64;
            let early = self.effects.read_early(self.capture, &mut self.hours, self.received, || file.tail());
            self.early = self.early.take().or(early);
            Ok(())
        })
    }
}

impl LiveEffects {
    pub(super) async fn capture(&self, capture: &CaptureRecord, hours: BTreeMap<Hour, u32>) -> Outcome {
        let Some(client) = self.client(&capture.source) else {
            let fault = Fault::new(FaultKind::KeysRefused, "the source has no usable credentials");
            return Outcome::Failed { fault, clock: None };
        };
        // Amplitude works for minutes on some answers: it is not asked for what could not be kept.
        if let Err(fault) = self.stage.check_room() {
            return Outcome::Failed { fault, clock: None };
        }
        self.progress.set_activity(&capture.source, Some(format!("asking for {}", capture.window)));
        let started = crate::clock::monotonic();
        let mut sink = StagingSink { effects: self, capture, file: None, received: 0, hours, early: None };
        let answer = client.export(capture.window, &mut sink).await;
        self.metrics.request_answered(&capture.source, answer.status);
        let clock =
            answer.date.zip(answer.date_read_at).map(|(date, read_at)| ServerClock { date, ahead: read_at - date });
        let (file, early) = (sink.file.take(), sink.early.take());
        let result = match (&answer.result, file) {
            (Ok(Exported::Archive { .. }), Some(file)) => {
                around(Point::CaptureStaged, staging_down, file.commit()).await.map(Some)
            }
            (Ok(Exported::Archive { .. }), None) => Err(Fault::new(FaultKind::NotAnArchive, "a 200 without a body")),
            (Ok(Exported::NotFound { .. }), _) => Ok(None),
            (Err(fault), _) => Err(fault.clone()),
        };
        let result = match (result, early) {
            (Ok(Some(staged)), Some(early)) => self.judge(capture, &staged, early).await.map(|()| Some(staged)),
            (result, _) => result,
        };
        self.progress.set_activity(&capture.source, None);
        log_answer(capture, &answer, &result, started);
        match result {
            Ok(Some(Staged { bytes, sha256 })) => Outcome::Captured { bytes, sha256, clock },
            Ok(None) => Outcome::NotFound { clock },
            Err(fault) => {
                if fault.kind == FaultKind::KeysRefused {
                    self.read_keys_again(&capture.source);
                }
                Outcome::Failed { fault, clock }
            }
        }
    }

    fn client(&self, source: &SourceName) -> Option<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if !clients.contains_key(source) {
            let fresh = (self.fresh_client)(source)?;
            clients.insert(source.clone(), fresh);
        }
        clients.get(source).cloned()
    }

    /// The next request of the source takes the credentials that are there then: somebody may rotate a key.
    fn read_keys_again(&self, source: &SourceName) {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(source);
    }
}

fn log_answer(
    capture: &CaptureRecord,
    answer: &Answer,
    result: &Result<Option<Staged>, Fault>,
    started: std::time::Instant,
) {
    let elapsed = u64::try_from(crate::clock::since(started).as_millis()).unwrap_or(u64::MAX);
    let (level, words) = match result {
        Ok(Some(staged)) => (Level::Info, format!("captured, {} bytes", staged.bytes)),
        Ok(None) => (Level::Info, "no data (404)".to_owned()),
        Err(fault) => (Level::Debug, format!("failed: {fault}")),
    };
    let mut line = Line::new(level, words).phase(Phase::ApiCall).source(&capture.source).window(capture.window);
    line = line.capture(capture.id).with("elapsed_ms", elapsed).with("bytes", answer.bytes);
    if let Some(status) = answer.status {
        line = line.with("status", status);
    }
    say(&line);
}
