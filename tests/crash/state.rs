//! The journal's files damaged, torn or on a full disk, through the whole program: no hour is skipped, none doubled, and
//! nothing that the lake has is asked for again. `AMPD_JOURNAL_DAMAGE` raises the number of trials (60).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ampd::model::Random;
use ampd::simulator::{Fault, FaultKind};

use super::support::{World, dashed, ended, files_below};

const HOURS: i64 = 6;
/// Hours that are published before the damage.
const PUBLISHED: i64 = 4;

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn manifests(world: &World) -> i64 {
    i64::try_from(files_below(&world.path("lake/_ampd/v1/source=web/manifests")).len()).unwrap()
}

/// Waits until every hour is published; the daemon must not end meanwhile.
fn wait_until_published(world: &World, daemon: &mut Child, what: &str) {
    let until = Instant::now() + Duration::from_mins(1);
    while manifests(world) < HOURS {
        assert!(daemon.try_wait().unwrap().is_none() && Instant::now() < until, "{what}: the daemon hangs or ended");
        thread::sleep(Duration::from_millis(5));
    }
}

fn stop(daemon: Child) -> super::support::Ended {
    Command::new("kill").args(["-TERM", &daemon.id().to_string()]).status().unwrap();
    ended(daemon)
}

fn every_hour_is_there_once(world: &World, what: &str) {
    let lake = world.lake();
    for n in 0..HOURS {
        assert_eq!(lake.generations(&world.hour(n).to_string()), 1, "{what}: hour {n}");
    }
    world.assert_complete();
}

/// A flipped bit, a cut, a block of zeros, or a snapshot that was being written.
fn damage(sled: &Path, random: &mut Random) -> String {
    if random.below(8) == 0 {
        let torn = sled.join("snap.00000000000FFFFF.generating");
        fs::write(&torn, b"torn").unwrap();
        return "a torn snapshot".to_owned();
    }
    let files: Vec<PathBuf> = files_below(sled);
    let path = &files[usize::try_from(random.below(files.len() as u64)).unwrap()];
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(random.below(bytes.len().max(1) as u64)).unwrap();
    let what = match random.below(3) {
        _ if bytes.is_empty() => "is empty",
        0 => {
            bytes[at] ^= 1 << random.below(8);
            "bit flipped"
        }
        1 => {
            bytes.truncate(at);
            "cut"
        }
        _ => {
            let end = (at + 512).min(bytes.len());
            bytes[at..end].fill(0);
            "zeroed"
        }
    };
    fs::write(path, bytes).unwrap();
    format!("{} {what} at {at}", path.file_name().unwrap().display())
}

#[test]
fn damaged_journals_are_rebuilt_by_the_daemon_and_no_published_hour_is_asked_for_again() {
    let trials = std::env::var("AMPD_JOURNAL_DAMAGE").map_or(60, |number| number.parse::<u64>().unwrap()) / 5;
    let mut world = World::new(HOURS);
    world.set("log.level", "\"warn\"");
    let (from, to) = (dashed(world.first), dashed(world.hour(PUBLISHED - 1)));
    world.expect(0, &["backfill", "--from", &from, "--to", &to]);
    let parts = ["state", "lake", "stage"];
    for part in parts {
        copy(&world.path(part), &world.path(&format!("good-{part}")));
    }
    let mut random = Random::new(20_261_124);
    let (mut harmless, mut rebuilt) = (0, 0);
    for trial in 0..trials {
        for part in parts {
            copy(&world.path(&format!("good-{part}")), &world.path(part));
        }
        world.sim.clear_requests();
        let what = format!("trial {trial}: {}", damage(&world.path("state/sled"), &mut random));
        let mut daemon = world.start(&["run"]);
        wait_until_published(&world, &mut daemon, &what);
        let end = stop(daemon);
        assert_eq!(end.code, 0, "{what}: {end}");
        assert!(world.windows().iter().all(|(first, _)| *first >= PUBLISHED), "{what}: {:?}", world.windows());
        every_hour_is_there_once(&world, &what);
        if end.says("is set aside") { rebuilt += 1 } else { harmless += 1 }
    }
    assert!(harmless > 0 && rebuilt > 0, "{harmless} harmless or cured, {rebuilt} rebuilt");
    let text = format!("{trials} damaged journals: {harmless} harmless or cured, {rebuilt} rebuilt\n");
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}

/// A file system of a few MiB for the state, unmounted when dropped.
struct Small(PathBuf);

impl Small {
    /// `None` where mounting is not allowed (no root, a container without the capability): the test is then empty.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs"]).arg(at);
        command.output().is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("ballast")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A daemon whose standard error is a file.
fn daemon(world: &World) -> Child {
    let log = fs::File::create(world.path("daemon.log")).unwrap();
    let mut command = world.command(&["run"]);
    command.stdout(Stdio::piped()).stderr(log).spawn().unwrap()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_full_disk_under_the_journal_holds_the_daemon_up_which_says_so_and_goes_on_by_itself() {
    let mut world = World::new(HOURS);
    let Some(disk) = Small::mount(&world.path("state")) else { return };
    world.set("window.max", "\"1h\"").set("log.level", "\"warn\"");
    world.plant(Fault::new(FaultKind::FirstByteDelay { ms: 700 }).times(1));
    let mut child = daemon(&world);
    wait_for("nothing is asked", || !world.requests().is_empty());
    disk.fill();
    let said = || fs::read_to_string(world.path("daemon.log")).unwrap().contains("everything waits for the journal");
    wait_for("the daemon says nothing of the full disk", said);
    let before = world.requests().len();
    assert!(manifests(&world) < HOURS);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(world.requests().len(), before, "it asks on without its journal");
    disk.free();
    wait_until_published(&world, &mut child, "after the disk was freed");
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    every_hour_is_there_once(&world, "full disk");
    let mut asked = world.windows();
    asked.sort_unstable();
    assert_eq!(asked, (0..HOURS).map(|n| (n, n)).collect::<Vec<_>>(), "each hour was asked for once");
    assert!(!files_below(&world.path("state")).iter().any(|path| path.to_string_lossy().contains("quarantine")));
}

#[test]
fn a_disk_that_is_full_at_the_start_ends_with_73_and_loses_nothing() {
    let world = World::new(HOURS);
    let Some(disk) = Small::mount(&world.path("state")) else { return };
    let (from, to) = (dashed(world.first), dashed(world.hour(PUBLISHED - 1)));
    world.expect(0, &["backfill", "--from", &from, "--to", &to]);
    disk.fill();
    for _ in 0..2 {
        let end = world.expect(73, &["once"]);
        assert!(end.says("E501"), "{end}");
    }
    disk.free();
    world.expect(0, &["once"]);
    assert!(!files_below(&world.path("state")).iter().any(|path| path.to_string_lossy().contains("quarantine")));
    every_hour_is_there_once(&world, "full at the start");
}

/// Where no file system can be mounted: every write beyond so many bytes of a file ends the process by a signal.
#[test]
fn a_limit_on_the_length_of_files_ends_it_like_a_crash_and_loses_nothing() {
    let world = World::new(HOURS);
    let binary = env!("CARGO_BIN_EXE_ampd");
    let mut stopped = 0;
    for limit in [0, 5, 100, 4_096, 20_000, 60_000, 200_000, 530_000] {
        world.command(&["once"]);
        let mut command = Command::new("prlimit");
        command.arg(format!("--fsize={limit}")).args(["--core=0", binary, "once"]);
        command.current_dir(world.dir.path()).env_clear().env("HOME", world.dir.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let Ok(child) = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() else { return };
        stopped += usize::from(ended(child).code != 0);
    }
    assert!(stopped > 0, "no limit was met");
    world.expect(0, &["once"]);
    every_hour_is_there_once(&world, "limits");
}
