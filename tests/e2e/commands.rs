//! One-shot commands: signals, exit codes, output forms, ranges.

use std::process::Command;
use std::time::{Duration, Instant};

use ampd::simulator::{Fault, FaultKind};
use serde_json::Value;

use super::support::{Ended, World, dashed, ended};

/// Sends a signal once the first window has landed and the second is being downloaded.
fn interrupted(world: &World, signal: &str, times: u32) -> Ended {
    let child = world.start(&["once"]);
    let until = Instant::now() + Duration::from_secs(20);
    while world.requests().len() < 2 {
        assert!(Instant::now() < until, "no second request");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(50));
    for _ in 0..times {
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    ended(child)
}

#[test]
fn sigint_and_sigterm_end_with_130_and_143_and_the_next_run_goes_on() {
    for (signal, code, times) in [("-INT", 130, 1), ("-TERM", 143, 1), ("-INT", 130, 2)] {
        let mut world = World::new(6);
        world.set("window.max", "\"3h\"");
        world.plant(Fault { request: Some(2), ..Fault::new(FaultKind::Slow { bytes_per_s: 500 }) });
        let began = Instant::now();
        let ended = interrupted(&world, signal, times);
        assert_eq!(ended.code, code, "{signal}: {ended}");
        assert!(began.elapsed() < Duration::from_secs(10), "{signal}");
        assert!(ended.stderr.contains("goes on from here"), "{ended}");
        world.sim.clear_faults();
        world.expect(0, &["once"]);
        world.assert_complete();
        assert_eq!(world.requests().len(), 3, "{signal}: {:?}", world.windows());
    }
}

#[test]
fn quiet_means_nothing_on_stderr_when_all_went_well() {
    let world = World::with(4, |options| options.projects[0].empty_hours = vec![1]);
    let first = world.expect(0, &["once", "-q"]);
    assert_eq!(first.stderr, "");
    let from = dashed(world.first);
    let again = world.expect(0, &["backfill", "--from", &from, "--to", &dashed(world.last), "-q"]);
    assert_eq!(again.stderr, "");
    let failing = World::new(1);
    failing.plant_on(0, FaultKind::CrcFlip);
    assert_ne!(failing.expect(3, &["once", "-q"]).stderr, "");
}

#[test]
fn json_ends_with_one_object_on_one_line() {
    let world = World::new(3);
    let ended = world.expect(0, &["once", "-o", "json"]);
    assert_eq!(ended.stdout.lines().count(), 1, "{ended}");
    let summary = ended.last_object();
    assert_eq!((&summary["type"], &summary["schema"]), (&"summary".into(), &"ampd.run/1".into()));
    let truth = world.sim.truth(None, world.first, world.last).unwrap();
    assert_eq!((&summary["published"], &summary["rows"]), (&3.into(), &truth.rows.into()));
    assert_eq!(summary["watermarks"][0]["watermark"], dashed(world.last).as_str());
    assert!(ended.stderr.lines().all(|line| !line.starts_with("error")), "{ended}");
}

#[test]
fn json_failures_are_an_object_on_stderr_and_the_summary_still_comes() {
    let world = World::new(2);
    world.plant(Fault::new(FaultKind::Status { code: 403, retry_after: None, body: None }));
    let ended = world.expect(77, &["once", "-o", "json"]);
    assert_eq!(ended.last_object()["exit_code"], 77);
    let error: Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((&error["type"], &error["code"], &error["exit_code"]), (&"error".into(), &"E203".into(), &77.into()));
}

#[test]
fn jsonl_and_kestra_and_none_are_what_they_say() {
    let world = World::new(3);
    let jsonl = world.expect(0, &["once", "-o", "jsonl"]);
    let objects: Vec<Value> = jsonl.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.last().unwrap()["type"], "summary");
    let kestra = world.expect(0, &["once", "-o", "kestra"]);
    assert!(kestra.stdout.lines().all(|line| line.starts_with("::{") && line.ends_with("}::")), "{kestra}");
    assert!(kestra.stdout.contains("\"outputs\"") && kestra.stdout.contains("\"metrics\""), "{kestra}");
    assert_eq!(world.expect(0, &["once", "-o", "none"]).stdout, "");
}

#[test]
fn exit_code_no_data_is_for_runs_that_brought_nothing() {
    let world = World::new(3);
    world.expect(0, &["once", "--exit-code-no-data", "99"]);
    assert_eq!(world.summary(99, &["once", "--exit-code-no-data", "99"])["exit_code"], 99);
    let (from, to) = (dashed(world.first), dashed(world.last));
    world.expect(99, &["backfill", "--from", &from, "--to", &to, "--exit-code-no-data", "99"]);
    world.plant(Fault::new(FaultKind::Status { code: 403, retry_after: None, body: None }));
    world.expect(77, &["hour", "reexport", &from, "--exit-code-no-data", "99"]);
}

#[test]
fn a_backfill_takes_its_range_keeps_what_is_there_and_says_what_is_not_due() {
    let world = World::new(10);
    let (from, to) = (dashed(world.hour(2)), dashed(world.hour(5)));
    let ended = world.expect(0, &["backfill", "--from", &from, "--to", &to]);
    assert!(ended.stderr.contains(&format!("{from} .. {to}, 4 hours")), "{ended}");
    world.assert_truth(2..=5);
    assert_eq!(world.lake().hours().count(), 4);
    world.expect(0, &["backfill", "--from", &dashed(world.hour(0)), "--to", &dashed(world.hour(7))]);
    assert_eq!(world.windows(), [(2, 5), (0, 1), (6, 7)]);
    let late = dashed(world.hour(12));
    let ended = world.expect(75, &["backfill", "--from", &from, "--to", &late]);
    assert!(ended.stderr.contains("not due yet"), "{ended}");
    world.assert_complete();
}

#[test]
fn a_blocked_hour_holds_the_watermark_and_not_the_later_hours() {
    let mut world = World::new(12);
    world.plant_on(0, FaultKind::GzipTruncate);
    world.set("window.max", "\"4h\"");
    let summary = world.summary(3, &["once"]);
    assert_eq!((&summary["published"], &summary["quarantined"]), (&11.into(), &1.into()));
    world.assert_truth(1..12);
    let ended = world.expect(0, &["status"]);
    assert!(ended.stdout.contains("ampd hour retry"), "{ended}");
}

#[test]
fn two_sources_do_not_hold_each_other_up() {
    let mut world = World::new(3);
    let other = World::new(3);
    for (key, value) in &other.settings {
        if let Some(name) = key.strip_prefix("source.web.") {
            world.settings.insert(format!("source.ios.{name}"), value.clone());
        }
    }
    other.plant(Fault::new(FaultKind::Status { code: 403, retry_after: None, body: None }));
    let ended = world.expect(3, &["once"]);
    assert!(ended.says("ios"), "{ended}");
    world.assert_complete();
    assert_eq!(other.requests().len(), 1);
    world.expect(77, &["once", "--source", "ios"]);
    world.expect(0, &["once", "--source", "web"]);
    world.expect(2, &["once", "--source", "android"]);
}
