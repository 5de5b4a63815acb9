use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::journal::codec::{envelope, read};
use crate::journal::{JournalError, MemoryJournal};

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = open(dir.path());
    assert!(opened.fresh && opened.set_aside.is_none() && opened.notes.is_empty());
    for n in 1..=20 {
        opened.journal.commit(&numbered(n)).unwrap();
    }
    assert_eq!(opened.journal.load().unwrap(), after(20));
    drop(opened);
    let mut opened = open(dir.path());
    assert!(!opened.fresh && opened.notes.is_empty());
    assert_eq!(opened.journal.load().unwrap(), after(20));
    assert_eq!(opened.journal.load().unwrap(), after(20));
}

#[test]
fn the_state_directory_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("a/b/state");
    drop(open(&state));
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_second_process_is_told_who_holds_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = SledJournal::open(dir.path(), DEADLINE).err().unwrap();
    assert!(matches!(second, JournalError::Locked { pid } if pid == Some(std::process::id())), "{second}");
    drop(first);
    drop(open(dir.path()));
}

#[test]
fn a_lock_of_sled_itself_is_not_damage() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    // The journal's own lock lingers until sled's threads let go of it.
    let mut tries = (0..500).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        sled::open(dir.path().join("sled"))
    });
    let held = tries.find_map(Result::ok).expect("the journal was dropped");
    let error = SledJournal::open(dir.path(), DEADLINE).err().unwrap();
    assert!(matches!(error, JournalError::Locked { pid: None }), "{error}");
    drop(held);
    assert!(open(dir.path()).set_aside.is_none());
}

#[test]
fn hours_come_in_order_whatever_order_they_were_written_in() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).journal;
    let indices = [490_000, -5, 47, 255, 256, 0, 65_536, -1, 12_079];
    let changes: Vec<_> = ["web", "web_eu", "app"].iter().flat_map(|s| indices.map(|i| hour(s, i, 1))).collect();
    journal.commit(&changes).unwrap();
    let hours: Vec<_> = journal.load().unwrap().hours.into_iter().map(|(s, h, _)| (s, h)).collect();
    assert_eq!(hours.len(), 27);
    assert!(hours.is_sorted());
}

#[test]
fn a_blank_hour_and_a_capture_that_is_gone_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).journal;
    let kept = capture(2, "bb");
    let changes = [hour("web", 7, 1), Change::Capture(capture(1, "aa")), Change::Capture(kept.clone())];
    journal.commit(&changes).unwrap();
    let blank = Change::Hour(source("web"), Hour::from_index(7), HourRecord::default());
    journal.commit(&[blank, Change::CaptureGone(CaptureId::from_bits(1))]).unwrap();
    drop(journal);
    let snapshot = stored(dir.path());
    assert!(snapshot.hours.is_empty());
    assert_eq!(snapshot.captures, [kept]);
}

#[test]
fn the_last_change_of_a_batch_wins_and_a_repeat_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).journal;
    let changes = [hour("web", 7, 1), hour("web", 7, 2)];
    journal.commit(&changes).unwrap();
    journal.commit(&changes).unwrap();
    journal.commit(&[]).unwrap();
    drop(journal);
    assert_eq!(stored(dir.path()).hours, [(source("web"), Hour::from_index(7), published(2))]);
}

#[test]
fn a_large_batch_and_large_values_work() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).journal;
    let mut changes: Vec<_> = (0..3_000).map(|n| hour("web", n, 1)).collect();
    let large = capture(9, &"ab".repeat(300_000));
    changes.push(Change::Capture(large.clone()));
    journal.commit(&changes).unwrap();
    assert_eq!(journal.large_values(), 1);
    drop(journal);
    let snapshot = stored(dir.path());
    assert_eq!((snapshot.hours.len(), snapshot.captures), (3_000, vec![large]));
}

#[test]
fn replacing_everything_leaves_nothing_of_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).journal;
    for n in 1..=9 {
        journal.commit(&numbered(n)).unwrap();
    }
    journal.replace(&[hour("app", 3, 3)]).unwrap();
    drop(journal);
    let wanted = Snapshot { hours: vec![(source("app"), Hour::from_index(3), published(3))], ..Snapshot::default() };
    assert_eq!(stored(dir.path()), wanted);
}

#[test]
fn a_replacement_that_was_not_finished_leaves_a_fresh_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).journal;
    let all: Vec<_> = (0..2_500).map(|n| hour("web", n, 1)).collect();
    journal.commit(&numbered(1)).unwrap();
    journal.replace(&all).unwrap();
    assert_eq!(journal.load().unwrap().hours.len(), 2_500);
    journal.write(std::collections::BTreeMap::new(), true).unwrap();
    drop(journal);
    let mut opened = open(dir.path());
    assert!(opened.fresh && opened.set_aside.is_some(), "{:?}", opened.notes);
    assert_eq!(opened.journal.load().unwrap(), Snapshot::default());
}

#[test]
fn a_record_with_a_wrong_checksum_is_damage() {
    let key = b"c/000000000001";
    let body = serde_json::to_vec(&capture(1, "aa")).unwrap();
    let value = envelope(key, 1, &body);
    let mut into = Snapshot::default();
    read(key, &value, &mut into).unwrap();
    for index in 0..value.len() {
        let mut bad = value.clone();
        bad[index] ^= 4;
        assert!(matches!(read(key, &bad, &mut into), Err(JournalError::Corrupt(_))), "{index}");
    }
    assert!(matches!(read(b"c/000000000002", &value, &mut into), Err(JournalError::Corrupt(_))));
    assert!(matches!(read(key, b"", &mut into), Err(JournalError::Corrupt(_))));
}

#[test]
fn a_newer_version_is_refused_by_name_and_nothing_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).journal;
    journal.commit(&numbered(1)).unwrap();
    drop(journal);
    let db = sled::open(dir.path().join("sled")).unwrap();
    let seal = br#"{"commits":2,"records":9,"sum":0,"written_by":"7.8.9","more":1}"#;
    db.insert("m", envelope(b"m", 2, seal)).unwrap();
    db.insert("s/web", envelope(b"s/web", 2, b"{}")).unwrap();
    drop(db);
    let error = SledJournal::open(dir.path(), DEADLINE).err().unwrap();
    assert!(matches!(&error, JournalError::Newer { written_by, .. } if written_by == "7.8.9"), "{error}");
    assert!(error.to_string().contains("version 2"), "{error}");
    assert!(!dir.path().join("sled.quarantine-0001").exists());
}

#[test]
fn the_memory_journal_forgets_what_was_not_flushed() {
    let mut journal = MemoryJournal::new();
    journal.commit(&numbered(1)).unwrap();
    let backup = journal.clone();
    journal.set_lies(true);
    journal.commit(&numbered(2)).unwrap();
    assert_eq!(journal.load().unwrap(), after(2));
    journal.crash();
    assert_eq!(journal.load().unwrap(), after(1));
    journal.commit(&numbered(2)).unwrap();
    journal.set_lies(false);
    journal.commit(&numbered(3)).unwrap();
    journal.crash();
    assert_eq!(journal.load().unwrap(), after(3));
    journal.restore(backup.snapshot());
    assert_eq!(journal.load().unwrap(), after(1));
}
