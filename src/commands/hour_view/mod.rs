//! `ampd hour ls` and `ampd hour show`: hours as the journal and the lake know them. Nothing is changed.

mod list;
mod show;
mod text;

pub use list::list;
pub use show::show;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::daemon::client_failure;
use super::hand_over;
use super::session::{NotOpened, Session, journal_failure, policy};
use crate::admin::client::Client;
use crate::admin::wire::RangeQuery;
use crate::clock;
use crate::engine::Engine;
use crate::journal::Journal;
use crate::model::calendar::HourMark;
use crate::model::{CaptureRecord, Hour, HourRecord, Policy, Snapshot, SourceName};
use crate::problem::Failure;
use crate::telemetry::{Line, say};

/// What a daemon says of its hours.
pub(super) type Marks = BTreeMap<(SourceName, Hour), HourMark>;

/// The journal, read for looking only.
struct Look {
    engine: Engine,
    rules: Policy,
    captures: Vec<CaptureRecord>,
    /// What the daemon says of its hours: it knows which are at work.
    marks: Marks,
    now: DateTime<Utc>,
}

impl Look {
    async fn at(session: &Session, range: RangeQuery) -> Result<Self, Failure> {
        let (snapshot, marks) = snapshot(session, &range).await?;
        let now = clock::now();
        let (rules, captures) = (policy(session.config()), snapshot.captures.clone());
        let engine = Engine::new(rules.clone(), None, snapshot, 0, now);
        Ok(Self { engine, rules, captures, marks, now })
    }

    fn record(&self, source: &SourceName, hour: Hour) -> HourRecord {
        self.engine.ledger(source).map(|ledger| ledger.record(hour)).unwrap_or_default()
    }

    fn entry(&self, source: &SourceName, hour: Hour) -> Entry {
        let told = self.marks.get(&(source.clone(), hour)).copied();
        let mark = told.unwrap_or_else(|| self.engine.hour_mark(source, hour, self.now));
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

/// What the journal holds; while a daemon holds it, the hours of the range as the daemon has them.
pub(super) async fn snapshot(session: &Session, range: &RangeQuery) -> Result<(Snapshot, Marks), Failure> {
    match session.look_at_journal() {
        Ok(mut opened) => Ok((opened.journal.load().map_err(|error| journal_failure(&error))?, BTreeMap::new())),
        Err(NotOpened::Held(pid)) => beside(session, range, pid).await,
        Err(NotOpened::Failed(failure)) => Err(failure),
    }
}

/// The hours as the daemon that holds the journal has them.
async fn beside(session: &Session, range: &RangeQuery, holder: Option<u32>) -> Result<(Snapshot, Marks), Failure> {
    let client = Client::new(&session.config().admin.socket).map_err(|error| client_failure(&error))?;
    hand_over::daemon(session, &client, holder).await?;
    let told = client.hours(range).await.map_err(|error| client_failure(&error))?;
    if told.truncated {
        say(&Line::warn("only the first hours are shown; --from and --to ask for others"));
    }
    let marks = told.hours.iter().map(|entry| ((entry.source.clone(), entry.hour), entry.state.into())).collect();
    let hours = told.hours.into_iter().map(|entry| (entry.source, entry.hour, entry.record)).collect();
    let sources = told.sources.into_iter().collect();
    Ok((Snapshot { hours, sources, captures: told.captures, ..Snapshot::default() }, marks))
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
