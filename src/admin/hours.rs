//! Hours and their records, for `ampd hour ls` and `ampd hour show` beside the daemon.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};

use super::Context;
use super::progress::window;
use super::refusal::Refusal;
use super::wire::{HourEntry, HourQuery, Hours, RangeQuery, StateName};
use crate::engine::Engine;
use crate::model::{SourceName, Window};

/// Hours in one answer at most.
const HOURS_MAX: usize = 50_000;

/// `GET /v1/hours?source=&from=&to=&state=`
pub(super) async fn list(
    State(context): State<Context>,
    query: Result<Query<RangeQuery>, QueryRejection>,
) -> Result<Json<Hours>, Refusal> {
    let Query(range) = query?;
    let wanted = window(&range)?;
    let look = move |engine: &Engine, now| {
        let mut names = engine.source_names();
        names.retain(|name| range.source.as_ref().is_none_or(|wanted| wanted == name));
        if let (Some(name), true) = (&range.source, names.is_empty()) {
            return Err(Refusal::no_such_source(name.as_str()));
        }
        let mut hours = Vec::new();
        for name in &names {
            collect(engine, name, wanted, range.state, now, &mut hours);
        }
        let truncated = hours.len() > HOURS_MAX;
        hours.truncate(HOURS_MAX);
        let record = |name: &SourceName| Some((name.clone(), engine.source_record(name)?.clone()));
        let sources = names.iter().filter_map(record).collect();
        let captures = engine.captures().filter(|capture| names.contains(&capture.source)).cloned().collect();
        Ok(Hours { hours, sources, captures, truncated })
    };
    context.life()?.handle.look(look).await?.map(Json)
}

fn collect(
    engine: &Engine,
    name: &SourceName,
    wanted: Option<Window>,
    state: Option<StateName>,
    now: DateTime<Utc>,
    hours: &mut Vec<HourEntry>,
) {
    let (Some(ledger), Some(due)) = (engine.ledger(name), engine.newest_due(name, now)) else { return };
    // Hours of a backfill may lie before the first hour, those of another clock after the newest due one.
    let first = [ledger.first(), ledger.range(..).next().map(|(hour, _)| hour), ledger.open().first().copied()];
    let last = [Some(due), ledger.range(..).next_back().map(|(hour, _)| hour), ledger.open().last().copied()];
    let known = first.into_iter().flatten().min().zip(last.into_iter().flatten().max());
    let Some(known) = known.and_then(|(first, last)| Window::new(first, last)) else { return };
    let Some(window) = wanted.map_or(Some(known), |wanted| wanted.intersect(known)) else { return };
    for hour in window.iter() {
        let mark = StateName::from(engine.hour_mark(name, hour, now));
        if state.is_none_or(|state| state == mark) {
            hours.push(HourEntry { source: name.clone(), hour, state: mark, record: ledger.record(hour) });
        }
        if hours.len() > HOURS_MAX {
            return;
        }
    }
}

/// `GET /v1/hour?source=&hour=`
pub(super) async fn one(
    State(context): State<Context>,
    query: Result<Query<HourQuery>, QueryRejection>,
) -> Result<Json<HourEntry>, Refusal> {
    let Query(HourQuery { source, hour }) = query?;
    let name = source.clone();
    let seen = context.life()?.handle.look(move |engine, now| engine.hour(&name, hour, now)).await?;
    let (mark, record) = seen.ok_or_else(|| Refusal::no_such_source(source.as_str()))?;
    Ok(Json(HourEntry { source, hour, state: mark.into(), record }))
}
