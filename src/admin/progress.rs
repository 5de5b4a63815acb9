//! Looking: the whole report, and how far a scope of hours is.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};

use super::refusal::Refusal;
use super::wire::{Progress, ProgressRequest, RangeQuery, SourceProgress, Stuck};
use super::{Context, Life};
use crate::engine::Engine;
use crate::model::report::StatusReport;
use crate::model::{Hour, SourceName, Window};

impl Context {
    /// The engine as it is now.
    pub(super) fn life(&self) -> Result<Life, Refusal> {
        self.life.borrow().clone().ok_or_else(Refusal::not_now)
    }
}

/// `GET /v1/status`
pub(super) async fn status(State(context): State<Context>) -> Result<Json<StatusReport>, Refusal> {
    let Life { handle, report, .. } = context.life()?;
    Ok(Json(handle.look(move |engine, now| report(engine, now)).await?))
}

/// `GET /v1/progress?source=&from=&to=`
pub(super) async fn of_range(
    State(context): State<Context>,
    query: Result<Query<RangeQuery>, QueryRejection>,
) -> Result<Json<Progress>, Refusal> {
    let Query(range) = query?;
    let life = context.life()?;
    let names = life.handle.look(|engine, _| engine.source_names()).await?;
    let windows: Vec<Window> = window(&range)?.into_iter().collect();
    let wanted = names.into_iter().filter(|name| range.source.as_ref().is_none_or(|wanted| wanted == name));
    let sources: BTreeMap<SourceName, Vec<Window>> = wanted.map(|name| (name, windows.clone())).collect();
    match &range.source {
        Some(name) if sources.is_empty() => Err(Refusal::no_such_source(name.as_str())),
        _ => look(&context, &life, ProgressRequest { sources, since: None }).await,
    }
}

/// The query's hours; without any, all.
pub(super) fn window(range: &RangeQuery) -> Result<Option<Window>, Refusal> {
    if range.from.is_none() && range.to.is_none() {
        return Ok(None);
    }
    // Far enough for every hour that Amplitude may have; what is not due is never counted.
    let from = range.from.unwrap_or(Hour::from_index(0));
    let to = range.to.unwrap_or(from.plus(crate::model::Ledger::HOURS_MAX * 2));
    Window::new(from, to).map(Some).ok_or_else(|| Refusal::bad("the range ends before it begins"))
}

/// `POST /v1/progress`
pub(super) async fn of_scope(
    State(context): State<Context>,
    request: Result<Json<ProgressRequest>, JsonRejection>,
) -> Result<Json<Progress>, Refusal> {
    let Json(request) = request?;
    let life = context.life()?;
    look(&context, &life, request).await
}

async fn look(context: &Context, life: &Life, request: ProgressRequest) -> Result<Json<Progress>, Refusal> {
    let (started_at, (downloaded_bytes, uploaded_bytes)) = (context.started_at, context.metrics.bytes());
    let since = request.since.unwrap_or(DateTime::<Utc>::MAX_UTC);
    let seen = life.handle.look(move |engine, now| {
        let one = |(name, windows): (SourceName, Vec<Window>)| {
            let progress = of_source(engine, &name, &windows, since, now).ok_or_else(|| name.clone())?;
            Ok((name, progress))
        };
        let sources: Result<BTreeMap<_, _>, SourceName> = request.sources.into_iter().map(one).collect();
        (sources, engine.is_paused(), now)
    });
    let (sources, paused, at) = seen.await?;
    let sources = sources.map_err(|name| Refusal::no_such_source(name.as_str()))?;
    Ok(Json(Progress { at, started_at, paused, downloaded_bytes, uploaded_bytes, sources }))
}

fn of_source(
    engine: &Engine,
    name: &SourceName,
    windows: &[Window],
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<SourceProgress> {
    let seen = engine.following(name, windows, since, now)?;
    Some(SourceProgress {
        total: seen.total,
        left: seen.left,
        unopened: seen.unopened,
        busy: seen.busy,
        quarantined: seen.quarantined,
        provisional: seen.provisional,
        published: seen.published,
        empty: seen.empty,
        skipped: seen.skipped,
        already_there: seen.already_there,
        rows: seen.rows,
        watermark: engine.ledger(name).and_then(crate::model::Ledger::watermark),
        activity: engine.activity_of(name, now),
        faults_in_row: engine.faults_in_row(name),
        stuck: engine.stuck(name, now).and_then(Stuck::of),
    })
}
