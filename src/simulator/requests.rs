//! The log of export requests, for tests that count them. It never holds a key.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// Older entries are dropped.
const ENTRIES_MAX: usize = 100_000;
/// `start` and `end` are shown as they came, up to this length.
const TEXT_MAX: usize = 40;

/// One export request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestEntry {
    /// Counts from 1, through clearings too.
    pub n: u64,
    /// The virtual time at which it came.
    pub at: DateTime<Utc>,
    /// The HTTP method.
    pub method: String,
    /// The project, once the keys are known to be good.
    pub project: Option<u64>,
    /// `start` as it came.
    pub start: Option<String>,
    /// `end` as it came.
    pub end: Option<String>,
    /// None until the answer begins.
    pub status: Option<u16>,
    /// Bytes of the body that were handed to the network.
    pub bytes: u64,
    /// Whether the whole body was: false for torn answers, and while it is under way.
    pub completed: bool,
    /// The names of the faults that struck, with commas.
    pub fault: Option<String>,
}

#[derive(Default)]
struct State {
    entries: VecDeque<RequestEntry>,
    last: u64,
}

/// The log.
#[derive(Clone, Default)]
pub struct RequestLog(Arc<Mutex<State>>);

impl RequestLog {
    /// Begins an entry.
    pub fn open(&self, at: DateTime<Utc>, method: &str, start: Option<&String>, end: Option<&String>) -> Ticket {
        let short = |text: Option<&String>| text.map(|text| text.chars().take(TEXT_MAX).collect());
        let mut state = self.lock();
        state.last += 1;
        let n = state.last;
        let (start, end) = (short(start), short(end));
        state.entries.push_back(RequestEntry { n, at, method: method.into(), start, end, ..RequestEntry::default() });
        if state.entries.len() > ENTRIES_MAX {
            state.entries.pop_front();
        }
        drop(state);
        Ticket { log: self.clone(), n }
    }

    pub fn list(&self) -> Vec<RequestEntry> {
        self.lock().entries.iter().cloned().collect()
    }

    pub fn clear(&self) -> usize {
        let mut state = self.lock();
        let cleared = state.entries.len();
        state.entries.clear();
        cleared
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to fill in one entry.
#[derive(Clone)]
pub struct Ticket {
    log: RequestLog,
    pub n: u64,
}

impl Ticket {
    /// Changes the entry, unless it was cleared or dropped.
    pub fn note(&self, change: impl FnOnce(&mut RequestEntry)) {
        let mut state = self.log.lock();
        let Some(first) = state.entries.front().map(|entry| entry.n) else { return };
        let Some(index) = self.n.checked_sub(first).and_then(|index| usize::try_from(index).ok()) else { return };
        if let Some(entry) = state.entries.get_mut(index) {
            change(entry);
        }
    }

    /// Adds the name of a fault that struck.
    pub fn fault(&self, name: &str) {
        self.note(|entry| match &mut entry.fault {
            Some(names) => {
                names.push(',');
                names.push_str(name);
            }
            None => entry.fault = Some(name.to_owned()),
        });
    }
}
