//! Every trouble at every point, once: it strikes, the process is started again without it, and the lake ends equal to
//! the truth. `AMPD_FAILPOINTS=publish` runs the points whose names begin so.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ampd::failpoints::{Point, Trouble};
use ampd::simulator::FaultKind;
use chrono::TimeDelta;

use super::store::{Store, environment};
use super::support::{Ended, World, dashed, ended, files_below};

const HOURS: i64 = 3;
/// Cases at a time.
const WORKERS: usize = 4;

/// What brings a process to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    /// An ordinary export.
    Export,
    /// The journal was lost, the lake has everything, and its hours are to be rechecked.
    LostJournal,
    /// Published hours are asked for again; one of them grew.
    Recheck,
    /// A process died between upload and publish, and its archive was lost: objects that nobody names.
    Leftovers,
    /// One hour of the archive is broken.
    Broken,
}

/// How a point is reached; that every point has an answer is checked by the compiler.
fn scenario(point: Point) -> Scenario {
    match point {
        Point::StartJournal
        | Point::StartStage
        | Point::StartLake
        | Point::JournalCommit
        | Point::SweepStage
        | Point::Identify
        | Point::Attach
        | Point::AttachFirstHour
        | Point::AttachList
        | Point::Capture
        | Point::CaptureStaged
        | Point::Inspect
        | Point::Upload
        | Point::UploadPut
        | Point::Publish
        | Point::PublishList
        | Point::PublishCheck
        | Point::PublishManifest
        | Point::Discard => Scenario::Export,
        Point::ReadManifests | Point::ReadManifest => Scenario::LostJournal,
        Point::Measure => Scenario::Recheck,
        Point::Sweep | Point::SweepList | Point::SweepDelete => Scenario::Leftovers,
        Point::SetAside => Scenario::Broken,
    }
}

/// Whether the point is a call to the lake, which is then both a directory and S3.
fn is_of_the_lake(point: Point) -> bool {
    !matches!(
        point,
        Point::StartJournal
            | Point::StartStage
            | Point::JournalCommit
            | Point::SweepStage
            | Point::Capture
            | Point::CaptureStaged
            | Point::Inspect
            | Point::Measure
            | Point::Discard
            | Point::SetAside
    )
}

/// Downloads that the point may cost: what was not staged and recorded is asked for again, and so is an archive whose
/// reader panicked, which counts as broken.
fn downloads_lost(case: Case) -> usize {
    match case.point {
        Point::Capture | Point::CaptureStaged | Point::JournalCommit => 1,
        Point::Inspect | Point::Measure | Point::Upload if case.trouble == Trouble::Panic => 1,
        _ => 0,
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    point: Point,
    trouble: Trouble,
    /// Which passage.
    nth: u64,
    s3: bool,
}

fn world(scenario: Scenario, store: Option<&Store>) -> World {
    let mut world = World::with(HOURS, |options| options.projects[0].events_per_hour = 10);
    world.set("retry.max", "\"20ms\"").set("log.level", "\"warn\"");
    if matches!(scenario, Scenario::Recheck | Scenario::LostJournal) {
        world.set("window.recheck_after", "\"1s\"");
    }
    if let Some(store) = store {
        store.give(&mut world);
    }
    world
}

fn run(world: &World, arguments: &[&str], failpoint: Option<String>) -> std::process::Child {
    let mut command = world.command(arguments);
    command.envs(environment()).envs(failpoint.map(|text| ("AMPD_FAILPOINT", text)));
    command.spawn().unwrap()
}

fn expect(world: &World, code: i32, arguments: &[&str], why: &str) {
    let ended = ended(run(world, arguments, None));
    assert_eq!(ended.code, code, "{why}: ampd {arguments:?}\n{ended}");
}

/// Everything that comes before the life that goes wrong.
fn prepare(world: &World, scenario: Scenario) {
    match scenario {
        Scenario::Export => {}
        Scenario::LostJournal => {
            expect(world, 0, &["once"], "preparing");
            fs::remove_dir_all(world.path("state")).unwrap();
            // Amplitude's clock stands still by itself, and a recheck is due by both.
            world.sim.advance(TimeDelta::minutes(1));
            thread::sleep(Duration::from_millis(1_100));
        }
        Scenario::Recheck => {
            let after = Some(world.sim.now() + TimeDelta::hours(1));
            world.plant_on(1, FaultKind::LateDelivery { share: 0.5, after, after_minutes: None });
            expect(world, 0, &["once"], "preparing");
            world.sim.advance(TimeDelta::hours(2));
            thread::sleep(Duration::from_millis(1_100));
        }
        Scenario::Leftovers => {
            let file = world.path("prepared");
            let failpoint = format!("{}:crash_after:2:{}", Point::UploadPut.id(), file.display());
            ended(run(world, &["once"], Some(failpoint)));
            assert!(file.exists(), "the preparation did not crash");
            for staged in files_below(&world.path("stage")) {
                fs::remove_file(staged).unwrap();
            }
        }
        Scenario::Broken => world.plant_on(1, FaultKind::CrcFlip),
    }
}

/// One life with the trouble; `None` when the point was not passed so often.
fn go_wrong(world: &World, case: Case) -> Option<Ended> {
    let fired = world.path("fired");
    let failpoint = format!("{}:{}:{}:{}", case.point.id(), case.trouble.id(), case.nth, fired.display());
    let mut child = run(world, &["once"], Some(failpoint));
    if case.trouble == Trouble::Hang {
        let until = Instant::now() + Duration::from_mins(1);
        while !fired.exists() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "{case:?}: neither the point nor the end was reached");
            thread::sleep(Duration::from_millis(2));
        }
        // What else is under way goes on meanwhile.
        thread::sleep(Duration::from_millis(50));
        let _ = child.kill();
    }
    let ended = ended(child);
    fired.exists().then_some(ended)
}

/// Answers whether the point was passed so often.
fn play(case: Case, store: &Store) -> bool {
    let scenario = scenario(case.point);
    let world = world(scenario, case.s3.then_some(store));
    prepare(&world, scenario);
    let Some(ended) = go_wrong(&world, case) else { return false };
    let why = format!("{case:?}, which ended so: {ended}");
    match case.trouble {
        Trouble::Crash | Trouble::CrashAfter => assert_eq!(ended.code, -6, "{why}"),
        Trouble::Hang => assert_eq!(ended.code, -9, "{why}"),
        Trouble::Error | Trouble::Lost => assert!(ended.code >= 0, "{why}"),
        // A panic outside a step is the process's own.
        Trouble::Panic => assert!(ended.code >= 0 && (ended.code != 101 || is_of_the_start(case.point)), "{why}"),
    }
    if scenario == Scenario::Broken {
        expect(&world, 3, &["once"], &why);
        world.sim.clear_faults();
        expect(&world, 0, &["hour", "retry", &dashed(world.hour(1))], &why);
    }
    expect(&world, 0, &["once"], &why);
    check(&world, case, &why);
    true
}

fn is_of_the_start(point: Point) -> bool {
    matches!(point, Point::StartJournal | Point::StartStage | Point::StartLake)
}

fn check(world: &World, case: Case, why: &str) {
    let scenario = scenario(case.point);
    let lake = world.lake();
    for n in 0..HOURS {
        let grown = scenario == Scenario::Recheck && n == 1;
        assert_eq!(lake.generations(&world.hour(n).to_string()), if grown { 2 } else { 1 }, "hour {n}: {why}");
    }
    world.assert_truth(0..HOURS);
    assert_eq!(lake.unnamed(), Vec::<String>::new(), "{why}");
    // A broken hour is asked for alone, and halving costs requests: only the others are counted.
    let downloads = world.requests().iter().filter(|request| request.status == Some(200)).count();
    let whole = match scenario {
        Scenario::Export => 1,
        Scenario::Leftovers | Scenario::LostJournal => 2,
        // The grown hour may be rechecked by the last run.
        Scenario::Recheck => 3,
        Scenario::Broken => usize::MAX - 1,
    };
    assert!(downloads <= whole + downloads_lost(case), "{downloads} downloads: {why}");
    assert!(
        !files_below(&world.path("state")).iter().any(|path| path.to_string_lossy().contains("quarantine")),
        "{why}"
    );
}

fn cases() -> Vec<Case> {
    let only = std::env::var("AMPD_FAILPOINTS").unwrap_or_default();
    let mut cases = Vec::new();
    for point in Point::ALL.iter().copied().filter(|point| point.id().starts_with(&only)) {
        for trouble in Trouble::ALL {
            for s3 in [false, true] {
                if !s3 || is_of_the_lake(point) {
                    cases.push(Case { point, trouble, nth: 1, s3 });
                }
            }
        }
    }
    cases
}

fn on_workers<T: Copy + Send + Sync + std::fmt::Debug>(cases: &[T], play: impl Fn(T) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if catch_unwind(AssertUnwindSafe(|| play(*case))).is_err() {
                        failed.lock().unwrap().push(format!("{case:?}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), cases.len());
}

#[test]
fn every_trouble_at_every_point_ends_with_the_truth_and_each_hour_once() {
    let store = Store::start();
    on_workers(&cases(), |case| assert!(play(case, &store), "{case:?}: the point was not reached"));
}

/// The first passage is not the only one: these points are passed several times in an export.
#[test]
fn every_passage_of_the_journal_the_uploads_and_the_manifests_may_be_the_last_one() {
    let store = Store::start();
    let mut rows = Vec::new();
    for point in [Point::JournalCommit, Point::UploadPut, Point::PublishCheck, Point::PublishManifest] {
        for trouble in [Trouble::Crash, Trouble::CrashAfter, Trouble::Lost] {
            rows.push((point, trouble));
        }
    }
    let passages = AtomicUsize::new(0);
    on_workers(&rows, |(point, trouble)| {
        // The first passage is tested above.
        let reached = |nth: &u64| play(Case { point, trouble, nth: *nth, s3: false }, &store);
        let last = (2..100).take_while(reached).count();
        assert!(last >= 2, "{point:?} was passed {} times only", last + 1);
        passages.fetch_add(last, Ordering::SeqCst);
    });
    assert!(passages.load(Ordering::SeqCst) > rows.len() * 2);
}

#[test]
fn every_point_has_a_name_of_its_own() {
    let mut names: Vec<&str> = Point::ALL.iter().map(|point| point.id()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Point::ALL.len());
}
