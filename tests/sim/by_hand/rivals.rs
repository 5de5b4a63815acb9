//! Another process works on the same hours, or a person does.

use ampd::engine::{Event, Order, Outcome, Step};
use ampd::model::{FaultKind, HourState, ManifestFacts, ManifestRef, Phase, Why};
use chrono::TimeDelta;

use super::{Hand, asks_for, content, draft, failed, first, is_sweep, measures, policy, publishes, rival, uploads};
use crate::world::source;

#[test]
fn a_publish_answer_that_comes_after_the_capture_was_lost_changes_nothing() {
    let (one, two) = (first(), first().next());
    let mut hand = Hand::with_hours_due(2);
    hand.captured(&[one, two]);
    hand.answer(uploads(one), draft(3, 1));
    hand.answer(uploads(two), draft(3, 1));
    hand.answer(publishes(one), Outcome::ObjectsMissing("an object".to_owned()));
    hand.answer(uploads(one), failed(FaultKind::CaptureLost));
    hand.answer(publishes(two), Outcome::ObjectsMissing("an object".to_owned()));
    assert_eq!(hand.phase(two), Some(Phase::Pending));
}

#[test]
fn an_hour_that_a_rival_published_first_is_compared_even_after_its_capture_was_lost() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(5, 1));
    let newest = rival(4, hand.now);
    hand.answer(publishes(hour), Outcome::Contested(Some(newest)));
    hand.answer(measures(hour), failed(FaultKind::CaptureLost));
    assert_eq!(hand.work(hour).map(|work| work.why), Some(Why::Recheck));
    hand.captured(&[hour]);
    assert!(!hand.waits_for(uploads(hour)), "nothing is uploaded before it is compared");
    hand.answer(measures(hour), Outcome::Measured(Box::new(content(3))));
    assert_eq!(hand.phase(hour), None);
    assert!(!hand.waits_for(uploads(hour)));
}

#[test]
fn an_hour_adopted_from_a_rival_is_rechecked() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(4, 1));
    let newest = rival(4, hand.now);
    hand.answer(publishes(hour), Outcome::Contested(Some(newest)));
    let due = hand.engine.ledger(source()).and_then(|ledger| ledger.get(hour)?.recheck_due);
    assert_eq!(due, Some(newest.published_at + TimeDelta::hours(1)));
}

#[test]
fn leftovers_that_appear_while_their_hour_is_swept_are_swept_again() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(4, 1));
    let newest = rival(4, hand.now);
    hand.answer(publishes(hour), Outcome::Contested(Some(newest)));
    assert!(hand.waits_for(is_sweep), "the loser's objects are leftovers");
    let again = Order::Reexport { source: source().clone(), hour, allow_shrink: false };
    hand.send(Event::Order(again));
    hand.captured(&[hour]);
    hand.answer(measures(hour), Outcome::Measured(Box::new(content(9))));
    hand.answer(uploads(hour), draft(9, 2));
    hand.answer(publishes(hour), Outcome::Contested(Some(ManifestRef { generation: 2, ..rival(9, hand.now) })));
    hand.answer(is_sweep, Outcome::Swept { waiting: Vec::new() });
    let leftovers = hand.engine.ledger(source()).is_some_and(|ledger| ledger.leftovers().contains(&hour));
    assert!(leftovers, "what the second contest left was not seen by the sweep under way");
}

fn skipped(generation: u32, hand: &Hand) -> ManifestRef {
    let skip = rival(0, hand.now);
    let facts = skip.facts.map(|facts| ManifestFacts { state: HourState::Skipped, ..facts });
    ManifestRef { generation, facts, ..skip }
}

#[test]
fn the_contest_of_a_skip_is_no_recheck() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.send(Event::Order(Order::Skip(source().clone(), hour, "a person says so".to_owned())));
    let newest = rival(4, hand.now - TimeDelta::hours(2));
    hand.answer(publishes(hour), Outcome::Contested(Some(newest)));
    assert_eq!(hand.record(hour).recheck_due, Some(newest.published_at + TimeDelta::hours(1)));
}

#[test]
fn an_hour_that_is_known_to_be_skipped_by_a_rival_is_not_rechecked() {
    let hour = first();
    let mut hand = Hand::started(1, true);
    hand.attach(&[(hour, 1, hand.now)]);
    assert!(hand.record(hour).recheck_due.is_some());
    let read = Outcome::ManifestsRead(vec![(hour, skipped(1, &hand))]);
    hand.answer(|step| matches!(step, Step::ReadManifests { .. }), read);
    assert_eq!(hand.record(hour).recheck_due, None);
}

/// Seed 2382951: the process was paused for an hour between its question and the answer.
#[test]
fn a_manifest_that_was_not_there_when_it_was_asked_for_is_there_once_it_is_listed() {
    let (hour, reads) = (first(), |step: &Step| matches!(step, Step::ReadManifests { .. }));
    let mut hand = Hand::started(1, true);
    hand.attach(&[(hour, 1, hand.now)]);
    assert!(hand.waits_for(reads));
    for leads in [false, true] {
        hand.send(Event::Lead(source().clone(), leads));
    }
    hand.attach(&[(hour, 1, hand.now)]);
    hand.answer(reads, Outcome::ManifestsRead(Vec::new()));
    assert!(hand.record(hour).published.is_some());
    hand.answer(reads, Outcome::ManifestsRead(Vec::new()));
    assert_eq!(hand.record(hour).published, None, "nothing listed it since");
}

/// Also where nothing is rechecked (seed 9258): a person may have exported the hour again.
#[test]
fn an_old_backup_lists_what_may_have_been_published_again_lately() {
    let hour = first();
    for rechecks in [true, false] {
        let mut policy = policy();
        if !rechecks {
            policy.sources.values_mut().for_each(|source| source.recheck_after = None);
        }
        let mut hand = Hand::under(policy, 1, true);
        hand.attach(&[]);
        hand.published(4);
        hand.restart(true);
        let listed_from = hand.steps.iter().find_map(|(_, step)| match step {
            Step::Attach { from, .. } => *from,
            _ => None,
        });
        assert!(listed_from.is_some_and(|from| from <= hour), "{listed_from:?}");
        hand.attach(&[(hour, 2, hand.now)]);
        let record = hand.record(hour);
        assert_eq!(record.published.map(|published| published.generation), Some(2));
        assert_eq!((record.recheck_due.is_some(), record.leftovers), (rechecks, true));
    }
}

#[test]
fn a_quarantined_recheck_keeps_no_leftovers() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(4, 1));
    hand.answer(publishes(hour), Outcome::Contested(Some(rival(4, hand.now))));
    hand.answer(is_sweep, Outcome::Swept { waiting: vec![hour] });
    for _ in 0..3 {
        hand.wake_after(TimeDelta::minutes(90));
        if hand.waits_for(is_sweep) {
            hand.answer(is_sweep, Outcome::Swept { waiting: vec![hour] });
        }
        hand.answer(asks_for(hour), failed(FaultKind::NotAnArchive));
    }
    assert_eq!(hand.phase(hour), Some(Phase::Quarantined));
    hand.wake_after(TimeDelta::hours(2));
    assert!(hand.waits_for(is_sweep));
}

#[test]
fn an_hour_whose_member_has_no_row_is_asked_for_again_before_it_is_believed_empty() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(0, 1));
    assert!(!hand.waits_for(publishes(hour)));
    assert_eq!(hand.phase(hour), Some(Phase::Provisional));
    assert!(hand.waits_for(asks_for(hour)));
}

#[test]
fn an_hour_that_was_set_aside_is_given_up_when_a_rival_skips_it() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.answer(asks_for(hour), failed(FaultKind::NotAnArchive));
    for _ in 0..2 {
        hand.wake_after(TimeDelta::minutes(15));
        hand.answer(asks_for(hour), failed(FaultKind::NotAnArchive));
    }
    let reads = |step: &Step| matches!(step, Step::ReadManifests { .. });
    assert_eq!(hand.phase(hour), Some(Phase::Quarantined));
    hand.answer(reads, Outcome::ManifestsRead(Vec::new()));
    hand.wake_after(TimeDelta::minutes(59));
    assert!(!hand.waits_for(reads), "looked for once an hour");
    hand.wake_after(TimeDelta::minutes(1));
    let skipped = skipped(1, &hand);
    hand.answer(reads, Outcome::ManifestsRead(vec![(hour, skipped)]));
    assert_eq!(hand.record(hour).published, Some(skipped));
    assert_eq!(hand.phase(hour), None);
}

#[test]
fn an_hour_that_a_rival_published_does_not_hide_that_the_archive_was_not_read_to_its_end() {
    let (one, two) = (first(), first().next());
    let mut hand = Hand::with_hours_due(2);
    hand.captured(&[one, two]);
    hand.answer(uploads(one), draft(3, 1));
    hand.restart(true);
    hand.attach(&[(two, 1, hand.now)]);
    assert!(!hand.waits_for(publishes(one)), "nobody has read the other hour's member");
    hand.answer(|step| matches!(step, Step::Inspect(_)), Outcome::Inspected(vec![one, two]));
    hand.answer(measures(two), Outcome::Measured(Box::new(content(3))));
    assert!(hand.waits_for(publishes(one)));
}
