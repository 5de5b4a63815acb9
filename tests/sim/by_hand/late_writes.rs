//! A store without conditional writes: a manifest that was asked for may land late and overwrite.

use ampd::engine::{Event, Order};
use ampd::journal::Journal as _;
use ampd::model::{Change, FaultKind, Hour, LakeRecord};
use chrono::TimeDelta;

use super::{Hand, draft, failed, first, publishes, uploads};
use crate::world::source;

fn late() -> TimeDelta {
    TimeDelta::minutes(15)
}

/// The hour's objects are in the lake, and its manifest is asked for.
fn asked_for_a_manifest(hand: &mut Hand, hour: Hour) {
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(4, 1));
    assert!(hand.waits_for(publishes(hour)));
}

#[test]
fn another_work_waits_from_when_this_process_asked_for_the_manifest() {
    let hour = first();
    let mut hand = Hand::without_conditional_writes(1);
    hand.wake_after(late());
    asked_for_a_manifest(&mut hand, hour);
    hand.answer(publishes(hour), failed(FaultKind::LakeUnavailable));
    hand.send(Event::Order(Order::Skip(source().clone(), hour, "a person says so".to_owned())));
    hand.wake_after(late() - TimeDelta::minutes(1));
    assert!(!hand.waits_for(publishes(hour)), "the first manifest may still land");
    hand.wake_after(TimeDelta::minutes(1));
    assert!(hand.waits_for(publishes(hour)));
}

#[test]
fn a_lost_journal_is_waited_for_once() {
    let hour = first();
    let mut hand = Hand::without_conditional_writes(1);
    hand.restart(false);
    hand.attach(&[]);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(4, 1));
    assert!(!hand.waits_for(publishes(hour)), "what the lost journal knew of may still land");
    hand.wake_after(late());
    assert!(hand.waits_for(publishes(hour)));
    let settled = |record: &LakeRecord| record.settled;
    assert!(settled(&hand.journal.load().unwrap().lake));
    hand.restart(true);
    hand.attach(&[]);
    assert!(hand.waits_for(publishes(hour)), "the next start need not wait");
}

#[test]
fn the_wait_for_late_writes_is_neither_cut_short_nor_stretched_by_a_clock_that_was_set() {
    let hour = first();
    for set in [TimeDelta::days(1), -TimeDelta::hours(3)] {
        let mut hand = Hand::without_conditional_writes(1);
        hand.restart(false);
        hand.attach(&[]);
        hand.captured(&[hour]);
        hand.answer(uploads(hour), draft(4, 1));
        hand.now += set;
        hand.send(Event::ClockJumped);
        assert!(!hand.waits_for(publishes(hour)));
        hand.wake_after(late());
        assert!(hand.waits_for(publishes(hour)));
    }
}

#[test]
fn what_waits_for_an_unanswered_manifest_counts_from_the_end_of_its_step() {
    let hour = first();
    let mut hand = Hand::without_conditional_writes(1);
    hand.wake_after(late());
    asked_for_a_manifest(&mut hand, hour);
    hand.now += TimeDelta::minutes(2);
    hand.answer(publishes(hour), failed(FaultKind::LakeUnavailable));
    hand.send(Event::Order(Order::Skip(source().clone(), hour, "a person says so".to_owned())));
    hand.wake_after(late() - TimeDelta::minutes(1));
    assert!(!hand.waits_for(publishes(hour)), "it may have been sent a moment before the step ended");
    hand.wake_after(TimeDelta::minutes(1));
    assert!(hand.waits_for(publishes(hour)));
}

/// Seed 91039: after the copy, a later life had asked for another manifest, which was still on its way.
#[test]
fn a_journal_that_was_put_back_waits_for_late_manifests_also_where_it_had_asked_itself() {
    let hour = first();
    let mut hand = Hand::without_conditional_writes(1);
    hand.wake_after(late());
    asked_for_a_manifest(&mut hand, hour);
    // `ampd state import`
    let lake = LakeRecord { settled: false, ..hand.journal.load().unwrap().lake };
    hand.journal.commit(&[Change::Lake(lake)]).unwrap();
    hand.restart(true);
    hand.attach(&[]);
    assert!(!hand.waits_for(publishes(hour)), "what was asked for after the copy may still land");
    hand.wake_after(late());
    assert!(hand.waits_for(publishes(hour)));
}
