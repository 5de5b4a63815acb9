//! An Amplitude Export API with planted faults and a truth endpoint: the world that `ampd sim`, the demo and the
//! tests live in. It shares no parsing and no planning with the daemon, so that a mistake of ours cannot hide in both.
//!
//! Layout:
//! - what can be told: `options`, `switches`, `faults`
//! - the basics: `hour`, `clock`, `random`, `json`
//! - what a row says: `facts`, `columns`, `rows`; the same rows without an archive: `truth`
//! - bytes: `gzip`, `zip`, `archive`, `shape`
//! - state: `board`, `effect`, `requests`, `limits`, `shared`
//! - HTTP: `admit`, `answer`, `refusal`, `respond`, `body`, `socket`, `control`
//!
//! Everything is drawn from the seed: an hour has the same rows whenever and however it is asked for. Rows are written
//! while the archive is written; nothing is kept between requests but the request log and the planted faults.

mod admit;
mod answer;
mod archive;
mod board;
mod body;
mod clock;
mod columns;
mod control;
mod effect;
mod facts;
mod faults;
mod gzip;
mod hour;
mod json;
mod limits;
mod options;
mod random;
mod refusal;
mod requests;
mod respond;
mod rows;
mod shape;
mod shared;
mod socket;
mod switches;
#[cfg(test)]
mod tests;
mod truth;
mod zip;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use self::{
    answer::Skew,
    shared::{Shared, Stop},
    socket::{Doorway, Hangup},
};
pub use self::{
    board::Planted,
    faults::{BadLine, Fault, FaultKind, NotZip, RetryAfter, TruncatedEnd},
    hour::Hour,
    options::{API_KEY, Options, PROJECT_ID, Profile, Project, Region, Rows, SECRET_KEY},
    requests::RequestEntry,
    switches::{Archive, Bucket, Framing, Limits, Measure, Method, Order, TooLargeBody},
    truth::{HourTruth, Truth},
};

/// How long a shutdown waits for clients that do not read.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

/// The simulator.
pub struct Simulator;

impl Simulator {
    /// Listens and answers until the returned value is shut down or dropped. Port 0 takes any free one.
    pub async fn start(options: Options, listen: SocketAddr) -> io::Result<Running> {
        let (stopper, stop) = Stop::new();
        let shared = Shared::new(options, stop.clone())
            .map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
        let shared = Arc::new(shared);
        let doorway = Doorway(TcpListener::bind(listen).await?);
        let addr = doorway.0.local_addr()?;
        let service = router(shared.clone()).into_make_service_with_connect_info::<Hangup>();
        let server = axum::serve(doorway, service).with_graceful_shutdown(async move { stop.wait().await });
        let server = tokio::spawn(async move { server.await });
        Ok(Running { addr, shared, stopper, server: Some(server) })
    }
}

/// A running simulator. Dropping it stops it: requests in flight are torn, waiting ones end.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
    stopper: watch::Sender<bool>,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops, and waits until the connections are closed; a client that does not read is not waited for.
    pub async fn shutdown(mut self) {
        let _ = self.stopper.send(true);
        let Some(server) = self.server.take() else { return };
        let abort = server.abort_handle();
        if tokio::time::timeout(SHUTDOWN_PATIENCE, server).await.is_err() {
            abort.abort();
        }
    }

    /// The virtual time.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.clock.now()
    }

    /// Stops the virtual clock at this time.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.shared.clock.set(now, false);
    }

    /// Moves the virtual clock forward.
    pub fn advance(&self, by: TimeDelta) {
        self.shared.clock.advance(by);
    }

    /// Plants a fault and returns its id, or says what is wrong with it.
    pub fn plant(&self, fault: Fault) -> Result<u64, String> {
        self.shared.board.plant(fault)
    }

    /// The planted faults, with how often they struck.
    pub fn faults(&self) -> Vec<Planted> {
        self.shared.board.list()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.board.clear(None);
    }

    /// The request log.
    pub fn requests(&self) -> Vec<RequestEntry> {
        self.shared.log.list()
    }

    /// Empties the request log.
    pub fn clear_requests(&self) {
        self.shared.log.clear();
    }

    /// The truth of a window once everything has arrived; none when there is no such project (absent: the first one).
    pub fn truth(&self, project: Option<u64>, first: Hour, last: Hour) -> Option<Truth> {
        self.shared.project(project).map(|project| self.shared.truth(project, first, last, false))
    }

    /// The same of what can be seen now.
    pub fn truth_now(&self, project: Option<u64>, first: Hour, last: Hour) -> Option<Truth> {
        self.shared.project(project).map(|project| self.shared.truth(project, first, last, true))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stopper.send(true);
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/2/export", get(answer::export))
        .route("/_sim/health", get(control::health))
        .route("/_sim/clock", get(control::clock).post(control::set_clock))
        .route("/_sim/faults", get(control::faults).post(control::plant).delete(control::clear_faults))
        .route("/_sim/requests", get(control::requests).delete(control::clear_requests))
        .route("/_sim/truth", get(control::truth))
        .fallback(async || refusal::error(404, "not_found", "no such route").into_response())
        .method_not_allowed_fallback(async || {
            refusal::error(405, "method_not_allowed", "this route has no such method").into_response()
        })
        .layer(middleware::from_fn_with_state(shared.clone(), stamp))
        .with_state(shared)
}

/// Gives every answer the `Date` of the virtual clock; the server below would put the machine's own there.
async fn stamp(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let skew = response.extensions().get::<Skew>().map_or(0, |skew| skew.0);
    let skew = TimeDelta::try_seconds(skew).unwrap_or_default();
    let date = shared.clock.now().checked_add_signed(skew).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&refusal::http_date(date)) {
        response.headers_mut().insert(header::DATE, value);
    }
    response
}
