use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::journal::JournalError;
use crate::model::Random;

fn filled(dir: &Path, commits: u64) {
    let mut journal = open(dir).journal;
    for n in 1..=commits {
        journal.commit(&numbered(n)).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            let _ = fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir.join("sled")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_file());
    found.sort();
    found
}

#[test]
fn a_torn_snapshot_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    for name in ["snap.0000000000000001.generating", "snap.00000000000FFFFF.generating"] {
        fs::write(dir.path().join("sled").join(name), b"torn").unwrap();
    }
    let mut opened = open(dir.path());
    assert!(!opened.fresh && opened.set_aside.is_none());
    assert_eq!(opened.notes, ["2 unfinished snapshots of the journal swept"]);
    assert_eq!(opened.journal.load().unwrap(), after(30));
}

#[test]
fn a_broken_snapshot_is_dropped_and_the_log_replayed() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    fs::write(dir.path().join("sled/snap.7FFFFFFFFFFFFFFF"), [7; 400]).unwrap();
    let mut opened = open(dir.path());
    assert!(!opened.fresh && opened.set_aside.is_none(), "{:?}", opened.notes);
    assert!(opened.notes[0].contains("are dropped"), "{:?}", opened.notes);
    assert_eq!(opened.journal.load().unwrap(), after(30));
}

#[test]
fn broken_settings_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    let conf = dir.path().join("sled/conf");
    let length = fs::read(&conf).unwrap().len();
    fs::write(&conf, vec![0x5A; length]).unwrap();
    let mut opened = open(dir.path());
    assert!(!opened.fresh && opened.set_aside.is_none(), "{:?}", opened.notes);
    assert_eq!(opened.journal.load().unwrap(), after(30));
}

#[test]
fn a_log_that_lost_its_end_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 10);
    let old = tempfile::tempdir().unwrap();
    copy(dir.path(), old.path());
    let mut journal = open(dir.path()).journal;
    journal.commit(&numbered(11)).unwrap();
    drop(journal);
    let acknowledged = fs::read(dir.path().join("sled/commits")).unwrap();
    fs::write(old.path().join("sled/commits"), acknowledged).unwrap();
    let opened = open(old.path());
    assert!(opened.fresh && opened.set_aside.is_some(), "{:?}", opened.notes);
    assert!(opened.notes.iter().any(|note| note.contains("ends at commit 10, 11 were acknowledged")));
}

#[test]
fn what_is_set_aside_is_kept_three_times() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=5 {
        filled(dir.path(), 3);
        fs::write(dir.path().join("sled/db"), vec![0xA5; 600_000]).unwrap();
        let opened = open(dir.path());
        assert!(opened.fresh, "{:?}", opened.notes);
        assert_eq!(opened.set_aside, Some(dir.path().join(format!("sled.quarantine-{round:04}"))));
    }
    let mut kept: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["lock", "sled", "sled.quarantine-0003", "sled.quarantine-0004", "sled.quarantine-0005"]);
}

#[test]
fn a_directory_that_may_not_be_used_is_refused_and_not_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = SledJournal::open(&file.join("state"), DEADLINE).err().unwrap();
    assert!(matches!(error, JournalError::Io(_)), "{error}");
    let error = SledJournal::open(Path::new("/proc/self/state"), DEADLINE).err().unwrap();
    assert!(matches!(error, JournalError::Io(_) | JournalError::Refused(_)), "{error}");
}

/// Damages one file: a flipped bit, a cut, or a block of zeros.
fn damage(path: &Path, random: &mut Random) -> String {
    let mut bytes = fs::read(path).unwrap();
    let length = bytes.len() as u64;
    let at = usize::try_from(random.below(length)).unwrap();
    let what = match random.below(3) {
        _ if bytes.is_empty() => "empty",
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
fn damaged_files_never_panic_hang_or_lie() {
    const COMMITS: u64 = 60;
    let trials = std::env::var("AMPD_JOURNAL_DAMAGE").map_or(60, |number| number.parse().unwrap());
    let good = tempfile::tempdir().unwrap();
    filled(good.path(), COMMITS);
    drop(open(good.path()));
    let mut random = Random::new(20_261_123);
    let (mut harmless, mut cured, mut aside) = (0, 0, 0);
    for trial in 0..trials {
        let dir = tempfile::tempdir().unwrap();
        copy(good.path(), dir.path());
        let all = files(dir.path());
        let chosen = &all[usize::try_from(random.below(all.len() as u64)).unwrap()];
        let what = format!("trial {trial}: {}", damage(chosen, &mut random));
        let mut opened = SledJournal::open(dir.path(), DEADLINE).map_err(|error| format!("{what}: {error}")).unwrap();
        assert!(!opened.notes.iter().any(|note| note.contains("did not open it within")), "{what} hangs");
        let loaded = opened.journal.load().unwrap();
        if opened.set_aside.is_some() {
            assert!(opened.fresh && loaded == Snapshot::default(), "{what}");
            aside += 1;
        } else {
            assert!(loaded == after(COMMITS) && !opened.fresh, "{what}: silently wrong, {:?}", opened.notes);
            if opened.notes.is_empty() { harmless += 1 } else { cured += 1 }
        }
        opened.journal.commit(&numbered(1)).unwrap();
    }
    assert!(harmless > 0 && cured + aside > 0, "{harmless} harmless, {cured} cured, {aside} set aside");
}
