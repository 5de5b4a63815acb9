//! `ampd run`: the daemon. A life is one configuration: a reload ends it as a stop does, and begins the next one from the
//! journal, so that a configuration is taken over whole or not at all.

mod schedule;
mod service;
mod signals;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sd_notify::NotifyState;
use tokio::sync::mpsc;

use super::observe::{About, Watch};
use super::one_shot::stopped;
use super::session::{self, Session, journal_failure, policy, random_seed};
use crate::cli::Global;
use crate::clock;
use crate::config::Loaded;
use crate::engine::{Control, Driver, Ended, Engine, Handle};
use crate::exit::Exit;
use crate::journal::Journal;
use crate::model::report::DaemonReport;
use crate::problem::Failure;
use crate::telemetry::{Line, Progress, say};
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

/// Runs until it is told to stop.
pub async fn run(global: &Global) -> Result<Exit, Failure> {
    let mut session = Session::open(global)?;
    let started_at = clock::now();
    let mut wishes = signals::watch()?;
    say(&Line::info(format!("ampd {} starts, pid {}", env!("CARGO_PKG_VERSION"), std::process::id())));
    loop {
        match live(&session, started_at, &mut wishes).await? {
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
async fn live(session: &Session, started_at: DateTime<Utc>, wishes: &mut mpsc::Receiver<Wish>) -> Result<LifeEnd, Failure> {
    let mut opened = session.open_journal()?;
    let snapshot = opened.journal.load().map_err(|error| journal_failure(&error))?;
    let progress = Progress::new();
    let effects = session.open_effects(progress.clone()).await?;
    let (stage, place) = (effects.stage().clone(), effects.place());
    let now = clock::now();
    let engine = Engine::new(policy(session.config()), None, snapshot, random_seed()?, now);
    let daemon = DaemonReport {
        running: true,
        pid: Some(std::process::id()),
        started_at: Some(started_at),
        paused: false,
        config: session.loaded.files.first().map(|path: &PathBuf| path.display().to_string()),
    };
    let about = About::new(session.config(), place.location.clone(), daemon);
    let ticks = Ticks::default();
    let watch = Watch::new(about, stage, session.status_file(), progress, None).ticking(ticks.clone());
    let observer = Box::new(ServiceWatch::new(watch));
    let mut driver = Driver::new(engine, Box::new(opened.journal), Arc::new(effects), observer, false);
    if let Some(interval) = service::watchdog_interval() {
        driver = driver.waking_every(interval);
    }
    let (control, mut controls) = mpsc::channel(CONTROLS_MAX);
    let handle = Handle::new(control.clone());
    let schedule = schedule::start(&session.config().schedule, handle, ticks, random_seed()?).await;
    tell(&[NotifyState::Ready]);
    let (ended, next) = {
        let running = driver.run(&mut controls);
        tokio::pin!(running);
        let mut next = None;
        loop {
            tokio::select! {
                ended = &mut running => break (ended, next),
                Some(wish) = wishes.recv() => obey(session, wish, &control, &mut next).await,
            }
        }
    };
    drop(schedule);
    match (ended, next) {
        (Ended::Journal(error), _) => Err(journal_failure(&error)),
        (Ended::Finished, _) => {
            let stop = driver.engine().stop();
            Err(stop.map_or_else(|| Failure::new("E701", "the engine ended by itself"), |stop| stopped(session, stop, &place)))
        }
        (Ended::Drained, Some(loaded)) => Ok(LifeEnd::Reloaded(loaded)),
        (Ended::Drained, None) => Ok(LifeEnd::Stopped),
    }
}

async fn obey(session: &Session, wish: Wish, control: &mpsc::Sender<Control>, next: &mut Option<Box<Loaded>>) {
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
        Wish::Reload => match session::load(&session.global) {
            Ok(loaded) => {
                *next = Some(Box::new(loaded));
                let _ = control.send(Control::Drain(grace)).await;
            }
            Err(failure) => say(&Line::error(format!("the new configuration is not taken over: {}", failure.message))),
        },
    }
}
