//! A machine that fails: disks that fill up or become read-only, no file descriptors left, clocks that are wrong.
//! Nothing is lost, nobody's hour is blamed, it is said, and the daemon goes on by itself.
#![allow(clippy::print_stderr)] // says what could not be run on this machine

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ampd::simulator::{Fault, FaultKind};

use super::daemon::Daemon;
use super::support::{World, dashed, ended, files_below};

/// A file system of its own; unmounted when dropped.
struct Small(PathBuf);

impl Small {
    /// `None` where this user may not mount; then it says that the test did not run.
    fn mount(at: PathBuf, mebibytes: u32) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"], &at);
        if !mounted {
            eprintln!("not run: mounting a file system needs root");
        }
        mounted.then_some(Self(at))
    }

    /// Takes all of its room.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("ballast")).unwrap();
        while file.write_all(&[0; 1024]).is_ok() {}
    }

    /// Gives it back.
    fn relieve(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }

    /// Nothing can be opened for writing any more: the same, mounted over itself, read-only.
    fn begin_read_only(&self) {
        let itself = self.0.to_str().unwrap();
        assert!(mount(&["--bind", itself], &self.0) && mount(&["-o", "remount,bind,ro"], &self.0));
    }

    /// Everything can be written again.
    fn end_read_only(&self) {
        assert!(Command::new("umount").arg("-l").arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    Command::new("mount").args(arguments).arg(at).output().is_ok_and(|output| output.status.success())
}

/// Waits; half a minute is more than any of it needs.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn first_hours_land(world: &World) {
    let last = dashed(world.last);
    until("the first hours do not land", || world.status()["sources"][0]["watermark"] == last.as_str());
}

fn impatient(hours: i64) -> World {
    let mut world = World::new(hours);
    world.set("retry.initial", "\"20ms\"").set("retry.max", "\"200ms\"").set("staging.min_free", "\"1KiB\"");
    world
}

/// An hour is to be exported again on a running daemon after `disturb`: it says `code`, blames no hour, and finishes by
/// itself after `relieve`.
fn is_said_and_work_resumes(world: &World, code: &str, disturb: impl FnOnce(), relieve: impl FnOnce()) {
    let daemon = Daemon::start(world);
    first_hours_land(world);
    disturb();
    let reexport = world.start(&["hour", "reexport", &dashed(world.hour(1))]);
    until("it is not said", || {
        world.status().to_string().contains(code)
            || files_below(&world.path("logs")).iter().any(|log| fs::read_to_string(log).unwrap().contains(code))
    });
    assert_eq!(world.status()["sources"][0]["hours"]["quarantined"], 0);
    relieve();
    // Who looks on may give up; the daemon does not.
    let ended = ended(reexport);
    assert!([0, 73].contains(&ended.code), "{ended}");
    until("it does not go on by itself", || world.lake().generations(&world.hour(1).to_string()) == 2);
    until("the problem stays", || world.status()["sources"][0]["problems"].as_array().is_some_and(Vec::is_empty));
    assert_eq!(daemon.stop(), Some(0));
    world.assert_truth(0..=2);
}

#[test]
fn a_full_staging_disk_is_said_and_work_resumes_by_itself() {
    let world = impatient(3);
    let Some(disk) = Small::mount(world.path("stage"), 2) else { return };
    is_said_and_work_resumes(&world, "E50", || disk.fill(), || disk.relieve());
}

#[test]
fn staging_that_becomes_read_only_is_said_and_work_resumes_by_itself() {
    let world = impatient(3);
    let Some(disk) = Small::mount(world.path("stage"), 2) else { return };
    is_said_and_work_resumes(&world, "E50", || disk.begin_read_only(), || disk.end_read_only());
}

#[test]
fn a_full_lake_is_said_and_work_resumes_by_itself() {
    let world = impatient(3);
    let Some(disk) = Small::mount(world.path("lake"), 2) else { return };
    is_said_and_work_resumes(&world, "E40", || disk.fill(), || disk.relieve());
    assert_eq!(world.requests().len(), 2, "one download each, however often the lake refuses");
}

#[test]
fn a_lake_that_becomes_read_only_is_said_and_work_resumes_by_itself() {
    let world = impatient(3);
    let Some(disk) = Small::mount(world.path("lake"), 2) else { return };
    is_said_and_work_resumes(&world, "E40", || disk.begin_read_only(), || disk.end_read_only());
    assert_eq!(world.requests().len(), 2, "one download each, however often the lake refuses");
}

/// Fills the state's disk; what the files have room for already is still written. Answers the views that wait.
fn fill_until_it_is_said(world: &World, disk: &Small) -> Vec<Child> {
    first_hours_land(world);
    disk.fill();
    let mut views = Vec::new();
    until("the status does not say it", || {
        views.push(world.start(&["hour", "reexport", &dashed(world.hour(1))]));
        std::thread::sleep(Duration::from_millis(300));
        journal_is_full(world)
    });
    views
}

fn journal_is_full(world: &World) -> bool {
    world.status()["sources"][0]["problems"][0]["code"] == "E501"
}

/// A journal that cannot be written stops everything that would rely on it; who looks is answered all the same.
#[test]
fn a_full_state_disk_is_said_and_work_resumes_by_itself() {
    let world = impatient(3);
    let Some(disk) = Small::mount(world.path("state"), 16) else { return };
    let daemon = Daemon::start(&world);
    let views = fill_until_it_is_said(&world, &disk);
    let refused = world.expect(1, &["hour", "reexport", &dashed(world.hour(2))]);
    assert!(refused.says("E705") && refused.says("the journal cannot be written"), "{refused}");
    disk.relieve();
    until("it does not go on by itself", || !journal_is_full(&world));
    for view in views {
        ended(view);
    }
    world.expect(0, &["hour", "reexport", &dashed(world.hour(2))]);
    assert_eq!(world.lake().generations(&world.hour(2).to_string()), 2);
    assert_eq!(daemon.stop(), Some(0));
    world.assert_truth(0..=2);
}

#[test]
fn a_state_disk_that_fills_up_in_the_middle_of_an_export_costs_no_second_download() {
    let mut world = impatient(6);
    let Some(disk) = Small::mount(world.path("state"), 4) else { return };
    world.set("window.max", "\"1h\"");
    world.plant(Fault::new(FaultKind::FirstByteDelay { ms: 700 }).times(1));
    let daemon = Daemon::start(&world);
    until("nothing is asked", || !world.requests().is_empty());
    disk.fill();
    until("it is not said", || journal_is_full(&world));
    let asked = world.requests().len();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(world.requests().len(), asked, "it asks on without its journal");
    disk.relieve();
    first_hours_land(&world);
    assert_eq!(daemon.stop(), Some(0));
    let mut windows = world.windows();
    windows.sort_unstable();
    assert_eq!(windows, (0..6).map(|n| (n, n)).collect::<Vec<_>>());
    world.assert_complete();
}

#[test]
fn a_state_disk_that_is_full_at_the_start_ends_with_73_and_nothing_is_given_up() {
    let world = impatient(3);
    let Some(disk) = Small::mount(world.path("state"), 4) else { return };
    world.expect(0, &["backfill", "--from", &dashed(world.first), "--to", &dashed(world.first)]);
    disk.fill();
    for _ in 0..2 {
        let ended = world.expect(73, &["once"]);
        assert!(ended.says("E501"), "{ended}");
    }
    disk.relieve();
    world.expect(0, &["once"]);
    assert_eq!(world.windows(), [(0, 0), (1, 2)]);
    let aside =
        files_below(&world.path("state")).into_iter().find(|path| path.to_string_lossy().contains("quarantine"));
    assert_eq!(aside, None);
    world.assert_complete();
}

#[test]
fn a_daemon_that_waits_for_its_full_disk_obeys_a_stop() {
    let world = impatient(3);
    let Some(disk) = Small::mount(world.path("state"), 16) else { return };
    let daemon = Daemon::start(&world);
    let views = fill_until_it_is_said(&world, &disk);
    assert_eq!(daemon.stop(), Some(0));
    disk.relieve();
    // They wait for the daemon to come back.
    for mut view in views {
        view.kill().unwrap();
        view.wait().unwrap();
    }
    world.expect(0, &["once"]);
    world.assert_truth(0..=2);
}

/// A disk that is full when the daemon starts ends it with a code after which a service manager starts it again.
#[test]
fn a_start_without_room_ends_with_73_and_the_next_goes_on() {
    for place in ["stage", "lake"] {
        let world = impatient(3);
        let Some(disk) = Small::mount(world.path(place), 2) else { return };
        disk.begin_read_only();
        let ended = world.expect(73, &["run"]);
        assert!(ended.says("E50") || ended.says("E40"), "{ended}");
        disk.end_read_only();
        world.expect(0, &["once"]);
        world.assert_complete();
    }
}

#[test]
fn with_few_file_descriptors_it_ends_in_words_and_loses_nothing() {
    let world = impatient(3);
    for most in [8, 10, 12, 14, 16, 20, 24, 32, 48] {
        let command = world.command(&["once"]);
        let mut limited = Command::new("prlimit");
        limited.arg(format!("--nofile={most}")).arg(command.get_program()).args(command.get_args());
        limited.current_dir(world.dir.path()).env_clear().env("HOME", world.dir.path());
        let ended = ended(limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        assert!([0, 1, 73, 75, 127].contains(&ended.code), "{most} descriptors: {ended}");
        assert!(!ended.says("panicked"), "{most} descriptors: {ended}");
        assert!(ended.code == 0 || ended.says("error"), "{most} descriptors: {ended}");
    }
    world.expect(0, &["once"]);
    world.assert_complete();
    assert_eq!(world.status()["sources"][0]["hours"]["quarantined"], 0);
}

/// libfaketime, where Debian's package `faketime` puts it.
fn faketime() -> Option<PathBuf> {
    let found =
        ["x86_64", "aarch64"].map(|machine| format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1"));
    let found = found.into_iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        eprintln!("not run: Debian's package `faketime` is not installed");
    }
    found
}

#[test]
fn a_clock_that_is_wrong_exports_no_unfinished_hour_and_costs_nothing_once_it_is_right() {
    let Some(library) = faketime() else { return };
    for wrong in ["-1h", "+1h", "-1d", "+1d", "@1970-01-02 00:00:00", "@2040-01-01 00:00:00"] {
        let world = impatient(3);
        let mut command = world.command(&["once"]);
        command.env("LD_PRELOAD", &library).env("FAKETIME", wrong).env("TZ", "UTC");
        let off = ended(command.spawn().unwrap());
        assert!(!off.says("panicked"), "{wrong}: {off}");
        let lake = world.lake();
        let published: Vec<String> = lake.hours().map(str::to_owned).collect();
        let last = world.last.to_string();
        assert!(published.iter().all(|hour| *hour <= last), "{wrong}: {published:?}\n{off}");
        let right = world.run(&["once"]);
        assert_eq!(right.code, 0, "{wrong}: {right}\nbefore: {off}");
        world.assert_complete();
    }
}
