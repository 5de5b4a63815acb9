//! The leases of the daemon's sources: taken, renewed, lost and given back. What to do is decided in `model/lease.rs`;
//! the engine is only told who leads. One timer for all sources: a third of the term.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::keeper::Keeper;
use crate::engine::{Gone, Handle, Leadership};
use crate::lake::Lake;
use crate::model::SourceName;
use crate::model::lease::{Holder, interval};
use crate::model::report::LeaseReport;

/// The lake is given this long to take the leases back when the daemon ends; else others wait until they run out.
const GIVING_BACK: Duration = Duration::from_secs(2);
/// Between two questions whether the engine knows the lake, at first.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Who leads which source, for status and metrics.
#[derive(Clone, Debug, Default)]
pub struct Leases(Arc<Mutex<BTreeMap<SourceName, LeaseReport>>>);

impl Leases {
    /// What is known of a source's lease; none where no lease is kept.
    pub fn of(&self, source: &SourceName) -> Option<LeaseReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned()
    }

    /// Notes what was found; none where no lease is kept.
    pub fn note(&self, source: &SourceName, report: Option<LeaseReport>) {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match report {
            Some(report) => leases.insert(source.clone(), report),
            None => leases.remove(source),
        };
    }
}

/// What a daemon needs to keep leases.
pub struct Ground {
    /// Where they lie.
    pub lake: Arc<dyn Lake>,
    /// Who we are.
    pub us: Holder,
    /// `lake.lease`
    pub term: TimeDelta,
    /// Read by the engine's driver.
    pub leadership: Leadership,
    /// Read by reports.
    pub leases: Leases,
}

/// The leases while they are kept; dropped, they are left to run out.
pub struct Running {
    task: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    /// Gives the leases back, so that somebody else takes them at once.
    pub async fn give_back(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(GIVING_BACK, &mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins to keep the leases of these sources.
pub fn start(ground: Ground, sources: impl Iterator<Item = SourceName>, engine: Handle) -> Running {
    let (term, ground) = (ground.term, Arc::new(ground));
    let mut keepers: Vec<Keeper> = sources.map(|source| Keeper::new(Arc::clone(&ground), source)).collect();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        tokio::select! {
            Err(Gone) | Ok(()) = keep(&mut keepers, &engine, term) => {}
            _ = stopped => {}
        }
        join_all(keepers.iter_mut().map(Keeper::give_back)).await;
    });
    Running { task, stop: Some(stop) }
}

/// Until the engine is gone, or no lease can be kept.
async fn keep(keepers: &mut [Keeper], engine: &Handle, term: TimeDelta) -> Result<(), Gone> {
    if !conditional_writes(engine, interval(term).to_std().unwrap_or_default()).await? {
        keepers.iter_mut().for_each(Keeper::lead_without_lease);
        return engine.lead().await;
    }
    while !keepers.iter().all(Keeper::needs_no_lease) {
        let changed = join_all(keepers.iter_mut().map(Keeper::turn)).await;
        if changed.contains(&true) {
            engine.lead().await?;
        }
        tokio::time::sleep(keepers.iter().map(Keeper::rest).min().unwrap_or_default()).await;
    }
    Ok(())
}

/// Whether the lake has conditional writes; the engine finds out when it identifies the lake.
async fn conditional_writes(engine: &Handle, longest: Duration) -> Result<bool, Gone> {
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(known) = engine.look(|engine, _| engine.conditional_writes()).await? {
            return Ok(known);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}
