//! One process: the shipped engine, its journal, its staging directory, its clock and its steps in flight. The turns
//! are the driver's: events in, one commit, then the steps start.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Waker};

use ampd::engine::{Command, Engine, Event, Outcome, Step, StepId};
use ampd::journal::{Journal, MemoryJournal};
use ampd::model::{Change, Fault, FaultKind, Hour, Policy, Scope, Snapshot};
use chrono::TimeDelta;

use crate::check::{self, Seen};
use crate::early::Early;
use crate::effects::{Context, StageDirectory};
use crate::mischief;
use crate::scenario::{Kind, pick};
use crate::world::{Shared, Time, source};

type Steps = Vec<(StepId, Step)>;
type Flight = Pin<Box<dyn Future<Output = Outcome>>>;

/// A running engine.
pub struct Life {
    pub engine: Engine,
    flights: BTreeMap<StepId, (bool, Flight)>,
    inbox: Vec<Event>,
    committing: Option<(Vec<Change>, Steps)>,
    pub draining: bool,
    /// When it wants to be woken, and when it will be: at the latest then.
    wanted: Time,
    armed: Option<Time>,
    /// When the schedule says "look" again.
    next_tick: Time,
    seen_clock: TimeDelta,
    seen: Seen,
}

/// How often the schedule says "look".
const TICKS: TimeDelta = TimeDelta::minutes(20);

pub struct Process {
    pub index: usize,
    pub kind: Kind,
    pub journal: MemoryJournal,
    pub backup: Option<Snapshot>,
    pub context: Context,
    pub life: Option<Life>,
    /// Counts its starts: what belongs to an earlier one is void.
    pub incarnation: u64,
    pub paused_until: Time,
    /// Not started before.
    pub not_before: Time,
    /// It holds the lease; asked before every turn, as in production.
    pub leads: bool,
    policy: Policy,
}

/// What a turn wants of the schedule.
#[derive(Debug, PartialEq, Eq)]
pub enum Want {
    Poll(StepId, Time),
    Commit(Time),
    Timer(Time),
    /// A person's order about this hour, in the middle of its publication.
    Meddle(Hour, Time),
    Ended,
}

impl Process {
    pub fn new(world: &Shared, index: usize, kind: Kind) -> Self {
        let policy = world.borrow().scenario.policy.clone();
        let stage = Rc::new(RefCell::new(StageDirectory::default()));
        let clock = Rc::new(Cell::new(TimeDelta::zero()));
        Self {
            index,
            kind,
            journal: MemoryJournal::new(),
            backup: None,
            context: Context { world: Rc::clone(world), stage, process: index, clock, early: Early::default() },
            life: None,
            incarnation: 0,
            paused_until: Time::UNIX_EPOCH,
            not_before: Time::UNIX_EPOCH,
            leads: true,
            policy,
        }
    }

    fn local(&self) -> Time {
        self.context.world.borrow().now + self.context.clock.get()
    }

    pub fn start(&mut self) -> Vec<Want> {
        self.incarnation += 1;
        self.context.early.forget();
        let seed = {
            let mut world = self.context.world.borrow_mut();
            self.policy.part_target = pick(&mut world.random, &[100, 200, 1_000]);
            world.note(|| format!("p{} starts as {:?}", self.index, self.kind));
            world.random.bits()
        };
        let scope = match self.kind {
            Kind::Daemon => None,
            Kind::OneShot(window) => {
                Some(Scope { sources: BTreeMap::from([(source().clone(), window.into_iter().collect())]) })
            }
        };
        let snapshot = self.journal.load().unwrap_or_default();
        let mut engine = Engine::new(self.policy.clone(), scope, snapshot, seed, self.local());
        if !self.leads {
            engine.begin_following();
        }
        self.life = Some(Life {
            engine,
            flights: BTreeMap::new(),
            inbox: vec![Event::Started],
            committing: None,
            draining: false,
            wanted: Time::UNIX_EPOCH,
            armed: None,
            next_tick: Time::UNIX_EPOCH,
            seen_clock: self.context.clock.get(),
            seen: Seen::default(),
        });
        self.turn()
    }

    /// Everything that is not in the journal, the stage or the lake is gone.
    pub fn crash(&mut self) {
        self.life = None;
        self.journal.crash();
        let mut world = self.context.world.borrow_mut();
        world.counts.crashes += 1;
        world.note(|| format!("p{} CRASHES", self.index));
    }

    pub fn send(&mut self, event: Event) -> Vec<Want> {
        let Some(life) = &mut self.life else { return Vec::new() };
        life.inbox.push(event);
        self.turn()
    }

    pub fn drain(&mut self) -> Vec<Want> {
        let Some(life) = &mut self.life else { return Vec::new() };
        life.draining = true;
        let captures: Vec<StepId> = life.flights.iter().filter(|(_, (is, _))| *is).map(|(id, _)| *id).collect();
        for id in captures {
            life.flights.remove(&id);
            let fault = Fault::new(FaultKind::Panicked, "abandoned");
            life.inbox.push(Event::Done(id, Outcome::Failed { fault, clock: None }));
        }
        life.inbox.push(Event::Drain);
        self.turn()
    }

    /// A timer rang. The schedule's tick says "look"; a time that the engine asked for only wakes it.
    pub fn timer(&mut self, armed: Time) -> Vec<Want> {
        let now = self.context.world.borrow().now;
        let Some(life) = self.life.as_mut().filter(|life| life.armed == Some(armed)) else { return Vec::new() };
        if life.wanted > now {
            life.armed = Some(life.wanted);
            return vec![Want::Timer(life.wanted)];
        }
        life.armed = None;
        if now < life.next_tick {
            return self.send(Event::Wake);
        }
        life.next_tick = now + TICKS;
        self.send(Event::Tick)
    }

    pub fn poll(&mut self, id: StepId) -> Vec<Want> {
        let mut wants = Vec::new();
        self.advance(id, &mut wants);
        if self.life.as_ref().is_some_and(|life| !life.inbox.is_empty()) {
            wants.extend(self.turn());
        }
        wants
    }

    /// Drives a step until it waits or ends.
    fn advance(&mut self, id: StepId, wants: &mut Vec<Want>) {
        let Some(life) = &mut self.life else { return };
        let Some((_, flight)) = life.flights.get_mut(&id) else { return };
        match flight.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            std::task::Poll::Pending => {
                let mut world = self.context.world.borrow_mut();
                let at = world.take_wake().unwrap_or(world.now);
                wants.push(Want::Poll(id, at));
            }
            std::task::Poll::Ready(outcome) => {
                life.flights.remove(&id);
                self.context.world.borrow_mut().note(|| format!("p{} {id:?} {}", self.index, shown(&outcome)));
                life.inbox.push(Event::Done(id, outcome));
            }
        }
    }

    pub fn commit(&mut self) -> Vec<Want> {
        let Some(life) = &mut self.life else { return Vec::new() };
        let Some((changes, steps)) = life.committing.take() else { return Vec::new() };
        let mut wants = Vec::new();
        self.write(&changes, steps, &mut wants);
        wants.extend(self.turn());
        wants
    }

    /// Record before you rely: the steps of a turn start when its changes are in the journal.
    fn write(&mut self, changes: &[Change], steps: Steps, wants: &mut Vec<Want>) {
        self.journal.commit(changes).expect("memory does not fail");
        check::on_commit(&mut self.context.world.borrow_mut(), self.index, changes);
        self.launch(steps, wants);
    }

    fn launch(&mut self, steps: Steps, wants: &mut Vec<Want>) {
        for (id, step) in steps {
            self.context.world.borrow_mut().note(|| format!("p{} {id:?} {step:?}", self.index));
            let is_capture = matches!(step, Step::Capture { .. });
            if let Step::Publish { hour, .. } = &step {
                wants.extend(self.meddled(*hour));
            }
            let Some(life) = &mut self.life else { return };
            life.flights.insert(id, (is_capture, Box::pin(self.context.clone().run(step))));
            self.advance(id, wants);
        }
    }

    /// Now and then a person decides otherwise while the answer is on its way, or somebody takes an object away.
    fn meddled(&self, hour: Hour) -> Option<Want> {
        let mut world = self.context.world.borrow_mut();
        if !world.scenario.mischief || !world.fault(300) {
            return None;
        }
        if world.random.below(2) == 0 {
            mischief::take_object(&mut world, Some(hour));
        }
        let within = i64::try_from(world.random.below(1500)).unwrap_or(0);
        Some(Want::Meddle(hour, world.now + TimeDelta::milliseconds(within)))
    }

    /// Turns until there is something to wait for: the commit, a step, a time.
    fn turn(&mut self) -> Vec<Want> {
        let mut wants = Vec::new();
        loop {
            let now = self.local();
            let Some(life) = &mut self.life else { return wants };
            if life.committing.is_some() {
                return wants;
            }
            let events = std::mem::take(&mut life.inbox);
            let (changes, steps) = self.take_in(events, now);
            self.check(&changes);
            let Some(life) = &mut self.life else { return wants };
            if changes.is_empty() {
                self.launch(steps, &mut wants);
            } else {
                let mut world = self.context.world.borrow_mut();
                if !world.calm {
                    let takes = TimeDelta::milliseconds(1 + i64::try_from(world.random.below(20)).unwrap_or(0));
                    wants.push(Want::Commit(world.now + takes));
                    life.committing = Some((changes, steps));
                    return wants;
                }
                drop(world);
                self.write(&changes, steps, &mut wants);
            }
            if self.life.as_ref().is_none_or(|life| life.inbox.is_empty()) || self.context.world.borrow_mut().is_over()
            {
                wants.extend(self.rest());
                return wants;
            }
        }
    }

    fn take_in(&mut self, mut events: Vec<Event>, now: Time) -> (Vec<Change>, Steps) {
        let (mut changes, mut steps) = (Vec::new(), Vec::new());
        let Some(life) = &mut self.life else { return (changes, steps) };
        if life.engine.leads(source()) != self.leads {
            events.insert(0, Event::Lead(source().clone(), self.leads));
        }
        // Before anything else, as the driver does it.
        let clock = self.context.clock.get();
        if (clock - life.seen_clock).abs() > TimeDelta::minutes(1) {
            events.insert(0, Event::ClockJumped);
        }
        life.seen_clock = clock;
        self.context.world.borrow_mut().counts.events += events.len() as u64;
        for event in events {
            for command in life.engine.on_event(event, now) {
                match command {
                    Command::Record(more) => changes.extend(more),
                    Command::Run(id, step) => steps.push((id, step)),
                    Command::Say(notice) => self.context.world.borrow_mut().note(|| {
                        let hours = notice.hours.map_or_else(String::new, |hours| hours.to_string());
                        format!("p{} says {hours}: {}", self.index, notice.text)
                    }),
                }
            }
        }
        (changes, steps)
    }

    fn check(&mut self, changes: &[Change]) {
        let Some(life) = &mut self.life else { return };
        let mut world = self.context.world.borrow_mut();
        if let Some(ledger) = life.engine.ledger(source()) {
            let attached = life.engine.is_attached(source());
            check::on_turn(&mut world, self.index, (ledger, attached), changes, &mut life.seen);
        }
        if let Some(stop) = life.engine.stop() {
            world.broken("the engine has no reason to stop", format!("{stop:?}"));
        }
    }

    /// Nothing to write: when to look again, or the end.
    fn rest(&mut self) -> Vec<Want> {
        let now = self.local();
        let Some(life) = &mut self.life else { return Vec::new() };
        let over = life.draining && life.engine.is_idle();
        let ended = self.kind != Kind::Daemon && life.engine.ends(now).is_some();
        if over || ended {
            let mut world = self.context.world.borrow_mut();
            world.note(|| format!("p{} ends", self.index));
            if let (Kind::OneShot(Some(_)), Some(ledger)) = (self.kind, life.engine.ledger(source())) {
                // Late rows that it was told of and could not publish wait until somebody gives the command again.
                let left = |hour: Hour, by: usize| by == self.index && ledger.work(hour).is_some();
                world
                    .answers
                    .iter_mut()
                    .filter(|(hour, (.., by))| left(**hour, *by))
                    .for_each(|(_, found)| found.1 = 0);
            }
            drop(world);
            self.life = None;
            return vec![Want::Ended];
        }
        let next = life.engine.next_time(now).map_or(Time::MAX_UTC, |time| time + TimeDelta::milliseconds(1));
        let next = if next == Time::MAX_UTC { next } else { next - self.context.clock.get() };
        let now = self.context.world.borrow().now;
        life.next_tick = life.next_tick.clamp(now, now + TICKS);
        life.wanted = next.min(life.next_tick);
        if life.armed.is_some_and(|armed| armed <= life.wanted) {
            return Vec::new();
        }
        life.armed = Some(life.wanted);
        vec![Want::Timer(life.wanted)]
    }
}

fn shown(outcome: &Outcome) -> String {
    format!("{outcome:?}").chars().take(300).collect()
}
