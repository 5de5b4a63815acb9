//! Doubles of Amplitude and of a store for the end-to-end benchmark: a process of their own, so that their cost is not
//! ampd's. They answer on loopback, say their address on stdout, and end when stdin does.
//!
//! ```text
//! doubles source --archive F.zip [--rate BYTES-PER-SECOND] [--first-byte-ms N] [--chunked]
//! doubles sink [--latency-ms N]
//! ```
//! The source answers every export with the one archive. `GET /__stats` counts; the sink has `/__objects`,
//! `/__sha256?key=K&key=K` (of several objects, one after the other) and `/__reset` too. It checks no signature and no
//! checksum: a yardstick, not a judge.
#![allow(missing_docs, clippy::print_stdout)]

mod chunked;
mod listing;
mod sink;
mod source;
mod wire;

use std::convert::Infallible;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use sink::Sink;
use source::Source;

/// Received at a time: a member comes in few pieces.
const READ_BUFFER: usize = 1 << 20;

enum Double {
    Source(Source),
    Sink(Sink),
}

impl Double {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        match self {
            Self::Source(source) => source.answer(request.uri().path()).await,
            Self::Sink(sink) => sink.answer(request).await,
        }
    }
}

/// The value after `--name`.
fn value(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

fn number(name: &str) -> u64 {
    value(name).map_or(0, |text| text.parse().unwrap_or_else(|error| panic!("{name} {text}: {error}")))
}

fn double() -> Double {
    match std::env::args().nth(1).as_deref() {
        Some("source") => {
            let path = value("--archive").expect("source needs --archive");
            let archive = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let first_byte = Duration::from_millis(number("--first-byte-ms"));
            let chunked = std::env::args().any(|argument| argument == "--chunked");
            Double::Source(Source::new(archive, number("--rate"), first_byte, chunked))
        }
        Some("sink") => Double::Sink(Sink::new(Duration::from_millis(number("--latency-ms")))),
        other => panic!("source or sink, not {other:?}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let double = Arc::new(double());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("http://{}", listener.local_addr().expect("an address"));
    let (ended, mut end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.expect("a connection");
                tokio::spawn(converse(stream, Arc::clone(&double)));
            }
            _ = &mut end => return,
        }
    }
}

async fn converse(stream: TcpStream, double: Arc<Double>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let double = Arc::clone(&double);
        async move { Ok::<_, Infallible>(double.answer(request.map(Body::new)).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off is the client's business.
    let _ = connection.await;
}
