//! Clocks that are wrong, or that differ.

use ampd::engine::{Event, Outcome, ServerClock, Step};
use ampd::model::Hour;
use chrono::{DateTime, TimeDelta};

use super::{Hand, asks_for, content, draft, first, is_sweep, measures, policy, publishes, rival, uploads};
use crate::world::source;

#[test]
fn a_sweep_that_waits_under_a_wrong_clock_does_not_wait_for_that_clock() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(4, 1));
    let newest = rival(4, hand.now);
    let right = hand.now;
    hand.now += TimeDelta::days(1);
    hand.answer(publishes(hour), Outcome::Contested(Some(newest)));
    hand.answer(is_sweep, Outcome::Swept { waiting: vec![hour] });
    hand.now = right + TimeDelta::hours(2);
    hand.send(Event::ClockJumped);
    assert!(hand.waits_for(is_sweep));
}

#[test]
fn a_recheck_is_not_due_because_two_clocks_differ_by_a_moment() {
    let due = DateTime::UNIX_EPOCH + TimeDelta::hours(10);
    let of_source = &policy().sources[source()];
    let now = due - TimeDelta::hours(1);
    assert!(!of_source.recheck_is_due(due, now - TimeDelta::milliseconds(300), now));
    assert!(of_source.recheck_is_due(due, due, due));
    assert!(of_source.recheck_is_due(due + TimeDelta::days(1), now, now), "set under a clock that ran ahead");
}

#[test]
fn a_recheck_is_counted_from_the_manifest_and_not_from_the_stores_clock() {
    let hour = first();
    let mut hand = Hand::started(1, true);
    hand.attach(&[(hour, 1, hand.now - TimeDelta::minutes(90))]);
    let published = rival(4, hand.now);
    hand.answer(|step| matches!(step, Step::ReadManifests { .. }), Outcome::ManifestsRead(vec![(hour, published)]));
    assert!(!hand.waits_for(asks_for(hour)), "by the listing it was due half an hour ago");
    hand.wake_after(TimeDelta::minutes(61));
    assert!(hand.waits_for(asks_for(hour)));
}

#[test]
fn a_recheck_that_is_asked_for_when_it_is_due_is_asked_for_once() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.now += TimeDelta::milliseconds(600);
    hand.published(4);
    hand.wake_after(TimeDelta::hours(1));
    let date = hand.now - TimeDelta::milliseconds(600);
    let clock = Some(ServerClock { date, ahead: TimeDelta::milliseconds(600) });
    let staged = Outcome::Captured { bytes: 1, sha256: "00".to_owned(), clock };
    hand.answer(asks_for(hour), staged);
    hand.answer(|step| matches!(step, Step::Inspect(_)), Outcome::Inspected(vec![hour]));
    hand.answer(measures(hour), Outcome::Measured(Box::new(content(4))));
    assert_eq!(hand.record(hour).recheck_due, None);
}

/// The local clock is a day ahead of Amplitude's.
fn a_day_ahead(hand: &Hand) -> ServerClock {
    let ahead = TimeDelta::days(1);
    ServerClock { date: hand.now - ahead, ahead }
}

#[test]
fn an_empty_hour_is_believed_after_two_answers_though_the_local_clock_is_ahead() {
    let mut hand = Hand::with_hours_due(25);
    let clock = Some(a_day_ahead(&hand));
    hand.answer(asks_for(first()), Outcome::NotFound { clock });
    assert!(!hand.waits_for(publishes(first())), "by Amplitude's clock most of these hours were not due");
    for _ in 0..2 {
        assert!(hand.waits_for(asks_for(first())));
        hand.answer(asks_for(first()), Outcome::NotFound { clock });
    }
    assert!(hand.waits_for(publishes(first())));
}

#[test]
fn the_difference_of_clocks_is_remembered_until_the_next_hour_is_due() {
    let mut hand = Hand::with_hours_due(25);
    let clock = Some(a_day_ahead(&hand));
    hand.answer(asks_for(first().plus(24)), Outcome::NotFound { clock });
    for _ in 0..3 {
        hand.answer(asks_for(first()), Outcome::NotFound { clock });
    }
    hand.now += TimeDelta::minutes(61);
    hand.send(Event::Tick);
    let asked: Vec<Hour> = hand.steps.iter().filter_map(|(_, step)| capture_of(step)).collect();
    assert_eq!(asked, [first().next()], "one hour later one more hour is due, not twenty-four");
}

fn capture_of(step: &Step) -> Option<Hour> {
    match step {
        Step::Capture { capture, .. } => Some(capture.window.last()),
        _ => None,
    }
}
