//! The driver itself, with its real clock: what it promises the engine.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ampd::engine::{Control, Driver, Effects, Engine, Notice, Observer, Outcome, Step};
use ampd::journal::{Journal, JournalError, MemoryJournal};
use ampd::model::{Change, Fault, FaultKind, Hour, Policy, RetryPolicy, Snapshot};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;

use crate::by_hand;

/// A journal that others can look into, and that takes its time.
#[derive(Clone, Default)]
struct Slow(Arc<Mutex<MemoryJournal>>);

impl Journal for Slow {
    fn load(&mut self) -> Result<Snapshot, JournalError> {
        self.0.lock().unwrap().load()
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        std::thread::sleep(Duration::from_millis(20));
        self.0.lock().unwrap().commit(changes)
    }
}

/// An observer that takes its time, as a busy machine does.
struct Busy(Duration);

impl Observer for Busy {
    fn notice(&mut self, _: &Notice) {}
    fn turn(&mut self, _: &Engine, _: DateTime<Utc>) {
        std::thread::sleep(self.0);
    }
    fn end(&mut self, _: &Engine, _: DateTime<Utc>) {}
}

/// A lake that is new, and an Amplitude that is down; says of each request whether its capture was recorded.
struct World {
    journal: Slow,
    first: Hour,
    asked: mpsc::UnboundedSender<bool>,
}

impl Effects for World {
    async fn run(&self, step: Step) -> Outcome {
        match step {
            Step::Identify => Outcome::Identified { lake: "a".repeat(32), conditional_writes: true, created: true },
            Step::Attach { .. } => Outcome::Attached { first_hour: self.first, manifests: Vec::new() },
            Step::Capture { capture, .. } => {
                let captures = self.journal.0.lock().unwrap().snapshot().captures;
                let _ = self.asked.send(captures.iter().any(|recorded| recorded.id == capture.id));
                Outcome::Failed { fault: Fault::new(FaultKind::Unavailable, "down"), clock: None }
            }
            // Never ends, so that nothing but its own sleep wakes the driver.
            Step::Discard { .. } => pending().await,
            _ => Outcome::Done,
        }
    }
}

/// Runs a daemon's driver until Amplitude was asked so often; answers of each request whether it was recorded before.
fn requests(count: usize, turn_takes: Duration) -> Vec<bool> {
    let now = ampd::clock::now();
    let first = Hour::containing(now).plus(-3);
    let retry = RetryPolicy { max_attempts: 9, initial: TimeDelta::milliseconds(40), max: TimeDelta::milliseconds(40) };
    let mut policy = Policy { retry, ..by_hand::policy() };
    policy.sources.values_mut().for_each(|source| source.start = Some(first));
    let journal = Slow::default();
    let (asked, mut told) = mpsc::unbounded_channel();
    let effects = Arc::new(World { journal: journal.clone(), first, asked });
    let engine = Engine::new(policy, None, Snapshot::default(), 1, now);
    let mut driver = Driver::new(engine, Box::new(journal), effects, Box::new(Busy(turn_takes)), false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (_control, mut controls) = mpsc::channel::<Control>(1);
        let mut seen = Vec::new();
        let enough = async {
            while seen.len() < count {
                seen.extend(told.recv().await);
            }
        };
        // Well under the minute after which the driver looks again whatever it was told.
        let deadline = tokio::time::sleep(Duration::from_secs(30));
        tokio::select! {
            _ = driver.run(&mut controls) => {}
            () = enough => {}
            () = deadline => {}
        }
        seen
    })
}

#[test]
fn a_wait_that_ends_before_the_driver_sleeps_is_not_slept_through() {
    assert_eq!(requests(3, Duration::from_millis(100)).len(), 3, "the wait between two requests is 40 ms at most");
}

#[test]
fn no_step_starts_before_what_it_relies_on_is_recorded() {
    assert_eq!(requests(2, Duration::ZERO), [true, true]);
}
