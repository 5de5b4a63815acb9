//! What is demanded in the end, long after the faults stopped: liveness, and nothing left lying about.

use ampd::model::{Hour, HourState, Ledger, Manifest, Window};
use chrono::TimeDelta;

use crate::check::SLACK;
use crate::world::{Time, World, source};

/// The end, long after the faults stopped, in front of one daemon's ledger.
pub fn at_the_end(world: &mut World, calm_since: Time, ledger: &Ledger, losses: bool) {
    let policy = world.scenario.source_policy().clone();
    let first = world.lake.first_hour.unwrap_or(world.scenario.first);
    let last = policy.newest_due(calm_since);
    for hour in Window::new(first, last).into_iter().flat_map(Window::iter) {
        let quarantined = ledger.record(hour).is_quarantined();
        let Some((newest, modified)) = world.lake.newest(hour).cloned() else {
            if !world.amplitude.hopeless(hour) {
                let words = format!("{hour}, quarantined: {quarantined}: {:?}", ledger.work(hour));
                world.broken("every due hour is published in the end", words);
            }
            continue;
        };
        if ledger.published(hour).map(|p| p.generation) != Some(newest.generation)
            && world.scenario.processes.len() == 1
            && !losses
        {
            world.broken("the journal knows the newest manifest in the end", hour);
        }
        late_rows(world, hour, &newest, quarantined);
        let names = |key: &String| newest.objects.iter().any(|object| object.key == *key);
        let prefix = ampd::model::layout::hour_prefix(&source(), hour);
        let left: Vec<String> = world
            .lake
            .objects
            .keys()
            .filter(|key| key.starts_with(&prefix) && !names(key) && !world.lake.strays.contains(key))
            .filter(|key| crate::lake::object_of(key).is_some_and(|(_, g, _)| g <= newest.generation))
            .cloned()
            .collect();
        // A rival may have skipped an hour that this process cannot read: it learns that when it starts again.
        let unknown = world.amplitude.hopeless(hour);
        let old = world.store_time() - modified > TimeDelta::hours(3);
        if !left.is_empty() && old && !losses && !unknown {
            world.broken("what can never be named again is gone in the end", format!("{left:?}"));
        }
    }
}

/// Late data is found: after its publication the hour was asked for again, and what was found is published.
fn late_rows(world: &mut World, hour: Hour, newest: &Manifest, quarantined: bool) {
    let Some(after) = world.scenario.source_policy().recheck_after else { return };
    if world.scenario.wrong_clocks {
        return;
    }
    if newest.state == HourState::Skipped || quarantined || world.amplitude.hopeless(hour) {
        return;
    }
    let published = newest.published_at;
    if world.now - published < after + TimeDelta::hours(3) {
        return;
    }
    match world.answers.get(&hour) {
        Some((at, rows)) if *at + SLACK >= published + after => {
            if newest.rows < *rows {
                world.broken("late data is found", format!("{hour}: {rows} rows, published {}", newest.rows));
            }
        }
        answer => {
            let words = format!("{hour}: published {published}, last asked {answer:?}");
            world.broken("every hour is asked for again", words);
        }
    }
}
