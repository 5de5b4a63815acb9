//! `/_sim/...`: the clock, the faults, the truth and the request log.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Query, State},
    http::Uri,
    response::Response,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    faults::Fault,
    hour::Hour,
    refusal::{self, Answer},
    shared::Shared,
};

/// The truth of more hours than this is nobody's question.
const TRUTH_HOURS_MAX: i64 = 10 * 366 * 24;

fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(body) => Answer::of_code(200, "application/json", body).into_response(),
        Err(error) => refusal::error(500, "simulator", &error.to_string()).into_response(),
    }
}

fn refuse(message: &str) -> Response {
    refusal::error(400, "invalid_request", message).into_response()
}

fn query(uri: &Uri) -> HashMap<String, String> {
    Query::try_from_uri(uri).map(|query| query.0).unwrap_or_default()
}

/// `GET /_sim/health`.
pub async fn health(State(shared): State<Arc<Shared>>) -> Response {
    answer(&json!({"status": "ok", "now": shared.clock.now(), "projects": shared.options.projects.len()}))
}

/// `GET /_sim/clock`.
pub async fn clock(State(shared): State<Arc<Shared>>) -> Response {
    answer(&json!({"now": shared.clock.now(), "running": shared.clock.is_running()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    #[serde(default)]
    now: Option<DateTime<Utc>>,
    #[serde(default)]
    running: Option<bool>,
    #[serde(default)]
    advance_s: i64,
}

/// `POST /_sim/clock`.
pub async fn set_clock(state: State<Arc<Shared>>, body: Bytes) -> Response {
    let shared = &state.0;
    let change: ClockChange = match serde_json::from_slice(&body) {
        Ok(change) => change,
        Err(error) => return refuse(&error.to_string()),
    };
    if change.now.is_some() || change.running.is_some() {
        let at = change.now.unwrap_or_else(|| shared.clock.now());
        // A time without a word on running stands still: that is what tests want.
        shared.clock.set(at, change.running.unwrap_or(false));
    }
    shared.clock.advance(TimeDelta::try_seconds(change.advance_s).unwrap_or_default());
    clock(state).await
}

/// `GET /_sim/faults`.
pub async fn faults(State(shared): State<Arc<Shared>>) -> Response {
    answer(&shared.board.list())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<serde_json::Value>),
    One(serde_json::Value),
}

/// `POST /_sim/faults`: one or a list; all are planted or none.
pub async fn plant(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let values = match serde_json::from_slice(&body) {
        Ok(OneOrMany::Many(values)) => values,
        Ok(OneOrMany::One(value)) => vec![value],
        Err(error) => return refuse(&error.to_string()),
    };
    let mut faults: Vec<Fault> = Vec::with_capacity(values.len());
    for value in values {
        match serde_json::from_value::<Fault>(value).map_err(|error| error.to_string()) {
            Ok(fault) => match fault.check() {
                Ok(()) => faults.push(fault),
                Err(message) => return refuse(&message),
            },
            Err(message) => return refuse(&message),
        }
    }
    let planted: Vec<u64> = faults.into_iter().filter_map(|fault| shared.board.plant(fault).ok()).collect();
    answer(&json!({ "planted": planted }))
}

/// `DELETE /_sim/faults`, or one with `?id=`.
pub async fn clear_faults(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let id = match query(&uri).get("id").map(|text| text.parse::<u64>()) {
        Some(Err(_)) => return refuse("the parameter `id` is not a number"),
        Some(Ok(id)) => Some(id),
        None => None,
    };
    answer(&json!({"cleared": shared.board.clear(id)}))
}

/// `GET /_sim/requests`.
pub async fn requests(State(shared): State<Arc<Shared>>) -> Response {
    answer(&shared.log.list())
}

/// `DELETE /_sim/requests`.
pub async fn clear_requests(State(shared): State<Arc<Shared>>) -> Response {
    answer(&json!({"cleared": shared.log.clear()}))
}

/// `GET /_sim/truth?start&end[&project][&as_of=now]`.
pub async fn truth(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    let query = query(&uri);
    let hour = |name: &str| query.get(name).and_then(|text| Hour::try_from(text.clone()).ok());
    let (Some(first), Some(last)) = (hour("start"), hour("end")) else {
        return refuse("the parameters `start` and `end` are needed, as YYYYMMDDTHH");
    };
    let project = match query.get("project").map(|text| text.parse::<u64>()) {
        Some(Err(_)) => return refuse("the parameter `project` is not a number"),
        Some(Ok(id)) => Some(id),
        None => None,
    };
    let seen_now = match query.get("as_of").map(String::as_str) {
        None => false,
        Some("now") => true,
        Some(_) => return refuse("the parameter `as_of` can only be `now`"),
    };
    if last.number() - first.number() >= TRUTH_HOURS_MAX {
        return refuse("the parameters `start` and `end` span more than ten years");
    }
    let tell = move || shared.project(project).map(|project| shared.truth(project, first, last, seen_now));
    match tokio::task::spawn_blocking(tell).await {
        Ok(Some(truth)) => answer(&truth),
        Ok(None) => refuse("the parameter `project` names none"),
        Err(error) => refusal::error(500, "simulator", &error.to_string()).into_response(),
    }
}
