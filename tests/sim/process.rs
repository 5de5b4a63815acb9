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

use crate::check;
use crate::effects::{Context, StageDirectory};
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
    pub tick: u64,
    seen_clock: TimeDelta,
    /// The first hour and the watermark as this process saw them last.
    reached: Option<(Hour, Hour)>,
    was_attached: bool,
}

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
    policy: Policy,
}

/// What a turn wants of the schedule.
#[derive(Debug, PartialEq, Eq)]
pub enum Want {
    Poll(StepId, Time),
    Commit(Time),
    Tick(u64, Time),
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
            context: Context { world: Rc::clone(world), stage, process: index, clock },
            life: None,
            incarnation: 0,
            paused_until: Time::UNIX_EPOCH,
            not_before: Time::UNIX_EPOCH,
            policy,
        }
    }

    fn local(&self) -> Time {
        self.context.world.borrow().now + self.context.clock.get()
    }

    pub fn start(&mut self) -> Vec<Want> {
        self.incarnation += 1;
        let seed = {
            let mut world = self.context.world.borrow_mut();
            self.policy.part_target = pick(&mut world.random, &[100, 200, 1_000]);
            world.note(|| format!("p{} starts as {:?}", self.index, self.kind));
            world.random.bits()
        };
        let scope = match self.kind {
            Kind::Daemon => None,
            Kind::OneShot(window) => {
                Some(Scope { sources: BTreeMap::from([(source(), window.into_iter().collect())]) })
            }
        };
        let snapshot = self.journal.load().unwrap_or_default();
        self.life = Some(Life {
            engine: Engine::new(self.policy.clone(), scope, snapshot, seed, self.local()),
            flights: BTreeMap::new(),
            inbox: vec![Event::Started],
            committing: None,
            draining: false,
            tick: 0,
            seen_clock: self.context.clock.get(),
            reached: None,
            was_attached: false,
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

    pub fn tick(&mut self, token: u64) -> Vec<Want> {
        match &self.life {
            Some(life) if life.tick == token => self.send(Event::Tick),
            _ => Vec::new(),
        }
    }

    pub fn poll(&mut self, id: StepId) -> Vec<Want> {
        let Some(life) = &mut self.life else { return Vec::new() };
        let Some((_, flight)) = life.flights.get_mut(&id) else { return Vec::new() };
        match flight.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            std::task::Poll::Pending => {
                let mut world = self.context.world.borrow_mut();
                let at = world.take_wake().unwrap_or(world.now);
                vec![Want::Poll(id, at)]
            }
            std::task::Poll::Ready(outcome) => {
                life.flights.remove(&id);
                self.context.world.borrow_mut().note(|| format!("p{} {id:?} {}", self.index, shown(&outcome)));
                self.send(Event::Done(id, outcome))
            }
        }
    }

    pub fn commit(&mut self) -> Vec<Want> {
        let Some(life) = &mut self.life else { return Vec::new() };
        let Some((changes, steps)) = life.committing.take() else { return Vec::new() };
        self.journal.commit(&changes).expect("memory does not fail");
        check::on_commit(&mut self.context.world.borrow_mut(), self.index, &changes);
        let mut wants = self.launch(steps);
        wants.extend(self.turn());
        wants
    }

    fn launch(&mut self, steps: Steps) -> Vec<Want> {
        let Some(life) = &mut self.life else { return Vec::new() };
        let now = self.context.world.borrow().now;
        let mut wants = Vec::new();
        for (id, step) in steps {
            self.context.world.borrow_mut().note(|| format!("p{} {id:?} {step:?}", self.index));
            let is_capture = matches!(step, Step::Capture(_));
            life.flights.insert(id, (is_capture, Box::pin(self.context.clone().run(step))));
            wants.push(Want::Poll(id, now));
        }
        wants
    }

    fn turn(&mut self) -> Vec<Want> {
        let now = self.local();
        let Some(life) = &mut self.life else { return Vec::new() };
        if life.committing.is_some() {
            return Vec::new();
        }
        let mut events = std::mem::take(&mut life.inbox);
        let clock = self.context.clock.get();
        if (clock - life.seen_clock).abs() > TimeDelta::minutes(1) {
            events.insert(0, Event::ClockJumped);
        }
        life.seen_clock = clock;
        let (mut changes, mut steps) = (Vec::new(), Vec::new());
        for event in events {
            for command in life.engine.on_event(event, now) {
                match command {
                    Command::Record(more) => changes.extend(more),
                    Command::Run(id, step) => steps.push((id, step)),
                    Command::Say(notice) => {
                        let hours = notice.hours.map_or_else(String::new, |hours| hours.to_string());
                        self.context
                            .world
                            .borrow_mut()
                            .note(|| format!("p{} says {hours}: {}", self.index, notice.text));
                    }
                }
            }
        }
        self.check();
        let Some(life) = &mut self.life else { return Vec::new() };
        if changes.is_empty() {
            let mut wants = self.launch(steps);
            wants.extend(self.rest());
            return wants;
        }
        life.committing = Some((changes, steps));
        let mut world = self.context.world.borrow_mut();
        let takes = TimeDelta::milliseconds(1 + i64::try_from(world.random.below(20)).unwrap_or(0));
        vec![Want::Commit(world.now + takes)]
    }

    fn check(&mut self) {
        let Some(life) = &mut self.life else { return };
        let mut world = self.context.world.borrow_mut();
        if let Some(ledger) = life.engine.ledger(&source()) {
            let reached = ledger.first().zip(ledger.watermark());
            let before = life.reached.filter(|(first, _)| Some(*first) == ledger.first() && life.was_attached);
            if before.is_some_and(|(_, watermark)| reached.is_none_or(|(_, now)| now < watermark)) {
                world.broken("the watermark never moves back", format!("{before:?}, then {reached:?}"));
            }
            life.reached = reached;
            life.was_attached = life.engine.is_attached(&source());
            check::on_turn(&mut world, self.index, ledger, life.engine.is_attached(&source()));
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
            self.context.world.borrow_mut().note(|| format!("p{} ends", self.index));
            self.life = None;
            return vec![Want::Ended];
        }
        life.tick += 1;
        let safety = now + TimeDelta::minutes(20);
        let next = life.engine.next_time(now).map_or(safety, |time| time.min(safety)) + TimeDelta::milliseconds(1);
        vec![Want::Tick(life.tick, next - self.context.clock.get())]
    }
}

fn shown(outcome: &Outcome) -> String {
    format!("{outcome:?}").chars().take(300).collect()
}
