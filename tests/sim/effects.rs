//! What each step does in this world: the same requests in the same order as in production, and a crash fits between
//! any two of them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ampd::engine::{Outcome, ServerClock, Step};
use ampd::model::record::is_recorded;
use ampd::model::{CaptureId, CaptureRecord, CaptureState, Draft, Fault, FaultKind, Hour, HourState, Object, layout};
use chrono::{SubsecRound, TimeDelta};

use crate::amplitude::{Archive, Reply, Trouble, packed, parts};
use crate::early::Early;
use crate::lake::{Body, Stored, put};
use crate::world::{Shared, Time, latency, source, wait};

/// The staged files of one state directory.
#[derive(Default)]
pub struct StageDirectory {
    pub files: BTreeMap<CaptureId, Rc<Archive>>,
    pub set_aside: Vec<CaptureId>,
}

/// Where a process's steps run.
#[derive(Clone)]
pub struct Context {
    pub world: Shared,
    pub stage: Rc<RefCell<StageDirectory>>,
    pub process: usize,
    /// Local clock minus true time.
    pub clock: Rc<Cell<TimeDelta>>,
    pub early: Early,
}

fn failed(fault: Fault) -> Outcome {
    Outcome::Failed { fault, clock: None }
}

fn disk(kind: FaultKind) -> Outcome {
    failed(Fault::new(kind, "disk"))
}

impl Context {
    pub fn local(&self) -> Time {
        self.world.borrow().now + self.clock.get()
    }

    pub async fn run(self, step: Step) -> Outcome {
        let result = match step {
            Step::SweepStage { known } => self.sweep_stage(&known).await,
            Step::Identify => self.identify().await,
            Step::Attach { from, wanted, fallback, .. } => self.attach(from, wanted, fallback).await,
            Step::ReadManifests { hours, .. } => self.read_manifests(&hours).await,
            Step::Capture { capture, early } => Ok(self.capture(&capture, &early).await),
            Step::Inspect(capture) => Ok(self.inspect(&capture).await),
            Step::Measure { capture, hour } => Ok(self.measure(&capture, hour).await),
            Step::Upload { capture, hour, generation } => self.upload(&capture, hour, generation).await,
            Step::Publish { hour, draft, capture, .. } => self.publish(hour, &draft, capture).await,
            Step::Discard { capture } => {
                latency(&self.world).await;
                self.stage.borrow_mut().files.remove(&capture);
                Ok(Outcome::Done)
            }
            Step::SetAside { capture, .. } => {
                latency(&self.world).await;
                let mut stage = self.stage.borrow_mut();
                if stage.files.remove(&capture).is_some() {
                    stage.set_aside.push(capture);
                }
                Ok(Outcome::Done)
            }
            Step::Sweep { hours, .. } => self.sweep(&hours).await,
        };
        result.unwrap_or_else(failed)
    }

    async fn sweep_stage(&self, known: &[CaptureId]) -> Result<Outcome, Fault> {
        latency(&self.world).await;
        self.stage.borrow_mut().files.retain(|id, _| known.contains(id));
        Ok(Outcome::Done)
    }

    async fn capture(&self, capture: &CaptureRecord, early: &BTreeMap<Hour, u32>) -> Outcome {
        self.world.borrow_mut().check_request(capture.window, self.process);
        if let Some(outcome) = self.disk_noise() {
            return outcome;
        }
        latency(&self.world).await;
        let (reply, sampled) = {
            let mut world = self.world.borrow_mut();
            let world = &mut *world;
            let now = world.now;
            (world.amplitude.answer(capture.window.bounds(), now, &mut world.random, world.calm), now)
        };
        let date = self.world.borrow().scenario.date_header.then(|| sampled.trunc_subsecs(0));
        wait(&self.world, TimeDelta::milliseconds(150)).await;
        let clock = date.map(|date| ServerClock { date, ahead: self.local() - date });
        latency(&self.world).await;
        let reply = self.read_early(capture, early, reply).await;
        let mut world = self.world.borrow_mut();
        let (id, window) = (capture.id, capture.window);
        match reply {
            Reply::Fault(kind, retry_after) => {
                world.note(|| format!("amplitude: {window} for p{} ({id}): {kind:?}", self.process));
                let mut fault = Fault::new(kind, format!("{kind:?}"));
                fault.retry_after_seconds = retry_after;
                Outcome::Failed { fault, clock: clock.filter(|_| kind != FaultKind::Connect) }
            }
            Reply::NotFound => {
                world.note(|| format!("amplitude: {window} for p{} ({id}): 404", self.process));
                let (hours, invalid) = (BTreeMap::new(), BTreeSet::new());
                let nothing = Archive { sampled, hours, broken: None, invalid, salt: 0 };
                world.answered(self.process, id, window, nothing);
                Outcome::NotFound { clock }
            }
            Reply::Archive(archive) => {
                world.note(|| format!("amplitude: {window} for p{} ({id}): {:?}", self.process, archive.hours));
                let (bytes, sha256) = (archive.bytes(), archive.sha());
                let archive = world.answered(self.process, id, window, archive);
                self.stage.borrow_mut().files.insert(id, archive);
                Outcome::Captured { bytes, sha256, clock }
            }
        }
    }

    fn disk_noise(&self) -> Option<Outcome> {
        let mut world = self.world.borrow_mut();
        let noise = world.scenario.disk_noise;
        world.fault(noise).then(|| disk(FaultKind::StagingFull))
    }

    /// The staged file, if it is what the journal recorded.
    async fn open(&self, capture: &CaptureRecord) -> Result<Rc<Archive>, Outcome> {
        latency(&self.world).await;
        let noise = self.world.borrow().scenario.disk_noise;
        if self.world.borrow_mut().fault(noise) {
            return Err(disk(FaultKind::StagingFailed));
        }
        if let Some(CaptureState::Staged { bytes, sha256 }) = Some(&capture.state)
            && let Some(archive) = self.stage.borrow().files.get(&capture.id).cloned()
            && is_recorded((*bytes, sha256), (archive.bytes(), &archive.sha()))
        {
            return Ok(archive);
        }
        Err(disk(FaultKind::CaptureLost))
    }

    async fn inspect(&self, capture: &CaptureRecord) -> Outcome {
        let archive = match self.open(capture).await {
            Ok(archive) => archive,
            Err(outcome) => return outcome,
        };
        match archive.broken {
            Some((_, Trouble::Directory)) => disk(FaultKind::BrokenArchive),
            _ => Outcome::Inspected(archive.hours.keys().copied().collect()),
        }
    }

    async fn measure(&self, capture: &CaptureRecord, hour: Hour) -> Outcome {
        let archive = match self.open(capture).await {
            Ok(archive) => archive,
            Err(outcome) => return outcome,
        };
        latency(&self.world).await;
        match archive.broken {
            Some((broken, Trouble::Member)) if broken == hour => disk(FaultKind::BrokenArchive),
            _ => Outcome::Measured(Box::new(archive.content(hour))),
        }
    }

    async fn upload(&self, capture: &CaptureRecord, hour: Hour, generation: u32) -> Result<Outcome, Fault> {
        let archive = match self.open(capture).await {
            Ok(archive) => archive,
            Err(outcome) => return Ok(outcome),
        };
        if let Some(draft) = self.early.take(capture.id, hour, generation) {
            return Ok(Outcome::Uploaded(Box::new(draft)));
        }
        let objects = self.put_parts(&archive, capture, (hour, generation), usize::MAX).await?;
        if archive.broken.is_some_and(|(broken, trouble)| broken == hour && trouble == Trouble::Member) {
            return Ok(disk(FaultKind::BrokenArchive));
        }
        Ok(Outcome::Uploaded(Box::new(drafted(&archive, hour, generation, objects))))
    }

    /// Puts the first parts of an hour.
    pub async fn put_parts(
        &self,
        archive: &Archive,
        capture: &CaptureRecord,
        (hour, generation): (Hour, u32),
        most: usize,
    ) -> Result<Vec<Object>, Fault> {
        let mut objects = Vec::new();
        for (part, rows) in parts(archive, hour, capture.part_target).into_iter().enumerate().take(most) {
            let part = u32::try_from(part).unwrap_or(u32::MAX);
            let id = layout::ObjectId { hour, generation, capture: capture.id, part };
            let key = layout::object_key(source(), "187520", id, capture.format);
            let (bytes, sha) = packed(archive, capture.id, &rows);
            let count = rows.len() as u64;
            let of = (hour, generation, capture.id);
            let stored = Stored { of, bytes, sha: sha.clone(), rows, modified: Time::UNIX_EPOCH };
            put(&self.world, &key, Body::Object(stored)).await?;
            objects.push(Object { key, bytes, rows: count, sha256: Some(sha), crc64nvme: None, etag: None });
        }
        Ok(objects)
    }
}

pub fn drafted(archive: &Archive, hour: Hour, generation: u32, objects: Vec<Object>) -> Draft {
    let (content, project) = (archive.content(hour), Some("187520".to_owned()));
    Draft { generation, state: HourState::Data, reason: None, project, content, objects }
}
