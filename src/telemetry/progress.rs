//! What a command has done so far: counters that anybody may add to, read by whoever draws them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::SourceName;

/// The counters, shared; a clone is the same counters.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    total: AtomicU64,
    done: AtomicU64,
    downloaded: AtomicU64,
    uploaded: AtomicU64,
    rows: AtomicU64,
    activity: Mutex<BTreeMap<SourceName, String>>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Hours in scope.
    pub total: u64,
    /// Hours that are through: published, empty, skipped, provisional or quarantined.
    pub done: u64,
    /// Bytes taken from Amplitude.
    pub downloaded: u64,
    /// Bytes put into the lake.
    pub uploaded: u64,
    /// Rows published.
    pub rows: u64,
    /// What is being done, per source.
    pub activity: Vec<(SourceName, String)>,
}

impl Progress {
    /// All at nought.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many hours are in scope and how many of them are through.
    pub fn set_hours(&self, done: u64, total: u64) {
        self.0.total.store(total, Ordering::Relaxed);
        self.0.done.store(done, Ordering::Relaxed);
    }

    /// One more hour is through.
    pub fn hour_done(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes came from Amplitude.
    pub fn add_downloaded(&self, bytes: u64) {
        self.0.downloaded.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes went into the lake.
    pub fn add_uploaded(&self, bytes: u64) {
        self.0.uploaded.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Rows were published.
    pub fn add_rows(&self, rows: u64) {
        self.0.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// What is being done for a source now (`downloading T08`); `None` for nothing.
    pub fn set_activity(&self, source: &SourceName, activity: Option<String>) {
        let mut map = self.0.activity.lock().unwrap_or_else(PoisonError::into_inner);
        match activity {
            Some(text) => map.insert(source.clone(), text),
            None => map.remove(source),
        };
    }

    /// What is being done for a source now.
    pub fn activity(&self, source: &SourceName) -> Option<String> {
        self.0.activity.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned()
    }

    /// All counters now.
    pub fn figures(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let activity = self.0.activity.lock().unwrap_or_else(PoisonError::into_inner);
        Figures {
            total: read(&self.0.total),
            done: read(&self.0.done),
            downloaded: read(&self.0.downloaded),
            uploaded: read(&self.0.uploaded),
            rows: read(&self.0.rows),
            activity: activity.iter().map(|(source, text)| (source.clone(), text.clone())).collect(),
        }
    }
}

impl Figures {
    /// Bytes taken from Amplitude per second.
    pub fn bytes_per_second(&self, elapsed_seconds: u64) -> u64 {
        self.downloaded / elapsed_seconds.max(1)
    }

    /// How long the rest takes at the pace since the command began, once there is a pace.
    pub fn eta_seconds(&self, done_at_start: u64, elapsed_seconds: u64) -> Option<u64> {
        let done = self.done.checked_sub(done_at_start).filter(|done| *done > 0)?;
        Some(self.total.saturating_sub(self.done).saturating_mul(elapsed_seconds) / done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_estimated_from_what_was_done_here() {
        let progress = Progress::new();
        progress.set_hours(100, 400);
        assert_eq!(progress.figures().eta_seconds(100, 10), None);
        (0..100).for_each(|_| progress.clone().hour_done());
        progress.add_downloaded(5000);
        let figures = progress.figures();
        assert_eq!((figures.eta_seconds(100, 50), figures.bytes_per_second(50)), (Some(100), 100));
    }
}
