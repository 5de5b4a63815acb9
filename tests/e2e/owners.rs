//! Root and a service's directories: what root would write there the service could not read, so root writes nothing.
//! An ordinary user can only own its own directories: there the same commands work, and leave only that user's files.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::daemon::Daemon;
use super::support::{World, dashed};

/// Somebody who is not root: `nobody`.
const SERVICE: u32 = 65_534;

const DIRS: [&str; 4] = ["state", "stage", "logs", "lake"];

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Every owner of something below `path`, and `path` itself.
fn owners(path: &Path) -> Vec<u32> {
    let mut found = vec![fs::symlink_metadata(path).unwrap().uid()];
    if path.is_dir() {
        found.extend(fs::read_dir(path).unwrap().flat_map(|entry| owners(&entry.unwrap().path())));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn give(path: &Path, to: u32) {
    chown(path, Some(to), None).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), to);
        }
    }
}

/// A world whose directories are the service's, as far as this process may give them away, and whose owner that is.
fn service() -> (World, u32) {
    let world = World::new(3);
    world.expect(0, &["once"]);
    let owner = if me() == 0 { SERVICE } else { me() };
    if me() == 0 {
        give(world.dir.path(), owner);
    }
    (world, owner)
}

fn assert_owned(world: &World, owner: u32) {
    for dir in DIRS {
        assert_eq!(owners(&world.path(dir)), [owner], "{dir}");
    }
}

#[test]
fn root_works_in_no_directory_of_a_service_and_looks_without_a_trace() {
    let (world, owner) = service();
    let (from, to) = (dashed(world.first), dashed(world.last));
    for command in [&["once"][..], &["backfill", "--from", &from, "--to", &to], &["state", "rebuild"]] {
        let ended = world.run(command);
        assert_eq!((ended.code == 73, ended.says("E505")), (me() == 0, me() == 0), "{command:?} {ended}");
        assert_owned(&world, owner);
    }
    for command in [&["hour", "ls"][..], &["plan"], &["state", "export"], &["status"], &["doctor"]] {
        let ended = world.run(command);
        assert!(!ended.says("E505"), "{command:?} {ended}");
        assert_owned(&world, owner);
    }
    let exported = world.expect(0, &["state", "export"]).stdout;
    assert!(exported.lines().count() > 3, "{exported}");
}

#[test]
fn one_directory_of_somebody_else_is_enough_to_refuse_root() {
    for dir in ["state", "stage", "logs"] {
        let world = World::new(2);
        world.expect(0, &["once"]);
        if me() == 0 {
            chown(world.path(dir), Some(SERVICE), None).unwrap();
        }
        let ended = world.run(&["once"]);
        let expected = if me() == 0 { 73 } else { 0 };
        assert_eq!((ended.code, ended.says(&format!("{dir} belongs to"))), (expected, me() == 0), "{ended}");
    }
}

#[test]
fn root_beside_the_running_service_hands_its_work_over() {
    let (world, owner) = service();
    // A binary that the service may run: the one that was built can lie where only root goes.
    let binary = world.path("ampd");
    fs::copy(env!("CARGO_BIN_EXE_ampd"), &binary).unwrap();
    let mut command = Command::new(binary);
    command.arg("run").current_dir(world.dir.path()).env_clear().env("HOME", world.dir.path());
    command.uid(owner).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let daemon = Daemon::ready(&world, &mut command);
    let ended = world.expect(0, &["hour", "reexport", &dashed(world.hour(1))]);
    assert!(ended.says("handed over to the daemon"), "{ended}");
    assert_owned(&world, owner);
    assert_eq!(daemon.stop(), Some(0));
    assert_owned(&world, owner);
}
