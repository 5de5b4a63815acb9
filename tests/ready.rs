//! Ten years of hours: how long a start takes until the first step is decided.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ampd::engine::{Engine, Event};
use ampd::journal::{Journal, SledJournal};
use ampd::model::{
    Change, ContentHash, Format, Hour, HourRecord, HourState, ManifestFacts, ManifestRef, Policy, RetryPolicy,
    SourceName, SourcePolicy, SourceRecord,
};
use chrono::{DateTime, TimeDelta, Utc};

const HOURS: usize = 87_600;
/// The promise, for the program that ships; without optimisation the same work takes several times as long.
const READY: Duration = if cfg!(debug_assertions) { Duration::from_secs(10) } else { Duration::from_secs(1) };
const DEADLINE: Duration = Duration::from_secs(60);

fn published(hour: Hour) -> HourRecord {
    let facts = ManifestFacts {
        state: HourState::Data,
        rows: 12_345,
        rows_invalid: 0,
        bytes: 4_567_890,
        content_hash: ContentHash::default(),
        capture: None,
    };
    let published = ManifestRef { generation: 1, published_at: hour.end(), facts: Some(facts) };
    HourRecord { published: Some(published), ..HourRecord::default() }
}

fn policy(source: &SourceName) -> Policy {
    let source_policy = SourcePolicy {
        start: None,
        max_parallel: 1,
        window_max: 24,
        settle_delay: TimeDelta::hours(2),
        empty_confirm: TimeDelta::hours(1),
        recheck_after: Some(TimeDelta::hours(24)),
    };
    Policy {
        sources: BTreeMap::from([(source.clone(), source_policy)]),
        retry: RetryPolicy { max_attempts: 5, initial: TimeDelta::seconds(5), max: TimeDelta::minutes(15) },
        format: Format::JsonGz,
        part_target: 1 << 27,
        quarantine_invalid: false,
        single_writer: false,
        late_write: TimeDelta::minutes(15),
        uploads_max: 4,
    }
}

#[test]
fn ten_years_of_hours_are_ready_in_under_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let source: SourceName = "web".parse().unwrap();
    let now: DateTime<Utc> = "2026-11-24T08:00:00Z".parse().unwrap();
    let mut hours = vec![Hour::containing(now - TimeDelta::hours(3))];
    while hours.len() < HOURS {
        hours.push(hours[hours.len() - 1].previous());
    }
    hours.reverse();
    {
        let mut journal = SledJournal::open(dir.path(), DEADLINE).unwrap().journal;
        let record = SourceRecord { first_hour: Some(hours[0]), ..SourceRecord::default() };
        journal.commit(&[Change::Source(source.clone(), record)]).unwrap();
        for batch in hours.chunks(2_000) {
            let changes: Vec<Change> =
                batch.iter().map(|hour| Change::Hour(source.clone(), *hour, published(*hour))).collect();
            journal.commit(&changes).unwrap();
        }
    }
    let begun = Instant::now();
    let mut journal = SledJournal::open(dir.path(), DEADLINE).unwrap().journal;
    let snapshot = journal.load().unwrap();
    let mut engine = Engine::new(policy(&source), None, snapshot, 1, now);
    let commands = engine.on_event(Event::Started, now);
    let took = begun.elapsed();
    assert!(!commands.is_empty());
    let ledger = engine.ledger(&source).unwrap();
    assert_eq!(ledger.watermark(), hours.last().copied());
    assert!(took < READY, "ready after {took:?}");
}
