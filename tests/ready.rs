//! Ten years of hours: how long a start takes until the first step is decided.
#![allow(missing_docs, clippy::disallowed_methods)]

#[path = "fixtures/engine.rs"]
mod fixtures;

use std::time::{Duration, Instant};

use ampd::engine::{Engine, Event};
use ampd::journal::{Journal, SledJournal};
use ampd::model::{Change, Hour, SourceRecord};
use chrono::{DateTime, TimeDelta, Utc};

use fixtures::{policy, published, web};

const HOURS: usize = 87_600;
/// The promise, for the program that ships; without optimisation the same work takes several times as long.
const READY: Duration = if cfg!(debug_assertions) { Duration::from_secs(10) } else { Duration::from_secs(1) };
const DEADLINE: Duration = Duration::from_mins(1);

#[test]
fn ten_years_of_hours_are_ready_in_under_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let source = web();
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
                batch.iter().map(|hour| Change::Hour(source.clone(), *hour, published(hour.end()))).collect();
            journal.commit(&changes).unwrap();
        }
    }
    let begun = Instant::now();
    let mut journal = SledJournal::open(dir.path(), DEADLINE).unwrap().journal;
    let snapshot = journal.load().unwrap();
    let mut policy = policy(None);
    policy.sources.values_mut().for_each(|source| source.recheck_after = Some(TimeDelta::hours(24)));
    let mut engine = Engine::new(policy, None, snapshot, 1, now);
    let commands = engine.on_event(Event::Started, now);
    let took = begun.elapsed();
    assert!(!commands.is_empty());
    let ledger = engine.ledger(&source).unwrap();
    assert_eq!(ledger.watermark(), hours.last().copied());
    assert!(took < READY, "ready after {took:?}");
}
