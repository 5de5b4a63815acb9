//! How it all ends well: faults stop, and a person tries again what was set aside.

use std::collections::BTreeMap;

use ampd::engine::Order;
use ampd::model::Hour;
use chrono::TimeDelta;

use crate::mischief::{self, send_order};
use crate::scenario::Kind;
use crate::schedule::{Action, Schedule};
use crate::world::source;

/// How often the demands are looked at.
pub const LOOK_EVERY: TimeDelta = TimeDelta::minutes(20);

/// Faults stop and what can heal heals.
pub fn begin(schedule: &mut Schedule) {
    {
        let mut world = schedule.world.borrow_mut();
        world.note(|| "CALM".to_owned());
        world.calm = true;
        world.lake.down = false;
        world.amplitude.outage = None;
        world.amplitude.healed = true;
    }
    for index in 0..schedule.processes.len() {
        let process = &mut schedule.processes[index];
        process.paused_until = schedule.world.borrow().now;
        process.context.clock.set(TimeDelta::zero());
        if process.life.is_none() {
            schedule.start_later(index);
        }
        mischief::lead(schedule, index, true);
    }
    if schedule.processes[0].kind != Kind::Daemon {
        schedule.processes[0].kind = Kind::Daemon;
        if schedule.processes[0].life.is_some() {
            schedule.crash(0);
        }
    }
    let soon = schedule.now() + LOOK_EVERY;
    schedule.at(soon, Action::Look);
    for minutes in [40, 80, 120, 160, 200, 240] {
        let soon = schedule.now() + TimeDelta::minutes(minutes);
        schedule.at(soon, Action::Rescue);
    }
}

/// A person tries again what was quarantined, and starts a process again that says that it asks no more.
pub fn rescue(schedule: &mut Schedule) {
    for index in 0..schedule.processes.len() {
        let Some(life) = &schedule.processes[index].life else { continue };
        let reports = life.engine.reports(schedule.now(), 1, &BTreeMap::new(), None);
        if reports.iter().flat_map(|report| &report.problems).any(|problem| problem.code == "E207") {
            schedule.crash(index);
            continue;
        }
        let quarantined: Vec<Hour> = life.engine.ledger(source()).map_or_else(Vec::new, |ledger| {
            ledger.range(..).filter(|(_, record)| record.is_quarantined()).map(|(hour, _)| hour).collect()
        });
        for hour in quarantined {
            send_order(schedule, index, Order::Retry(source().clone(), hour), hour);
        }
    }
}
