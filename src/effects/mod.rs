//! The effects: each runs one step against the world and says how it ended. Nothing here decides what comes next, and
//! nothing retries: the engine asks again.

mod attach;
mod capture;
mod early;
mod meter;
mod points;
mod publish;
mod sweep;
mod upload;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::amplitude::Client;
use crate::archive::{Archive, Limits, Packing};
use crate::clock;
use crate::config::StoreChecksum;
use crate::engine::{Effects, Outcome, Step};
use crate::failpoints::around;
use crate::lake::{Lake, LakeError, LakeFacts};
use crate::model::{CaptureId, CaptureRecord, CaptureState, Fault, FaultKind, SourceName};
use crate::stage::{self, Stage};
use crate::telemetry::{Metrics, Progress};

pub(crate) use publish::difference;

use early::Early;
use upload::Landing;

/// Makes a source's client anew, with the credentials read again.
pub type FreshClient = Box<dyn Fn(&SourceName) -> Option<Client> + Send + Sync>;

/// The effects on the real world.
pub struct LiveEffects {
    lake: Arc<dyn Lake>,
    landing: Landing,
    stage: Stage,
    clients: Mutex<BTreeMap<SourceName, Client>>,
    fresh_client: FreshClient,
    limits: Limits,
    checksum: StoreChecksum,
    /// Given to a lake that has no identity yet: 32 hex digits.
    fresh_id: String,
    /// The lake had none before this process.
    new_lake: AtomicBool,
    progress: Progress,
    metrics: Metrics,
    /// Archives that were opened and verified by this process.
    archives: Mutex<HashMap<CaptureId, Archive>>,
    /// Hours that are read at once. Who waits here holds no buffer yet.
    readers: Arc<Semaphore>,
    /// Captures that were read while they arrived, and found as they were read.
    early: Mutex<HashMap<CaptureId, Arc<Early>>>,
    /// One capture at a time is read while it arrives.
    early_place: Arc<Semaphore>,
    /// Sources whose archives are not in the order in which they can be read while they arrive.
    unordered: Mutex<HashSet<SourceName>>,
}

/// Two threads decode faster than any export downloads; each holds a member (see `archive`).
const READERS: usize = 2;

/// What [`LiveEffects::new`] is made of.
pub struct World {
    /// The lake.
    pub lake: Arc<dyn Lake>,
    /// The staging directory.
    pub stage: Stage,
    /// A client for each source.
    pub clients: BTreeMap<SourceName, Client>,
    /// How a client is made anew after its keys were refused.
    pub fresh_client: FreshClient,
    /// What an archive may cost.
    pub limits: Limits,
    /// What the store checks.
    pub checksum: StoreChecksum,
    /// For a lake without an identity: 32 hex digits drawn at random.
    pub fresh_id: String,
    /// Counted for people.
    pub progress: Progress,
    /// Counted for Prometheus.
    pub metrics: Metrics,
}

impl LiveEffects {
    /// The effects on this world.
    pub fn new(world: World) -> Self {
        let landing =
            Landing { lake: Arc::clone(&world.lake), progress: world.progress.clone(), metrics: world.metrics.clone() };
        Self {
            lake: world.lake,
            landing,
            stage: world.stage,
            clients: Mutex::new(world.clients),
            fresh_client: world.fresh_client,
            limits: world.limits,
            checksum: world.checksum,
            fresh_id: world.fresh_id,
            new_lake: AtomicBool::new(false),
            progress: world.progress,
            metrics: world.metrics,
            archives: Mutex::new(HashMap::new()),
            readers: Arc::new(Semaphore::new(READERS)),
            early: Mutex::new(HashMap::new()),
            early_place: Arc::new(Semaphore::new(1)),
            unordered: Mutex::new(HashSet::new()),
        }
    }

    /// The staging directory's use, for status.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The lake, for the lease.
    pub fn lake(&self) -> Arc<dyn Lake> {
        Arc::clone(&self.lake)
    }

    /// Which lake this is, for people.
    pub fn place(&self) -> LakeFacts {
        self.lake.describe()
    }

    async fn outcome(&self, step: Step) -> Result<Outcome, Fault> {
        match step {
            Step::SweepStage { known } => {
                let stage = self.stage.clone();
                blocking(move || stage.sweep(&|id| known.contains(&id)).map_err(|error| staging_fault(&error))).await?;
                Ok(Outcome::Done)
            }
            Step::Identify => self.identify().await,
            Step::Attach { source, from, wanted, fallback } => self.attach(&source, from, wanted, fallback).await,
            Step::ReadManifests { source, hours } => self.read_manifests(&source, &hours).await,
            Step::Capture { capture, early } => Ok(self.capture(&capture, early).await),
            Step::Inspect(capture) => {
                let archive = self.archive(&capture).await?;
                Ok(Outcome::Inspected(archive.hours().collect()))
            }
            Step::Measure { capture, hour } => self.measure(&capture, hour).await,
            Step::Upload { capture, hour, generation } => self.upload(&capture, hour, generation).await,
            Step::Publish { source, hour, draft, capture } => self.publish(&source, hour, *draft, capture).await,
            Step::Discard { capture } => {
                self.forget_archive(capture);
                let stage = self.stage.clone();
                blocking(move || stage.remove(capture).map_err(|error| staging_fault(&error))).await?;
                Ok(Outcome::Done)
            }
            Step::SetAside { capture, source, hour, reason } => {
                self.forget_archive(capture);
                let stage = self.stage.clone();
                let label = stage::label(&source, hour);
                blocking(move || stage.set_aside(capture, &label, &reason).map_err(|error| staging_fault(&error)))
                    .await?;
                Ok(Outcome::Done)
            }
            Step::Sweep { source, hours } => self.sweep(&source, &hours).await,
        }
    }

    /// The capture's archive: its file is the one that was recorded, by length and SHA-256, and it opens.
    async fn archive(&self, capture: &CaptureRecord) -> Result<Archive, Fault> {
        if let Some(archive) = self.archives.lock().unwrap_or_else(PoisonError::into_inner).get(&capture.id) {
            return Ok(archive.clone());
        }
        let CaptureState::Staged { bytes, sha256 } = capture.state.clone() else {
            return Err(Fault::new(FaultKind::CaptureLost, "the capture was never staged"));
        };
        let (stage, id, window, limits) = (self.stage.clone(), capture.id, capture.window, self.limits);
        let archive = blocking(move || Archive::open(stage.open_capture(id, bytes, &sha256)?, window, limits)).await?;
        self.archives.lock().unwrap_or_else(PoisonError::into_inner).insert(id, archive.clone());
        Ok(archive)
    }

    fn forget_archive(&self, capture: CaptureId) {
        self.archives.lock().unwrap_or_else(PoisonError::into_inner).remove(&capture);
        self.early.lock().unwrap_or_else(PoisonError::into_inner).remove(&capture);
    }

    /// A place among the readers, held while an hour is read.
    async fn reader(&self) -> Result<OwnedSemaphorePermit, Fault> {
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        permit.map_err(|closed| Fault::new(FaultKind::Panicked, closed))
    }

    fn packing(&self, capture: &CaptureRecord) -> Packing {
        let sha256 = self.checksum == StoreChecksum::Sha256;
        Packing { format: capture.format, part_target: capture.part_target, sha256 }
    }
}

impl Effects for LiveEffects {
    async fn run(&self, step: Step) -> Outcome {
        let meter = meter::Meter::start(&step);
        let (point, refuse) = points::of(&step);
        let outcome = around(point, refuse, self.outcome(step)).await;
        let outcome = outcome.unwrap_or_else(|fault| Outcome::Failed { fault, clock: None });
        meter.stop(&self.metrics, &outcome);
        outcome
    }
}

/// Runs work that blocks on the disk or the processor on a thread that may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Fault::new(FaultKind::Panicked, format!("a worker panicked: {error}")))?
}

fn staging_fault(error: &std::io::Error) -> Fault {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => FaultKind::StagingFull,
        _ => FaultKind::StagingFailed,
    };
    Fault::new(kind, error)
}

fn lake_fault(error: &LakeError) -> Fault {
    error.fault()
}

fn now() -> chrono::DateTime<chrono::Utc> {
    clock::now()
}
