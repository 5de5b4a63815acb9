//! One schedule: what happens when, from a seed alone.

use std::cell::RefCell;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};
use std::rc::Rc;

use ampd::engine::StepId;
use ampd::model::{Hour, Window};
use chrono::TimeDelta;

use crate::ending::Look;
use crate::lake::{self, Body, LatePut};
use crate::mischief;
use crate::panics;
use crate::process::{Process, Want};
use crate::scenario::{Kind, Scenario};
use crate::world::{Counts, Shared, Time, World, source};
use crate::{calm, ending};

pub enum Action {
    Poll(usize, u64, StepId),
    Commit(usize, u64),
    Timer(usize, u64, Time),
    Start(usize),
    Land(Box<LatePut>),
    Meddle(usize, Hour),
    Disaster,
    Mischief,
    EndOfOutage,
    /// The process leads again.
    Lead(usize),
    Calm,
    Rescue,
    Look,
}

/// An action at its time; those of one time in the order in which they were entered.
struct Entry {
    time: Time,
    number: u64,
    action: Action,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

pub struct Schedule {
    pub world: Shared,
    pub processes: Vec<Process>,
    queue: BinaryHeap<Reverse<Entry>>,
    next: u64,
    pub calm_since: Time,
    /// A journal was lost or an old one came back: what only it knew is forgotten.
    pub losses: bool,
    /// All demands are met.
    done: bool,
}

/// How a schedule ended.
pub struct Report {
    pub violation: Option<String>,
    pub trace: Vec<String>,
    pub counts: Counts,
}

pub fn run(seed: u64, trace: bool) -> Report {
    run_scenario(Scenario::of_seed(seed), seed, trace)
}

pub fn run_scenario(scenario: Scenario, seed: u64, trace: bool) -> Report {
    let world: Shared = Rc::new(RefCell::new(World::new(scenario, seed, trace)));
    let shared = Rc::clone(&world);
    let caught = panics::contained(move || Schedule::new(&shared).play());
    let mut world = world.borrow_mut();
    if let Err(words) = caught {
        world.broken("the engine does not panic", words);
    }
    Report { violation: world.violation.take(), trace: world.trace.take().unwrap_or_default(), counts: world.counts }
}

impl Schedule {
    fn new(world: &Shared) -> Self {
        let (kinds, begins, chaos) = {
            let world = world.borrow();
            (world.scenario.processes.clone(), world.scenario.begins, world.scenario.chaos)
        };
        let processes = kinds.iter().enumerate().map(|(index, kind)| Process::new(world, index, *kind)).collect();
        let mut schedule = Self {
            world: Rc::clone(world),
            processes,
            queue: BinaryHeap::new(),
            next: 0,
            calm_since: begins + chaos,
            losses: false,
            done: false,
        };
        for index in 0..kinds.len() {
            let stagger = TimeDelta::seconds(30 * i64::try_from(index).unwrap_or(0));
            schedule.at(begins + stagger, Action::Start(index));
        }
        schedule.at(begins + TimeDelta::minutes(1), Action::Mischief);
        schedule.at(begins + chaos, Action::Calm);
        schedule
    }

    pub fn now(&self) -> Time {
        self.world.borrow().now
    }

    pub fn at(&mut self, time: Time, action: Action) {
        self.next += 1;
        self.queue.push(Reverse(Entry { time, number: self.next, action }));
    }

    fn play(mut self) {
        let policy = self.world.borrow().scenario.source_policy().clone();
        let late_write = self.world.borrow().scenario.policy.late_write;
        let recheck = policy.recheck_after.unwrap_or_default() * 2;
        let end = self.calm_since + policy.empty_confirm + recheck + late_write + TimeDelta::hours(5);
        while let Some(Reverse(Entry { time, action, .. })) = self.queue.pop() {
            {
                let mut world = self.world.borrow_mut();
                if self.done || time > end || world.is_over() {
                    break;
                }
                world.now = world.now.max(time);
                world.counts.actions += 1;
            }
            self.act(action);
            self.depart();
        }
        if self.world.borrow().violation.is_some() || self.done {
            return;
        }
        let unmet = self.unmet(Look::Last);
        if let Some((invariant, about)) = unmet {
            self.world.borrow_mut().broken(invariant, about);
        }
    }

    /// What is demanded in the end and not met.
    fn unmet(&mut self, look: Look) -> Option<ending::Unmet> {
        let process = &self.processes[0];
        let Some(life) = process.life.as_ref().filter(|_| process.kind == Kind::Daemon) else {
            return Some(("a daemon runs in the end", "process 0".to_owned()));
        };
        let ledger = life.engine.ledger(source())?;
        let unmet = ending::unmet(&mut self.world.borrow_mut(), self.calm_since, ledger, self.losses, look);
        unmet.or_else(|| {
            let wanted: BTreeSet<_> = ledger.range(..).filter_map(|(_, r)| r.work.as_ref()?.capture).collect();
            let stage = process.context.stage.borrow();
            let left = stage.files.keys().filter(|id| !wanted.contains(id)).collect::<Vec<_>>();
            (!left.is_empty()).then(|| ("staging is empty in the end", format!("{left:?}")))
        })
    }

    /// After the faults stopped: over as soon as every demand is met.
    fn look(&mut self) {
        self.done = self.unmet(Look::Early).is_none();
        let later = self.now() + calm::LOOK_EVERY;
        self.at(later, Action::Look);
    }

    fn depart(&mut self) {
        let departing = std::mem::take(&mut self.world.borrow_mut().lake.departing);
        for (time, put) in departing {
            // Where a manifest may land late and overwrite, that is when it is worth losing what knows of it.
            let overwrites = matches!(put.body, Body::Manifest(_)) && !self.world.borrow().scenario.conditional;
            if overwrites && self.world.borrow_mut().fault(5000) {
                let soon = self.now() + TimeDelta::seconds(40);
                self.at(soon, Action::Disaster);
            }
            self.at(time, Action::Land(Box::new(put)));
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Poll(index, incarnation, id) => {
                if self.may_run(index, incarnation, || Action::Poll(index, incarnation, id)) {
                    let wants = self.processes[index].poll(id);
                    self.obey(index, wants);
                }
            }
            Action::Commit(index, incarnation) => {
                if self.may_run(index, incarnation, || Action::Commit(index, incarnation)) {
                    let wants = self.processes[index].commit();
                    self.obey(index, wants);
                }
            }
            Action::Timer(index, incarnation, armed) => {
                if self.may_run(index, incarnation, || Action::Timer(index, incarnation, armed)) {
                    let wants = self.processes[index].timer(armed);
                    self.obey(index, wants);
                }
            }
            Action::Start(index) => {
                let not_before = self.processes[index].not_before;
                if not_before > self.now() {
                    self.at(not_before, Action::Start(index));
                } else if self.processes[index].life.is_none() {
                    let wants = self.processes[index].start();
                    self.obey(index, wants);
                }
            }
            Action::Land(put) => {
                let LatePut { key, body } = *put;
                lake::apply(&mut self.world.borrow_mut(), &key, body, true);
            }
            Action::Meddle(index, hour) => mischief::order(self, index, hour),
            Action::Disaster => mischief::disaster(self),
            Action::Mischief => mischief::happen(self),
            Action::EndOfOutage => mischief::end_of_outage(self),
            Action::Lead(index) => mischief::lead(self, index, true),
            Action::Calm => calm::begin(self),
            Action::Rescue => calm::rescue(self),
            Action::Look => self.look(),
        }
    }

    /// Between any two effects a process may die; one that is paused goes on later.
    fn may_run(&mut self, index: usize, incarnation: u64, again: impl FnOnce() -> Action) -> bool {
        let process = &self.processes[index];
        if process.incarnation != incarnation || process.life.is_none() {
            return false;
        }
        let paused_until = process.paused_until;
        if paused_until > self.now() {
            // In small steps, so that the pause ends when calm comes.
            let later = paused_until.min(self.now() + TimeDelta::minutes(5));
            self.at(later, again());
            return false;
        }
        let crash = self.world.borrow().scenario.crash;
        if self.world.borrow_mut().fault(crash) {
            self.crash(index);
            return false;
        }
        true
    }

    pub fn crash(&mut self, index: usize) {
        self.processes[index].crash();
        self.start_later(index);
    }

    pub fn start_later(&mut self, index: usize) {
        let pause = {
            let mut world = self.world.borrow_mut();
            let most = if world.calm || world.random.below(8) != 0 { 60 } else { 3 * 3600 };
            i64::try_from(1 + world.random.below(most)).unwrap_or(1)
        };
        let time = self.now() + TimeDelta::seconds(pause);
        self.at(time, Action::Start(index));
    }

    pub fn obey(&mut self, index: usize, wants: Vec<Want>) {
        let incarnation = self.processes[index].incarnation;
        for want in wants {
            match want {
                Want::Poll(id, time) => self.at(time, Action::Poll(index, incarnation, id)),
                Want::Commit(time) => self.at(time, Action::Commit(index, incarnation)),
                Want::Timer(time) => self.at(time, Action::Timer(index, incarnation, time)),
                Want::Meddle(hour, time) => self.at(time, Action::Meddle(index, hour)),
                Want::Ended => self.ended(index),
            }
        }
    }

    /// A one-shot command is given again, over other hours.
    fn ended(&mut self, index: usize) {
        let kind = self.processes[index].kind;
        if let Kind::OneShot(Some(window)) = kind {
            let first = self.world.borrow().scenario.first;
            let shift = i64::try_from(self.world.borrow_mut().random.below(5)).unwrap_or(0);
            let begin = first.plus(shift);
            let next = Window::new(begin, begin.plus(i64::from(window.hours()) - 1));
            self.processes[index].kind = Kind::OneShot(next);
        }
        let pause = {
            let mut world = self.world.borrow_mut();
            let most = if world.calm { 120 } else { 30 };
            1 + world.random.below(most)
        };
        let time = self.now() + TimeDelta::minutes(i64::try_from(pause).unwrap_or(1));
        self.at(time, Action::Start(index));
    }
}
