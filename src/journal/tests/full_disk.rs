use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::journal::JournalError;

/// A file system of a few MiB, unmounted when dropped.
struct Small(PathBuf);

impl Small {
    /// `None` where mounting is not allowed (no root, a container without the capability): the test is then empty.
    fn mount(at: &Path) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at);
        command.output().is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_journal_goes_on_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mounted) = Small::mount(dir.path()) else { return };
    let state = dir.path().join("state");
    let mut journal = open(&state).journal;
    let ballast = dir.path().join("ballast");
    let mut acknowledged = 0;
    for n in 1..=40 {
        journal.commit(&numbered(n)).unwrap();
        acknowledged = n;
    }
    for round in 0..3 {
        fill(&ballast);
        let error = loop {
            match journal.commit(&numbered(acknowledged + 1)) {
                Ok(()) => acknowledged += 1,
                Err(error) => break error,
            }
            assert!(acknowledged < 20_000, "the disk never filled");
        };
        assert!(matches!(error, JournalError::Full(_)), "round {round}: {error}");
        let again = journal.commit(&numbered(acknowledged + 1));
        assert!(matches!(again, Err(JournalError::Full(_)) | Ok(())), "round {round}: {again:?}");
        fs::remove_file(&ballast).unwrap();
        journal.commit(&numbered(acknowledged + 1)).unwrap();
        acknowledged += 1;
        assert_eq!(journal.load().unwrap(), after(acknowledged), "round {round}");
    }
    drop(journal);
    let mut opened = open(&state);
    assert!(!opened.fresh && opened.set_aside.is_none());
    assert_eq!(opened.journal.load().unwrap(), after(acknowledged));
}

#[test]
fn a_disk_that_is_full_at_the_start_is_not_damage() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mounted) = Small::mount(dir.path()) else { return };
    let state = dir.path().join("state");
    let mut journal = open(&state).journal;
    journal.commit(&numbered(1)).unwrap();
    drop(journal);
    let ballast = dir.path().join("ballast");
    fill(&ballast);
    match SledJournal::open(&state, DEADLINE) {
        Ok(opened) => assert!(opened.set_aside.is_none()),
        Err(error) => assert!(matches!(error, JournalError::Full(_)), "{error}"),
    }
    fs::remove_file(&ballast).unwrap();
    assert_eq!(stored(&state), after(1));
}

fn fill(ballast: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}
