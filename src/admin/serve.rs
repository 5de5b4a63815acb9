//! Connections and their limits: how many at once, how long a head, a body, an answer and a connection may take.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::refusal::Refusal;

/// Connections at once, at each door; one more is closed unheard.
const CONNECTIONS_MAX: usize = 32;
/// Longest head, and longest body, in bytes.
const BYTES_MAX: usize = 64 * 1024;
/// A head arrives within this, also the next one of a connection that is kept open.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// A request is answered within this; a reload may take [`RELOAD_TIME`].
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// A reload reads files and may wait for the steps in flight.
const RELOAD_TIME: Duration = Duration::from_mins(1);
/// A connection that lives so long takes no further request ...
const CONNECTION_TIME: Duration = Duration::from_mins(1);
/// ... and is cut this long after.
const CONNECTION_GRACE: Duration = Duration::from_secs(70);
/// How long to wait after an accept that failed, for want of descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Limits bodies and times, and answers unknown paths as everything else.
pub(super) fn limited<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .fallback(|| async { Refusal::new(StatusCode::NOT_FOUND, "E706", "there is nothing at this address") })
        .layer(middleware::from_fn(in_time))
        .layer(DefaultBodyLimit::max(BYTES_MAX))
}

async fn in_time(request: Request, next: Next) -> Response {
    let most = if request.uri().path() == "/v1/reload" { RELOAD_TIME } else { REQUEST_TIME };
    match tokio::time::timeout(most, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Refusal::new(StatusCode::GATEWAY_TIMEOUT, "E702", "the daemon did not answer in time").into_response()
        }
    }
}

/// Serves the control socket: its own user and root, nobody else, whatever the file's mode became.
pub(super) async fn unix(listener: UnixListener, routes: Router) {
    let mut connections = Connections::new(routes);
    loop {
        let Some(stream) = next(listener.accept().await).await else { continue };
        if is_friend(&stream) {
            connections.take(stream);
        }
    }
}

/// Serves the read-only listener.
pub(super) async fn tcp(listener: TcpListener, routes: Router) {
    let mut connections = Connections::new(routes);
    loop {
        if let Some(stream) = next(listener.accept().await).await {
            let _ = stream.set_nodelay(true);
            connections.take(stream);
        }
    }
}

async fn next<S, A>(accepted: io::Result<(S, A)>) -> Option<S> {
    if let Ok((stream, _)) = accepted {
        return Some(stream);
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
    None
}

fn is_friend(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

struct Connections {
    routes: Router,
    seats: Arc<Semaphore>,
    running: JoinSet<()>,
}

impl Connections {
    fn new(routes: Router) -> Self {
        Self { routes, seats: Arc::new(Semaphore::new(CONNECTIONS_MAX)), running: JoinSet::new() }
    }

    fn take(&mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        while self.running.try_join_next().is_some() {}
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else { return };
        let routes = self.routes.clone();
        self.running.spawn(async move {
            converse(stream, routes).await;
            drop(seat);
        });
    }
}

/// One connection, to its end. Whatever is wrong with it is the other side's business.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, routes: Router) {
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::pin!(conversation);
    tokio::select! {
        _ = conversation.as_mut() => return,
        () = tokio::time::sleep(CONNECTION_TIME) => conversation.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(CONNECTION_GRACE, conversation).await;
}
