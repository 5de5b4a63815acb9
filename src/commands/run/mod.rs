//! `ampd run`: the daemon. A life is one configuration: a reload ends it as a stop does, and begins the next one from the
//! journal, so that a configuration is taken over whole or not at all.

mod door;
mod keeper;
mod lease;
mod schedule;
mod service;
mod signals;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sd_notify::NotifyState;
use tokio::sync::mpsc;

use super::observe::{About, Watch};
use super::one_shot::stopped;
use super::session::{self, Session, journal_failure, policy, random_hex, random_seed};
use crate::admin::wire::Trouble;
use crate::cli::Global;
use crate::clock;
use crate::config::Loaded;
use crate::engine::{Control, Driver, Ended, Engine, Handle, Leadership};
use crate::exit::Exit;
use crate::journal::{Journal, SledJournal};
use crate::lake::Lake;
use crate::model::lease::{Holder, TERM_MAX};
use crate::model::report::DaemonReport;
use crate::problem::Failure;
use crate::telemetry::{Line, Metrics, Progress, say};
use door::Door;
use lease::Ground;
pub use lease::Leases;
pub use schedule::Ticks;
use service::{ServiceWatch, tell};
use signals::Wish;

/// Controls that may wait for the engine.
const CONTROLS_MAX: usize = 64;

/// How a life ended.
enum LifeEnd {
    /// By a signal: drained.
    Stopped,
    /// For the next one.
    Reloaded(Box<Loaded>),
}

/// What outlives a life.
struct Daemon {
    started_at: DateTime<Utc>,
    metrics: Metrics,
    door: Door,
    wishes: mpsc::Receiver<Wish>,
    paused: bool,
}

/// Runs until it is told to stop.
pub async fn run(global: &Global) -> Result<Exit, Failure> {
    let mut session = Session::open(global)?;
    let (started_at, metrics) = (clock::now(), Metrics::new());
    let wishes = signals::watch()?;
    let door = Door::new(started_at, metrics.clone());
    let mut daemon = Daemon { started_at, metrics, door, wishes, paused: false };
    say(&Line::info(format!("ampd {} starts, pid {}", env!("CARGO_PKG_VERSION"), std::process::id())));
    loop {
        match live(&session, &mut daemon).await? {
            LifeEnd::Stopped => break,
            LifeEnd::Reloaded(loaded) => {
                session.replace(*loaded);
                say(&Line::info("the configuration was read again and taken over"));
            }
        }
    }
    tell(&[NotifyState::Stopping]);
    say(&Line::info("stopped"));
    Ok(Exit::Done)
}

/// One life: everything is opened, the engine runs, everything is closed.
async fn live(session: &Session, daemon: &mut Daemon) -> Result<LifeEnd, Failure> {
    let mut opened = session.open_journal()?;
    let snapshot = opened.journal.load().map_err(|error| journal_failure(&error))?;
    daemon.door.open(&session.config().admin).await?;
    let progress = Progress::new();
    let effects = session.open_effects(progress.clone(), daemon.metrics.clone()).await?;
    let (stage, place) = (effects.stage().clone(), effects.place());
    let mut engine = Engine::new(policy(session.config()), None, snapshot, random_seed()?, clock::now());
    engine.begin_paused(daemon.paused);
    let ground = leases(session, &opened.journal, effects.lake())?;
    let mut about = About::new(session.config(), place.location.clone(), report_of(session, daemon));
    let leadership = ground.as_ref().map(|ground| ground.leadership.clone());
    if let Some(ground) = &ground {
        about.leases = ground.leases.clone();
        engine.begin_following();
    }
    let ticks = Ticks::default();
    let (control, controls) = mpsc::channel(CONTROLS_MAX);
    let handle = Handle::new(control.clone());
    daemon.door.lead_to(handle.clone(), about.clone(), stage.clone(), ticks.clone());
    let watch = Watch::new(about, stage, session.status_file(), progress, None).ticking(ticks.clone());
    let observer = Box::new(ServiceWatch::new(watch, daemon.metrics.clone()));
    let mut driver = Driver::new(engine, Box::new(opened.journal), Arc::new(effects), observer, false);
    if let Some(interval) = service::watchdog_interval() {
        driver = driver.waking_every(interval);
    }
    if let Some(leadership) = leadership {
        driver = driver.led_by(leadership);
    }
    let schedule = schedule::start(&session.config().schedule, handle.clone(), ticks, random_seed()?);
    let lease = ground.map(|ground| lease::start(ground, session.config().sources.keys().cloned(), handle));
    tell(&[NotifyState::Ready]);
    let running = driver.run_beside_its_steps(controls);
    let ((driver, ended), next) = until_it_ends(session, daemon, running, &control).await;
    daemon.door.lead_nowhere();
    daemon.paused = driver.engine().is_paused();
    drop(schedule);
    if let (Some(lease), None) = (lease, &next) {
        lease.give_back().await;
    }
    match (ended, next) {
        (Ended::Journal(error), _) => Err(journal_failure(&error)),
        (Ended::Finished, _) => {
            let stop = driver.engine().stop();
            Err(stop.map_or_else(
                || Failure::new("E701", "the engine ended by itself"),
                |stop| stopped(session, stop, &place),
            ))
        }
        (Ended::Drained, Some(loaded)) => Ok(LifeEnd::Reloaded(loaded)),
        (Ended::Drained, None) => Ok(LifeEnd::Stopped),
    }
}

/// Where leases are kept, unless the configuration wants none.
fn leases(session: &Session, journal: &SledJournal, lake: Arc<dyn Lake>) -> Result<Option<Ground>, Failure> {
    let Some(term) = session.config().lake.lease else { return Ok(None) };
    let state = journal.state_id(&random_hex(8)?).map_err(|error| journal_failure(&error))?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let us = Holder { state, host, pid: std::process::id(), run: session.run_id.clone() };
    let term = TimeDelta::from_std(term).unwrap_or(TERM_MAX);
    let (leadership, leases) = (Leadership::default(), Leases::default());
    Ok(Some(Ground { lake, us, term, leadership, leases }))
}

/// A failure as it goes over the socket.
fn trouble(failure: &Failure) -> Trouble {
    let Failure { code, message, context, help, .. } = failure.clone();
    Trouble { code: code.to_owned(), message, context, help, refused: Vec::new() }
}

fn report_of(session: &Session, daemon: &Daemon) -> DaemonReport {
    DaemonReport {
        running: true,
        pid: Some(std::process::id()),
        started_at: Some(daemon.started_at),
        paused: daemon.paused,
        config: session.loaded.files.first().map(|path: &PathBuf| path.display().to_string()),
    }
}

/// Signals and the socket's reloads reach the engine while it runs.
async fn until_it_ends<T>(
    session: &Session,
    daemon: &mut Daemon,
    running: impl Future<Output = T>,
    control: &mpsc::Sender<Control>,
) -> (T, Option<Box<Loaded>>) {
    tokio::pin!(running);
    let mut next = None;
    loop {
        let wish = tokio::select! {
            ended = &mut running => return (ended, next),
            Some(wish) = daemon.wishes.recv() => wish,
            Some(request) = daemon.door.asked_to_reload() => Wish::Reload(Some(request)),
        };
        obey(session, wish, control, &mut next, &daemon.metrics).await;
    }
}

async fn obey(
    session: &Session,
    wish: Wish,
    control: &mpsc::Sender<Control>,
    next: &mut Option<Box<Loaded>>,
    metrics: &Metrics,
) {
    let grace = session.config().shutdown_grace;
    match wish {
        Wish::Stop => {
            tell(&[NotifyState::Stopping]);
            say(&Line::info("stopping: captures in flight are abandoned, uploads end"));
            *next = None;
            let _ = control.send(Control::Drain(grace)).await;
        }
        Wish::StopNow => {
            *next = None;
            let _ = control.send(Control::Abandon).await;
        }
        Wish::Reload(asker) => {
            let loaded = session::load(&session.global);
            metrics.reloaded(loaded.is_ok());
            let answer = loaded.as_ref().map(|_| ()).map_err(trouble);
            match loaded {
                Ok(loaded) => {
                    *next = Some(Box::new(loaded));
                    let _ = control.send(Control::Drain(grace)).await;
                }
                Err(failure) => {
                    say(&Line::error(format!("the new configuration is not taken over: {}", failure.message)));
                }
            }
            if let Some(asker) = asker {
                let _ = asker.send(answer);
            }
        }
    }
}
