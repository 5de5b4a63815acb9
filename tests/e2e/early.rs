//! Hours that are uploaded while their archive arrives: whatever happens meanwhile, the lake ends equal to the truth, and
//! nothing lies in it that no manifest names.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use ampd::simulator::{Fault, FaultKind, Method, Options, Order, TruncatedEnd};

use super::support::{Ended, World, ended, files_below};

const HOURS: i64 = 12;

/// An archive that is long enough to be read early, in members as the Export API sends them, and that takes some seconds.
fn world(format: &str, change: impl FnOnce(&mut Options)) -> World {
    let mut world = World::with(HOURS, |options| {
        options.projects[0].events_per_hour = 2_400;
        options.rows.compact = false;
        options.archive.method = Method::Deflated;
        change(options);
    });
    world.set("lake.format", &format!("{format:?}"));
    world.plant(Fault::new(FaultKind::Slow { bytes_per_s: 4_000_000 }));
    world
}

fn objects(world: &World) -> Vec<PathBuf> {
    files_below(&world.path("lake/data"))
}

fn staged(world: &World, end: &str) -> bool {
    files_below(&world.path("stage")).iter().any(|path| path.to_string_lossy().ends_with(end))
}

/// Waits until it is so, while the command runs.
fn until(child: &mut Child, what: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !what() {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "it ended, or it never happens");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts, and waits until a first object is in the lake while the archive still arrives.
fn begun(world: &World) -> Child {
    let mut child = world.start(&["once"]);
    until(&mut child, || !objects(world).is_empty());
    assert!(staged(world, ".zip.part"), "the archive was there before its first object");
    child
}

#[track_caller]
fn complete(world: &World, end: &Ended, requests: usize) {
    assert_eq!(end.code, 0, "{end}");
    world.assert_complete();
    assert_eq!(world.requests().len(), requests, "{:?}", world.windows());
    assert!(!staged(world, ".zip") && !staged(world, ".part"), "staging is tidied");
}

#[test]
fn hours_are_in_the_lake_before_their_archive_is_and_are_published_when_it_is_whole() {
    std::thread::scope(|scope| {
        for format in ["json.gz", "json"] {
            scope.spawn(move || {
                let world = world(format, |options| options.archive.gzip_multi_stream = format == "json");
                let child = begun(&world);
                assert_eq!(files_below(&world.path("lake/_ampd/v1/source=web/manifests")), Vec::<PathBuf>::new());
                complete(&world, &ended(child), 1);
            });
        }
    });
}

#[test]
fn a_kill_in_the_middle_of_a_download_leaves_no_object_that_no_manifest_names() {
    let world = world("json", |_| ());
    let mut child = begun(&world);
    child.kill().unwrap();
    assert_eq!(ended(child).code, -9);
    assert!(!objects(&world).is_empty());
    complete(&world, &world.run(&["once"]), 2);
}

#[test]
fn a_source_that_breaks_off_in_the_middle_is_asked_again_and_leaves_nothing() {
    let kind = FaultKind::Truncate { fraction: 0.9, end: TruncatedEnd::Lying };
    let world = world("json.gz", |_| ());
    world.sim.clear_faults();
    world.plant(Fault::new(kind).times(1));
    complete(&world, &world.run(&["once"]), 2);
}

#[test]
fn an_archive_that_is_torn_though_its_answer_was_whole_is_never_used() {
    let kind = FaultKind::Truncate { fraction: 0.9, end: TruncatedEnd::Honest };
    let world = world("json.gz", |_| ());
    world.sim.clear_faults();
    world.plant(Fault::new(kind).times(1));
    complete(&world, &world.run(&["once"]), 2);
}

#[test]
fn a_lake_that_takes_nothing_in_the_middle_holds_up_no_download() {
    let world = world("json.gz", |_| ());
    let hour = world.hour(2).start();
    let prefix = world.path(&format!("lake/data/source=web/date={}/hour=02", hour.format("%Y-%m-%d")));
    fs::create_dir_all(prefix.parent().unwrap()).unwrap();
    fs::write(&prefix, "in the way").unwrap();
    let mut child = world.start(&["once"]);
    until(&mut child, || staged(&world, ".zip"));
    fs::remove_file(&prefix).unwrap();
    complete(&world, &ended(child), 1);
}

#[test]
fn archives_in_another_order_end_as_the_truth_after_one_more_download_at_most() {
    std::thread::scope(|scope| {
        for order in [Order::Lexical, Order::Shuffled] {
            scope.spawn(move || {
                let world = world("json", |options| {
                    options.archive.order = order;
                    options.archive.data_descriptors = order == Order::Shuffled;
                });
                let end = world.run(&["once"]);
                let requests = world.requests().len();
                assert!(requests <= 2, "{:?}", world.windows());
                complete(&world, &end, requests);
            });
        }
    });
}
