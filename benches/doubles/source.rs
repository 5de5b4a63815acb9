//! An export API that answers everything with one archive, at the speed it is told.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use hyper::{Response, header};
use tokio::time::Instant;

/// Sent at a time.
const PIECE: usize = 256 << 10;

pub struct Source {
    archive: Bytes,
    /// Bytes a second of each answer; 0: as fast as it goes.
    rate: u64,
    first_byte: Duration,
    /// Without a Content-Length, as Amplitude answers.
    chunked: bool,
    requests: AtomicU64,
}

impl Source {
    pub fn new(archive: Vec<u8>, rate: u64, first_byte: Duration, chunked: bool) -> Self {
        Self { archive: archive.into(), rate, first_byte, chunked, requests: AtomicU64::new(0) }
    }

    pub async fn answer(&self, path: &str) -> Response<Body> {
        if path == "/__stats" {
            return Response::new(format!("{{\"requests\":{}}}\n", self.requests.load(Ordering::Relaxed)).into());
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.first_byte).await;
        let (rate, start) = (self.rate, Instant::now());
        let body = stream::unfold((self.archive.clone(), 0), move |(mut rest, sent)| async move {
            if rest.is_empty() {
                return None;
            }
            if let Some(due) = (sent * 1_000_000u64).checked_div(rate) {
                tokio::time::sleep_until(start + Duration::from_micros(due)).await;
            }
            let piece = rest.split_to(rest.len().min(PIECE));
            let sent = sent + piece.len() as u64;
            Some((Ok::<_, Infallible>(piece), (rest, sent)))
        });
        let mut response = Response::new(Body::from_stream(body));
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/zip"));
        if !self.chunked {
            response.headers_mut().insert(header::CONTENT_LENGTH, self.archive.len().into());
        }
        response
    }
}
