//! The client: one GET per window, streamed into a sink.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::address::ClientError;
use super::answer::{Answer, ArchiveSink, Exported};
use super::body::Body;
use super::words::seconds;
use super::{address, classify, headers, words};
use crate::config;
use crate::model::{Fault, FaultKind, Window};

/// Bytes of an error answer's body that are read for its classification.
const ERROR_BODY: usize = 4096;

/// Connections that nobody uses are closed before a server or a middlebox forgets them.
const POOL_IDLE: Duration = Duration::from_secs(20);

/// Asks one source's Export API. A clone shares the connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
    secrets: Arc<[SecretString]>,
    region: &'static str,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    connect: Duration,
    response: Duration,
    idle: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.base.as_str();
        f.debug_struct("Client").field("address", &address).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Client {
    /// The client of `source`. Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`), except for a base URL on
    /// this machine, which is always asked directly.
    pub fn new(source: &config::Source, retry: &config::Retry) -> Result<Self, ClientError> {
        let base = address::export(&source.base_url)?;
        let (key, secret) = (source.api_key.expose_secret(), source.secret_key.expose_secret());
        if key.contains(':') {
            return Err(ClientError::Colon);
        }
        let token = STANDARD.encode(format!("{key}:{secret}"));
        let mut authorization = HeaderValue::from_str(&format!("Basic {token}"))
            .map_err(|_| ClientError::Start("the keys make no header".to_owned()))?;
        authorization.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ampd/", env!("CARGO_PKG_VERSION")))
            // HTTP/2 would gain nothing, and there a body that is ended early (RST_STREAM, NO_ERROR) looks whole.
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .https_only(base.scheme() == "https")
            .connect_timeout(retry.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(source.max_parallel.max(1));
        if address::is_this_machine(&base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| ClientError::Start(words::causes(&error)))?;
        let limits =
            Limits { connect: retry.connect_timeout, response: retry.response_timeout, idle: retry.idle_timeout };
        let secrets = [key.to_owned(), secret.to_owned(), token].map(SecretString::from).into();
        Ok(Self { http, base, authorization, secrets, region: source.region.as_str(), limits })
    }

    /// One GET of `window`, streamed into `sink`; classified once. Dropping the future ends the request.
    pub async fn export(&self, window: Window, sink: &mut dyn ArchiveSink) -> Answer {
        let mut url = self.base.clone();
        let (start, end) = window.bounds();
        url.query_pairs_mut().append_pair("start", &start).append_pair("end", &end);
        let request = self.http.get(url).header(AUTHORIZATION, self.authorization.clone()).send();
        let mut response = match timeout(self.limits.response, request).await {
            Err(_) => return Answer::none(self.no_first_byte()),
            Ok(Err(error)) => return Answer::none(self.not_answered(&error.without_url())),
            Ok(Ok(response)) => response,
        };
        let (date, status) = (headers::date(response.headers()), response.status());
        let date_read_at = date.map(|_| crate::clock::now());
        let content_length = response.content_length();
        let mut body = Body::new(content_length, self.limits.idle);
        let result = match status {
            StatusCode::OK => self.archive(&mut response, &mut body, sink).await,
            status if status.is_redirection() => {
                let location = response.headers().get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
                Err(classify::redirected(status, &self.base, location.as_deref()))
            }
            status => self.not_an_export(status, &mut response, &mut body).await,
        };
        Answer { date, date_read_at, status: Some(status.as_u16()), content_length, bytes: body.read(), result }
    }

    /// A 200: an archive is passed on as it comes.
    async fn archive(
        &self,
        response: &mut Response,
        body: &mut Body,
        sink: &mut dyn ArchiveSink,
    ) -> Result<Exported, Fault> {
        let mut head = Bytes::new();
        while head.len() < 2 {
            match body.next(response).await? {
                Some(chunk) if head.is_empty() => head = chunk,
                Some(chunk) => head = [head.as_ref(), chunk.as_ref()].concat().into(),
                None => break,
            }
        }
        if !head.starts_with(b"PK") {
            return Err(self.not_an_archive(response, body, head.to_vec()).await?);
        }
        sink.begin(body.announced())?;
        let mut next = Some(head);
        while let Some(chunk) = next {
            sink.write(&chunk).await?;
            next = body.next(response).await?;
        }
        body.whole()
    }

    /// A 200 that is no archive: its first bytes are shown, the rest is not read.
    async fn not_an_archive(&self, response: &mut Response, body: &mut Body, head: Vec<u8>) -> Result<Fault, Fault> {
        let start = body.first(response, head, words::SHOWN).await?;
        let kind = response.headers().get(CONTENT_TYPE).map(|value| self.shown(value.as_bytes())).unwrap_or_default();
        let kind = if kind.is_empty() { "no content type" } else { &kind };
        Ok(Fault::new(
            FaultKind::NotAnArchive,
            match start.as_slice() {
                [] => format!("a 200 that is no archive: empty body ({kind})"),
                start => format!("a 200 that is no archive ({kind}): {}", self.shown(start)),
            },
        ))
    }

    /// Any status but 200 and 3xx.
    async fn not_an_export(
        &self,
        status: StatusCode,
        response: &mut Response,
        body: &mut Body,
    ) -> Result<Exported, Fault> {
        let start = match body.first(response, Vec::new(), ERROR_BODY).await {
            Ok(start) => start,
            // Whether a 400 names a parameter is known from its whole body only.
            Err(fault) if status == StatusCode::BAD_REQUEST => return Err(fault),
            Err(_) => Vec::new(),
        };
        if status == StatusCode::NOT_FOUND {
            return Ok(Exported::NotFound { expected_text: classify::says_no_data(&start) });
        }
        let mut fault = classify::fault(status, &start, &self.shown(&start), self.region);
        if matches!(fault.kind, FaultKind::RateLimited | FaultKind::GatewayTimeout | FaultKind::Unavailable) {
            fault.retry_after_seconds = headers::retry_after(response.headers());
        }
        Err(fault)
    }

    /// The start of what others wrote, as people may see it.
    fn shown(&self, text: &[u8]) -> String {
        let secrets: Vec<&str> = self.secrets.iter().map(ExposeSecret::expose_secret).collect();
        words::excerpt(text, &secrets)
    }

    fn no_first_byte(&self) -> Fault {
        let waited = seconds(self.limits.response);
        Fault::new(FaultKind::NoFirstByte, format!("no answer from {} within {waited}", self.base))
    }

    /// The request ended without an answer.
    fn not_answered(&self, error: &reqwest::Error) -> Fault {
        let causes = words::causes(error);
        let kind = words::io_kind(error);
        let base = &self.base;
        let hint = words::connect_hint(&causes, kind);
        let unanswered = causes.contains("closed before message completed");
        let causes = self.shown(causes.as_bytes());
        if error.is_connect() {
            let waited =
                if error.is_timeout() { format!(" within {}", seconds(self.limits.connect)) } else { String::new() };
            return Fault::new(FaultKind::Connect, format!("no connection to {base}{waited}: {causes}; {hint}"));
        }
        // A proxy or a server that gives up on a long preparation closes without a word.
        if kind.is_some() || unanswered {
            return Fault::new(
                FaultKind::NoFirstByte,
                format!("{base} closed the connection without an answer: {causes}"),
            );
        }
        Fault::new(FaultKind::Unavailable, format!("{base} answered what is no HTTP: {causes}"))
    }
}
