//! One process per staging directory, and a dead one holds nothing.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const CHILD: &str = "AMPD_TEST_STAGE_DIR";

/// What the second process runs: it holds the directory until it is killed. Without its variable it does nothing.
#[test]
fn second_process() {
    if let Some(dir) = std::env::var_os(CHILD) {
        let dir = PathBuf::from(dir);
        let _stage = Stage::open(&config(&dir)).unwrap();
        fs::write(config(&dir).dir.join("000000000001.zip.part"), b"in flight").unwrap();
        fs::write(dir.join("held"), b"").unwrap();
        std::thread::sleep(Duration::from_mins(1));
    }
}

#[test]
fn another_process_is_refused_with_the_owners_pid_and_a_killed_one_holds_nothing() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stage::tests::locking::second_process"])
        .env(CHILD, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut patience = 3000;
    while !dir.path().join("held").exists() && patience > 0 {
        patience -= 1;
        std::thread::sleep(Duration::from_millis(10));
    }
    let refused = Stage::open(&config(dir.path()));
    let pid = child.id();
    child.kill().unwrap();
    child.wait().unwrap();
    match refused {
        Err(StageError::Locked { pid: Some(owner), .. }) => assert_eq!(owner, pid),
        other => panic!("{other:?}"),
    }
    let stage = Stage::open(&config(dir.path())).expect("the lock died with its process");
    assert_eq!(stage.sweep(&|_| true).unwrap(), Swept { parts: 1, bytes: 9, ..Swept::default() });
    assert_eq!(stage.usage().used_bytes, 0);
}

#[test]
fn the_same_process_cannot_open_it_twice_but_clones_share_it() {
    let (stage, dir) = stage();
    let clone = stage.clone();
    drop(stage);
    let refused = Stage::open(&config(dir.path())).unwrap_err();
    assert!(refused.to_string().contains(&format!("by process {}", std::process::id())), "{refused}");
    drop(clone);
    assert!(Stage::open(&config(dir.path())).is_ok());
}

#[test]
fn a_directory_that_cannot_be_is_an_error_that_names_it() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("stage"), b"a file").unwrap();
    let error = Stage::open(&config(dir.path())).unwrap_err();
    assert!(error.to_string().contains("cannot create") && error.to_string().contains("stage"), "{error}");
}
