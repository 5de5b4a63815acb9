//! Faults on the way of the body.

use std::{error::Error, time::Duration};

use super::*;

const H: &str = "20260101T05";

/// The body as far as it came, and the error that ended it.
async fn torn(world: &World) -> (Vec<u8>, Option<reqwest::Error>) {
    let mut response = world.ask(H, H).await;
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, None),
            Err(error) => return (body, Some(error)),
        }
    }
}

/// The whole chain of an error as text.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[tokio::test]
async fn a_reset_tears_the_connection() {
    let world = World::with(Fault::new(FaultKind::ResetAfter { bytes: 1000 })).await;
    let (body, error) = torn(&world).await;
    assert!(body.len() <= 1000);
    let message = chain(&error.unwrap());
    assert!(message.to_lowercase().contains("reset"), "{message}");
    let entry = world.sim.requests().pop().unwrap();
    assert_eq!((entry.bytes, entry.completed, entry.fault.as_deref()), (1000, false, Some("reset_after")));
}

#[tokio::test]
async fn a_truncated_body_ends_in_three_ways() {
    for end in [TruncatedEnd::Honest, TruncatedEnd::Lying, TruncatedEnd::Chunked] {
        let world = World::with(Fault::new(FaultKind::Truncate { fraction: 0.5, end }).times(1)).await;
        let (body, error) = torn(&world).await;
        assert_eq!(error.is_some(), end == TruncatedEnd::Lying, "{end:?}");
        let whole = world.bytes(H, H).await;
        assert_eq!(body, whole[..whole.len() / 2]);
        assert!(try_members(&body).is_err());
        let entries = world.sim.requests();
        assert_eq!((entries[0].completed, entries[1].completed), (false, true));
    }
}

#[tokio::test]
async fn a_stalled_body_stays_open_until_the_simulator_stops() {
    let world = World::with(Fault::new(FaultKind::StallAfter { bytes: 500 })).await;
    let mut response = world.ask(H, H).await;
    let mut received = 0;
    while received < 500 {
        received += response.chunk().await.unwrap().unwrap().len();
    }
    let silence = tokio::time::timeout(Duration::from_millis(150), response.chunk()).await;
    assert!(silence.is_err(), "nothing more comes");
    world.sim.shutdown().await;
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn a_slow_body_takes_its_time_and_a_late_one_begins_late() {
    let world = World::with(Fault::new(FaultKind::Slow { bytes_per_s: 20_000 }).times(1)).await;
    world.sim.plant(Fault::new(FaultKind::FirstByteDelay { ms: 120 })).unwrap();
    let begun = tokio::time::Instant::now();
    let response = world.ask(H, H).await;
    assert!(begun.elapsed() >= Duration::from_millis(120));
    let begun = tokio::time::Instant::now();
    let length = response.bytes().await.unwrap().len();
    let expected = Duration::from_millis(length as u64 * 1000 / 20_000 * 8 / 10);
    assert!(begun.elapsed() >= expected, "{length} bytes in {:?}", begun.elapsed());
    assert!(world.sim.requests()[0].completed);
    world.sim.plant(Fault::new(FaultKind::Slow { bytes_per_s: u64::MAX })).unwrap();
    assert_eq!(world.status(H, H).await, 200, "no speed is too high to reckon with");
}

#[tokio::test]
async fn dropping_the_simulator_stops_it() {
    let world = World::new(small()).await;
    let url = world.sim.url();
    assert_eq!(world.status(H, H).await, 200);
    drop(world.sim);
    for _ in 0..100 {
        if world.client.get(&url).send().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it still answers");
}
