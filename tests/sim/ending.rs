//! What is demanded in the end, long after the faults stopped: liveness, and nothing left lying about.

use std::rc::Rc;

use ampd::model::{Hour, HourState, Ledger, Manifest, Window};
use chrono::TimeDelta;

use crate::check::SLACK;
use crate::world::{Time, World};

/// When the demands are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Again and again after the faults stopped: a schedule whose every demand is met is over, nothing may be pending.
    Early,
    /// At the end: what is not met now is broken.
    Last,
}

/// A demand that is not met, and where.
pub type Unmet = (&'static str, String);

/// The first unmet demand on the lake and on one daemon's ledger.
pub fn unmet(world: &mut World, calm_since: Time, ledger: &Ledger, losses: bool, look: Look) -> Option<Unmet> {
    let first = world.lake.first_hour.unwrap_or(world.scenario.first);
    let last = world.scenario.source_policy().newest_due(calm_since);
    let alone = world.scenario.processes.len() == 1;
    for hour in Window::new(first, last).into_iter().flat_map(Window::iter) {
        let quarantined = ledger.get(hour).is_some_and(ampd::model::HourRecord::is_quarantined);
        let newest = world.lake.newest(hour).map(|(newest, modified)| (Rc::clone(newest), *modified));
        let Some((newest, modified)) = newest else {
            if !world.amplitude.hopeless(hour) {
                let words = format!("{hour}, quarantined: {quarantined}: {:?}", ledger.work(hour));
                return Some(("every due hour is published in the end", words));
            }
            continue;
        };
        let known = ledger.published(hour).map(|p| p.generation) == Some(newest.generation);
        if !known && alone && !losses {
            return Some(("the journal knows the newest manifest in the end", hour.to_string()));
        }
        if look == Look::Early && ledger.get(hour).is_none_or(|r| r.recheck_due.is_some() || r.work.is_some()) {
            return Some(("nothing is pending", hour.to_string()));
        }
        // What a rival published again is learnt, and rechecked, by the next start.
        let unmet = if known { late_rows(world, hour, &newest, quarantined, look) } else { None };
        let unmet = unmet.or_else(|| leftovers(world, hour, &newest, modified, (known || !losses, look)));
        if unmet.is_some() {
            return unmet;
        }
    }
    None
}

/// What no manifest can name any more is deleted, once readers are done with it.
fn leftovers(world: &mut World, hour: Hour, newest: &Manifest, since: Time, demand: (bool, Look)) -> Option<Unmet> {
    // A manifest that landed late, after a journal was lost, is learnt by the next start.
    let (is_known, look) = demand;
    let names = |key: &String| newest.objects.iter().any(|object| object.key == *key);
    let of_old = |generation: u32| generation <= newest.generation;
    let left: Vec<&String> = world
        .lake
        .objects_of(hour)
        .filter(|(key, stored)| of_old(stored.of.1) && !names(key) && !world.lake.strays.contains(*key))
        .map(|(key, _)| key)
        .collect();
    if left.is_empty() {
        return None;
    }
    let words = format!("{left:?}");
    let old = world.store_time() - since > TimeDelta::hours(4);
    (look == Look::Early || (old && is_known)).then_some(("what can never be named again is gone in the end", words))
}

/// Late data is found: after its publication the hour was asked for again, and what was found is published.
fn late_rows(world: &mut World, hour: Hour, newest: &Manifest, quarantined: bool, look: Look) -> Option<Unmet> {
    let after = world.scenario.source_policy().recheck_after?;
    if world.scenario.wrong_clocks || newest.state == HourState::Skipped || quarantined {
        return None;
    }
    let published = newest.published_at;
    if world.amplitude.hopeless(hour) || (look == Look::Last && world.now - published < after + TimeDelta::hours(3)) {
        return None;
    }
    match world.answers.get(&hour) {
        Some((at, rows, _)) if *at + SLACK >= published + after => (newest.rows < *rows)
            .then(|| ("late data is found", format!("{hour}: {rows} rows, published {}", newest.rows))),
        answer => {
            let words = format!("{hour}: published {published}, last asked {answer:?}");
            Some(("every hour is asked for again", words))
        }
    }
}
