//! What all requests share.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::{
    archive::{Damage, HourPlan},
    board::{Board, Planted},
    clock::Clock,
    hour::Hour,
    limits::Gate,
    options::{Options, Project},
    requests::RequestLog,
    truth::{self, Truth},
};

/// What all requests share.
pub struct Shared {
    pub options: Options,
    pub clock: Clock,
    pub board: Board,
    pub log: RequestLog,
    pub gate: Gate,
    pub stop: Stop,
    answers: AtomicU64,
}

impl Shared {
    pub fn new(mut options: Options, stop: Stop) -> Result<Self, String> {
        let board = Board::default();
        for fault in std::mem::take(&mut options.faults) {
            board.plant(fault)?;
        }
        let clock = Clock::new(options.clock, options.now);
        let (log, gate) = (RequestLog::default(), Gate::default());
        Ok(Self { options, clock, board, log, gate, stop, answers: AtomicU64::new(0) })
    }

    pub fn project(&self, id: Option<u64>) -> Option<&Project> {
        match id {
            Some(id) => self.options.projects.iter().find(|project| project.id == id),
            None => self.options.projects.first(),
        }
    }

    /// What makes this archive unlike the last one of the same window; zero when nothing does.
    pub fn salt(&self) -> u64 {
        let answer = self.answers.fetch_add(1, Ordering::Relaxed) + 1;
        if self.options.archive.reorder_per_request { answer } else { 0 }
    }

    /// Whether `hour` is old enough to be exported.
    pub fn is_available(&self, hour: Hour, now: DateTime<Utc>) -> bool {
        hour.end()
            .checked_add_signed(TimeDelta::minutes(self.options.latency_minutes.into()))
            .is_some_and(|at| at <= now)
    }

    /// The hours of a window that have an answer now, with the share of each that the faults hide.
    pub fn visible(&self, first: Hour, last: Hour, now: DateTime<Utc>, faults: &[Planted]) -> Vec<HourPlan> {
        let withheld = |hour: Hour| {
            let hiding = faults.iter().filter(|met| met.fault.touches(hour));
            hiding.map(|met| met.fault.kind.withheld(hour, now, met.answered)).fold(0.0, f64::max)
        };
        let available = first.through(last).take_while(|hour| self.is_available(*hour, now));
        available.map(|hour| plan(hour, withheld(hour))).collect()
    }

    /// The truth of a window: of all rows that there will ever be, or of those that can be seen now.
    pub fn truth(&self, project: &Project, first: Hour, last: Hour, seen_now: bool) -> Truth {
        let plans = if seen_now {
            let hiding = self.board.hiding(project.id, first, last);
            self.visible(first, last, self.clock.now(), &hiding)
        } else {
            first.through(last).map(|hour| plan(hour, 0.0)).collect()
        };
        truth::tell(&self.options, project, &plans)
    }
}

fn plan(hour: Hour, withheld: f64) -> HourPlan {
    HourPlan { hour, withheld, damage: Damage::default(), never_empty: false }
}

/// Tells everybody that the simulator stops.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    pub fn is_set(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits for the stop. A sender that is gone counts as one.
    pub async fn wait(&self) {
        let _ = self.0.clone().wait_for(|stopped| *stopped).await;
    }

    /// Waits so long, or fails when the simulator stops meanwhile.
    pub async fn pause(&self, duration: Duration) -> io::Result<()> {
        tokio::select! {
            () = tokio::time::sleep(duration) => Ok(()),
            () = self.wait() => Err(io::Error::other("the simulator stops")),
        }
    }
}
