//! Deterministic simulation of the shipped engine: every schedule is a function of its seed.
//!
//! `AMPD_SCHEDULES` says how many are run (300), `AMPD_FIRST` from which seed on (1), `AMPD_ALL=1` goes on after the first
//! failure. A failing seed prints itself and how to replay it: `AMPD_SEED=123` runs one with its whole trace.
#![allow(clippy::print_stdout, missing_docs, clippy::cast_possible_wrap)]

mod amplitude;
mod by_hand;
mod calm;
mod check;
mod driver;
mod early;
mod effects;
mod ending;
mod lake;
mod lake_steps;
mod mischief;
mod panics;
mod process;
mod scenario;
mod schedule;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use world::Counts;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a search found.
#[derive(Default)]
struct Found {
    run: u64,
    counts: Counts,
    /// By invariant: the smallest seed, its violation, and how many there were.
    violations: BTreeMap<String, (u64, String, u64)>,
}

/// Schedules on every core until one fails, or all of them.
fn search(first: u64, count: u64, all: bool) -> Found {
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let found = Mutex::new(Found::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count || stop.load(Ordering::Relaxed) {
                return;
            }
            let report = schedule::run(seed, false);
            let mut found = found.lock().unwrap();
            found.run += 1;
            found.counts.add(report.counts);
            if let Some(violation) = report.violation {
                stop.store(!all, Ordering::Relaxed);
                let name = violation.split(": ").next().unwrap_or_default().to_owned();
                let entry = found.violations.entry(name).or_insert_with(|| (seed, violation.clone(), 0));
                entry.2 += 1;
                if seed < entry.0 {
                    (entry.0, entry.1) = (seed, violation);
                }
            }
        }
    };
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    found.into_inner().unwrap()
}

#[test]
fn no_schedule_breaks_a_promise() {
    if let Some(seed) = number("AMPD_SEED") {
        let report = schedule::run(seed, true);
        report.trace.iter().for_each(|line| println!("{line}"));
        println!("{:#?}", report.counts);
        let broken = report.violation.map(|violation| failure(seed, &violation));
        assert!(broken.is_none(), "{}", broken.unwrap_or_default());
        return;
    }
    let (first, count) = (number("AMPD_FIRST").unwrap_or(1), number("AMPD_SCHEDULES").unwrap_or(300));
    let found = search(first, count, number("AMPD_ALL").is_some());
    println!("{} schedules, {:?}", found.run, found.counts);
    let line = |(seed, violation, times): &(u64, String, u64)| format!("{times} times, {}", failure(*seed, violation));
    let broken: Vec<String> = found.violations.values().map(line).collect();
    assert!(broken.is_empty(), "broken within {} schedules\n{}", found.run, broken.join("\n"));
}

/// Says it all in one message, which a failing test shows whether its output is captured or not.
fn failure(seed: u64, violation: &str) -> String {
    format!("seed {seed}: {violation}\n    replay: AMPD_SEED={seed} cargo test --test sim no_schedule_breaks_a_promise")
}
