//! The other end of the control socket: what `ampd status`, `pause`, `hour` and their sisters ask of a running daemon.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wire::{
    Accepted, HourEntry, HourQuery, Hours, OrderRequest, Progress, ProgressRequest, RangeQuery, TriggerRequest, Trouble,
};
use crate::model::report::StatusReport;

/// A little more than the server takes at most.
const REQUEST_TIME: Duration = Duration::from_secs(12);
/// Looks that a person or a probe waits for.
const LOOK_TIME: Duration = Duration::from_secs(3);
/// As above, for reloads.
const RELOAD_TIME: Duration = Duration::from_secs(65);

/// Why the daemon did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no daemon listens on {socket}: {why}")]
    NoDaemon {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        why: String,
    },
    /// This user may not open the socket.
    #[error("{0} may not be opened by this user; it is its daemon's alone")]
    Forbidden(PathBuf),
    /// It listens, and does not answer.
    #[error("the daemon on {0} does not answer")]
    Silent(PathBuf),
    /// The connection broke, or the answer is not what it should be.
    #[error("the daemon on {socket} gave no usable answer: {why}")]
    Garbled {
        /// The socket.
        socket: PathBuf,
        /// What was wrong with it.
        why: String,
    },
    /// It exchanges its engine, or has not read the lake yet: a little later it does it.
    #[error("{0}")]
    NotNow(String),
    /// It says no.
    #[error("{}", .0.message)]
    Refused(Trouble),
}

impl ClientError {
    /// Whether there is nobody to ask, as far as one can know.
    pub fn is_no_daemon(&self) -> bool {
        matches!(self, Self::NoDaemon { .. })
    }

    /// Whether asking again a little later may help.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NotNow(_) | Self::Silent(_) | Self::NoDaemon { .. } | Self::Garbled { .. })
    }
}

type Answer<T> = Result<T, ClientError>;

/// Asks one daemon.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    socket: PathBuf,
}

impl Client {
    /// A client of the daemon that listens on `socket`; nothing is asked yet.
    pub fn new(socket: &Path) -> Answer<Self> {
        // Every request has a connection of its own, so that a daemon that was restarted in between is no error. No
        // certificates are read: nothing here is encrypted.
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .no_proxy()
            .tls_certs_only([])
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| ClientError::Garbled { socket: socket.to_owned(), why: error.to_string() })?;
        Ok(Self { http, socket: socket.to_owned() })
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The whole report.
    pub async fn status(&self) -> Answer<StatusReport> {
        self.get("/v1/status", LOOK_TIME).await
    }

    /// How far a scope is.
    pub async fn progress(&self, request: &ProgressRequest) -> Answer<Progress> {
        self.post("/v1/progress", request, REQUEST_TIME).await
    }

    /// Nothing is asked of Amplitude from now on.
    pub async fn pause(&self) -> Answer<Accepted> {
        self.post("/v1/pause", &(), REQUEST_TIME).await
    }

    /// It goes on.
    pub async fn resume(&self) -> Answer<Accepted> {
        self.post("/v1/resume", &(), REQUEST_TIME).await
    }

    /// It looks for due hours now.
    pub async fn trigger(&self, request: &TriggerRequest) -> Answer<Accepted> {
        self.post("/v1/trigger", request, REQUEST_TIME).await
    }

    /// Gives orders: all of them, or none.
    pub async fn orders(&self, orders: &[OrderRequest]) -> Answer<Accepted> {
        self.post("/v1/orders", orders, REQUEST_TIME).await
    }

    /// It reads its configuration and credentials again.
    pub async fn reload(&self) -> Answer<()> {
        self.send(self.request(Method::POST, "/v1/reload", RELOAD_TIME)).await.map(drop)
    }

    /// Whether it lives.
    pub async fn health(&self) -> Answer<()> {
        self.send(self.request(Method::GET, "/v1/health", LOOK_TIME)).await.map(drop)
    }

    /// Whether it takes orders.
    pub async fn ready(&self) -> Answer<()> {
        self.send(self.request(Method::GET, "/v1/ready", LOOK_TIME)).await.map(drop)
    }

    /// Hours and their records.
    pub async fn hours(&self, query: &RangeQuery) -> Answer<Hours> {
        let RangeQuery { source, from, to, state } = query;
        let state = state.and_then(|state| serde_json::to_value(state).ok());
        let state = state.as_ref().and_then(serde_json::Value::as_str).map(str::to_owned);
        let parameters = [
            ("source", source.as_ref().map(ToString::to_string)),
            ("from", from.map(|hour| hour.to_string())),
            ("to", to.map(|hour| hour.to_string())),
            ("state", state),
        ];
        self.get(&with_query("/v1/hours", &parameters), REQUEST_TIME).await
    }

    /// One hour and its record.
    pub async fn hour(&self, query: &HourQuery) -> Answer<HourEntry> {
        let parameters = [("source", Some(query.source.to_string())), ("hour", Some(query.hour.to_string()))];
        self.get(&with_query("/v1/hour", &parameters), REQUEST_TIME).await
    }

    fn request(&self, method: Method, path: &str, most: Duration) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://localhost{path}")).timeout(most)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, most: Duration) -> Answer<T> {
        let body = self.send(self.request(Method::GET, path, most)).await?;
        self.read(&body)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
        most: Duration,
    ) -> Answer<T> {
        let body = serde_json::to_vec(body).map_err(|error| self.garbled(&error))?;
        let request = self.request(Method::POST, path, most).header("content-type", "application/json").body(body);
        let body = self.send(request).await?;
        self.read(&body)
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Answer<T> {
        serde_json::from_slice(body).map_err(|error| self.garbled(&error))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer<Vec<u8>> {
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.failed(&error))?;
        if status.is_success() {
            return Ok(body.into());
        }
        let trouble: Option<Trouble> = serde_json::from_slice(&body).ok();
        let words = || String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
        match (status, trouble) {
            (StatusCode::SERVICE_UNAVAILABLE, trouble) => {
                Err(ClientError::NotNow(trouble.map_or_else(words, |trouble| trouble.message)))
            }
            (StatusCode::GATEWAY_TIMEOUT, _) => Err(ClientError::Silent(self.socket.clone())),
            (_, Some(trouble)) => Err(ClientError::Refused(trouble)),
            (_, None) => Err(self.garbled(&format!("{status} {}", words()))),
        }
    }

    fn garbled(&self, why: &dyn std::fmt::Display) -> ClientError {
        ClientError::Garbled { socket: self.socket.clone(), why: why.to_string() }
    }

    fn failed(&self, error: &reqwest::Error) -> ClientError {
        let socket = self.socket.clone();
        let cause = cause_of(error);
        match cause.map(std::io::Error::kind) {
            Some(ErrorKind::PermissionDenied) => ClientError::Forbidden(socket),
            _ if error.is_timeout() => ClientError::Silent(socket),
            Some(kind) if error.is_connect() => ClientError::NoDaemon { socket, why: kind.to_string() },
            _ => self.garbled(&cause.map_or_else(|| error.to_string(), ToString::to_string)),
        }
    }
}

/// The system's error below all others.
fn cause_of(error: &reqwest::Error) -> Option<&std::io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io);
        }
        source = error.source();
    }
    None
}

/// Names, hours and states need no escapes.
fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut out = path.to_owned();
    for (name, value) in parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        let joint = if out.contains('?') { '&' } else { '?' };
        let _ = write!(out, "{joint}{name}={value}");
    }
    out
}
