//! `GET /api/2/export`: the order in which a request is judged.

use std::{
    collections::HashMap,
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderMap, header},
    response::Response,
};
use chrono::{DateTime, Utc};

use super::{
    admit,
    archive::{self, HourPlan},
    board::Planted,
    effect::Stage,
    faults::FaultKind,
    hour::Hour,
    limits::Seat,
    options::{Options, Project},
    refusal::{self, Answer, Refusal},
    requests::Ticket,
    respond::{Payload, payload_response},
    rows::HourRows,
    shape,
    shared::Shared,
    socket::Hangup,
    switches::Measure,
};

/// An archive beyond this size lies in an unlinked temporary file.
const MEMORY_BYTES_MAX: usize = 4 << 20;
/// How much smaller than its rows an archive is, roughly.
const PACKING: u64 = 5;

/// The `Date` header's distance from the virtual clock, in seconds; travels with the response.
#[derive(Clone, Copy, Default)]
pub struct Skew(pub i64);

/// One request on its way.
pub struct Turn {
    pub shared: Arc<Shared>,
    pub ticket: Ticket,
    pub hangup: Hangup,
    pub headers: HeaderMap,
    pub now: DateTime<Utc>,
    pub skew: Skew,
    pub seat: Option<Seat>,
}

impl Turn {
    /// Lets a fault strike and writes it down; false when it was used up meanwhile.
    pub fn strike(&self, met: &Planted) -> bool {
        let struck = self.shared.board.strike(met.id);
        if struck {
            self.ticket.fault(met.fault.kind.name());
        }
        struck
    }
}

/// The route.
pub async fn export(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    request: Request,
) -> Response {
    let query = Query::<HashMap<String, String>>::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default();
    let now = shared.clock.now();
    let ticket = shared.log.open(now, request.method().as_str(), query.get("start"), query.get("end"));
    let headers = request.headers().clone();
    let mut turn = Turn { shared, ticket, hangup, headers, now, skew: Skew::default(), seat: None };
    let ticket = turn.ticket.clone();
    let mut response = match judge(&mut turn, &query).await {
        Ok(response) => response,
        Err(answer) => {
            let bytes = answer.body.len() as u64;
            ticket.note(|entry| {
                entry.bytes = bytes;
                entry.completed = true;
            });
            answer.into_response()
        }
    };
    ticket.note(|entry| entry.status = Some(response.status().as_u16()));
    response.extensions_mut().insert(turn.skew);
    response
}

async fn judge(turn: &mut Turn, query: &HashMap<String, String>) -> Result<Response, Refusal> {
    let shared = turn.shared.clone();
    let project = admit::authenticate(&turn.headers, &shared.options)?;
    turn.ticket.note(|entry| entry.project = Some(project.id));
    let (first, last) = admit::window(query)?;
    turn.seat = shared.gate.enter(&shared.options.limits, shared.clock.given());
    if turn.seat.is_none() {
        let answer = refusal::error(429, "rate_limited", "Too many requests");
        return Err(Box::new(answer.with_retry_after(shared.options.limits.retry_after, turn.now)));
    }
    let met = shared.board.meet(project.id, first, last);
    before(turn, &met).await?;
    if let Some(response) = instead(turn, project, &met).await? {
        return Ok(response);
    }
    let hours = last.number() - first.number() + 1;
    refuse_hours(turn, hours.unsigned_abs()).await?;
    let mut hiding: Vec<Planted> = of_stage(&met, Stage::Visible).cloned().collect();
    hiding.retain(|planted| !hides(planted, first, last, turn.now) || turn.strike(planted));
    let mut plans = shared.visible(first, last, turn.now, &hiding);
    let bytes = drop_empty_hours(&shared.options, project, &mut plans);
    refuse_bytes(turn, bytes).await?;
    if plans.is_empty() {
        return Err(Box::new(refusal::not_found()));
    }
    for planted in hiding.iter().filter(|planted| plans.iter().any(|plan| planted.fault.touches(plan.hour))) {
        shared.board.count_answer(planted.id);
    }
    shape::damage(turn, &mut plans, last, &met);
    let etag = shape::etag(&shared.options, project, &plans);
    let payload = pack(turn, project.id, plans, etag).await?;
    Ok(payload_response(turn, payload, &met))
}

/// The faults of one stage.
pub fn of_stage(met: &[Planted], stage: Stage) -> impl Iterator<Item = &Planted> {
    met.iter().filter(move |planted| planted.fault.kind.stage() == stage)
}

/// Whether a fault hides rows of this window now.
fn hides(planted: &Planted, first: Hour, last: Hour, now: DateTime<Utc>) -> bool {
    let fault = &planted.fault;
    first.through(last).any(|hour| fault.touches(hour) && fault.kind.withheld(hour, now, planted.answered) > 0.0)
}

/// Delays and the `Date` header.
async fn before(turn: &mut Turn, met: &[Planted]) -> Result<(), Refusal> {
    for planted in of_stage(met, Stage::Before) {
        if !turn.strike(planted) {
            continue;
        }
        match planted.fault.kind {
            FaultKind::FirstByteDelay { ms } => pause(turn, ms).await?,
            FaultKind::ClockSkew { s } => turn.skew = Skew(turn.skew.0.saturating_add(s)),
            _ => {}
        }
    }
    Ok(())
}

async fn pause(turn: &Turn, ms: u64) -> Result<(), Refusal> {
    let waited = turn.shared.stop.pause(Duration::from_millis(ms)).await;
    waited.map_err(|_| Box::new(refusal::error(503, "stopping", "the simulator stops")))
}

/// The first planted answer that strikes, if any.
async fn instead(turn: &mut Turn, project: &Project, met: &[Planted]) -> Result<Option<Response>, Refusal> {
    let Some(planted) = of_stage(met, Stage::Answer).find(|planted| turn.strike(planted)) else {
        return Ok(None);
    };
    let answer = match &planted.fault.kind {
        FaultKind::Status { code, retry_after, body } => {
            refusal::planted_status(*code, *retry_after, body.as_ref(), turn.now)
        }
        FaultKind::TooLargeHour => refusal::too_large(turn.shared.options.limits.too_large_body),
        FaultKind::NotZip(kind) => {
            let answer = refusal::not_zip(*kind);
            let payload = Payload::of_text(answer.content_type, answer.body);
            return Ok(Some(payload_response(turn, payload, met)));
        }
        FaultKind::Redirect { to, code } => {
            let mut answer = Answer::of_code(code.unwrap_or(302), "text/plain; charset=utf-8", "");
            answer.header = Some((header::LOCATION, to.clone()));
            answer
        }
        FaultKind::Serve { path } => {
            let payload = open_file(path)?;
            return Ok(Some(payload_response(turn, payload, met)));
        }
        FaultKind::NoMembers => {
            let payload = pack(turn, project.id, Vec::new(), None).await?;
            return Ok(Some(payload_response(turn, payload, met)));
        }
        _ => refusal::error(504, "planted_fault", "Gateway Timeout"),
    };
    Err(Box::new(answer))
}

fn open_file(path: &str) -> Result<Payload, Refusal> {
    let open = || {
        let file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        io::Result::Ok(Payload { content_type: "application/zip", length, etag: None, source: Box::new(file) })
    };
    open().map_err(|error| Box::new(refusal::error(500, "simulator", &format!("the file to serve: {error}"))))
}

async fn refuse_hours(turn: &Turn, hours: u64) -> Result<(), Refusal> {
    let limits = &turn.shared.options.limits;
    if limits.max_hours.is_some_and(|most| hours > most) {
        return Err(Box::new(refusal::too_large(limits.too_large_body)));
    }
    if limits.timeout_hours.is_some_and(|most| hours > most) {
        return Err(time_out(turn).await);
    }
    Ok(())
}

async fn refuse_bytes(turn: &Turn, plain: u64) -> Result<(), Refusal> {
    let limits = &turn.shared.options.limits;
    let bytes = if limits.measure == Measure::Plain { plain } else { plain / PACKING };
    if bytes > limits.max_bytes {
        return Err(Box::new(refusal::too_large(limits.too_large_body)));
    }
    if limits.timeout_bytes.is_some_and(|most| bytes > most) {
        return Err(time_out(turn).await);
    }
    Ok(())
}

async fn time_out(turn: &Turn) -> Refusal {
    let limits = &turn.shared.options.limits;
    match pause(turn, limits.timeout_delay_ms).await {
        Ok(()) => Box::new(refusal::error(504, "timeout", "Gateway Timeout")),
        Err(stopping) => stopping,
    }
}

/// Leaves the hours that have rows, and says about how many bytes those are.
fn drop_empty_hours(options: &Options, project: &Project, plans: &mut Vec<HourPlan>) -> u64 {
    let mut bytes = 0_u64;
    plans.retain(|plan| {
        let rows = HourRows::new(options, project, plan.hour);
        let arrived = rows.arrived(plan.withheld);
        bytes = bytes.saturating_add(rows.bytes(arrived));
        arrived > 0
    });
    bytes
}

/// Writes the archive, away from the threads that answer.
async fn pack(turn: &Turn, project: u64, plans: Vec<HourPlan>, etag: Option<String>) -> Result<Payload, Refusal> {
    let shared = turn.shared.clone();
    let salt = shared.salt();
    let work = move || {
        let Some(project) = shared.project(Some(project)) else {
            return Err(io::Error::other("the project is gone"));
        };
        let out = tempfile::spooled_tempfile(MEMORY_BYTES_MAX);
        archive::write(out, &shared.options, project, &plans, salt)
    };
    let packed = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    let failed = |error: io::Error| Box::new(refusal::error(500, "simulator", &format!("the archive: {error}")));
    let (archive, length) = packed.map_err(failed)?;
    Ok(Payload { content_type: "application/zip", length, etag, source: Box::new(archive) })
}

/// A body that can be read from any place.
pub trait Source: Read + Seek + Send {
    /// Leaves out the first bytes.
    fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset)).map(|_| ())
    }
}

impl<T: Read + Seek + Send> Source for T {}
