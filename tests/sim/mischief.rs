//! What befalls the processes and the world from outside, and how it all ends well.

use std::rc::Rc;

use ampd::engine::{Event, Order};
use ampd::model::{FaultKind, Hour, Window};
use chrono::TimeDelta;

use crate::amplitude::Outage;
use crate::scenario::{Kind, pick};
use crate::schedule::{Action, Schedule};
use crate::world::{World, source};

fn below(schedule: &Schedule, bound: u64) -> u64 {
    schedule.world.borrow_mut().random.below(bound)
}

fn minutes(schedule: &Schedule, most: u64) -> TimeDelta {
    TimeDelta::minutes(i64::try_from(1 + below(schedule, most)).unwrap_or(1))
}

/// One thing goes wrong, and the next one is due later.
pub fn happen(schedule: &mut Schedule) {
    let (calm, on) = {
        let world = schedule.world.borrow();
        (world.calm, world.scenario.mischief)
    };
    if calm || !on {
        return;
    }
    let next = schedule.now() + minutes(schedule, 25);
    schedule.at(next, Action::Mischief);
    let index = usize::try_from(below(schedule, schedule.processes.len() as u64)).unwrap_or(0);
    match below(schedule, 16) {
        0 | 1 => pause(schedule, index),
        2 => outage(schedule),
        3 => {
            schedule.world.borrow_mut().lake.down = true;
            end_later(schedule);
        }
        4 | 5 => {
            let hour = some_hour(schedule);
            order(schedule, index, hour);
        }
        6 => drain(schedule, index),
        7 => schedule.processes[index].backup = Some(schedule.processes[index].journal.snapshot()),
        8 => lose_journal(schedule, index),
        9 => lose_stage(schedule, index),
        14 => damage_stage(schedule, index),
        10 | 11 => take_object(&mut schedule.world.borrow_mut(), None),
        12 => wrong_clock(schedule, index),
        13 => lose_lease(schedule, index),
        _ => schedule.crash_if_alive(index),
    }
}

impl Schedule {
    fn crash_if_alive(&mut self, index: usize) {
        if self.processes[index].life.is_some() {
            self.crash(index);
        }
    }
}

fn pause(schedule: &mut Schedule, index: usize) {
    let length = minutes(schedule, 150);
    let until = schedule.now() + length;
    schedule.processes[index].paused_until = until;
    schedule.world.borrow_mut().note(|| format!("p{index} is PAUSED until {}", until.format("%H:%M:%S")));
}

fn outage(schedule: &mut Schedule) {
    use FaultKind::{BodyReset, Connect, NoFirstByte, RateLimited, Redirected, Unavailable};
    let mut world = schedule.world.borrow_mut();
    let kind = pick(&mut world.random, &[Connect, NoFirstByte, Unavailable, RateLimited, BodyReset, Redirected]);
    let outage = match world.random.below(10) {
        0 | 1 => Outage::Keys,
        2 => Outage::Request,
        _ => Outage::Source(kind),
    };
    world.note(|| format!("amplitude is down: {outage:?}"));
    world.amplitude.outage = Some(outage);
    world.amplitude.outages += 1;
    drop(world);
    end_later(schedule);
}

fn end_later(schedule: &mut Schedule) {
    let time = schedule.now() + minutes(schedule, 60);
    schedule.at(time, Action::EndOfOutage);
}

pub fn end_of_outage(schedule: &mut Schedule) {
    let mut world = schedule.world.borrow_mut();
    world.amplitude.outage = None;
    world.lake.down = false;
    world.note(|| "outages are over".to_owned());
}

fn some_hour(schedule: &Schedule) -> Hour {
    let (first, newest) = {
        let world = schedule.world.borrow();
        (world.scenario.first, world.scenario.source_policy().newest_due(world.now))
    };
    let count = Window::new(first, newest).map_or(1, Window::hours);
    first.plus(i64::try_from(below(schedule, u64::from(count))).unwrap_or(0))
}

pub fn order(schedule: &mut Schedule, index: usize, hour: Hour) {
    let order = match below(schedule, 4) {
        0 => Order::Skip(source().clone(), hour, "a person says so".to_owned()),
        1 => Order::Reexport { source: source().clone(), hour, allow_shrink: true },
        2 => Order::Reexport { source: source().clone(), hour, allow_shrink: false },
        _ => Order::Retry(source().clone(), hour),
    };
    let life = schedule.processes[index].life.as_ref();
    let order = if life.is_some_and(|life| life.engine.refuses(&order).is_some()) {
        Order::Skip(source().clone(), hour, "a person insists".to_owned())
    } else {
        order
    };
    send_order(schedule, index, order, hour);
}

pub fn send_order(schedule: &mut Schedule, index: usize, order: Order, hour: Hour) {
    let refused = schedule.processes[index].life.as_ref().is_none_or(|life| life.engine.refuses(&order).is_some());
    if refused || schedule.processes[index].paused_until > schedule.now() {
        return;
    }
    {
        let mut world = schedule.world.borrow_mut();
        world.note(|| format!("p{index} is told {order:?}"));
        if matches!(order, Order::Reexport { .. }) {
            world.reexported.insert(hour);
        }
        if matches!(order, Order::Skip(..) | Order::Reexport { allow_shrink: true, .. }) {
            world.permitted.insert(hour);
        }
    }
    let wants = schedule.processes[index].send(Event::Order(order));
    schedule.obey(index, wants);
}

/// The only process dies, and loses its journal or what it staged.
pub fn disaster(schedule: &mut Schedule) {
    if schedule.world.borrow().calm {
        return;
    }
    schedule.crash_if_alive(0);
    if below(schedule, 2) == 0 {
        lose_journal(schedule, 0);
    } else {
        lose_stage(schedule, 0);
    }
}

fn drain(schedule: &mut Schedule, index: usize) {
    schedule.world.borrow_mut().note(|| format!("p{index} is told to stop"));
    let wants = schedule.processes[index].drain();
    schedule.obey(index, wants);
}

/// The state directory is lost, or replaced by a backup of whatever age. The process is down while that happens.
fn lose_journal(schedule: &mut Schedule, index: usize) {
    if !schedule.world.borrow().scenario.journal_loss {
        return;
    }
    schedule.crash_if_alive(index);
    let backup = if below(schedule, 2) == 0 { schedule.processes[index].backup.clone() } else { None };
    {
        let mut world = schedule.world.borrow_mut();
        let what = if backup.is_some() { "replaced by a backup" } else { "lost" };
        world.note(|| format!("the journal of p{index} is {what}"));
        world.acknowledged.clear();
        world.back_off.clear();
        world.counts.losses += 1;
        // Late rows that only this process was told of are forgotten with its journal: its hours are asked for again
        // when the journal that it has now says so.
        world.answers.values_mut().filter(|(.., to)| *to == index).for_each(|(_, rows, _)| *rows = 0);
    }
    schedule.losses = true;
    let mut journal = backup.clone().unwrap_or_default();
    if backup.is_some() && !schedule.world.borrow().scenario.conditional {
        if below(schedule, 2) == 0 {
            // `ampd state import`
            journal.lake.settled = false;
        } else {
            // The rule for a copy of the directory: it is put back only when nothing can land late any more.
            let late_write = schedule.world.borrow().scenario.policy.late_write;
            schedule.processes[index].not_before = schedule.now() + late_write;
        }
    }
    schedule.processes[index].journal.restore(journal);
    if below(schedule, 3) == 0 {
        lose_stage(schedule, index);
    }
}

/// A staged file is there, and is not what was recorded.
fn damage_stage(schedule: &mut Schedule, index: usize) {
    let mut stage = schedule.processes[index].context.stage.borrow_mut();
    let Some((id, archive)) = stage.files.iter().next_back().map(|(id, archive)| (*id, archive.as_ref().clone()))
    else {
        return;
    };
    let mut damaged = archive;
    damaged.salt = damaged.salt.wrapping_add(1);
    for rows in damaged.hours.values_mut() {
        rows.pop();
    }
    let mut world = schedule.world.borrow_mut();
    world.note(|| format!("the staged file {id} of p{index} is damaged"));
    world.acknowledged.clear();
    stage.files.insert(id, Rc::new(damaged));
}

fn lose_stage(schedule: &mut Schedule, index: usize) {
    let mut world = schedule.world.borrow_mut();
    world.note(|| format!("the staged files of p{index} are lost"));
    world.acknowledged.clear();
    schedule.processes[index].context.stage.borrow_mut().files.clear();
}

/// Other people delete an object that no manifest names yet, of this hour or of any.
pub fn take_object(world: &mut World, of: Option<Hour>) {
    let unnamed: Vec<String> = world
        .lake
        .objects
        .iter()
        .filter(|(_, stored)| {
            let (hour, generation, _) = stored.of;
            of.is_none_or(|of| of == hour)
                && world.lake.newest(hour).is_none_or(|(newest, _)| newest.generation < generation)
        })
        .map(|(key, _)| key.clone())
        .collect();
    if unnamed.is_empty() {
        return;
    }
    let key = pick(&mut world.random, &unnamed.iter().collect::<Vec<_>>()).clone();
    world.note(|| format!("somebody deletes {key}"));
    world.lake.objects.remove(&key);
    let now = world.now;
    world.lake.taken.insert(key, now);
}

/// Somebody else leads for a while: the process goes on as a follower, also after a crash.
fn lose_lease(schedule: &mut Schedule, index: usize) {
    if schedule.processes[index].kind == Kind::Daemon {
        lead(schedule, index, false);
        let back = schedule.now() + minutes(schedule, 90);
        schedule.at(back, Action::Lead(index));
    }
}

/// The process is told that it leads, or does not.
pub fn lead(schedule: &mut Schedule, index: usize, leads: bool) {
    schedule.world.borrow_mut().note(|| format!("p{index} {}", if leads { "leads" } else { "follows" }));
    let process = &mut schedule.processes[index];
    process.leads = leads;
    // One that is paused finds out before its next turn.
    if process.paused_until <= schedule.world.borrow().now {
        let wants = process.send(Event::Wake);
        schedule.obey(index, wants);
    }
}

fn wrong_clock(schedule: &mut Schedule, index: usize) {
    let mut world = schedule.world.borrow_mut();
    if !world.scenario.wrong_clocks {
        return;
    }
    let minutes = pick(&mut world.random, &[0, 0, -180, -20, 45, 240, 1440, -1440]);
    world.note(|| format!("the clock of p{index} is {minutes} minutes ahead"));
    schedule.processes[index].context.clock.set(TimeDelta::minutes(minutes));
}
