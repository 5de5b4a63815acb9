//! The world around the processes: true time, chance, Amplitude and the lake. One thread, one seed, no real clock.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::Poll;

use ampd::model::{CaptureId, Hour, Random, SourceName, Window};
use chrono::{DateTime, TimeDelta, Utc};

use crate::amplitude::{Amplitude, Archive};
use crate::lake::Lake;
use crate::scenario::Scenario;

pub type Time = DateTime<Utc>;
pub type Shared = Rc<RefCell<World>>;

/// One source is enough: sources share nothing but the lake's and the disk's gates.
pub fn source() -> &'static SourceName {
    static SOURCE: LazyLock<SourceName> = LazyLock::new(|| "web".parse().expect("a name"));
    &SOURCE
}

pub struct World {
    pub now: Time,
    pub random: Random,
    /// Faults are over.
    pub calm: bool,
    pub scenario: Scenario,
    pub amplitude: Amplitude,
    pub lake: Lake,
    /// Every archive that was ever staged, by its capture: what a manifest may say.
    pub archives: BTreeMap<CaptureId, Rc<Archive>>,
    /// Good answers without a row of the hour: capture and when it was sampled.
    pub absences: BTreeMap<Hour, Vec<(CaptureId, Time)>>,
    /// When an hour was last answered well, with how many rows, and to which process.
    pub answers: BTreeMap<Hour, (Time, u64, usize)>,
    /// Captures that a process recorded as staged, with the hours still to be taken from them.
    pub acknowledged: BTreeMap<CaptureId, BTreeSet<Hour>>,
    /// Hours that a person allowed to shrink or to be skipped.
    pub permitted: BTreeSet<Hour>,
    /// Hours that a person ordered to be published again, with the same rows or more.
    pub reexported: BTreeSet<Hour>,
    /// By process: until when the source backs off, and when that was recorded. Clocks are right where it is looked at.
    pub back_off: BTreeMap<usize, (Time, Time)>,
    pub violation: Option<String>,
    pub trace: Option<Vec<String>>,
    pub counts: Counts,
    wake: Option<Time>,
}

/// What happened, for the figures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub actions: u64,
    /// Taken in by engines.
    pub events: u64,
    pub crashes: u64,
    /// Journals lost or replaced by a backup.
    pub losses: u64,
    pub requests: u64,
    pub manifests: u64,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        self.actions += other.actions;
        self.events += other.events;
        self.crashes += other.crashes;
        self.losses += other.losses;
        self.requests += other.requests;
        self.manifests += other.manifests;
    }
}

impl World {
    pub fn new(scenario: Scenario, seed: u64, trace: bool) -> Self {
        Self {
            now: scenario.begins,
            random: Random::new(seed ^ 0x5DEE_CE66_D1CE_4E5B),
            calm: false,
            amplitude: Amplitude::new(seed, &scenario),
            lake: Lake::new(&scenario),
            scenario,
            archives: BTreeMap::new(),
            absences: BTreeMap::new(),
            answers: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            permitted: BTreeSet::new(),
            reexported: BTreeSet::new(),
            back_off: BTreeMap::new(),
            violation: None,
            trace: trace.then(Vec::new),
            counts: Counts::default(),
            wake: None,
        }
    }

    /// Whether something happens that happens `per_myriad` times in ten thousand, while faults are on.
    pub fn fault(&mut self, per_myriad: u64) -> bool {
        !self.calm && self.random.below(10_000) < per_myriad
    }

    pub fn note(&mut self, text: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{} {}", now.format("%dT%H:%M:%S%.3f"), text()));
        }
    }

    /// The first violation counts.
    pub fn broken(&mut self, invariant: &str, about: impl std::fmt::Display) {
        let text = format!("{invariant}: {about}");
        self.note(|| format!("VIOLATION {text}"));
        self.violation.get_or_insert(text);
    }

    /// Enough was seen: a violation, or an engine that never comes to rest.
    pub fn is_over(&mut self) -> bool {
        if self.counts.actions + self.counts.events > 400_000 {
            self.broken("the engine comes to rest", "400,000 actions and events");
        }
        self.violation.is_some()
    }

    pub fn store_time(&self) -> Time {
        self.now + self.scenario.store_ahead
    }

    /// Mostly short; now and then long enough for everything else to happen meanwhile. None when it is calm: nothing
    /// can happen in between any more.
    pub fn latency(&mut self) -> TimeDelta {
        if self.calm {
            return TimeDelta::zero();
        }
        let millis = match self.random.below(24) {
            0..20 => 5 + self.random.below(400),
            20..23 => 1_000 + self.random.below(20_000),
            _ => 60_000 + self.random.below(60_000),
        };
        TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(0))
    }

    pub fn take_wake(&mut self) -> Option<Time> {
        self.wake.take()
    }

    /// An hour that a captured archive still has to give must not be asked for again.
    pub fn check_request(&mut self, window: Window, process: usize) {
        self.counts.requests += 1;
        if let Some((until, recorded)) = self.back_off.get(&process).copied()
            && until > self.now
            && recorded < self.now
            && !self.scenario.wrong_clocks
        {
            self.broken("a restart forgets no back-off", format!("process {process} asks before {until}"));
        }
        let repeated = self
            .acknowledged
            .iter()
            .find_map(|(id, hours)| hours.iter().find(|hour| window.contains(**hour)).map(|hour| (*id, *hour)));
        if let Some((id, hour)) = repeated
            && self.scenario.processes.len() == 1
        {
            self.broken("no second download of a captured archive", format!("{hour} of {id} by process {process}"));
        }
    }
}

/// Suspends until the true time has moved on.
pub async fn wait(world: &Shared, length: TimeDelta) {
    let until = world.borrow().now + length;
    poll_fn(|_| {
        let mut world = world.borrow_mut();
        if world.now >= until {
            return Poll::Ready(());
        }
        world.wake = Some(until);
        Poll::Pending
    })
    .await;
}

pub async fn latency(world: &Shared) {
    let length = world.borrow_mut().latency();
    wait(world, length).await;
}
