//! Probes: alive and ready.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Context;
use crate::engine::Engine;

/// The engine's loop turns at least once a minute, and says so while it waits for a full disk; three without a sign is
/// a loop that hangs.
const SIGN_OF_LIFE: Duration = Duration::from_mins(3);

/// `GET /healthz`: the process does what it should, whatever Amplitude and the lake do.
pub(super) async fn health(State(context): State<Context>) -> Response {
    let hangs = context.life.borrow().is_some() && context.metrics.beat_age().is_some_and(|age| age > SIGN_OF_LIFE);
    answer(!hangs, "the engine gives no sign of life")
}

/// `GET /readyz`: the journal is open, the configuration valid, the engine takes orders.
pub(super) async fn ready(State(context): State<Context>) -> Response {
    let Ok(life) = context.life() else { return answer(false, "the engine is being exchanged") };
    let can_work = life.handle.look(|engine: &Engine, _| engine.stop().is_none()).await;
    answer(can_work.unwrap_or(false), "the engine is stopped")
}

fn answer(good: bool, why_not: &'static str) -> Response {
    if good {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{why_not}\n")).into_response()
    }
}
