//! Commands beside a running daemon: it does the work, they show it, and answer as if they had done it themselves.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ampd::simulator::{Fault, FaultKind};

use super::support::{Ended, World, dashed, ended};

/// A daemon that is ready; killed when it is dropped.
pub struct Daemon(pub Child);

impl Daemon {
    /// With its log thrown away.
    pub fn start(world: &World) -> Self {
        let mut command = world.command(&["run"]);
        Self::ready(world, command.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Starts the command, and waits until it is ready.
    pub fn ready(world: &World, command: &mut Command) -> Self {
        let daemon = Self(command.spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(30);
        while world.run(&["health", "--ready"]).code != 0 {
            assert!(Instant::now() < until, "the daemon does not become ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal, as `kill` names it.
    pub fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
    }

    /// It drains, and answers its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.0.wait().unwrap().code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn range(world: &World) -> [String; 5] {
    ["backfill".into(), "--from".into(), dashed(world.first), "--to".into(), dashed(world.last)]
}

fn backfill(world: &World, more: &[&'static str]) -> Child {
    let range = range(world);
    let arguments: Vec<&str> = range.iter().map(String::as_str).chain(more.iter().copied()).collect();
    world.start(&arguments)
}

/// Nothing is due for the daemon by itself: its first hour is the last one.
fn idle(hours: i64) -> World {
    let mut world = World::new(hours);
    let last = format!("\"{}\"", dashed(world.last));
    world.set("source.web.start", &last);
    world
}

#[test]
fn a_backfill_is_handed_over_and_answers_as_if_it_were_its_own() {
    let world = idle(7);
    let daemon = Daemon::start(&world);
    let ended = ended(backfill(&world, &["-o", "json"]));
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains("handed over to the daemon"), "{ended}");
    let summary = ended.last_object();
    assert_eq!((&summary["type"], &summary["schema"]), (&"summary".into(), &"ampd.run/1".into()));
    // The last hour is the daemon's own: it may have been there before the command began.
    assert!(summary["published"].as_u64().unwrap() >= 6 && summary["rows"].as_u64().unwrap() > 0, "{summary}");
    world.assert_complete();
    let again = world.summary(99, &["once", "--exit-code-no-data", "99"]);
    assert_eq!(again["published"], 0);
    assert_eq!(daemon.stop(), Some(0));
    assert!(!world.path("ampd.sock").exists());
}

#[test]
fn a_quarantined_hour_answers_3_and_its_retry_0() {
    let world = World::new(3);
    world.plant_on(1, FaultKind::CrcFlip);
    let daemon = Daemon::start(&world);
    world.expect(3, &["once"]);
    assert!(world.problem_of(1).is_some());
    world.sim.clear_faults();
    let hour = dashed(world.hour(1));
    let listed = world.summary(0, &["hour", "ls", "--state", "quarantined"]);
    assert_eq!((listed["hours"].as_array().unwrap().len(), &listed["hours"][0]["hour"]), (1, &hour.as_str().into()));
    let shown = world.summary(0, &["hour", "show", &hour]);
    assert_eq!(shown["hours"][0]["record"]["work"]["phase"], "quarantined", "{shown}");
    let kept: Vec<_> =
        world.quarantined_archives().iter().map(|name| world.path("stage/quarantine").join(name)).collect();
    assert_eq!((kept.len(), &shown["hours"][0]["kept"]), (1, &serde_json::json!(kept)), "it can be looked at");
    let retried = world.summary(0, &["hour", "retry", &hour]);
    assert_eq!(retried["published"], 1);
    let refused = world.expect(1, &["hour", "retry", &hour]);
    assert!(refused.stderr.contains("E705") && refused.stderr.contains("not quarantined"), "{refused}");
    world.assert_complete();
    drop(daemon);
}

#[test]
fn a_plan_beside_the_daemon_is_of_the_hours_that_the_daemon_knows() {
    let world = idle(7);
    let daemon = Daemon::start(&world);
    world.expect(0, &["once"]);
    let (from, to) = (dashed(world.first), dashed(world.last));
    let planned = world.summary(0, &["plan", "--from", &from, "--to", &to]);
    assert_eq!(planned["sources"][0]["hours"], 6, "all but the one that is published: {planned}");
    world.expect(0, &["backfill", "--from", &from, "--to", &to]);
    assert_eq!(world.summary(0, &["plan", "--from", &from, "--to", &to])["sources"][0]["hours"], 0);
    drop(daemon);
}

#[test]
fn what_a_killed_process_was_doing_is_not_called_under_way() {
    let world = World::new(2);
    world.plant(Fault::new(FaultKind::FirstByteDelay { ms: 20_000 }));
    let mut child = world.start(&["once"]);
    let asking = || world.run(&["status", "--json"]).code == 0 && world.status()["sources"][0]["activity"].is_string();
    let until = Instant::now() + Duration::from_secs(20);
    while !asking() {
        assert!(Instant::now() < until, "a one-shot command's status is of the last second");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let status = world.status();
    assert_eq!(status["sources"][0]["activity"], serde_json::Value::Null, "{status}");
    assert!(!status["sources"][0]["calendar"].to_string().contains('w'), "{status}");
}

/// How often the threads of sled's were woken so far, and how many they are.
fn journal_wakes(daemon: &Daemon) -> (u64, u64) {
    let (mut wakes, mut threads) = (0, 0);
    for thread in std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap() {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        if field("Name:").starts_with("sled-io") {
            threads += 1;
            wakes += field("voluntary_ctxt_switches:").parse::<u64>().unwrap();
        }
    }
    (wakes, threads)
}

#[test]
fn an_idle_daemon_is_woken_by_no_thread_of_its_journal() {
    let world = World::new(2);
    let daemon = Daemon::start(&world);
    world.expect(0, &["once"]);
    std::thread::sleep(Duration::from_secs(1));
    let (before, threads) = journal_wakes(&daemon);
    std::thread::sleep(Duration::from_secs(4));
    let (after, _) = journal_wakes(&daemon);
    // Left alone, each looks once a second: four times.
    assert!(threads > 0 && after - before <= 2 * threads, "{} wakes of {threads} threads", after - before);
}

#[test]
fn ctrl_c_ends_the_view_and_not_the_work() {
    let world = idle(6);
    world.plant(Fault::new(FaultKind::Slow { bytes_per_s: 3000 }));
    let daemon = Daemon::start(&world);
    let child = backfill(&world, &[]);
    std::thread::sleep(Duration::from_millis(1500));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended: Ended = ended(child);
    assert_eq!(ended.code, 130, "{ended}");
    assert_eq!(super::support::ended(backfill(&world, &[])).code, 0);
    world.assert_complete();
    drop(daemon);
}

#[test]
fn a_daemon_that_is_killed_in_the_middle_is_waited_for() {
    let mut world = idle(12);
    world.set("window.max", "\"1h\"");
    world.plant(Fault::new(FaultKind::Slow { bytes_per_s: 20_000 }));
    let daemon = Daemon::start(&world);
    let child = backfill(&world, &["-o", "json"]);
    let until = Instant::now() + Duration::from_secs(30);
    while world.requests().len() < 4 {
        assert!(Instant::now() < until, "nothing is asked");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(daemon);
    let daemon = Daemon::start(&world);
    let ended = ended(child);
    assert_eq!(ended.code, 0, "{ended}");
    world.assert_complete();
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_paused_daemon_answers_75_and_keeps_the_work() {
    let world = idle(4);
    let daemon = Daemon::start(&world);
    world.expect(0, &["once", "-q"]);
    world.expect(0, &["pause"]);
    let paused = ended(backfill(&world, &[]));
    assert_eq!(paused.code, 75, "{paused}");
    assert!(paused.stderr.contains("E704") && paused.stderr.contains("ampd resume"), "{paused}");
    world.expect(0, &["reload"]);
    assert_eq!(world.status()["daemon"]["paused"], true);
    world.expect(0, &["resume"]);
    assert_eq!(ended(backfill(&world, &[])).code, 0);
    world.assert_complete();
    drop(daemon);
}

#[test]
fn a_state_directory_that_is_held_by_nobody_who_listens_names_its_process() {
    let world = World::new(1);
    let daemon = Daemon::start(&world);
    let locked = world.expect(75, &["once", "--socket", "elsewhere"]);
    assert!(locked.stderr.contains("E504"), "{locked}");
    assert!(locked.stderr.contains(&format!("pid {}", daemon.pid())), "{locked}");
    let second = world.expect(75, &["run"]);
    assert!(second.stderr.contains(&daemon.0.id().to_string()), "{second}");
    drop(daemon);
    let unreachable = world.expect(69, &["pause"]);
    assert!(unreachable.stderr.contains("E702"), "{unreachable}");
    world.expect(1, &["health"]);
    assert_eq!(world.status()["daemon"]["running"], false);
}

#[test]
fn a_reload_takes_over_what_is_valid_and_nothing_else() {
    let mut world = World::new(2);
    let daemon = Daemon::start(&world);
    world.expect(0, &["once"]);
    let good = world.config_text();
    std::fs::write(world.path("ampd.toml"), format!("{good}nonsense = 1\n")).unwrap();
    let broken = ended(world.bare(&["reload"]).spawn().unwrap());
    assert_eq!(broken.code, 78, "{broken}");
    let line = good.lines().count() + 1;
    assert!(broken.stderr.contains("nonsense") && broken.stderr.contains(&format!("ampd.toml:{line}:1)")), "{broken}");
    assert_eq!(world.expect(0, &["health", "--ready"]).stdout, "");
    world.set("window.max", "\"2h\"");
    world.expect(0, &["reload"]);
    world.expect(0, &["once"]);
    assert_eq!(world.status()["daemon"]["pid"], daemon.pid());
    assert_eq!(daemon.stop(), Some(0));
}
