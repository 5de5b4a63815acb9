//! The real binary under SIGKILL anywhere: start-up included, storms of 20 kills included. Real sled on disk, real HTTP to
//! the simulator and to an S3 server in another process (every other world has a directory lake).
//! `AMPD_KILLS` is the number of kills (40); a quarter as many again are played with journals that are lost, and restored
//! from an older copy, in between.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::AddAssign;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ampd::model::Random;
use ampd::simulator::{Fault, FaultKind, Hour, RequestEntry};
use serde_json::Value;

use super::store::{Put, Store, environment};
use super::support::{Ended, World, dashed, ended, files_below};

/// Hours of a world, in windows of six; two hours a day are empty.
const HOURS: i64 = 30;
const WINDOW: i64 = 6;
const EMPTY: [u32; 2] = [2, 3];
/// `lake.max_parallel`: objects that may be in flight.
const UPLOADS: u64 = 3;
/// Kills in a row, each within the first moments of a process.
const STORM: u64 = 20;
/// Lives are longer where everything is slower, so that the same places are hit.
const SLOWER: u64 = if cfg!(debug_assertions) { 3 } else { 1 };
/// Longest life in milliseconds, mostly; of a storm's kills; of those that are to get far.
const LIFE: u64 = 150 * SLOWER;
const STORM_LIFE: u64 = 60 * SLOWER;
const LONG_LIFE: u64 = 400 * SLOWER;

/// What a run of the loop came to.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    worlds: u64,
    kills: u64,
    ended: u64,
    hours: u64,
    rows: u64,
    uploads: u64,
    repeated_uploads: u64,
    downloads: u64,
    repeated_downloads: u64,
    journals_checked: u64,
    journals_lost: u64,
    journals_restored: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.kills += other.kills;
        self.ended += other.ended;
        self.hours += other.hours;
        self.rows += other.rows;
        self.uploads += other.uploads;
        self.repeated_uploads += other.repeated_uploads;
        self.downloads += other.downloads;
        self.repeated_downloads += other.repeated_downloads;
        self.journals_checked += other.journals_checked;
        self.journals_lost += other.journals_lost;
        self.journals_restored += other.journals_restored;
    }
}

/// One lake from its first hour to its last, through all kills on the way.
struct Life<'a> {
    world: World,
    store: Option<(&'a Store, String)>,
    random: Random,
    figures: Figures,
    /// Hours that were captured, recorded and intact: never asked for again.
    captured: BTreeSet<Hour>,
    /// Requests that were looked at.
    seen: usize,
    /// Whether the journal is lost and restored in between; then what a kill costs is not counted.
    mischief: bool,
}

impl<'a> Life<'a> {
    fn new(store: Option<&'a Store>, seed: u64, mischief: bool) -> Self {
        let mut world = World::with(HOURS, |options| {
            options.projects[0].events_per_hour = 12;
            options.projects[0].empty_hours = EMPTY.to_vec();
        });
        world.dir.disable_cleanup(true);
        world.set("window.max", &format!("\"{WINDOW}h\"")).set("lake.max_parallel", &UPLOADS.to_string());
        world.set("log.level", "\"warn\"").set("retry.max", "\"100ms\"");
        // Slow enough that kills land in downloads too.
        world.plant(Fault::new(FaultKind::Slow { bytes_per_s: 600_000 }));
        let store = store.map(|store| (store, store.give(&mut world)));
        let (figures, captured) = (Figures { worlds: 1, ..Figures::default() }, BTreeSet::new());
        Self { world, store, random: Random::new(seed), figures, captured, seen: 0, mischief }
    }

    /// Kills until everything is published or the budget is used up; then one undisturbed run, and the truth.
    fn live(mut self, budget: &AtomicU64) -> Figures {
        let mut storm = 0;
        while !self.is_complete() {
            if budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
                break;
            }
            storm = if storm == 0 && self.random.below(30) == 0 { STORM } else { storm.saturating_sub(1) };
            let millis = match self.random.below(10) {
                _ if storm > 0 => self.random.below(STORM_LIFE),
                0..3 => self.random.below(LONG_LIFE),
                _ => 1 + self.random.below(LIFE),
            };
            if self.run_and_kill(Duration::from_millis(millis)) {
                self.figures.kills += 1;
                self.look();
                if self.mischief {
                    self.lose_or_restore();
                }
            } else {
                budget.fetch_add(1, Ordering::SeqCst);
                self.figures.ended += 1;
            }
        }
        self.finish()
    }

    /// Answers whether the kill came before the end.
    fn run_and_kill(&mut self, after: Duration) -> bool {
        let (first, last) = (dashed(self.world.first), dashed(self.world.last));
        let arguments: Vec<&str> = match self.random.below(10) {
            0..6 => vec!["run"],
            6..8 => vec!["once"],
            _ => vec!["backfill", "--from", &first, "--to", &last],
        };
        let mut command = self.world.command(&arguments);
        command.envs(environment()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let until = Instant::now() + after;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if child.try_wait().unwrap().is_some() {
                break;
            }
            thread::sleep(left.min(Duration::from_millis(5)));
        }
        child.kill().unwrap();
        let end = ended(child);
        assert!(end.code == -9 || end.code == 0, "ampd {arguments:?}: {end}");
        assert!(!end.says("set aside"), "{end}");
        end.code == -9
    }

    /// After a kill: the state opens, and nothing that was captured before was asked for again.
    fn look(&mut self) {
        let aside =
            files_below(&self.world.path("state")).into_iter().find(|p| p.to_string_lossy().contains("quarantine"));
        assert_eq!(aside, None, "a journal was given up");
        let requests = self.world.requests();
        for request in requests[self.seen..].iter().filter(|_| !self.mischief) {
            let again: Vec<&Hour> = self.captured.iter().filter(|hour| asks_for(request, **hour)).collect();
            self.figures.repeated_downloads += u64::from(!again.is_empty());
            assert!(again.is_empty(), "{request:?} asks again for what was captured: {again:?}");
        }
        self.seen = requests.len();
        // These archives are too short to be read while they arrive: an object says that its archive was captured.
        for path in files_below(&self.world.path("lake/data")) {
            self.captured.insert(hour_of(&path.to_string_lossy()));
        }
        if self.random.below(8) == 0 && self.world.path("state/sled").exists() {
            self.look_into_the_journal();
        }
    }

    /// Something happens to the state directory between two lives: it is copied, comes back as it was, or is gone.
    fn lose_or_restore(&mut self) {
        let (state, old) = (self.world.path("state"), self.world.path("old"));
        match self.random.below(8) {
            0 if state.exists() => {
                let _ = std::fs::remove_dir_all(&old);
                assert!(Command::new("cp").arg("-a").args([&state, &old]).status().unwrap().success());
            }
            1 if old.exists() => {
                let _ = std::fs::remove_dir_all(&state);
                std::fs::rename(&old, &state).unwrap();
                self.figures.journals_restored += 1;
            }
            2 if state.exists() => {
                std::fs::remove_dir_all(&state).unwrap();
                self.figures.journals_lost += 1;
            }
            _ => {}
        }
    }

    /// Captures that the journal calls staged are intact, so their hours are not asked for again, but for empty ones.
    /// The program itself reads its journal: another lock of this process would live on in a child of another thread.
    fn look_into_the_journal(&mut self) {
        let end = self.run(&["state", "export"]);
        assert!(!end.says("set aside"), "{end}");
        self.figures.journals_checked += 1;
        for line in end.stdout.lines() {
            let capture = &serde_json::from_str::<Value>(line).unwrap()["capture"];
            let Some(bytes) = capture["state"]["staged"]["bytes"].as_u64() else { continue };
            let file = self.world.path("stage").join(format!("{}.zip", capture["id"].as_str().unwrap()));
            // The journal forgets a capture before its file is removed, never after.
            let length = std::fs::metadata(&file).map(|file| file.len()).ok();
            assert!(self.mischief || length == Some(bytes), "{line}: {length:?}");
            let bound = |n: usize| Hour::parse(&capture["window"][n].as_str().unwrap().replace('-', "")).unwrap();
            self.captured.extend(bound(0).through(bound(1)).filter(|hour| !EMPTY.contains(&hour.of_day())));
        }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let end = ended(self.world.command(arguments).envs(environment()).spawn().unwrap());
        assert_eq!(end.code, 0, "ampd {arguments:?}: {end}");
        end
    }

    fn is_complete(&self) -> bool {
        let manifests = self.world.path("lake/_ampd/v1/source=web/manifests");
        i64::try_from(files_below(&manifests).len()).unwrap() == HOURS
    }

    fn finish(mut self) -> Figures {
        self.run(&["once"]);
        self.look();
        self.world.assert_complete();
        let lake = self.world.lake();
        for n in 0..HOURS {
            let hour = self.world.hour(n).to_string();
            assert_eq!(lake.generations(&hour), 1, "hour {n}");
            self.figures.rows += lake.newest(&hour).unwrap()["rows"].as_u64().unwrap();
            self.figures.hours += 1;
        }
        let is_lock = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("lock"));
        let left = |dir: &str| files_below(&self.world.path(dir)).into_iter().filter(|path| !is_lock(path)).count();
        assert_eq!((left("stage"), left("lake/_ampd/v1/tmp")), (0, 0), "staging and the lake are tidied");
        if !self.mischief {
            self.count_downloads();
        }
        if let Some((store, bucket)) = self.store.take() {
            if !self.mischief {
                self.count_uploads(&store.puts(&bucket));
            }
            store.take_away(&bucket);
        }
        self.world.dir.disable_cleanup(false);
        self.figures
    }

    /// A kill costs at most the request in flight: without kills there is one for each window.
    fn count_downloads(&mut self) {
        let whole = |request: &&RequestEntry| request.completed && request.status == Some(200);
        self.figures.downloads = u64::try_from(self.world.requests().iter().filter(whole).count()).unwrap();
        let most = u64::try_from(HOURS / WINDOW).unwrap() + self.figures.kills;
        assert!(self.figures.downloads <= most, "{:?}", self.figures);
    }

    /// A kill costs at most the uploads in flight, and none of an hour that is published.
    fn count_uploads(&mut self, puts: &[Put]) {
        let (mut uploaded, mut published) = (BTreeSet::new(), BTreeSet::new());
        for put in puts {
            let hour = hour_of(&put.key);
            if put.manifest {
                published.insert(hour);
                continue;
            }
            assert!(!published.contains(&hour), "{} was uploaded after its hour was published", put.key);
            self.figures.uploads += 1;
            self.figures.repeated_uploads += u64::from(!uploaded.insert(&put.key));
        }
        assert!(self.figures.repeated_uploads <= self.figures.kills * UPLOADS, "{:?}", self.figures);
    }
}

/// The hour that a key or a file name of the lake is about: `date=2026-11-24/hour=05`, or `20261124T05.g1.json`.
fn hour_of(key: &str) -> Hour {
    let text = match key.split_once("/date=") {
        Some((_, rest)) => format!("{}T{}", rest[..10].replace('-', ""), &rest[16..18]),
        None => key.rsplit('/').next().unwrap()[..11].to_owned(),
    };
    Hour::parse(&text).unwrap_or_else(|| panic!("{key}: no hour"))
}

fn asks_for(request: &RequestEntry, hour: Hour) -> bool {
    let bound = |text: &Option<String>| text.as_deref().and_then(Hour::parse);
    matches!((bound(&request.start), bound(&request.end)), (Some(first), Some(last)) if first <= hour && hour <= last)
}

#[test]
fn sigkill_anywhere_loses_nothing_doubles_nothing_and_costs_what_was_in_flight() {
    play(kills_wanted(), false);
}

#[test]
fn sigkill_with_journals_lost_and_restored_in_between_loses_nothing_and_doubles_nothing() {
    play(kills_wanted().div_ceil(4), true);
}

fn kills_wanted() -> u64 {
    std::env::var("AMPD_KILLS").map_or(40, |number| number.parse().unwrap())
}

/// So many kills, spread over as many worlds as they take, two or more at a time.
fn play(wanted: u64, mischief: bool) {
    // The moments differ from run to run, as the machine's own do.
    let seed = u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos());
    let (budget, store) = (AtomicU64::new(wanted), Store::start());
    let workers = thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
    let started = Instant::now();
    let total = thread::scope(|scope| {
        let work = |worker: usize| {
            let (budget, store) = (&budget, &store);
            move || {
                let mut total = Figures::default();
                for round in worker.. {
                    total += Life::new((round % 2 == 0).then_some(store), seed + round as u64, mischief).live(budget);
                    if budget.load(Ordering::SeqCst) == 0 {
                        break;
                    }
                }
                total
            }
        };
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(work(worker))).collect();
        let mut total = Figures::default();
        for worker in workers {
            total += worker.join().unwrap();
        }
        total
    });
    assert!(total.kills >= wanted, "{total:?}");
    // Not `println!`: the figures are shown with `--nocapture` and kept out of the way otherwise.
    let seconds = started.elapsed().as_secs();
    let text = format!("{total:?}, 0 lost, 0 doubled, 0 journals that did not open, {seconds} s\n");
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}
