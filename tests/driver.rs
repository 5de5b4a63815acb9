//! The driver between the engine and the world: what it waits for comes in time, whatever else it is asked meanwhile.
#![allow(missing_docs)]

#[path = "fixtures/engine.rs"]
mod fixtures;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ampd::clock;
use ampd::engine::{Driver, Effects, Engine, Handle, Order, Outcome, Step};
use ampd::journal::{Journal, JournalError, MemoryJournal};
use ampd::model::{Change, Fault, FaultKind, Hour, Policy, RetryPolicy, Snapshot};
use chrono::TimeDelta;
use tokio::sync::mpsc;

use fixtures::{Silent, policy, web};

/// The lake is empty, and staging is always full.
struct Full {
    first: Hour,
    captures: Arc<AtomicU32>,
}

impl Effects for Full {
    async fn run(&self, step: Step) -> Outcome {
        match step {
            Step::Identify => Outcome::Identified { lake: "lake".to_owned(), conditional_writes: true, created: true },
            Step::Attach { .. } => Outcome::Attached { first_hour: self.first, manifests: Vec::new() },
            Step::Capture { .. } => {
                self.captures.fetch_add(1, Ordering::SeqCst);
                Outcome::Failed { fault: Fault::new(FaultKind::StagingFull, "full"), clock: None }
            }
            _ => Outcome::Done,
        }
    }
}

/// Asks again after a moment.
fn impatient(first: Hour) -> Policy {
    let wait = TimeDelta::milliseconds(200);
    Policy { retry: RetryPolicy { max_attempts: 5, initial: wait, max: wait }, ..policy(Some(first)) }
}

/// A running driver over this journal, and how often Amplitude was asked.
fn start(journal: Box<dyn Journal>) -> (Handle, Arc<AtomicU32>) {
    let now = clock::now();
    let first = Hour::containing(now - TimeDelta::hours(5));
    let captures = Arc::new(AtomicU32::new(0));
    let effects = Full { first, captures: Arc::clone(&captures) };
    let engine = Engine::new(impatient(first), None, Snapshot::default(), 1, now);
    let mut driver = Driver::new(engine, journal, Arc::new(effects), Box::new(Silent), false);
    let (control, mut controls) = mpsc::channel(64);
    tokio::spawn(async move { driver.run(&mut controls).await });
    (Handle::new(control), captures)
}

/// Once it was 60 seconds: a look between two turns moved the time by which it was judged what is still to come.
#[tokio::test]
async fn who_looks_all_the_time_delays_nothing_that_is_waited_for() {
    let (handle, captures) = start(Box::<MemoryJournal>::default());
    handle.tick().await.unwrap();
    let looking = async {
        while captures.load(Ordering::SeqCst) < 5 {
            handle.look(|_, _| ()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), looking).await;
    assert!(in_time.is_ok(), "asked {} times in 30 s, where 200 ms is waited", captures.load(Ordering::SeqCst));
}

/// Its disk is full for good.
struct NoRoom;

impl Journal for NoRoom {
    fn load(&mut self) -> Result<Snapshot, JournalError> {
        Ok(Snapshot::default())
    }

    fn commit(&mut self, _: &[Change]) -> Result<(), JournalError> {
        Err(JournalError::Full("No space left on device".to_owned()))
    }
}

#[tokio::test]
async fn while_the_journal_cannot_be_written_looks_are_answered_and_orders_are_not_taken() {
    let (handle, captures) = start(Box::new(NoRoom));
    let code = async || {
        let look = |engine: &Engine, now| engine.reports(now, 1, &BTreeMap::new(), None);
        let reports = handle.look(look).await.unwrap();
        reports[0].problems.first().map(|problem| problem.code.clone())
    };
    for _ in 0..200 {
        if code().await.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(code().await.as_deref(), Some("E501"));
    let order = Order::Retry(web(), Hour::containing(clock::now()));
    let refused = handle.order(order).await.unwrap().unwrap_err();
    assert!(refused.contains("the journal cannot be written"), "{refused}");
    assert_eq!(captures.load(Ordering::SeqCst), 0, "nothing starts that is not recorded");
}
