//! Telling: pause, resume, trigger, reload, and orders about hours.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::refusal::Refusal;
use super::wire::{Accepted, OrderRequest, Refused, TriggerRequest};
use super::{Context, Life};
use crate::engine::{Engine, Order};
use crate::model::SourceName;

type Answer = Result<Json<Accepted>, Refusal>;

/// `POST /v1/pause`
pub(super) async fn pause(State(context): State<Context>) -> Answer {
    give(&context.life()?, vec![Order::Pause]).await
}

/// `POST /v1/resume`
pub(super) async fn resume(State(context): State<Context>) -> Answer {
    give(&context.life()?, vec![Order::Resume]).await
}

/// `POST /v1/trigger`: all sources look for hours that became due, or one takes up those that did. Where this daemon does
/// not lead, what is due is handed over to it.
pub(super) async fn trigger(
    State(context): State<Context>,
    request: Result<Json<TriggerRequest>, JsonRejection>,
) -> Answer {
    let Json(request) = request?;
    let life = context.life()?;
    let Some(name) = request.source else {
        let accepted = accepted(&life).await?;
        life.handle.tick().await?;
        let orders = life.handle.look(due_where_it_follows).await?;
        let Json(_) = give(&life, orders).await?;
        return Ok(accepted);
    };
    let wanted = name.clone();
    let untaken = move |engine: &Engine, now| engine.ledger(&wanted).map(|_| engine.untaken(&wanted, now));
    let Some(untaken) = life.handle.look(untaken).await? else {
        return Err(Refusal::no_such_source(name.as_str()));
    };
    give(&life, untaken.map(|window| Order::Backfill(name, window)).into_iter().collect()).await
}

/// The hours that are due, of the sources that this daemon does not lead.
fn due_where_it_follows(engine: &Engine, now: DateTime<Utc>) -> Vec<Order> {
    let due = |name: SourceName| engine.untaken(&name, now).map(|window| Order::Backfill(name, window));
    engine.source_names().into_iter().filter(|name| !engine.leads(name)).filter_map(due).collect()
}

/// `POST /v1/reload`
pub(super) async fn reload(State(context): State<Context>) -> Result<StatusCode, Refusal> {
    let (answer, result) = oneshot::channel();
    context.reload.send(answer).await.map_err(|_| Refusal::not_now())?;
    match result.await {
        Ok(Ok(())) => Ok(StatusCode::NO_CONTENT),
        Ok(Err(trouble)) => Err(Refusal::of(trouble)),
        Err(_) => Err(Refusal::not_now()),
    }
}

/// `POST /v1/orders`: all are checked, then all are given.
pub(super) async fn orders(
    State(context): State<Context>,
    request: Result<Json<Vec<OrderRequest>>, JsonRejection>,
) -> Answer {
    let Json(requests) = request?;
    let mut orders = Vec::new();
    for request in &requests {
        orders.extend(request.orders().map_err(Refusal::bad)?);
    }
    let sources: Vec<SourceName> = requests.into_iter().map(|request| request.source).collect();
    let life = context.life()?;
    let unread = move |engine: &Engine, _| {
        let known = |name: &&SourceName| engine.ledger(name).is_some();
        sources.iter().filter(known).any(|name| !engine.is_attached(name))
    };
    if life.handle.look(unread).await? {
        let words = "the daemon has not compared its journal with the lake yet";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "E702", words));
    }
    give(&life, orders).await
}

async fn accepted(life: &Life) -> Answer {
    let (at, paused) = life.handle.look(|engine, now| (now, engine.is_paused())).await?;
    Ok(Json(Accepted { at, paused }))
}

async fn give(life: &Life, orders: Vec<Order>) -> Answer {
    let check = orders.clone();
    let refusals = life.handle.look(move |engine, _| {
        let refused = |order: &Order| Some(Refused { order: order.words(), why: engine.refuses(order)? });
        check.iter().filter_map(refused).collect::<Vec<_>>()
    });
    let refusals = refusals.await?;
    if !refusals.is_empty() {
        return Err(Refusal::of_orders(refusals));
    }
    let before = accepted(life).await?;
    for order in orders {
        let words = order.words();
        if let Err(why) = life.handle.order(order).await? {
            return Err(Refusal::of_orders(vec![Refused { order: words, why }]));
        }
    }
    // Looked at again: a pause that was ordered shows.
    let paused = accepted(life).await?.paused;
    Ok(Json(Accepted { paused, ..before.0 }))
}
