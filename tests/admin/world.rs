//! A server over an engine in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ampd::admin::client::Client;
use ampd::admin::{Context, Life, ReloadRequest, Server};
use ampd::clock;
use ampd::commands::observe::{About, report};
use ampd::commands::run::Leases;
use ampd::config::Admin;
use ampd::engine::{Driver, Effects, Engine, Handle, Outcome, Step};
use ampd::journal::MemoryJournal;
use ampd::model::report::{DaemonReport, LakeReport};
use ampd::model::{Fault, FaultKind, Hour, HourRecord, Phase, Snapshot, SourceRecord, Why, Work};
use ampd::telemetry::Metrics;
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

pub use super::fixtures::web;
use super::fixtures::{Silent, policy, published};

/// The server, what is behind it, and a client.
pub struct World {
    pub dir: TempDir,
    pub server: Server,
    pub client: Client,
    pub life: watch::Sender<Option<Life>>,
    pub reloads: mpsc::Receiver<ReloadRequest>,
    pub metrics: Metrics,
    /// The newest due hour; all before it are published, but [`World::quarantined`].
    pub due: Hour,
}

/// The lake is as the journal says; Amplitude never answers.
struct Waiting {
    first: Hour,
    due: Hour,
    broken: Hour,
    published_at: DateTime<Utc>,
}

impl Effects for Waiting {
    async fn run(&self, step: Step) -> Outcome {
        match step {
            Step::Identify => Outcome::Identified { lake: "lake".to_owned(), conditional_writes: true, created: false },
            Step::Attach { from, .. } => {
                let listed = from.unwrap_or(self.first).max(self.first).index()..=self.due.index();
                let published = listed.map(Hour::from_index).filter(|hour| *hour != self.broken);
                let manifests = published.map(|hour| (hour, 1, self.published_at)).collect();
                Outcome::Attached { first_hour: self.first, manifests }
            }
            Step::Capture { .. } => std::future::pending().await,
            _ => Outcome::Done,
        }
    }
}

fn set_aside() -> HourRecord {
    let mut work = Work::new(Why::First);
    work.phase = Phase::Quarantined;
    work.attempt = 5;
    work.last_fault = Some(Fault::new(FaultKind::BrokenArchive, "the central directory is torn"));
    HourRecord { work: Some(Box::new(work)), ..HourRecord::default() }
}

impl World {
    /// So many hours are in the journal, the last but two is set aside.
    pub async fn new(hours: i64) -> Self {
        Self::with(hours, None).await
    }

    /// The same with the read-only door open on a port of 127.0.0.1.
    pub async fn with(hours: i64, http: Option<&str>) -> Self {
        let now = clock::now();
        let due = Hour::containing(now - TimeDelta::hours(2)).previous();
        let first = due.plus(1 - hours);
        let broken = due.plus(-2);
        let record = |hour: Hour| if hour == broken { set_aside() } else { published(now - TimeDelta::days(1)) };
        let hours = (0..hours).map(|n| (web(), first.plus(n), record(first.plus(n)))).collect();
        let sources = vec![(web(), SourceRecord { first_hour: Some(first), ..SourceRecord::default() })];
        let snapshot = Snapshot { hours, sources, ..Snapshot::default() };
        let engine = Engine::new(policy(Some(first)), None, snapshot, 1, now);
        let journal: Box<MemoryJournal> = Box::default();
        let effects = Waiting { first, due, broken, published_at: now - TimeDelta::days(1) };
        let mut driver = Driver::new(engine, journal, Arc::new(effects), Box::new(Silent), false);
        let (control, mut controls) = mpsc::channel(64);
        tokio::spawn(async move { driver.run(&mut controls).await });
        let dir = tempfile::tempdir().unwrap();
        let config = Admin { socket: dir.path().join("run/ampd.sock"), http: http.map(str::to_owned) };
        let (life, leads_to) = watch::channel(Some(life(Handle::new(control), now)));
        let (reload, reloads) = mpsc::channel(1);
        let metrics = Metrics::new();
        let context = Context { life: leads_to, reload, started_at: now, metrics: metrics.clone() };
        let server = Server::start(&config, context).await.unwrap();
        let client = Client::new(&config.socket).unwrap();
        let world = Self { dir, server, client, life, reloads, metrics, due };
        world.until_it_is_attached().await;
        world
    }

    pub fn socket(&self) -> PathBuf {
        self.client.socket().to_owned()
    }

    /// The hour that is set aside.
    pub fn quarantined(&self) -> Hour {
        self.due.plus(-2)
    }

    async fn until_it_is_attached(&self) {
        for _ in 0..500 {
            let life = self.life.borrow().clone().unwrap();
            if life.handle.look(|engine, _| engine.is_attached(&web())).await.unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the engine does not attach");
    }
}

fn life(handle: Handle, now: DateTime<Utc>) -> Life {
    let about = About {
        regions: BTreeMap::new(),
        lake: LakeReport::default(),
        daemon: DaemonReport {
            running: true,
            pid: Some(std::process::id()),
            started_at: Some(now),
            ..Default::default()
        },
        leases: Leases::default(),
    };
    let report = Arc::new(move |engine: &Engine, now| report(engine, &about, None, None, now));
    Life { handle, report, tick_age: Arc::new(|| Some(Duration::from_secs(1))) }
}
