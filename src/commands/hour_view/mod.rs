//! `ampd hour ls` and `ampd hour show`: hours as the journal and the lake know them. Nothing is changed.

mod list;
mod show;
mod text;

pub use list::list;
pub use show::show;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::session::{Session, journal_failure, policy};
use crate::clock;
use crate::engine::Engine;
use crate::journal::Journal;
use crate::model::calendar::HourMark;
use crate::model::{CaptureRecord, Hour, HourRecord, Policy, SourceName};
use crate::problem::Failure;

/// The journal, read for looking only.
struct Look {
    engine: Engine,
    rules: Policy,
    captures: Vec<CaptureRecord>,
    now: DateTime<Utc>,
}

impl Look {
    /// Reads the journal. While a daemon holds it, the failure names its process (E504).
    fn at(session: &Session) -> Result<Self, Failure> {
        let now = clock::now();
        let mut opened = session.open_journal()?;
        let snapshot = opened.journal.load().map_err(|error| journal_failure(&error))?;
        let (rules, captures) = (policy(session.config()), snapshot.captures.clone());
        let engine = Engine::new(rules.clone(), None, snapshot, 0, now);
        Ok(Self { engine, rules, captures, now })
    }

    fn record(&self, source: &SourceName, hour: Hour) -> HourRecord {
        self.engine.ledger(source).map(|ledger| ledger.record(hour)).unwrap_or_default()
    }

    fn entry(&self, source: &SourceName, hour: Hour) -> Entry {
        let mark = self.engine.hour_mark(source, hour, self.now);
        let record = self.record(source, hour);
        let facts = record.published.and_then(|published| published.facts);
        let work = record.work.as_deref();
        let fault = work.and_then(|work| work.last_fault.as_ref());
        Entry {
            source: source.clone(),
            hour,
            state: state(mark),
            rows: facts.map(|facts| facts.rows),
            bytes: facts.map(|facts| facts.bytes),
            generation: record.published.map(|published| published.generation),
            attempts: work.map_or(0, |work| work.attempt),
            last_fault: fault.map(|fault| LastFault { code: fault.kind.code(), message: fault.detail.clone() }),
            fix: fix(mark, source, hour),
            mark,
        }
    }
}

/// One hour in a list.
#[derive(Clone, Debug, Serialize)]
struct Entry {
    source: SourceName,
    hour: Hour,
    state: &'static str,
    rows: Option<u64>,
    bytes: Option<u64>,
    generation: Option<u32>,
    attempts: u32,
    last_fault: Option<LastFault>,
    /// The command that repairs it.
    fix: Option<String>,
    #[serde(skip)]
    mark: HourMark,
}

#[derive(Clone, Debug, Serialize)]
struct LastFault {
    code: &'static str,
    message: String,
}

/// The state as `--state` names it.
fn state(mark: HourMark) -> &'static str {
    match mark {
        HourMark::Published => "published",
        HourMark::Empty => "empty",
        HourMark::Skipped => "skipped",
        HourMark::Provisional => "provisional",
        HourMark::Retrying => "retrying",
        HourMark::Missing => "missing",
        HourMark::Quarantined => "quarantined",
        HourMark::Working => "working",
        HourMark::NotDue => "not_due",
        HourMark::Before => "before_first",
    }
}

fn fix(mark: HourMark, source: &SourceName, hour: Hour) -> Option<String> {
    match mark {
        HourMark::Quarantined => Some(format!("ampd hour retry {hour} --source {source}")),
        HourMark::Missing | HourMark::Before => {
            Some(format!("ampd backfill --from {hour} --to {hour} --source {source}"))
        }
        _ => None,
    }
}
