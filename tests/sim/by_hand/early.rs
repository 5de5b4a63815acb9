//! What may be uploaded while its archive arrives, and who remembers what was.

use ampd::engine::{Event, Order, Outcome, Step};
use ampd::model::{CaptureId, FaultKind, Hour, HourState, ManifestFacts, ManifestRef};
use chrono::TimeDelta;

use super::{Hand, asks_for, failed, first, is_sweep, publishes, rival};
use crate::world::source;

/// The requests on their way, with the hours that may be uploaded early.
fn early(hand: &Hand) -> Vec<(CaptureId, Vec<(Hour, u32)>)> {
    let asked = hand.steps.iter().filter_map(|(_, step)| match step {
        Step::Capture { capture, early } => Some((capture.id, early.iter().map(|(hour, g)| (*hour, *g)).collect())),
        _ => None,
    });
    asked.collect()
}

/// An hour is being asked for, and a person skips it meanwhile.
fn skipped_meanwhile() -> Hand {
    let mut hand = Hand::with_hours_due(1);
    hand.send(Event::Order(Order::Skip(source().clone(), first(), "a person says so".to_owned())));
    let facts = rival(0, hand.now).facts.map(|facts| ManifestFacts { state: HourState::Skipped, ..facts });
    let newest = ManifestRef { facts, ..rival(0, hand.now) };
    hand.answer(publishes(first()), Outcome::Published { newest, leftovers: false });
    assert!(!hand.waits_for(is_sweep));
    hand
}

#[test]
fn only_hours_without_a_manifest_are_uploaded_early_under_the_generation_they_will_have() {
    let mut hand = Hand::with_hours_due(1);
    assert_eq!(early(&hand)[0].1, [(first(), 1)]);
    hand.published(3);
    hand.wake_after(TimeDelta::hours(2));
    hand.send(Event::Tick);
    assert!(hand.waits_for(asks_for(first())), "a recheck");
    let mut hours: Vec<(Hour, u32)> = early(&hand).into_iter().flat_map(|(_, hours)| hours).collect();
    hours.sort_unstable();
    assert_eq!(hours, [(first().plus(1), 1), (first().plus(2), 1)]);
}

#[test]
fn what_was_uploaded_of_an_hour_that_a_person_skipped_meanwhile_is_swept() {
    let mut hand = skipped_meanwhile();
    hand.answer(asks_for(first()), failed(FaultKind::CaptureLost));
    assert!(hand.waits_for(is_sweep));
}

#[test]
fn what_a_download_that_died_uploaded_of_an_hour_that_was_skipped_meanwhile_is_swept() {
    let mut hand = skipped_meanwhile();
    hand.restart(true);
    let modified = hand.now;
    hand.attach(&[(first(), 1, modified)]);
    assert!(hand.waits_for(is_sweep));
}

#[test]
fn a_capture_that_is_not_what_was_uploaded_of_it_is_asked_for_again_under_another_id_and_blames_nobody() {
    let mut hand = Hand::with_hours_due(1);
    let id = early(&hand)[0].0;
    hand.answer(asks_for(first()), failed(FaultKind::CaptureLost));
    assert_ne!(early(&hand)[0].0, id);
    assert_eq!(hand.work(first()).map_or(0, |work| work.attempt), 0);
    assert!(hand.waits_for(|step| matches!(step, Step::Discard { capture } if *capture == id)));
}
