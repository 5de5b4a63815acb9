//! The journal's promises, each a test with its name.

mod damage;
mod full_disk;
mod promises;
mod transfers;

use std::path::Path;
use std::time::Duration;

use chrono::DateTime;

use super::{Journal, Opened, SledJournal};
use crate::model::{
    CaptureId, CaptureRecord, CaptureState, Change, ContentHash, Format, Hour, HourRecord, HourState, LakeRecord,
    ManifestFacts, ManifestRef, Snapshot, SourceName, SourceRecord, Window,
};

pub(super) const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn open(dir: &Path) -> Opened {
    SledJournal::open(dir, DEADLINE).unwrap()
}

/// What is on the disk now.
pub(super) fn stored(dir: &Path) -> Snapshot {
    open(dir).journal.load().unwrap()
}

pub(super) fn source(name: &str) -> SourceName {
    name.parse().unwrap()
}

/// A published hour whose facts depend on `rows`.
pub(super) fn published(rows: u64) -> HourRecord {
    let facts = ManifestFacts {
        state: HourState::Data,
        rows,
        rows_invalid: 0,
        bytes: rows * 100,
        content_hash: ContentHash(u128::from(rows) << 64 | 7),
        capture: Some(CaptureId::from_bits(rows)),
    };
    let published_at = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
    HourRecord {
        published: Some(ManifestRef { generation: 1, published_at, facts: Some(facts) }),
        ..HourRecord::default()
    }
}

pub(super) fn hour(name: &str, index: i64, rows: u64) -> Change {
    Change::Hour(source(name), Hour::from_index(index), published(rows))
}

pub(super) fn capture(id: u64, sha256: &str) -> CaptureRecord {
    CaptureRecord {
        id: CaptureId::from_bits(id),
        source: source("web"),
        window: Window::of(Hour::from_index(490_000)),
        asked_at: DateTime::UNIX_EPOCH,
        format: Format::JsonGz,
        part_target: 128 << 20,
        state: CaptureState::Staged { bytes: 5, sha256: sha256.to_owned() },
    }
}

/// The `n`th of a row of commits (from 1): two hours, one of them again and again, and the lake with the number.
pub(super) fn numbered(n: u64) -> Vec<Change> {
    let index = i64::try_from(n).unwrap();
    vec![
        hour("web", 490_000 + index, n),
        hour("web", 480_000 + index % 5, n),
        Change::Source(
            source("web"),
            SourceRecord { window_successes: u32::try_from(n).unwrap(), ..Default::default() },
        ),
        Change::Lake(LakeRecord { id: Some(n.to_string()), settled: true }),
    ]
}

/// What the commits 1 to `n` leave.
pub(super) fn after(n: u64) -> Snapshot {
    let mut memory = super::MemoryJournal::new();
    for n in 1..=n {
        memory.commit(&numbered(n)).unwrap();
    }
    memory.snapshot()
}
