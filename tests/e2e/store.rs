//! A lake or a disk that takes nothing: nobody's attempt; the work waits and resumes by itself.

use std::fs;

use ampd::simulator::{Fault, FaultKind};

use super::support::World;

fn impatient(hours: i64) -> World {
    let mut world = World::new(hours);
    world.set("retry.initial", "\"1ms\"").set("retry.max", "\"10ms\"");
    world
}

#[test]
fn a_lake_that_is_a_file_ends_with_73_and_a_later_run_goes_on() {
    let world = impatient(3);
    fs::write(world.path("lake"), "a file").unwrap();
    let ended = world.expect(73, &["once"]);
    assert!(ended.says("E40"), "{ended}");
    assert_eq!(world.requests().len(), 0, "nothing is asked of Amplitude before the lake is known");
    fs::remove_file(world.path("lake")).unwrap();
    world.expect(0, &["once"]);
    world.assert_complete();
}

#[test]
fn a_lake_that_cannot_be_written_any_more_keeps_the_archive_and_blames_no_hour() {
    let world = impatient(3);
    fs::create_dir_all(world.path("lake")).unwrap();
    fs::write(world.path("lake/data"), "a file where the data should be").unwrap();
    for _ in 0..3 {
        let ended = world.expect(73, &["once"]);
        assert!(ended.says("E40"), "{ended}");
    }
    assert_eq!(world.requests().len(), 1, "one download, however often the lake refuses");
    let status = world.status();
    assert_eq!(status["sources"][0]["hours"]["quarantined"], 0);
    assert!(status["sources"][0]["problems"].to_string().contains("E40"), "{status}");
    fs::remove_file(world.path("lake/data")).unwrap();
    world.expect(0, &["once"]);
    assert_eq!(world.requests().len(), 1);
    world.assert_complete();
}

#[test]
fn a_lake_that_refuses_manifests_publishes_nothing_and_uploads_nothing_twice() {
    let world = impatient(3);
    let manifests = world.path("lake/_ampd/v1/source=web/manifests");
    fs::create_dir_all(manifests.parent().unwrap()).unwrap();
    fs::write(&manifests, "a file where the manifests should be").unwrap();
    world.expect(73, &["once"]);
    fs::remove_file(&manifests).unwrap();
    world.expect(0, &["once"]);
    assert_eq!(world.requests().len(), 1);
    world.assert_complete();
}

#[test]
fn staging_that_is_a_file_ends_with_73() {
    let world = impatient(2);
    fs::write(world.path("stage"), "a file").unwrap();
    let ended = world.expect(73, &["once"]);
    assert!(ended.says("E502"), "{ended}");
    assert_eq!(world.requests().len(), 0);
    fs::remove_file(world.path("stage")).unwrap();
    world.expect(0, &["once"]);
    world.assert_complete();
}

#[test]
fn a_state_directory_that_is_a_file_ends_with_73_and_asks_nothing() {
    let world = impatient(2);
    fs::write(world.path("state"), "a file").unwrap();
    let ended = world.expect(73, &["once"]);
    assert!(ended.says("E505"), "{ended}");
    assert_eq!(world.requests().len(), 0);
    fs::remove_file(world.path("state")).unwrap();
    world.expect(0, &["once"]);
    world.assert_complete();
}

#[test]
fn two_downloads_that_do_not_fit_into_staging_together_land_one_after_the_other() {
    let mut world = World::with(2, |options| {
        options.projects[0].events_per_hour = 2_500;
        options.projects[0].jitter = 0.0;
    });
    world.set("staging.max_bytes", "\"1MiB\"").set("staging.max_archive_bytes", "\"1MiB\"");
    world.set("window.max", "\"1h\"").set("source.web.max_parallel", "2").set("retry.max_attempts", "20");
    world.plant(Fault::new(FaultKind::Slow { bytes_per_s: 2_000_000 }));
    let ended = world.expect(0, &["once"]);
    assert!(ended.says("waits for room"), "{ended}");
    world.assert_complete();
    assert_eq!(world.status()["sources"][0]["hours"]["quarantined"], 0);
}

#[test]
fn a_disk_with_less_than_min_free_asks_nothing_and_says_so() {
    let mut world = impatient(2);
    world.set("staging.min_free", "\"900TiB\"");
    let ended = world.expect(73, &["once"]);
    assert!(ended.says("E501"), "{ended}");
    assert_eq!(world.requests().len(), 0);
    world.set("staging.min_free", "\"1MiB\"");
    world.expect(0, &["once"]);
    world.assert_complete();
}
