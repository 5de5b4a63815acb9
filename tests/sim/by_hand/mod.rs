//! Bugs that the simulation found, each as the shortest story that shows it, told to the engine by hand.

use std::collections::BTreeMap;

use ampd::engine::{Command, Engine, Event, Outcome, Step, StepId};
use ampd::journal::{Journal, MemoryJournal};
use ampd::model::{
    Content, ContentHash, Draft, Fault, FaultKind, Format, Hour, HourRecord, HourState, ManifestFacts, ManifestRef,
    Object, Phase, Policy, RetryPolicy, Snapshot, SourcePolicy, Work,
};
use chrono::TimeDelta;

use crate::world::{Time, source};

mod blame;
mod clocks;
mod early;
mod late_writes;
mod rivals;

struct Hand {
    policy: Policy,
    engine: Engine,
    /// What the engine recorded.
    journal: MemoryJournal,
    now: Time,
    steps: Vec<(StepId, Step)>,
    conditional: bool,
}

fn first() -> Hour {
    "2026-02-16T04".parse().unwrap()
}

pub fn policy() -> Policy {
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
        single_writer: true,
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
        let mut hand = Self::started(hours, true);
        hand.attach(&[]);
        hand
    }

    /// The same on a store without conditional writes, whose lake is new.
    fn without_conditional_writes(hours: i64) -> Self {
        let mut hand = Self::started(hours, false);
        hand.attach(&[]);
        hand
    }

    /// An engine with an empty journal that has not seen the lake yet.
    fn started(hours: i64, conditional: bool) -> Self {
        Self::under(policy(), hours, conditional)
    }

    fn under(policy: Policy, hours: i64, conditional: bool) -> Self {
        let now = first().plus(hours).start() + TimeDelta::minutes(10);
        let engine = Engine::new(policy.clone(), None, Snapshot::default(), 1, now);
        let mut hand = Self { policy, engine, journal: MemoryJournal::new(), now, steps: Vec::new(), conditional };
        hand.begin(true);
        hand
    }

    fn begin(&mut self, created: bool) {
        self.send(Event::Started);
        self.send(Event::Tick);
        self.answer(|step| matches!(step, Step::SweepStage { .. }), Outcome::Done);
        let lake = "a".repeat(32);
        let identified = Outcome::Identified { lake, conditional_writes: self.conditional, created };
        self.answer(|step| matches!(step, Step::Identify), identified);
    }

    /// The process dies and another one starts with the journal as it is now, or with none.
    fn restart(&mut self, with_journal: bool) {
        if !with_journal {
            self.journal = MemoryJournal::new();
        }
        let snapshot = self.journal.load().unwrap();
        self.engine = Engine::new(self.policy.clone(), None, snapshot, 2, self.now);
        self.steps.clear();
        self.begin(false);
    }

    /// What the lake lists: hours, generations and when they were written.
    fn attach(&mut self, manifests: &[(Hour, u32, Time)]) {
        let attached = Outcome::Attached { first_hour: first(), manifests: manifests.to_vec() };
        self.answer(|step| matches!(step, Step::Attach { .. }), attached);
    }

    fn send(&mut self, event: Event) {
        for command in self.engine.on_event(event, self.now) {
            match command {
                Command::Run(id, step) => self.steps.push((id, step)),
                Command::Record(changes) => self.journal.commit(&changes).unwrap(),
                Command::Say(_) => {}
            }
        }
    }

    fn wake_after(&mut self, wait: TimeDelta) {
        self.now += wait;
        self.send(Event::Wake);
    }

    fn work(&self, hour: Hour) -> Option<&Work> {
        self.engine.ledger(source())?.work(hour)
    }

    fn record(&self, hour: Hour) -> HourRecord {
        self.engine.ledger(source()).map(|ledger| ledger.record(hour)).unwrap_or_default()
    }

    /// The one hour that is due has these rows, and is published now.
    fn published(&mut self, rows: u64) {
        let hour = first();
        self.captured(&[hour]);
        self.answer(uploads(hour), draft(rows, 1));
        self.answer(publishes(hour), Outcome::Published { newest: rival(rows, self.now), leftovers: false });
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
        self.answer(|step| matches!(step, Step::Capture { .. }), staged);
        self.answer(|step| matches!(step, Step::Inspect(_)), Outcome::Inspected(members.to_vec()));
    }

    fn phase(&self, hour: Hour) -> Option<Phase> {
        Some(self.work(hour)?.phase.clone())
    }
}

fn uploads(hour: Hour) -> impl Fn(&Step) -> bool {
    move |step| matches!(step, Step::Upload { hour: of, .. } if *of == hour)
}

fn asks_for(hour: Hour) -> impl Fn(&Step) -> bool {
    move |step| matches!(step, Step::Capture { capture, .. } if capture.window.contains(hour))
}

fn is_sweep(step: &Step) -> bool {
    matches!(step, Step::Sweep { .. })
}

fn publishes(hour: Hour) -> impl Fn(&Step) -> bool {
    move |step| matches!(step, Step::Publish { hour: of, .. } if *of == hour)
}

fn measures(hour: Hour) -> impl Fn(&Step) -> bool {
    move |step| matches!(step, Step::Measure { hour: of, .. } if *of == hour)
}
