//! Where logs go may block for ever: the work goes on, and what was lost is counted and said.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::daemon::Daemon;
use super::support::World;

/// Each hour is worth some 240 lines of sled's; a queue and a pipe hold 9,000.
const HOURS: i64 = 60;

/// A daemon that says far more than a pipe and its queue hold, to somebody who does not read.
fn talks_to_nobody(world: &mut World) -> Daemon {
    world.set("log.level", "\"trace,sled=trace\"").set("window.max", "\"1h\"");
    let mut command = world.command(&["run"]);
    Daemon::ready(world, command.stdout(Stdio::null()).stderr(Stdio::piped()))
}

fn until_complete(world: &World) {
    let until = Instant::now() + Duration::from_mins(1);
    while world.status()["sources"][0]["hours"]["published"] != HOURS {
        assert!(Instant::now() < until, "it does not go on: {}", world.status());
        std::thread::sleep(Duration::from_millis(50));
    }
    world.assert_complete();
}

#[test]
fn a_log_that_nobody_reads_stops_neither_the_work_nor_the_end() {
    let mut world = World::new(HOURS);
    let daemon = talks_to_nobody(&mut world);
    until_complete(&world);
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn lines_that_were_lost_are_said_once_somebody_reads_again() {
    let mut world = World::new(HOURS);
    let mut daemon = talks_to_nobody(&mut world);
    until_complete(&world);
    let log = BufReader::new(daemon.0.stderr.take().unwrap());
    let said = log.lines().map(Result::unwrap).find(|line| line.contains("lines were dropped"));
    let said = said.expect("the log ends without a word of it");
    assert!(said.contains("ampd-stderr did not take them"), "{said}");
    drop(daemon);
}
