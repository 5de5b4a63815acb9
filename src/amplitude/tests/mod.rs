//! The client against a scripted server: each test is named after what must happen.

mod bodies;
mod connections;
mod server;
mod statuses;

use std::time::Duration;

use secrecy::SecretString;

use super::*;
use crate::config::{Region, Retry, Source};
use crate::model::{Fault, FaultKind, Window};
use server::{Step, send, serve};

const KEY: &str = "c0ffee00c0ffee11c0ffee22c0ffee33";
const SECRET: &str = "5ec2e700aa5ec2e711bb5ec2e722cc5e";
const TOKEN: &str = "YzBmZmVlMDBjMGZmZWUxMWMwZmZlZTIyYzBmZmVlMzM6NWVjMmU3MDBhYTVlYzJlNzExYmI1ZWMyZTcyMmNjNWU=";

/// Remembers what it was given; refuses when told to.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    begun: Vec<Option<u64>>,
    most: Option<u64>,
}

impl ArchiveSink for Kept {
    fn begin(&mut self, content_length: Option<u64>) -> Result<(), Fault> {
        self.begun.push(content_length);
        match (content_length, self.most) {
            (Some(length), Some(most)) if length > most => Err(Fault::new(FaultKind::OverArchiveLimit, "announced")),
            _ => Ok(()),
        }
    }

    fn write<'a>(&'a mut self, chunk: &'a [u8]) -> Writing<'a> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.bytes.extend_from_slice(chunk);
            match self.most {
                Some(most) if self.bytes.len() as u64 > most => Err(Fault::new(FaultKind::StagingFull, "full")),
                _ => Ok(()),
            }
        })
    }
}

fn source(base_url: &str) -> Source {
    Source {
        name: "web".parse().unwrap(),
        region: Region::Us,
        api_key: SecretString::from(KEY),
        secret_key: SecretString::from(SECRET),
        start: None,
        max_parallel: 1,
        base_url: base_url.to_owned(),
    }
}

fn retry() -> Retry {
    Retry {
        max_attempts: 5,
        initial: Duration::from_millis(1),
        max: Duration::from_millis(2),
        connect_timeout: Duration::from_millis(300),
        response_timeout: Duration::from_millis(400),
        idle_timeout: Duration::from_millis(200),
    }
}

fn window() -> Window {
    Window::new("20261120T22".parse().unwrap(), "20261121T03".parse().unwrap()).unwrap()
}

/// Asks `base_url` once.
async fn ask_at(base_url: &str) -> (Answer, Kept) {
    let mut kept = Kept::default();
    let answer = Client::new(&source(base_url), &retry()).unwrap().export(window(), &mut kept).await;
    (answer, kept)
}

/// Asks a server that plays `script` once.
async fn ask(script: Vec<Step>) -> (Answer, Kept) {
    ask_at(&serve(script).await.base_url).await
}

/// The request can be made on any thread of a runtime.
#[test]
fn an_export_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let client = Client::new(&source("https://amplitude.com"), &retry()).unwrap();
    let mut kept = Kept::default();
    is_send(&client.export(window(), &mut kept));
}

/// The fault of an answer that must be one; it never shows a secret.
fn fault_of(answer: &Answer) -> &Fault {
    let fault = answer.result.as_ref().expect_err("a fault");
    for secret in [KEY, SECRET, TOKEN, TOKEN.trim_end_matches('=')] {
        assert!(!fault.detail.contains(secret), "{}", fault.detail);
    }
    assert!(!fault.detail.contains('\n') && fault.detail.len() <= Fault::DETAIL_MAX + 3, "{}", fault.detail);
    fault
}
