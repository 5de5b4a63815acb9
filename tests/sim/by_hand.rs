//! Bugs that the simulation found, each as the shortest story that shows it, told to the engine by hand.

use std::collections::BTreeMap;

use ampd::engine::{Command, Engine, Event, Order, Outcome, Step, StepId};
use ampd::model::{
    Content, ContentHash, Draft, Fault, FaultKind, Format, Hour, HourState, ManifestFacts, ManifestRef, Object, Phase,
    Policy, RetryPolicy, Snapshot, SourcePolicy, Why,
};
use chrono::{DateTime, TimeDelta};

use crate::world::{Time, source};

struct Hand {
    engine: Engine,
    now: Time,
    steps: Vec<(StepId, Step)>,
}

fn first() -> Hour {
    "2026-02-16T04".parse().unwrap()
}

fn policy() -> Policy {
    let of_source = SourcePolicy {
        start: Some(first()),
        max_parallel: 2,
        window_max: 24,
        settle_delay: TimeDelta::minutes(5),
        empty_confirm: TimeDelta::zero(),
        recheck_after: Some(TimeDelta::hours(1)),
    };
    Policy {
        sources: BTreeMap::from([(source().clone(), of_source)]),
        retry: RetryPolicy { max_attempts: 3, initial: TimeDelta::seconds(5), max: TimeDelta::minutes(15) },
        format: Format::JsonGz,
        part_target: 1_000,
        quarantine_invalid: false,
        single_writer: false,
        late_write: TimeDelta::minutes(15),
        uploads_max: 4,
    }
}

fn failed(kind: FaultKind) -> Outcome {
    Outcome::Failed { fault: Fault::new(kind, "by hand"), clock: None }
}

fn content(rows: u64) -> Content {
    Content { rows, content_hash: ContentHash(u128::from(rows)), ..Content::default() }
}

fn draft(rows: u64, generation: u32) -> Outcome {
    let content = content(rows);
    let key = format!("an object of generation {generation}");
    let objects = vec![Object { key, bytes: 1, rows, sha256: None, crc64nvme: None, etag: None }];
    let draft = Draft { generation, state: HourState::Data, reason: None, project: None, content, objects };
    Outcome::Uploaded(Box::new(draft))
}

/// Somebody else's publication.
fn rival(rows: u64, now: Time) -> ManifestRef {
    let content_hash = ContentHash(u128::from(rows));
    let facts = ManifestFacts { state: HourState::Data, rows, rows_invalid: 0, bytes: 1, content_hash, capture: None };
    ManifestRef { generation: 1, published_at: now, facts: Some(facts) }
}

impl Hand {
    /// An engine that knows an empty lake, when this many hours are due; their request is on its way.
    fn with_hours_due(hours: i64) -> Self {
        let now = first().plus(hours).start() + TimeDelta::minutes(10);
        let engine = Engine::new(policy(), None, Snapshot::default(), 1, now);
        let mut hand = Self { engine, now, steps: Vec::new() };
        hand.send(Event::Started);
        hand.send(Event::Tick);
        hand.answer(|step| matches!(step, Step::SweepStage { .. }), Outcome::Done);
        let lake = "a".repeat(32);
        let identified = Outcome::Identified { lake, conditional_writes: true, created: true };
        hand.answer(|step| matches!(step, Step::Identify), identified);
        let attached = Outcome::Attached { first_hour: first(), manifests: Vec::new() };
        hand.answer(|step| matches!(step, Step::Attach { .. }), attached);
        hand
    }

    fn send(&mut self, event: Event) {
        for command in self.engine.on_event(event, self.now) {
            if let Command::Run(id, step) = command {
                self.steps.push((id, step));
            }
        }
    }

    fn waits_for(&self, which: impl Fn(&Step) -> bool) -> bool {
        self.steps.iter().any(|(_, step)| which(step))
    }

    fn answer(&mut self, which: impl Fn(&Step) -> bool, outcome: Outcome) {
        let found = self.steps.iter().position(|(_, step)| which(step));
        let (id, _) = self.steps.remove(found.unwrap_or_else(|| panic!("not among {:?}", self.steps)));
        self.send(Event::Done(id, outcome));
    }

    fn captured(&mut self, members: &[Hour]) {
        let staged = Outcome::Captured { bytes: 1, sha256: "00".to_owned(), clock: None };
        self.answer(|step| matches!(step, Step::Capture(_)), staged);
        self.answer(|step| matches!(step, Step::Inspect(_)), Outcome::Inspected(members.to_vec()));
    }

    fn phase(&self, hour: Hour) -> Option<Phase> {
        Some(self.engine.ledger(source())?.work(hour)?.phase.clone())
    }
}

fn uploads(hour: Hour) -> impl Fn(&Step) -> bool {
    move |step| matches!(step, Step::Upload { hour: of, .. } if *of == hour)
}

fn publishes(hour: Hour) -> impl Fn(&Step) -> bool {
    move |step| matches!(step, Step::Publish { hour: of, .. } if *of == hour)
}

fn measures(hour: Hour) -> impl Fn(&Step) -> bool {
    move |step| matches!(step, Step::Measure { hour: of, .. } if *of == hour)
}

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
    assert_eq!(hand.engine.ledger(source()).and_then(|ledger| ledger.work(hour)).map(|w| w.why), Some(Why::Recheck));
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
fn an_empty_hour_is_published_in_the_turn_that_believes_it() {
    let mut hand = Hand::with_hours_due(1);
    hand.answer(|step| matches!(step, Step::Capture(_)), Outcome::NotFound { clock: None });
    hand.answer(|step| matches!(step, Step::Capture(_)), Outcome::NotFound { clock: None });
    assert!(hand.waits_for(publishes(first())));
}

#[test]
fn a_fault_that_arrives_after_an_order_does_not_undo_the_order() {
    let (one, two) = (first(), first().next());
    let mut hand = Hand::with_hours_due(1);
    hand.send(Event::Order(Order::Skip(source().clone(), one, "a person says so".to_owned())));
    hand.answer(|step| matches!(step, Step::Capture(_)), failed(FaultKind::NotAnArchive));
    assert!(matches!(hand.phase(one), Some(Phase::Uploaded(_))), "{:?}", hand.phase(one));
    assert!(hand.waits_for(publishes(one)));
    assert_eq!(hand.phase(two), None);
}

#[test]
fn leftovers_that_appear_while_their_hour_is_swept_are_swept_again() {
    let hour = first();
    let mut hand = Hand::with_hours_due(1);
    hand.captured(&[hour]);
    hand.answer(uploads(hour), draft(4, 1));
    let newest = rival(4, hand.now);
    hand.answer(publishes(hour), Outcome::Contested(Some(newest)));
    let is_sweep = |step: &Step| matches!(step, Step::Sweep { .. });
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
    let is_sweep = |step: &Step| matches!(step, Step::Sweep { .. });
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
