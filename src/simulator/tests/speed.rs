//! Tests run thousands of tiny hours, so these must be cheap.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_thousand_tiny_hours_take_seconds_even_unoptimised() {
    let world = World::new(Options { rows: Rows { compact: true, ..Rows::default() }, ..small() }).await;
    let begun = tokio::time::Instant::now();
    let first = hour("20251101T00");
    for number in 0..1000 {
        let hour = first.plus(number).to_string();
        assert_eq!(world.status(&hour, &hour).await, 200);
    }
    let took = begun.elapsed();
    eprintln_for_measurement(took);
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// `cargo test -- --nocapture` shows the figure.
#[allow(clippy::print_stderr)]
fn eprintln_for_measurement(took: Duration) {
    eprintln!("1,000 requests for one tiny hour each: {took:?}");
}
