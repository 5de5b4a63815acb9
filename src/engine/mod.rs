//! The engine: a sync function of events, and a thin driver.
#![doc = include_str!("crash.md")]

mod answers;
mod attach;
mod blame;
mod capture;
mod driver;
mod follow;
mod handle;
mod hours;
mod lead;
mod lives;
mod manifests;
mod order;
mod publishing;
mod report;
mod state;
mod step;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub use driver::{Control, Driver, Effects, Ended, Observer};
pub use follow::Following;
pub use handle::{Gone, Handle};
pub use lead::Leadership;
pub use step::{Command, Event, Loudness, Notice, Order, Outcome, ServerClock, Stage, Step, StepId};
pub use verdict::{ScopeCounts, SourceEnd, Stop, Tally};

#[cfg(debug_assertions)]
use crate::model::invariant;
use crate::model::planner::Plan;
use crate::model::{
    CaptureId, CaptureRecord, CaptureState, Change, FaultKind, Hour, HourRecord, LakeRecord, Ledger, Phase, Policy,
    Random, Scope, Snapshot, SourceName, SourceRecord, Window, retry,
};
use state::{Gate, Live, SourceState, Turn};

/// Decides what is done next. Holds no file, no socket and no clock; the same events at the same times give the same
/// commands.
pub struct Engine {
    policy: Policy,
    /// What a one-shot command works on; `None` for the daemon.
    scope: Option<Scope>,
    started_at: DateTime<Utc>,
    lake: LakeRecord,
    conditional_writes: Option<bool>,
    identifying: bool,
    /// Why this engine can do nothing at all.
    stop: Option<Stop>,
    lake_gate: Gate,
    disk_gate: Gate,
    sources: BTreeMap<SourceName, SourceState>,
    lives: BTreeMap<CaptureId, Live>,
    flights: BTreeMap<StepId, Step>,
    uploads_in_flight: usize,
    next_step: u64,
    random: Random,
    paused: bool,
    draining: bool,
    /// What earlier processes left in staging is being deleted; nothing new is written there meanwhile.
    tidying: bool,
    /// Why the journal cannot be written: everything waits for it. Code and words.
    journal_trouble: Option<(&'static str, String)>,
    /// The schedule said "look": hours that became due since the last time are taken up.
    looking: bool,
    tally: Tally,
    /// Orders of a one-shot command: they wait until the lake was compared with the journal.
    orders: Vec<Order>,
    /// Orders that could not be carried out, and why.
    refusals: Vec<(Order, String)>,
}

/// Publishing is a few small requests: those of a whole day at once.
const PUBLISHES_MAX: usize = 24;
/// Sweeps a one-shot command does at most: what is left can wait for the next run.
const SWEEPS_ONE_SHOT: u32 = 32;
/// Manifests read in one step.
const READ_BATCH: usize = 64;

impl Engine {
    /// An engine over what the journal holds. Sources that the configuration no longer names are left alone.
    pub fn new(policy: Policy, scope: Option<Scope>, snapshot: Snapshot, seed: u64, now: DateTime<Utc>) -> Self {
        let sweeps_max = if scope.is_some() { SWEEPS_ONE_SHOT } else { u32::MAX };
        let mut records: BTreeMap<SourceName, SourceRecord> = snapshot.sources.into_iter().collect();
        let mut ledgers: BTreeMap<SourceName, Ledger> = BTreeMap::new();
        for (source, hour, record) in snapshot.hours {
            ledgers.entry(source).or_default().put(hour, record);
        }
        let mut sources = BTreeMap::new();
        for name in policy.sources.keys() {
            let record = records.remove(name);
            let record = record.unwrap_or_default();
            let mut ledger = ledgers.remove(name).unwrap_or_default();
            if let Some(first) = record.first_hour {
                ledger.keep_from(first);
            }
            for window in scope.iter().filter_map(|scope| scope.sources.get(name)).flatten() {
                ledger.open_window(*window);
            }
            sources.insert(name.clone(), SourceState::new(record, ledger, sweeps_max));
        }
        let mut engine = Self {
            policy,
            scope,
            started_at: now,
            lake: snapshot.lake,
            conditional_writes: None,
            identifying: false,
            stop: None,
            lake_gate: Gate::default(),
            disk_gate: Gate::default(),
            sources,
            lives: BTreeMap::new(),
            flights: BTreeMap::new(),
            uploads_in_flight: 0,
            next_step: 0,
            random: Random::new(seed),
            paused: false,
            draining: false,
            journal_trouble: None,
            tidying: false,
            looking: true,
            tally: Tally::default(),
            orders: Vec::new(),
            refusals: Vec::new(),
        };
        engine.restore_captures(snapshot.captures);
        engine
    }

    /// Staged captures with hours that wait for them go on; of others only the id is kept, until [`Event::Started`]
    /// forgets them.
    fn restore_captures(&mut self, captures: Vec<CaptureRecord>) {
        for record in captures {
            let Some(source) = self.sources.get(&record.source) else { continue };
            let of_this = |hour: &Hour| {
                source.ledger.work(*hour).is_some_and(|work| {
                    work.capture == Some(record.id) && matches!(work.phase, Phase::Captured | Phase::Uploaded(_))
                })
            };
            let open: BTreeSet<Hour> = match record.state {
                CaptureState::Asked => BTreeSet::new(),
                CaptureState::Staged { .. } | CaptureState::Absent => record.window.iter().filter(of_this).collect(),
            };
            self.lives.insert(record.id, Live::new(record, open));
        }
    }

    /// Takes one event in and says what is to be done. The time is the wall clock's.
    pub fn on_event(&mut self, event: Event, now: DateTime<Utc>) -> Vec<Command> {
        let mut turn = Turn::new(now);
        match event {
            Event::Started => self.on_started(&mut turn),
            Event::Tick => {
                self.looking = true;
                self.followers_look(None);
            }
            Event::Wake => {}
            Event::ClockJumped => {
                self.sources.values_mut().for_each(|source| source.clock_ahead = None);
                // The wait for late writes begins anew: neither cut short nor stretched by a clock that was set.
                self.started_at = now;
                self.sources
                    .values_mut()
                    .flat_map(|source| source.manifests_asked.values_mut())
                    .for_each(|at| *at = now);
            }
            Event::Done(id, outcome) => self.on_done(&mut turn, id, outcome),
            Event::Order(order) => self.on_order(&mut turn, order),
            Event::Lead(source, leads) => self.on_lead(&source, leads),
            Event::Drain => self.draining = true,
        }
        if !self.draining && self.stop.is_none() {
            self.look_again(&mut turn);
        }
        #[cfg(debug_assertions)]
        self.check_invariants();
        turn.into_commands()
    }

    fn on_started(&mut self, turn: &mut Turn) {
        let (kept, gone): (Vec<_>, Vec<_>) = self.lives.iter().partition(|(_, live)| !live.open.is_empty());
        let known = kept.into_iter().map(|(id, _)| *id).collect();
        let gone: Vec<CaptureId> = gone.into_iter().map(|(id, _)| *id).collect();
        for id in gone {
            if let Some(live) = self.lives.remove(&id) {
                self.left_by_a_download(turn, &live.record);
            }
            turn.changes.push(Change::CaptureGone(id));
        }
        let orphans: Vec<(SourceName, Hour)> = self
            .sources
            .iter()
            .flat_map(|(name, source)| {
                let lost = |hour: &&Hour| {
                    source.ledger.work(**hour).is_some_and(|work| match work.phase {
                        Phase::Captured => work.capture.is_none_or(|id| !self.lives.contains_key(&id)),
                        Phase::Uploaded(_) => work.capture.is_some_and(|id| !self.lives.contains_key(&id)),
                        Phase::Pending | Phase::Provisional | Phase::Quarantined => false,
                    })
                };
                source.ledger.worked().iter().filter(lost).map(|hour| (name.clone(), *hour)).collect::<Vec<_>>()
            })
            .collect();
        for (source, hour) in orphans {
            self.ask_anew(turn, &source, hour);
        }
        self.tidying = true;
        self.run(turn, Step::SweepStage { known });
    }

    /// New hours are taken up when the schedule says so (a one-shot command always looks); retries, second askings and
    /// rechecks come at their own times.
    fn take_up_due_hours(&mut self, turn: &Turn) {
        if !self.looking && self.scope.is_none() {
            return;
        }
        self.looking = self.sources.values().any(|source| source.attachment != state::Attachment::Yes);
        for (name, policy) in &self.policy.sources {
            if let Some(source) = self.sources.get_mut(name) {
                source.ledger.extend_to(policy.newest_due(source.due_now(turn.now)));
            }
        }
    }

    /// Derives every step that may start now from the state. Called after every event; nothing else starts a step.
    fn look_again(&mut self, turn: &mut Turn) {
        self.attach_sources(turn);
        if self.conditional_writes.is_none() {
            return;
        }
        self.settle(turn);
        self.take_up_due_hours(turn);
        self.carry_out_orders(turn);
        if self.lake_gate.is_open(turn.now) {
            if self.staging_is_readable(turn.now) {
                self.advance_lives(turn);
            }
            self.read_manifests(turn);
            self.sweep(turn);
        }
        self.ask(turn);
    }

    /// A full disk holds back captures only: what is staged makes room by being published. One that cannot be read
    /// holds back both.
    fn staging_is_readable(&self, now: DateTime<Utc>) -> bool {
        let unreadable = self.disk_gate.last_fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::StagingFailed);
        !unreadable || self.disk_gate.is_open(now)
    }

    /// Asks for windows while there is room: in flight, staged and on the disk.
    fn ask(&mut self, turn: &mut Turn) {
        if self.paused || self.tidying || !self.disk_gate.is_open(turn.now) {
            return;
        }
        let names: Vec<SourceName> = self.sources.keys().cloned().collect();
        for name in names {
            while let Some(window) = self.next_window(&name, turn.now) {
                self.capture(turn, &name, window);
            }
        }
    }

    fn next_window(&self, name: &SourceName, now: DateTime<Utc>) -> Option<Window> {
        let (source, policy) = (self.sources.get(name)?, self.policy.sources.get(name)?);
        let parallel = if source.throttled > 0 { 1 } else { policy.max_parallel };
        // What a follower keeps for later holds nothing up.
        let goes_on = |live: &&Live| live.open.iter().any(|hour| source.may_work_on(*hour));
        let staged = || self.lives.values().filter(|live| live.record.source == *name).filter(goes_on);
        // One more than is asked at once keeps the lake busy, or as many hours as are read at once: small windows.
        let has_room = staged().count() <= parallel
            || staged().map(|live| live.open.len()).sum::<usize>() < self.policy.uploads_max;
        let may_ask = source.attachment == state::Attachment::Yes
            && source.request_refused.is_none()
            && source.keys_refused.as_ref().is_none_or(|(pause, _)| pause.is_over(now))
            && retry::is_over(source.record.not_before, now)
            && source.capturing.len() < parallel
            && has_room;
        if !may_ask {
            return None;
        }
        self.plan(name, now, |plan: &Plan| plan.next())
    }

    /// What a tick would ask for now, without asking: for `ampd plan`.
    pub fn planned(&self, name: &SourceName, now: DateTime<Utc>) -> Vec<Window> {
        let mut taken: Vec<Window> = Vec::new();
        let (Some(source), Some(policy)) = (self.sources.get(name), self.policy.sources.get(name)) else {
            return taken;
        };
        loop {
            let free =
                |hour: Hour| self.is_free(name, source, hour) && !taken.iter().any(|window| window.contains(hour));
            let due_now = source.due_now(now);
            let span = self.span(name);
            let plan = Plan { ledger: &source.ledger, policy, record: &source.record, now, due_now, span, free: &free };
            let Some(window) = plan.next() else { return taken };
            taken.push(window);
        }
    }

    fn plan<T>(&self, name: &SourceName, now: DateTime<Utc>, ask: impl FnOnce(&Plan) -> T) -> T
    where
        T: Default,
    {
        let (Some(source), Some(policy)) = (self.sources.get(name), self.policy.sources.get(name)) else {
            return T::default();
        };
        let free = |hour: Hour| self.is_free(name, source, hour);
        let due_now = source.due_now(now);
        let span = self.span(name);
        ask(&Plan { ledger: &source.ledger, policy, record: &source.record, now, due_now, span, free: &free })
    }

    /// What a one-shot command works on lies between these hours.
    fn span(&self, name: &SourceName) -> Option<Window> {
        self.scope.as_ref()?.span(name)
    }

    fn is_free(&self, name: &SourceName, source: &SourceState, hour: Hour) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(name, hour))
            && source.may_work_on(hour)
            && !source.is_capturing(hour)
            && !source.steps_in_flight.contains(&hour)
    }

    /// When to look again at the latest, if nothing happens before.
    pub fn next_time(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let gates = [&self.lake_gate, &self.disk_gate].into_iter().filter_map(|gate| gate.pause?.ends(now));
        let sources = self.sources.iter().flat_map(|(name, source)| {
            let own = source.record.not_before.and_then(|pause| pause.ends(now));
            let keys = source.keys_refused.as_ref().and_then(|(pause, _)| pause.ends(now));
            let sweep = source.sweep_after.values().filter_map(|pause| pause.ends(now)).min();
            let look = source.looked.filter(|_| !source.leads).and_then(|pause| pause.ends(now));
            [own, keys, sweep, look, self.plan(name, now, |plan: &Plan| plan.next_time())].into_iter().flatten()
        });
        let asked = self.sources.values().flat_map(|source| source.manifests_asked.values().copied().map(Some));
        let late = std::iter::once(None)
            .chain(asked)
            .filter_map(|asked| self.late_writes_end(asked))
            .filter(|_| self.conditional_writes == Some(false));
        gates.chain(sources).chain(late).filter(|time| *time > now).min()
    }

    /// Panics on a broken invariant: debug builds and tests stop where it broke, not where it shows.
    #[cfg(debug_assertions)]
    fn check_invariants(&self) {
        for live in self.lives.values() {
            for hour in &live.open {
                let work = self.sources.get(&live.record.source).and_then(|source| source.ledger.work(*hour));
                let owned = work.is_some_and(|work| work.capture == Some(live.record.id));
                assert!(owned, "an open hour of a capture belongs to it: {hour} of {}", live.record.id);
            }
        }
        for source in self.sources.values() {
            let mut open = source.ledger.open().iter().take(64);
            let violation = open.find_map(|hour| invariant::record_violation(*hour, source.ledger.get(*hour)?));
            assert_eq!(violation, None);
        }
    }

    fn run(&mut self, turn: &mut Turn, step: Step) {
        let id = StepId(self.next_step);
        self.next_step += 1;
        self.flights.insert(id, step.clone());
        turn.steps.push((id, step));
    }

    /// Writes an hour's record: to the ledger, and to the journal with this turn.
    fn put(&mut self, turn: &mut Turn, source: &SourceName, hour: Hour, record: HourRecord) {
        if let Some(state) = self.sources.get_mut(source) {
            turn.changes.push(Change::Hour(source.clone(), hour, record.clone()));
            if record.work.is_none() || record.is_quarantined() {
                state.wanted.remove(&hour);
            }
            if state.sweeping && record.leftovers {
                state.left_meanwhile.insert(hour);
            }
            state.ledger.put(hour, record);
        }
    }

    fn put_source(&mut self, turn: &mut Turn, source: &SourceName) {
        if let Some(state) = self.sources.get(source) {
            turn.changes.push(Change::Source(source.clone(), state.record.clone()));
        }
    }
}
