//! Local state is a cache of the lake: lost, old, foreign or in use, nothing is exported twice.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::support::{World, dashed, ended, files_below, status};
use ampd::simulator::{Fault, FaultKind};

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn a_lost_state_directory_is_rebuilt_from_the_lake_and_nothing_is_asked_again() {
    let world = World::with(8, |options| options.projects[0].empty_hours = vec![3]);
    world.expect(0, &["once"]);
    let asked = world.requests().len();
    fs::remove_dir_all(world.path("state")).unwrap();
    let again = world.expect(0, &["once", "-o", "json"]);
    let summary = again.last_object();
    assert_eq!((&summary["published"], &summary["rows"]), (&0.into(), &0.into()));
    assert!(again.says("the journal knew nothing of it: 8 published hours are taken from the lake"), "{again}");
    let source = &world.status()["sources"][0];
    assert_eq!((&source["rows_24h"], &source["unread_24h"]), (&0.into(), &8.into()), "unread rows are not called none");
    assert_eq!(world.requests().len(), asked);
    assert_eq!(world.status()["sources"][0]["watermark"], dashed(world.last).as_str());
    world.assert_complete();
}

#[test]
fn state_from_an_older_copy_believes_the_lake() {
    let mut world = World::new(12);
    let upto = dashed(world.hour(3));
    let from = dashed(world.hour(0));
    world.expect(0, &["backfill", "--from", &from, "--to", &upto]);
    copy(&world.path("state"), &world.path("old"));
    world.expect(0, &["once"]);
    let asked = world.windows();
    assert_eq!(asked, [(0, 3), (4, 11)]);
    fs::remove_dir_all(world.path("state")).unwrap();
    fs::rename(world.path("old"), world.path("state")).unwrap();
    world.set("log.level", "\"debug\"");
    world.expect(0, &["once"]);
    assert_eq!(world.windows(), asked);
    for n in 0..12 {
        assert_eq!(world.lake().generations(&world.hour(n).to_string()), 1);
    }
    world.assert_complete();
}

#[test]
fn state_copied_in_the_middle_of_a_capture_never_publishes_twice() {
    let world = World::new(6);
    world.plant_on(4, FaultKind::CrcFlip);
    world.expect(3, &["once"]);
    copy(&world.path("state"), &world.path("old"));
    world.sim.clear_faults();
    world.expect(0, &["hour", "retry", &dashed(world.hour(4))]);
    fs::remove_dir_all(world.path("state")).unwrap();
    fs::rename(world.path("old"), world.path("state")).unwrap();
    world.expect(0, &["once"]);
    world.assert_complete();
    assert!(world.problem_of(4).is_none());
    assert_eq!(world.lake().generations(&world.hour(4).to_string()), 1);
}

#[test]
fn the_state_of_another_lake_is_refused() {
    let mut world = World::new(2);
    world.expect(0, &["once"]);
    let other = World::new(2);
    other.expect(0, &["once"]);
    world.set("lake.path", &format!("{:?}", other.path("lake")));
    let asked = world.requests().len();
    let ended = world.expect(78, &["once"]);
    assert!(ended.stderr.contains("E404") && ended.stderr.contains("another lake"), "{ended}");
    assert_eq!(world.requests().len(), asked);
    other.assert_complete();
}

#[test]
fn a_second_process_on_the_same_state_ends_with_75_and_names_the_first() {
    let world = World::new(2);
    world.plant(Fault::new(FaultKind::FirstByteDelay { ms: 1_500 }).times(1));
    let first = world.start(&["once"]);
    while world.requests().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let second = world.expect(75, &["once"]);
    assert!(second.stderr.contains(&first.id().to_string()), "{second}");
    assert_eq!(ended(first).code, 0);
    world.assert_complete();
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn a_staging_directory_in_use_by_another_state_is_refused() {
    let mut world = World::new(2);
    world.plant(Fault::new(FaultKind::FirstByteDelay { ms: 1_500 }).times(1));
    let first = world.start(&["once"]);
    while world.requests().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    world.set("state.dir", "\"state2\"");
    let second = world.expect(75, &["once"]);
    assert!(second.says("E504"), "{second}");
    assert_eq!(ended(first).code, 0);
    world.assert_complete();
}

#[test]
fn staging_emptied_between_runs_costs_one_download_and_no_row() {
    // The lake cannot take the hours, so the archive stays staged.
    let mut blocked = World::new(4);
    blocked.set("retry.initial", "\"1ms\"").set("retry.max", "\"5ms\"");
    let data = blocked.path("lake/data");
    fs::create_dir_all(blocked.path("lake")).unwrap();
    fs::write(&data, "a file where a directory should be").unwrap();
    blocked.expect(73, &["once"]);
    assert_eq!(files_below(&blocked.path("stage")).iter().filter(|path| path.extension().is_some()).count(), 1);
    fs::remove_file(&data).unwrap();
    for file in files_below(&blocked.path("stage")) {
        fs::remove_file(file).unwrap();
    }
    blocked.expect(0, &["once"]);
    assert_eq!(blocked.windows(), [(0, 3), (0, 3)]);
    blocked.assert_complete();
}

#[test]
fn a_staged_archive_is_not_downloaded_again_and_a_changed_configuration_does_not_reshape_it() {
    let mut world = World::new(4);
    world.set("retry.initial", "\"1ms\"").set("retry.max", "\"5ms\"");
    let data = world.path("lake/data");
    fs::create_dir_all(world.path("lake")).unwrap();
    fs::write(&data, "a file where a directory should be").unwrap();
    world.expect(73, &["once"]);
    fs::remove_file(&data).unwrap();
    world.set("lake.format", "\"json\"");
    world.plant(Fault::new(status(500)));
    world.expect(0, &["once"]);
    assert_eq!(world.windows(), [(0, 3)]);
    world.assert_complete();
    let keys = files_below(&data);
    assert!(keys.iter().all(|key| key.to_string_lossy().ends_with(".json.gz")), "{keys:?}");
}

#[test]
fn a_damaged_staged_archive_is_thrown_away_and_asked_for_again() {
    let mut world = World::new(3);
    world.set("retry.initial", "\"1ms\"").set("retry.max", "\"5ms\"");
    let data = world.path("lake/data");
    fs::create_dir_all(world.path("lake")).unwrap();
    fs::write(&data, "a file where a directory should be").unwrap();
    world.expect(73, &["once"]);
    fs::remove_file(&data).unwrap();
    let zip = files_below(&world.path("stage")).into_iter().find(|path| path.extension().is_some()).unwrap();
    let mut bytes = fs::read(&zip).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&zip, bytes).unwrap();
    world.expect(0, &["once"]);
    assert_eq!(world.requests().len(), 2);
    world.assert_complete();
}
