//! Deterministic simulation of the shipped engine: every schedule is a function of its seed.
//!
//! `AMPD_SEED=123 cargo test --test sim` replays one with its whole trace; `AMPD_SCHEDULES` says how many are run.
#![allow(clippy::print_stdout, missing_docs, clippy::cast_possible_wrap)]

mod amplitude;
mod check;
mod effects;
mod lake;
mod mischief;
mod process;
mod scenario;
mod schedule;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use world::Counts;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Schedules on every core until one fails: its seed and violation.
fn search(first: u64, count: u64) -> (u64, Counts, Option<(u64, String)>) {
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let found: Mutex<(u64, Counts, Option<(u64, String)>)> = Mutex::new((0, Counts::default(), None));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let report = schedule::run(seed, false);
                    let mut found = found.lock().unwrap();
                    found.0 += 1;
                    found.1.add(report.counts);
                    if let Some(violation) = report.violation {
                        stop.store(true, Ordering::Relaxed);
                        if found.2.as_ref().is_none_or(|(seen, _)| seed < *seen) {
                            found.2 = Some((seed, violation));
                        }
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn no_schedule_breaks_a_promise() {
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(seed) = number("AMPD_SEED") {
        let report = schedule::run(seed, true);
        report.trace.iter().for_each(|line| println!("{line}"));
        println!("{:#?}", report.counts);
        if let Some(violation) = report.violation {
            println!("seed {seed}: {violation}");
            std::process::abort();
        }
        return;
    }
    let (first, count) = (number("AMPD_FIRST").unwrap_or(1), number("AMPD_SCHEDULES").unwrap_or(300));
    let (run, counts, failure) = search(first, count);
    println!("{run} schedules, {counts:?}");
    let _ = std::panic::take_hook();
    if let Some((seed, violation)) = failure {
        panic!("after {run} schedules, seed {seed}: {violation}\nreplay it: AMPD_SEED={seed} cargo test --test sim -- --nocapture");
    }
}
