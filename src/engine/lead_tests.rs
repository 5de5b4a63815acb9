//! Leading and following, told to the engine by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::engine::{Command, Outcome, Step, StepId};
use crate::model::{
    Content, ContentHash, Draft, Format, HourState, ManifestFacts, ManifestRef, Object, Policy, RetryPolicy, Snapshot,
    SourcePolicy,
};

struct Hand {
    engine: Engine,
    now: DateTime<Utc>,
    steps: Vec<(StepId, Step)>,
}

fn web() -> SourceName {
    "web".parse().unwrap()
}

fn hour(n: i64) -> Hour {
    "2026-02-16T04".parse::<Hour>().unwrap().plus(n)
}

fn policy() -> Policy {
    let of_source = SourcePolicy {
        start: Some(hour(0)),
        max_parallel: 1,
        window_max: 24,
        settle_delay: TimeDelta::minutes(5),
        empty_confirm: TimeDelta::zero(),
        recheck_after: Some(TimeDelta::hours(24)),
    };
    Policy {
        sources: BTreeMap::from([(web(), of_source)]),
        retry: RetryPolicy { max_attempts: 3, initial: TimeDelta::seconds(5), max: TimeDelta::minutes(15) },
        format: Format::JsonGz,
        part_target: 1_000,
        quarantine_invalid: false,
        single_writer: false,
        late_write: TimeDelta::minutes(15),
        uploads_max: 4,
    }
}

fn is_attach(step: &Step) -> bool {
    matches!(step, Step::Attach { .. })
}

fn is_capture(step: &Step) -> bool {
    matches!(step, Step::Capture { .. })
}

fn is_upload(step: &Step) -> bool {
    matches!(step, Step::Upload { .. })
}

fn is_publish(step: &Step) -> bool {
    matches!(step, Step::Publish { .. })
}

fn draft() -> Box<Draft> {
    let content = Content { rows: 5, content_hash: ContentHash(5), ..Content::default() };
    let object = Object { key: "an object".to_owned(), bytes: 1, rows: 5, sha256: None, crc64nvme: None, etag: None };
    let (state, objects) = (HourState::Data, vec![object]);
    Box::new(Draft { generation: 1, state, reason: None, project: None, content, objects })
}

impl Hand {
    /// A follower that knows an empty lake, when this many hours are due.
    fn following(due: i64) -> Self {
        let now = hour(due).start() + TimeDelta::minutes(10);
        let mut engine = Engine::new(policy(), None, Snapshot::default(), 1, now);
        engine.begin_following();
        let mut hand = Self { engine, now, steps: Vec::new() };
        hand.send(Event::Started);
        hand.answer(|step| matches!(step, Step::SweepStage { .. }), Outcome::Done);
        let (lake, conditional_writes, created) = ("a".repeat(32), true, true);
        let identified = Outcome::Identified { lake, conditional_writes, created };
        hand.answer(|step| matches!(step, Step::Identify), identified);
        hand.attached(&[]);
        hand
    }

    /// One that led until just now, with the first hour's request answered or still in flight.
    fn leading(due: i64) -> Self {
        let mut hand = Self::following(due);
        hand.send(Event::Lead(web(), true));
        hand.attached(&[]);
        hand
    }

    fn send(&mut self, event: Event) {
        for command in self.engine.on_event(event, self.now) {
            if let Command::Run(id, step) = command {
                self.steps.push((id, step));
            }
        }
    }

    fn has(&self, which: fn(&Step) -> bool) -> bool {
        self.steps.iter().any(|(_, step)| which(step))
    }

    fn answer(&mut self, which: impl Fn(&Step) -> bool, outcome: Outcome) {
        let found = self.steps.iter().position(|(_, step)| which(step));
        let (id, _) = self.steps.remove(found.unwrap_or_else(|| panic!("not among {:?}", self.steps)));
        self.send(Event::Done(id, outcome));
    }

    /// The lake lists these hours, generation 1.
    fn attached(&mut self, published: &[Hour]) {
        let manifests = published.iter().map(|hour| (*hour, 1, self.now)).collect();
        self.answer(is_attach, Outcome::Attached { first_hour: hour(0), manifests });
    }

    fn captured(&mut self) {
        self.answer(is_capture, Outcome::Captured { bytes: 1, sha256: "00".to_owned(), clock: None });
        self.answer(|step| matches!(step, Step::Inspect(_)), Outcome::Inspected(vec![hour(0)]));
    }

    fn published_by_another(&self) -> ManifestRef {
        let (rows, content_hash) = (5, ContentHash(5));
        let facts =
            ManifestFacts { state: HourState::Data, rows, rows_invalid: 0, bytes: 1, content_hash, capture: None };
        ManifestRef { generation: 1, published_at: self.now, facts: Some(facts) }
    }

    fn watermark(&self) -> Option<Hour> {
        self.engine.ledger(&web())?.watermark()
    }
}

#[test]
fn a_term_is_over_by_either_clock_and_when_the_wall_clock_was_set_back() {
    let (monotonic, wall) = (crate::clock::monotonic(), DateTime::UNIX_EPOCH);
    let leadership = Leadership::default();
    let leads = |seconds: u64, wall_seconds: i64| {
        let now = (monotonic + Duration::from_secs(seconds), wall + TimeDelta::seconds(wall_seconds));
        leadership.leads(&web(), now)
    };
    assert!(!leads(0, 0));
    leadership.lead(&web(), (monotonic, wall), TimeDelta::seconds(50));
    assert!(leads(0, 0) && leads(49, 49));
    assert!(!leads(50, 49) && !leads(0, 50) && !leads(10, -1) && !leads(0, 1_000_000));
    leadership.lead_always(&web());
    assert!(leads(1_000_000, -1));
    leadership.follow(&web());
    assert!(!leads(0, 0));
}

#[test]
fn a_follower_asks_nothing_and_looks_at_the_lake_when_the_schedule_ticks() {
    let mut hand = Hand::following(2);
    hand.send(Event::Wake);
    assert!(hand.steps.is_empty(), "{:?}", hand.steps);
    hand.send(Event::Tick);
    hand.attached(&[hour(0), hour(1)]);
    assert_eq!(hand.watermark(), Some(hour(1)));
    assert!(!hand.has(is_capture));
}

#[test]
fn a_follower_that_is_behind_looks_again_after_some_minutes() {
    let mut hand = Hand::following(2);
    hand.now += FOLLOWER_LOOKS;
    assert_eq!(hand.engine.next_time(hand.now - TimeDelta::seconds(1)), Some(hand.now));
    hand.send(Event::Wake);
    hand.attached(&[hour(0), hour(1)]);
    hand.now += FOLLOWER_LOOKS;
    hand.send(Event::Wake);
    assert!(!hand.has(is_attach), "it knows that everything is there");
}

#[test]
fn who_takes_the_lease_believes_the_lake_before_it_asks() {
    let mut hand = Hand::following(3);
    hand.send(Event::Tick);
    // The listing that is on its way began before the lease was taken: it is not enough.
    hand.send(Event::Lead(web(), true));
    hand.attached(&[hour(0)]);
    assert!(!hand.has(is_capture));
    hand.attached(&[hour(0), hour(1)]);
    let asked: Vec<_> = hand.engine.asking().map(|(_, window)| window).collect();
    assert_eq!(asked, [Window::of(hour(2))]);
}

#[test]
fn what_is_handed_over_to_a_follower_is_done_and_nothing_else() {
    let mut hand = Hand::following(4);
    hand.send(Event::Tick);
    hand.attached(&[]);
    hand.send(Event::Order(Order::Backfill(web(), Window::new(hour(0), hour(1)).unwrap())));
    assert!(!hand.has(is_capture), "it looks whether the leader has done it");
    hand.attached(&[hour(1)]);
    let asked: Vec<_> = hand.engine.asking().map(|(_, window)| window).collect();
    assert_eq!(asked, [Window::of(hour(0))]);
    hand.captured();
    hand.answer(is_upload, Outcome::Uploaded(draft()));
    let published = hand.published_by_another();
    hand.answer(is_publish, Outcome::Published { newest: published, leftovers: false });
    assert!(!hand.has(is_capture));
    let progress = hand.engine.following(&web(), &[], hand.now, hand.now).unwrap();
    assert_eq!((progress.left, progress.unopened), (2, 2), "these have to be ordered");
}

#[test]
fn who_loses_the_lease_begins_nothing_more_and_goes_on_from_its_records_when_it_leads_again() {
    let mut hand = Hand::leading(1);
    hand.answer(is_capture, Outcome::Captured { bytes: 1, sha256: "00".to_owned(), clock: None });
    hand.send(Event::Lead(web(), false));
    hand.answer(|step| matches!(step, Step::Inspect(_)), Outcome::Inspected(vec![hour(0)]));
    assert!(hand.steps.is_empty(), "{:?}", hand.steps);
    hand.send(Event::Lead(web(), true));
    hand.attached(&[]);
    assert!(hand.has(is_upload) && !hand.has(is_capture), "the archive that is there is used");
}

#[test]
fn what_a_leader_left_staged_holds_up_nothing_that_is_handed_over() {
    let mut hand = Hand::leading(1);
    hand.captured();
    hand.send(Event::Lead(web(), false));
    hand.answer(is_upload, Outcome::Uploaded(draft()));
    assert!(!hand.has(is_publish));
    for n in [-2, -4] {
        hand.send(Event::Order(Order::Backfill(web(), Window::of(hour(n)))));
        hand.attached(&[]);
        assert!(hand.has(is_capture));
        hand.answer(is_capture, Outcome::NotFound { clock: None });
    }
}

#[test]
fn a_listing_waits_until_nothing_of_the_source_is_being_published() {
    let mut hand = Hand::leading(1);
    hand.captured();
    hand.answer(is_upload, Outcome::Uploaded(draft()));
    hand.send(Event::Lead(web(), false));
    hand.send(Event::Lead(web(), true));
    assert!(!hand.has(is_attach), "it could miss what lands meanwhile");
    let published = hand.published_by_another();
    hand.answer(is_publish, Outcome::Published { newest: published, leftovers: false });
    hand.attached(&[hour(0)]);
    assert_eq!(hand.watermark(), Some(hour(0)));
}

#[test]
fn a_follower_finds_out_that_what_it_had_uploaded_was_published_by_the_leader() {
    let mut hand = Hand::leading(1);
    hand.captured();
    hand.send(Event::Lead(web(), false));
    hand.answer(is_upload, Outcome::Uploaded(draft()));
    hand.send(Event::Tick);
    hand.attached(&[]);
    assert!(!hand.has(is_publish));
    hand.send(Event::Tick);
    hand.attached(&[hour(0)]);
    // The generation is taken, so this creates nothing.
    let published = hand.published_by_another();
    hand.answer(is_publish, Outcome::Contested(Some(published)));
    assert_eq!(hand.watermark(), Some(hour(0)));
    assert!(hand.has(|step| matches!(step, Step::Discard { .. })));
    assert!(hand.has(|step| matches!(step, Step::Sweep { .. })), "its own objects are nobody's now");
}

#[test]
fn rechecks_that_were_due_while_somebody_else_led_for_long_are_not_done_all_over() {
    let mut hand = Hand::following(1);
    hand.send(Event::Tick);
    hand.attached(&[hour(0)]);
    let recheck = |hand: &Hand| hand.engine.ledger(&web()).unwrap().record(hour(0)).recheck_due;
    assert!(recheck(&hand).is_some());
    hand.now += TimeDelta::days(7);
    hand.send(Event::Tick);
    let listed_then = hand.now - TimeDelta::days(7);
    let manifests = vec![(hour(0), 1, listed_then)];
    hand.answer(is_attach, Outcome::Attached { first_hour: hour(0), manifests: manifests.clone() });
    assert!(recheck(&hand).is_some(), "due for less than a week");
    hand.now += TimeDelta::days(2);
    hand.send(Event::Tick);
    hand.answer(is_attach, Outcome::Attached { first_hour: hour(0), manifests });
    assert_eq!(recheck(&hand), None);
}
