//! Two daemons on one lake, each with a state directory of its own: one leads, the other takes over; and where the
//! lease does not do its work, nothing is lost or doubled all the same.

use std::fs;
use std::time::Duration;

use ampd::simulator::{Fault, FaultKind};

use super::support::{World, dashed, ended, files_below};
use super::two_daemons::{Installation, S3};

/// The shortest lease, and requests that take their time: daemons are met in the middle of their work.
fn slow(hours: i64) -> World {
    let mut world = World::new(hours);
    world.set("lake.lease", "\"4s\"").set("window.max", "\"1h\"").set("schedule.every", "\"1s\"");
    world.plant(Fault::new(FaultKind::Slow { bytes_per_s: 8_000 }));
    world
}

fn manifests(world: &World) -> usize {
    files_below(&world.path("lake/_ampd/v1/source=web/manifests")).len()
}

fn each_hour_once(world: &World) {
    world.assert_complete();
    let lake = world.lake();
    for n in 0..=world.last.number() - world.first.number() {
        assert_eq!(lake.generations(&world.hour(n).to_string()), 1, "hour {n}");
    }
}

/// One leads, the other asks nothing; the leader dies, the other does the rest.
fn the_other_takes_over(world: &World) {
    let (mut first, mut second) = (Installation::new(world, "a"), Installation::new(world, "b"));
    first.run();
    first.wait_for("it leads", Installation::leads);
    second.run();
    second.wait_for("it follows", Installation::follows);
    let said = second.expect(0, &["status"]);
    assert!(said.stdout.contains("web: following, ") && said.stdout.contains(" leads until "), "{said}");
    second.expect(0, &["health", "--ready"]);
    first.wait_for("hours are published", |_| manifests(world) >= 3);
    assert!(second.follows() && first.leads());
    let before = world.requests().len();
    first.kill();
    let (published, asked) = (manifests(world), world.requests().len());
    assert!(published < 12, "killed too late");
    second.wait_for("it took over", Installation::leads);
    second.wait_for("all is published", Installation::is_complete);
    world.sim.clear_faults();
    each_hour_once(world);
    let rest = 12 - published;
    let more = world.requests().len() - asked;
    assert!(before <= published + 2, "{before} requests for {published} hours: the follower asked too");
    assert!(more <= rest + 1, "{more} requests for the {rest} hours that were left");
    assert!(second.log().contains("took the lease over"), "{}", second.log());
    second.expect(0, &["verify"]);
}

#[test]
fn of_two_daemons_on_a_directory_one_leads_and_the_other_takes_over() {
    the_other_takes_over(&slow(12));
}

#[test]
fn of_two_daemons_on_s3_one_leads_and_the_other_takes_over() {
    let mut world = slow(12);
    let _s3 = S3::serve(&mut world, 0);
    the_other_takes_over(&world);
}

#[test]
fn a_stores_clock_that_is_wrong_by_hours_changes_nothing() {
    for skew in [-5 * 3600, 5 * 3600] {
        let mut world = slow(12);
        let _s3 = S3::serve(&mut world, skew);
        the_other_takes_over(&world);
    }
}

#[test]
fn a_leader_that_is_killed_and_started_again_retakes_its_lease_at_once() {
    let mut world = slow(6);
    // Nobody could wait for this one to run out.
    world.set("lake.lease", "\"1h\"");
    let (mut first, mut second) = (Installation::new(&world, "a"), Installation::new(&world, "b"));
    first.run();
    first.wait_for("it leads", Installation::leads);
    second.run();
    second.wait_for("it follows", Installation::follows);
    for _ in 0..3 {
        first.kill();
        first.run();
        first.wait_for("it leads again", Installation::leads);
    }
    first.wait_for("all is published", Installation::is_complete);
    assert_eq!(first.log().matches("retook the lease of its state directory").count(), 3, "{}", first.log());
    assert!(!second.log().contains("leads: "), "{}", second.log());
    each_hour_once(&world);
}

#[test]
fn a_leader_that_ends_gives_its_lease_back_and_one_that_reloads_keeps_it() {
    let mut world = slow(4);
    world.set("lake.lease", "\"1h\"");
    let (mut first, mut second) = (Installation::new(&world, "a"), Installation::new(&world, "b"));
    first.run();
    first.wait_for("it leads", Installation::leads);
    second.run();
    second.wait_for("it follows", Installation::follows);
    first.expect(0, &["reload"]);
    first.wait_for("it leads still", |first| first.log().contains("leads: the lease is still ours"));
    first.stop();
    let lease = fs::read_to_string(world.path("lake/_ampd/v1/source=web/lease.json")).unwrap();
    let lease: serde_json::Value = serde_json::from_str(&lease).unwrap();
    assert_eq!((&lease["schema"], &lease["term_seconds"]), (&"ampd.lease/1".into(), &3600.into()));
    let expires: chrono::DateTime<chrono::Utc> = lease["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(expires <= chrono::Utc::now(), "{lease}");
    second.expect(0, &["reload"]);
    second.wait_for("it took over", Installation::leads);
    second.wait_for("all is published", Installation::is_complete);
    each_hour_once(&world);
}

/// Stopped between its objects and their manifest, for longer than its lease; the other does everything meanwhile.
fn a_zombie_harms_nothing(world: &World) {
    let (mut first, mut second) = (Installation::new(world, "a"), Installation::new(world, "b"));
    first.run();
    first.wait_for("it leads", Installation::leads);
    second.run();
    second.wait_for("it follows", Installation::follows);
    let objects = || files_below(&world.path("lake/data")).len();
    first.wait_for("it is stopped in the middle of an upload", |first| {
        if objects() <= manifests(world) {
            return false;
        }
        first.signal("-STOP");
        let caught = objects() > manifests(world);
        if !caught {
            first.signal("-CONT");
        }
        assert!(manifests(world) < 40, "it was never caught");
        caught
    });
    second.wait_for("it took over", Installation::leads);
    second.wait_for("all is published", Installation::is_complete);
    let asked = world.requests().len();
    first.signal("-CONT");
    first.wait_for("it finds out", |first| first.log().contains("the lease is lost"));
    first.wait_for("it follows", Installation::follows);
    // It looks at the lake when its schedule ticks, and tidies up what it left there itself.
    first.wait_for("it knows that all is published", Installation::is_complete);
    first.wait_for("what no manifest names is gone", |_| world.lake().unnamed().is_empty());
    // What its last turn had begun when it was stopped may still go out.
    assert!(world.requests().len() <= asked + 1, "the zombie asked for more than it had begun");
    assert!(second.leads());
    each_hour_once(world);
    first.expect(0, &["verify"]);
    second.expect(0, &["verify", "--deep"]);
}

#[test]
fn a_leader_that_is_stopped_past_its_lease_in_the_middle_of_an_upload_harms_nothing_on_a_directory() {
    let mut world = World::with(48, |options| options.projects[0].events_per_hour = 400);
    world.set("lake.lease", "\"4s\"").set("schedule.every", "\"1s\"").set("window.max", "\"12h\"");
    a_zombie_harms_nothing(&world);
}

#[test]
fn a_leader_that_is_stopped_past_its_lease_in_the_middle_of_an_upload_harms_nothing_on_s3() {
    let mut world = World::with(48, |options| options.projects[0].events_per_hour = 400);
    world.set("lake.lease", "\"4s\"").set("schedule.every", "\"1s\"").set("window.max", "\"12h\"");
    let _s3 = S3::serve(&mut world, 0);
    a_zombie_harms_nothing(&world);
}

#[test]
fn two_backfills_over_one_range_without_a_lease_end_with_one_truth() {
    let mut world = World::with(24, |options| options.projects[0].empty_hours = vec![5]);
    world.set("window.max", "\"6h\"");
    world.plant(Fault::new(FaultKind::Slow { bytes_per_s: 20_000 }));
    for round in 0..3 {
        let installations = ["a", "b"].map(|name| Installation::new(&world, &format!("{name}{round}")));
        let from = [0, 6].map(|n| dashed(world.hour(n)));
        let to = [17, 23].map(|n| dashed(world.hour(n)));
        let children: Vec<_> = (0..2)
            .map(|n| installations[n].start(&["backfill", "--from", &from[n], "--to", &to[n], "-o", "json"]))
            .collect();
        for child in children {
            let ended = ended(child);
            assert_eq!(ended.code, 0, "{ended}");
        }
        each_hour_once(&world);
        assert!(!world.path("lake/_ampd/v1/source=web/lease.json").exists(), "a one-shot command takes no lease");
    }
}

#[test]
fn what_a_person_hands_over_to_a_follower_is_done_all_the_same() {
    let mut world = slow(4);
    world.set("lake.lease", "\"1h\"");
    world.sim.clear_faults();
    let (mut first, mut second) = (Installation::new(&world, "a"), Installation::new(&world, "b"));
    first.run();
    first.wait_for("it leads", Installation::leads);
    first.wait_for("all is published", Installation::is_complete);
    first.signal("-STOP");
    second.run();
    second.wait_for("it follows", Installation::follows);
    second.wait_for("it knows what is published", Installation::is_complete);
    let asked = world.requests().len();
    second.expect(0, &["once"]);
    assert_eq!(world.requests().len(), asked, "nothing is due");
    let before = [-2, -1].map(|n| dashed(world.hour(n)));
    second.expect(0, &["backfill", "--from", &before[0], "--to", &before[1]]);
    second.expect(0, &["hour", "reexport", &dashed(world.hour(1))]);
    assert!(second.follows());
    let lake = world.lake();
    assert_eq!(lake.generations(&world.hour(1).to_string()), 2);
    assert_eq!(lake.generations(&world.hour(-1).to_string()), 1);
    first.signal("-CONT");
}

#[test]
fn a_lease_that_is_none_or_of_a_newer_ampd_is_said_not_trusted_and_replaced_when_nobody_writes_it() {
    let world = slow(3);
    world.sim.clear_faults();
    let lease = world.path("lake/_ampd/v1/source=web/lease.json");
    fs::create_dir_all(lease.parent().unwrap()).unwrap();
    for (name, body, words) in [
        ("a", "not JSON at all \u{0}\u{1}", "is not what ampd wrote"),
        ("b", "{\"schema\":\"ampd.lease/2\",\"leader\":\"one of tomorrow\"}", "use a newer ampd"),
    ] {
        let mut daemon = Installation::new(&world, name);
        fs::write(&lease, body).unwrap();
        daemon.run();
        daemon.wait_for("it says so", |daemon| daemon.log().contains(words));
        // Somebody renews it, whoever that is: for longer than our own lease would be.
        let asked = world.requests().len();
        for n in 0..25 {
            fs::write(&lease, format!("{body}{}", " ".repeat(n))).unwrap();
            std::thread::sleep(Duration::from_millis(250));
        }
        assert!(!daemon.leads());
        assert_eq!(world.requests().len(), asked);
        daemon.wait_for("it leads", Installation::leads);
        daemon.wait_for("all is published", Installation::is_complete);
        daemon.kill();
        fs::remove_file(&lease).unwrap();
    }
    each_hour_once(&world);
}

#[test]
fn a_leader_whose_lake_is_away_stops_before_its_lease_ends_and_goes_on_when_it_is_back() {
    let mut world = slow(3);
    let s3 = S3::serve(&mut world, 0);
    world.set("retry.max", "\"500ms\"");
    let mut daemon = Installation::new(&world, "a");
    daemon.run();
    daemon.wait_for("it leads", Installation::leads);
    s3.down(true);
    daemon.wait_for("it gives up leading", |daemon| daemon.log().contains("was not renewed in time"));
    assert!(!daemon.leads());
    let asked = world.requests().len();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.requests().len(), asked, "it asks for what it may not publish");
    s3.down(false);
    daemon.wait_for("it leads again", Installation::leads);
    daemon.wait_for("all is published", Installation::is_complete);
    each_hour_once(&world);
}

#[test]
fn without_a_lease_two_daemons_do_the_work_twice_and_harm_nothing() {
    let mut world = slow(6);
    world.set("lake.lease", "\"off\"");
    let (mut first, mut second) = (Installation::new(&world, "a"), Installation::new(&world, "b"));
    first.run();
    second.run();
    for daemon in [&first, &second] {
        daemon.wait_for("all is published", Installation::is_complete);
        assert!(daemon.source()["lease"].is_null());
    }
    assert!(!world.path("lake/_ampd/v1/source=web/lease.json").exists());
    first.wait_for("what no manifest names is gone", |_| world.lake().unnamed().is_empty());
    each_hour_once(&world);
    assert!(fs::read_dir(first.dir().join("state")).unwrap().count() > 0);
}
