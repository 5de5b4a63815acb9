//! Late data: it is found, it is announced, and nothing ever shrinks by itself.

use std::thread::sleep;
use std::time::Duration;

use ampd::simulator::{Fault, FaultKind};
use chrono::TimeDelta;
use serde_json::Value;

use super::support::{World, dashed};

/// Rechecks are due a second after publishing.
fn rechecking(hours: i64) -> World {
    let mut world = World::new(hours);
    world.set("window.recheck_after", "\"1s\"");
    world
}

fn wait_for_recheck() {
    sleep(Duration::from_millis(1_200));
}

/// A share of the hour's rows comes an hour of virtual time from now.
fn late(world: &World, n: i64, share: f64) {
    let after = Some(world.sim.now() + TimeDelta::hours(1));
    world.plant_on(n, FaultKind::LateDelivery { share, after, after_minutes: None });
}

#[test]
fn an_hour_that_grew_is_published_again_as_the_next_generation_and_announced() {
    let world = rechecking(3);
    late(&world, 1, 0.5);
    world.expect(0, &["once"]);
    let hour = world.hour(1).to_string();
    let before = world.lake().content(&hour);
    world.sim.advance(TimeDelta::hours(2));
    wait_for_recheck();
    let ended = world.expect(0, &["once"]);
    assert!(ended.stderr.contains(&dashed(world.hour(1))), "{ended}");
    let lake = world.lake();
    assert!(lake.content(&hour).0 > before.0);
    assert_eq!((lake.generations(&hour), &lake.newest(&hour).unwrap()["generation"]), (2, &2.into()));
    for n in [0, 2] {
        assert_eq!(lake.generations(&world.hour(n).to_string()), 1);
    }
    world.assert_truth(0..3);
    wait_for_recheck();
    world.expect(0, &["once"]);
    wait_for_recheck();
    let asked = world.requests().len();
    world.expect(0, &["once"]);
    assert_eq!(world.requests().len(), asked, "an hour is rechecked once after it was published");
    assert_eq!(world.lake().generations(&hour), 2);
}

#[test]
fn the_same_rows_in_other_bytes_are_no_new_generation() {
    let mut world = World::with(3, |options| options.archive.reorder_per_request = true);
    world.set("window.recheck_after", "\"1s\"");
    world.expect(0, &["once"]);
    wait_for_recheck();
    world.expect(0, &["once"]);
    assert_eq!(world.windows(), [(0, 2), (0, 2)]);
    for n in 0..3 {
        assert_eq!(world.lake().generations(&world.hour(n).to_string()), 1);
    }
    world.assert_complete();
}

#[test]
fn fewer_rows_or_none_are_reported_and_change_nothing_until_a_person_allows_it() {
    for vanishes in [false, true] {
        let world = rechecking(2);
        world.expect(0, &["once"]);
        let hour = world.hour(1);
        if vanishes {
            world.plant_on(1, FaultKind::Vanish { after: None, answers: Some(0) });
        } else {
            late(&world, 1, 0.6);
        }
        wait_for_recheck();
        let ended = world.expect(0, &["once"]);
        assert!(ended.stderr.contains("--allow-shrink"), "{ended}");
        assert_eq!(world.lake().generations(&hour.to_string()), 1);
        world.assert_complete();

        world.expect(0, &["hour", "reexport", &dashed(hour)]);
        assert_eq!(world.lake().generations(&hour.to_string()), 1, "not without being allowed to");
        world.assert_complete();

        world.expect(0, &["hour", "reexport", &dashed(hour), "--allow-shrink"]);
        let lake = world.lake();
        assert_eq!(lake.generations(&hour.to_string()), 2, "vanishes: {vanishes}");
        let seen = world.sim.truth_now(None, hour, hour).unwrap();
        assert_eq!(lake.newest(&hour.to_string()).unwrap()["rows"], seen.rows);
        assert_eq!(lake.newest(&hour.to_string()).unwrap()["state"], if vanishes { "empty" } else { "data" });
    }
}

#[test]
fn a_reexport_publishes_the_same_rows_again_as_the_next_generation() {
    let world = World::new(2);
    world.expect(0, &["once"]);
    world.expect(0, &["hour", "reexport", &dashed(world.hour(0))]);
    assert_eq!(world.windows(), [(0, 1), (0, 0)]);
    let lake = world.lake();
    assert_eq!(lake.generations(&world.hour(0).to_string()), 2);
    assert_eq!(lake.generations(&world.hour(1).to_string()), 1);
    world.assert_complete();
}

#[test]
fn an_hour_without_data_that_gets_some_before_it_is_believed_lands_as_its_first_generation() {
    let mut world = World::new(3);
    world.set("window.empty_confirm", "\"30d\"");
    let until = world.sim.now() + TimeDelta::minutes(10);
    world.plant_on(1, FaultKind::Late404 { until });
    assert_eq!(world.summary(0, &["once"])["provisional"], 1);
    world.sim.advance(TimeDelta::minutes(20));
    world.set("window.empty_confirm", "\"0s\"");
    assert_eq!(world.summary(0, &["once"])["published"], 1);
    world.assert_complete();
    assert_eq!(world.lake().generations(&world.hour(1).to_string()), 1);
}

#[test]
fn an_hour_that_was_believed_empty_and_gets_data_is_found_by_the_recheck() {
    let world = rechecking(3);
    let until = world.sim.now() + TimeDelta::minutes(10);
    world.plant(Fault::new(FaultKind::Late404 { until }).on(world.hour(2)));
    assert_eq!(world.summary(0, &["once"])["empty"], 1);
    world.sim.advance(TimeDelta::minutes(20));
    wait_for_recheck();
    world.expect(0, &["once"]);
    let lake = world.lake();
    let hour = world.hour(2).to_string();
    assert_eq!((lake.generations(&hour), &lake.newest(&hour).unwrap()["state"]), (2, &Value::from("data")));
    world.assert_complete();
}

#[test]
fn an_unfinished_hour_is_never_exported_even_when_the_local_clock_is_ahead() {
    let world = World::new(6);
    // Amplitude's clock says that only the first two hours are over and ready.
    let settle: i64 = world.settings["window.settle_delay"].trim_matches(['"', 's']).parse().unwrap();
    world.sim.set_now(world.hour(1).end() + TimeDelta::seconds(settle + 60));
    world.expect(0, &["once"]);
    world.assert_truth([0, 1]);
    assert_eq!(world.lake().hours().count(), 2);
    assert_eq!(world.windows(), [(0, 5), (0, 1)], "the first answer teaches the clock and is thrown away");
}
