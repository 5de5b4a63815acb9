//! A journal in memory, for tests and the simulation: a crash forgets what was not flushed.

use std::collections::BTreeMap;

use super::{Journal, JournalError};
use crate::model::{
    CaptureId, CaptureRecord, Change, Hour, HourRecord, LakeRecord, Snapshot, SourceName, SourceRecord,
};

/// The journal in memory. Every commit is flushed, unless it lies. A clone is a backup.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    flushed: Records,
    unflushed: Vec<Change>,
    lies: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Records {
    lake: LakeRecord,
    sources: BTreeMap<SourceName, SourceRecord>,
    hours: BTreeMap<(SourceName, Hour), HourRecord>,
    captures: BTreeMap<CaptureId, CaptureRecord>,
}

impl MemoryJournal {
    /// An empty one that flushes every commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether commits lie from now on: they answer well and flush nothing. The next honest one flushes them too.
    pub fn set_lies(&mut self, lies: bool) {
        self.lies = lies;
    }

    /// The process dies: what was not flushed is forgotten.
    pub fn crash(&mut self) {
        self.unflushed.clear();
    }

    /// The state directory is replaced by a backup, or by nothing (`Snapshot::default()`).
    pub fn restore(&mut self, snapshot: Snapshot) {
        self.unflushed.clear();
        self.flushed = Records {
            lake: snapshot.lake,
            sources: snapshot.sources.into_iter().collect(),
            hours: snapshot.hours.into_iter().map(|(source, hour, record)| ((source, hour), record)).collect(),
            captures: snapshot.captures.into_iter().map(|capture| (capture.id, capture)).collect(),
        };
    }

    /// Everything, as of the last commit, flushed or not.
    pub fn snapshot(&self) -> Snapshot {
        let mut records = self.flushed.clone();
        records.apply(&self.unflushed);
        Snapshot {
            lake: records.lake,
            sources: records.sources.into_iter().collect(),
            hours: records.hours.into_iter().map(|((source, hour), record)| (source, hour, record)).collect(),
            captures: records.captures.into_values().collect(),
        }
    }
}

impl Records {
    fn apply(&mut self, changes: &[Change]) {
        for change in changes.iter().cloned() {
            match change {
                Change::Lake(lake) => self.lake = lake,
                Change::Source(name, record) => drop(self.sources.insert(name, record)),
                Change::Capture(record) => drop(self.captures.insert(record.id, record)),
                Change::CaptureGone(id) => drop(self.captures.remove(&id)),
                Change::Hour(name, hour, record) if record.is_blank() => drop(self.hours.remove(&(name, hour))),
                Change::Hour(name, hour, record) => drop(self.hours.insert((name, hour), record)),
            }
        }
    }
}

impl Journal for MemoryJournal {
    fn load(&mut self) -> Result<Snapshot, JournalError> {
        Ok(self.snapshot())
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        if self.lies {
            self.unflushed.extend_from_slice(changes);
        } else {
            let before = std::mem::take(&mut self.unflushed);
            self.flushed.apply(&before);
            self.flushed.apply(changes);
        }
        Ok(())
    }
}
