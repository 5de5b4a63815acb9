//! Whose fault it is: the hour's, the source's, the disk's.

use ampd::engine::{Event, Order, Outcome, SourceEnd, Step};
use ampd::model::{FaultKind, Hour, Phase};
use chrono::TimeDelta;

use super::{Hand, asks_for, failed, first, policy, publishes, uploads};
use crate::world::source;

#[test]
fn an_empty_hour_is_published_in_the_turn_that_believes_it() {
    let mut hand = Hand::with_hours_due(1);
    hand.answer(|step| matches!(step, Step::Capture { .. }), Outcome::NotFound { clock: None });
    hand.answer(|step| matches!(step, Step::Capture { .. }), Outcome::NotFound { clock: None });
    assert!(hand.waits_for(publishes(first())));
}

#[test]
fn a_fault_that_arrives_after_an_order_does_not_undo_the_order() {
    let (one, two) = (first(), first().next());
    let mut hand = Hand::with_hours_due(1);
    hand.send(Event::Order(Order::Skip(source().clone(), one, "a person says so".to_owned())));
    hand.answer(|step| matches!(step, Step::Capture { .. }), failed(FaultKind::NotAnArchive));
    assert!(matches!(hand.phase(one), Some(Phase::Uploaded(_))), "{:?}", hand.phase(one));
    assert!(hand.waits_for(publishes(one)));
    assert_eq!(hand.phase(two), None);
}

/// Two hours that are asked for one by one, each on its way, because both failed together.
fn one_by_one() -> (Hand, Hour, Hour) {
    let (one, two) = (first(), first().next());
    let mut hand = Hand::with_hours_due(2);
    hand.answer(asks_for(one), failed(FaultKind::GatewayTimeout));
    assert!(hand.waits_for(asks_for(one)) && hand.waits_for(asks_for(two)));
    (hand, one, two)
}

fn absent() -> Outcome {
    Outcome::NotFound { clock: None }
}

#[test]
fn an_answer_that_was_asked_for_before_an_hour_failed_blames_nobody() {
    let (mut hand, one, two) = one_by_one();
    hand.answer(asks_for(one), failed(FaultKind::Unavailable));
    hand.answer(asks_for(two), absent());
    assert_eq!(hand.work(one).map(|work| (work.suspect, work.attempt)), Some((true, 0)));
    hand.wake_after(TimeDelta::minutes(16));
    hand.answer(asks_for(two), absent());
    assert_eq!(hand.work(one).map(|work| (work.suspect, work.attempt)), Some((true, 0)), "asked again meanwhile");
}

#[test]
fn an_hour_that_is_being_asked_again_is_judged_by_its_own_answer() {
    let (mut hand, one, two) = one_by_one();
    hand.answer(asks_for(one), failed(FaultKind::Unavailable));
    hand.answer(asks_for(two), failed(FaultKind::Unavailable));
    hand.wake_after(TimeDelta::minutes(16));
    assert!(hand.waits_for(asks_for(one)) && hand.waits_for(asks_for(two)));
    hand.answer(asks_for(two), absent());
    assert_eq!(hand.work(one).map(|work| (work.suspect, work.attempt)), Some((true, 0)));
}

#[test]
fn an_hour_that_always_times_out_does_not_hold_back_the_next_hours() {
    let (one, two, three) = (first(), first().next(), first().plus(2));
    let mut one_request = policy();
    one_request.sources.values_mut().for_each(|source| source.max_parallel = 1);
    let mut hand = Hand::under(one_request, 2, true);
    hand.attach(&[]);
    hand.answer(asks_for(two), failed(FaultKind::GatewayTimeout));
    hand.answer(asks_for(one), failed(FaultKind::GatewayTimeout));
    hand.wake_after(TimeDelta::minutes(16));
    hand.answer(asks_for(two), absent());
    hand.answer(asks_for(two), absent());
    assert_eq!(hand.work(one).map(|work| work.attempt), Some(1), "the source answers others");
    hand.now = three.end() + TimeDelta::minutes(6);
    hand.send(Event::Wake);
    hand.answer(asks_for(one), failed(FaultKind::GatewayTimeout));
    hand.send(Event::Tick);
    assert!(!hand.waits_for(asks_for(one)), "it waits by itself");
    assert!(hand.waits_for(asks_for(three)), "and nobody waits with it");
    hand.answer(asks_for(three), absent());
    assert_eq!(hand.work(one).map(|work| work.attempt), Some(2));
}

#[test]
fn an_archive_over_the_configured_size_is_downloaded_once() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.answer(asks_for(hour), failed(FaultKind::OverArchiveLimit));
    assert_eq!(hand.phase(hour), Some(Phase::Quarantined));
}

#[test]
fn a_staged_archive_that_cannot_be_read_is_not_tried_again_without_a_pause() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), failed(FaultKind::StagingFailed));
    assert!(!hand.waits_for(uploads(hour)));
    hand.wake_after(TimeDelta::minutes(16));
    assert!(hand.waits_for(uploads(hour)));
}

#[test]
fn a_request_that_is_refused_shows_that_the_keys_were_taken() {
    let mut hand = Hand::with_hours_due(1);
    hand.answer(asks_for(first()), failed(FaultKind::KeysRefused));
    assert!(matches!(hand.engine.stuck(source(), hand.now), Some(SourceEnd::KeysRefused(_))));
    hand.wake_after(TimeDelta::minutes(16));
    hand.answer(asks_for(first()), failed(FaultKind::RequestRefused));
    assert!(matches!(hand.engine.stuck(source(), hand.now), Some(SourceEnd::RequestRefused(_))));
}
