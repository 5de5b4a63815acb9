//! SIGKILL at random moments, start-up included. `AMPD_KILLS` raises the number of kills (20).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ampd::simulator::{Fault, FaultKind};

use super::support::{Ended, World, dashed, ended, files_below};

const HOURS: i64 = 48;

fn kills_wanted() -> u32 {
    std::env::var("AMPD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

/// A small generator (xorshift); the moments differ from run to run, as the machine's own do.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        Self(u64::try_from(nanos & u128::from(u64::MAX)).unwrap() | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Starts the command and kills it after a while; answers how it ended when it was faster.
fn run_and_kill(world: &World, arguments: &[&str], after: Duration) -> Option<Ended> {
    let mut child = world.start(arguments);
    let until = Instant::now() + after;
    while Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return Some(ended(child));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    let end = ended(child);
    (end.code != -9).then_some(end)
}

#[test]
fn sigkill_at_random_moments_loses_nothing_and_publishes_nothing_twice() {
    let mut world = World::with(HOURS, |options| {
        options.projects[0].empty_hours = vec![2, 3];
        options.projects[0].events_per_hour = 60;
    });
    world.set("window.max", "\"6h\"");
    // Slow enough that kills land in every phase, downloads included.
    world.plant(Fault::new(FaultKind::Slow { bytes_per_s: 400_000 }));
    let mut moments = Moments::new();
    let wanted = kills_wanted();
    let (mut kills, mut finished) = (0, 0);
    // Every other one hits the start-up. Runs that are faster than their kill do not count.
    while kills < wanted {
        let longest = if kills % 2 == 0 { 400 } else { 90 };
        match run_and_kill(&world, &["once"], Duration::from_millis(moments.below(longest))) {
            None => kills += 1,
            Some(end) => {
                assert_eq!(end.code, 0, "{end}");
                finished += 1;
                assert!(finished < 20 * wanted, "{kills} kills only");
            }
        }
    }
    world.expect(0, &["once"]);
    world.assert_complete();
    let lake = world.lake();
    for n in 0..HOURS {
        assert_eq!(lake.generations(&world.hour(n).to_string()), 1, "hour {n}");
    }
    // A kill costs at most the request in flight: without kills there is one per window, and one more for each run of
    // empty hours, and an empty answer that was not recorded yet counts as in flight.
    let mut answered: BTreeMap<(i64, i64), u32> = BTreeMap::new();
    for (window, request) in world.windows().into_iter().zip(world.requests()) {
        if request.completed && request.status == Some(200) {
            *answered.entry(window).or_default() += 1;
        }
    }
    let complete: u32 = answered.values().sum();
    let windows = u32::try_from(HOURS / 6).unwrap();
    assert!(complete <= windows + wanted, "{complete} whole downloads of {windows} windows with {wanted} kills");
    assert_eq!(staged(&world), Vec::<std::path::PathBuf>::new(), "staging is tidied");
    assert_eq!(files_below(&world.path("lake/_ampd/v1/tmp")), Vec::<std::path::PathBuf>::new(), "so is the lake");
}

fn staged(world: &World) -> Vec<std::path::PathBuf> {
    files_below(&world.path("stage")).into_iter().filter(|path| path.extension().is_some()).collect()
}

#[test]
fn a_capture_that_is_recorded_is_never_downloaded_again() {
    let world = World::with(4, |options| options.projects[0].events_per_hour = 60);
    // The lake does not take the data, so the run ends with the archive staged and recorded.
    std::fs::create_dir_all(world.path("lake")).unwrap();
    std::fs::write(world.path("lake/data"), "").unwrap();
    let mut child = world.start(&["once"]);
    let until = Instant::now() + Duration::from_secs(20);
    while staged(&world).is_empty() || world.requests().is_empty() {
        assert!(Instant::now() < until, "no archive was staged");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    for _ in 0..5 {
        run_and_kill(&world, &["once"], Duration::from_millis(80));
    }
    std::fs::remove_file(world.path("lake/data")).unwrap();
    world.expect(0, &["once"]);
    assert_eq!(world.requests().len(), 1);
    world.assert_complete();
}

#[test]
fn a_storm_of_kills_during_start_up_leaves_state_that_opens() {
    let world = World::new(3);
    world.expect(0, &["once"]);
    for millis in 0..20 {
        run_and_kill(&world, &["once"], Duration::from_millis(millis * 3));
    }
    world.expect(0, &["once"]);
    assert_eq!(world.requests().len(), 1);
    world.assert_complete();
    let aside = files_below(world.dir.path()).into_iter().filter(|path| path.to_string_lossy().contains("aside"));
    assert_eq!(aside.count(), 0, "no journal was given up");
}

#[test]
fn a_kill_between_upload_and_publish_ends_with_each_hour_once() {
    let world = World::with(24, |options| options.projects[0].events_per_hour = 40);
    let manifests = world.path("lake/_ampd/v1/source=web/manifests");
    let mut rounds = 0;
    while files_below(&manifests).len() < 24 {
        let before = files_below(&manifests).len();
        let mut child = world.start(&["once"]);
        // Dies as soon as it has published something.
        let until = Instant::now() + Duration::from_secs(20);
        while files_below(&manifests).len() == before && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until);
            std::thread::sleep(Duration::from_micros(200));
        }
        let _ = child.kill();
        child.wait().unwrap();
        rounds += 1;
        assert!(rounds < 100);
    }
    world.expect(0, &["once"]);
    assert_eq!(world.requests().len(), 1);
    world.assert_complete();
    assert_eq!(world.lake().captures().into_values().collect::<Vec<_>>(), [24]);
    assert_eq!(world.status()["sources"][0]["watermark"], dashed(world.last).as_str());
}
