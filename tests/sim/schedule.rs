//! One schedule: what happens when, from a seed alone.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ampd::engine::StepId;
use ampd::model::Window;
use chrono::TimeDelta;

use crate::lake::{self, LatePut};
use crate::mischief;
use crate::process::{Process, Want};
use crate::scenario::{Kind, Scenario};
use crate::world::{Counts, Shared, Time, World, source};
use crate::{calm, ending};

pub enum Action {
    Poll(usize, u64, StepId),
    Commit(usize, u64),
    Tick(usize, u64, u64),
    Start(usize),
    Land(LatePut),
    Mischief,
    EndOfOutage,
    Calm,
    Rescue,
}

pub struct Schedule {
    pub world: Shared,
    pub processes: Vec<Process>,
    queue: BTreeMap<(Time, u64), Action>,
    next: u64,
    pub calm_since: Time,
    /// A journal was lost or an old one came back: what only it knew is forgotten.
    pub losses: bool,
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
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || Schedule::new(&shared).play()));
    let mut world = world.borrow_mut();
    if let Err(panic) = caught {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.broken("the engine does not panic", words.unwrap_or_default());
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
            queue: BTreeMap::new(),
            next: 0,
            calm_since: begins + chaos,
            losses: false,
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
        self.queue.insert((time, self.next), action);
    }

    fn play(mut self) {
        let policy = self.world.borrow().scenario.source_policy().clone();
        let late_write = self.world.borrow().scenario.policy.late_write;
        let recheck = policy.recheck_after.unwrap_or_default() * 2;
        let end = self.calm_since + policy.empty_confirm + recheck + late_write + TimeDelta::hours(5);
        while let Some(((time, _), action)) = self.queue.pop_first() {
            if time > end || self.world.borrow().violation.is_some() {
                break;
            }
            {
                let mut world = self.world.borrow_mut();
                world.now = world.now.max(time);
                world.counts.actions += 1;
                if world.counts.actions > 200_000 {
                    world.broken("the engine comes to rest", "200,000 actions");
                }
            }
            self.act(action);
            self.depart();
        }
        let Some(life) = self.processes[0].life.as_ref() else {
            return self.world.borrow_mut().broken("a daemon runs in the end", "process 0");
        };
        let mut world = self.world.borrow_mut();
        if world.violation.is_none()
            && let Some(ledger) = life.engine.ledger(&source())
        {
            ending::at_the_end(&mut world, self.calm_since, ledger, self.losses);
            let left = self.processes[0].context.stage.borrow().files.keys().copied().collect::<Vec<_>>();
            let wanted: BTreeSet<_> = ledger.range(..).filter_map(|(_, r)| r.work.as_ref()?.capture).collect();
            if left.iter().any(|id| !wanted.contains(id)) {
                world.broken("staging is empty in the end", format!("{left:?}"));
            }
        }
    }

    fn depart(&mut self) {
        let departing = std::mem::take(&mut self.world.borrow_mut().lake.departing);
        for (time, put) in departing {
            self.at(time, Action::Land(put));
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
            Action::Tick(index, incarnation, token) => {
                if self.may_run(index, incarnation, || Action::Tick(index, incarnation, token)) {
                    let wants = self.processes[index].tick(token);
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
                let LatePut { key, body } = put;
                lake::apply(&mut self.world.borrow_mut(), &key, body, true);
            }
            Action::Mischief => mischief::happen(self),
            Action::EndOfOutage => mischief::end_of_outage(self),
            Action::Calm => calm::begin(self),
            Action::Rescue => calm::rescue(self),
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
                Want::Tick(token, time) => self.at(time, Action::Tick(index, incarnation, token)),
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
        let minutes = i64::try_from(1 + self.world.borrow_mut().random.below(30)).unwrap_or(1);
        let time = self.now() + TimeDelta::minutes(minutes);
        self.at(time, Action::Start(index));
    }
}
