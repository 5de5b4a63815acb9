//! The running daemon's two doors: control over a Unix socket, for its own user only, and a read-only TCP listener for
//! probes and Prometheus. Both stay open while a reload exchanges the engine behind them.

pub mod client;
mod control;
mod doorway;
mod exposition;
mod hosts;
mod hours;
mod probes;
mod progress;
mod refusal;
mod serve;
mod usage;
pub mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::config;
use crate::engine::{Engine, Handle};
use crate::model::report::StatusReport;
use crate::telemetry::{Line, Metrics, say};

/// Makes the whole report from the engine.
pub type ReportOf = Arc<dyn Fn(&Engine, DateTime<Utc>) -> StatusReport + Send + Sync>;

/// One configuration's engine.
#[derive(Clone)]
pub struct Life {
    /// Reaches it.
    pub handle: Handle,
    /// Reports on it.
    pub report: ReportOf,
    /// How long ago the schedule ticked.
    pub tick_age: Arc<dyn Fn() -> Option<Duration> + Send + Sync>,
}

/// Asks the daemon to take over its configuration as it is now; it answers when it is valid, or why it is not.
pub type ReloadRequest = oneshot::Sender<Result<(), wire::Trouble>>;

/// What the server needs of the daemon.
#[derive(Clone)]
pub struct Context {
    /// The engine; `None` while the daemon exchanges it.
    pub life: watch::Receiver<Option<Life>>,
    /// Where reloads are asked for.
    pub reload: mpsc::Sender<ReloadRequest>,
    /// When the daemon started.
    pub started_at: DateTime<Utc>,
    /// Its counters.
    pub metrics: Metrics,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Another process answers on the socket.
    #[error("another process listens on {path}{}", pid.map_or_else(String::new, |pid| format!(" (pid {pid})")))]
    InUse {
        /// The socket.
        path: PathBuf,
        /// That process, where the system says it.
        pid: Option<i32>,
    },
    /// Something lies there that is no socket.
    #[error("{0} is not a socket; it is left alone")]
    NotASocket(PathBuf),
    /// The socket or the address cannot be listened on.
    #[error("{place}: {error}")]
    Io {
        /// The socket's path or the address.
        place: String,
        /// Why.
        error: std::io::Error,
    },
}

/// The server; dropped, it closes both doors and removes the socket.
pub struct Server {
    tasks: Vec<AbortHandle>,
    http: Option<SocketAddr>,
    _socket: doorway::SocketFile,
}

impl Server {
    /// Opens the socket, and the TCP listener where one is configured.
    pub async fn start(config: &config::Admin, context: Context) -> Result<Self, AdminError> {
        let (listener, socket) = doorway::open(&config.socket)?;
        let mut server = Self { tasks: Vec::new(), http: None, _socket: socket };
        server.spawn(serve::unix(listener, control_routes(context.clone())));
        if let Some(address) = &config.http {
            let failed = |error| AdminError::Io { place: address.clone(), error };
            let listener = TcpListener::bind(address.as_str()).await.map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            server.http = Some(bound);
            server.spawn(serve::tcp(listener, hosts::guard(read_only_routes(context), bound)));
            say(&Line::info(format!("metrics and health on http://{bound}")));
        }
        Ok(server)
    }

    /// Where the TCP listener listens.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    fn spawn(&mut self, serving: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(tokio::spawn(serving).abort_handle());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

fn control_routes(context: Context) -> Router {
    let routes = Router::new()
        .route("/v1/status", get(progress::status))
        .route("/v1/progress", get(progress::of_range).post(progress::of_scope))
        .route("/v1/hours", get(hours::list))
        .route("/v1/hour", get(hours::one))
        .route("/v1/pause", post(control::pause))
        .route("/v1/resume", post(control::resume))
        .route("/v1/trigger", post(control::trigger))
        .route("/v1/orders", post(control::orders))
        .route("/v1/reload", post(control::reload))
        .route("/v1/health", get(probes::health))
        .route("/v1/ready", get(probes::ready));
    serve::limited(routes).with_state(context)
}

fn read_only_routes(context: Context) -> Router {
    let routes = Router::new()
        .route("/healthz", get(probes::health))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(exposition::metrics));
    serve::limited(routes).with_state(context)
}
