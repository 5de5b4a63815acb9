//! The journal's files damaged, torn or cut short, through the whole program: no hour is skipped, none doubled, and
//! nothing that the lake has is asked for again. `AMPD_JOURNAL_DAMAGE` raises the number of trials (60).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ampd::model::Random;

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

/// A full disk without one: every write beyond so many bytes of a file ends the process by a signal.
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
