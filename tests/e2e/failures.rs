//! The table of failures: what Amplitude answers instead of an archive, and what ampd does.

use std::time::{Duration, Instant};

use ampd::simulator::{Fault, FaultKind, RetryAfter, TooLargeBody};

use super::support::{World, dashed, status};

#[test]
fn a_day_lands_with_one_request_and_nothing_is_asked_twice() {
    let world = World::new(24);
    let summary = world.summary(0, &["once"]);
    assert_eq!(summary["published"], 24);
    world.assert_complete();
    assert_eq!(world.windows(), [(0, 23)]);
    let again = world.summary(0, &["once"]);
    assert_eq!((&again["published"], &again["rows"]), (&0.into(), &0.into()));
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn a_400_for_a_window_that_is_too_large_halves_it_until_it_fits() {
    for body in [TooLargeBody::Empty, TooLargeBody::Text] {
        let world = World::with(24, |options| {
            options.limits.max_hours = Some(6);
            options.limits.too_large_body = body;
        });
        let ended = world.expect(0, &["once"]);
        assert!(ended.stderr.contains("too large for Amplitude, split into 2 x 12 hours"), "{ended}");
        assert_eq!(world.windows(), [(0, 23), (0, 11), (0, 5), (6, 11), (12, 17), (18, 23)]);
        world.assert_complete();
    }
}

#[test]
fn an_hour_that_is_too_large_alone_is_quarantined_with_the_s3_export_advice_and_the_rest_lands() {
    let world = World::new(6);
    world.plant_on(3, FaultKind::TooLargeHour);
    let ended = world.expect(3, &["once"]);
    assert!(ended.says("E301") || ended.says("too large"), "{ended}");
    world.assert_truth([0, 1, 2, 4, 5]);
    assert!(world.lake().newest(&world.hour(3).to_string()).is_none());
    let problem = world.problem_of(3).unwrap();
    assert_eq!(problem["code"], "E301");
    assert!(problem.to_string().contains("S3"), "{problem}");
    let explained = world.expect(0, &["explain", "E301"]);
    assert!(explained.stdout.contains("S3"), "{explained}");
    assert_eq!(world.status()["sources"][0]["watermark"], dashed(world.hour(2)).as_str());
    let before = world.requests().len();
    world.expect(3, &["once"]);
    assert_eq!(world.requests().len(), before, "a quarantined hour is not asked for again");
}

#[test]
fn a_404_night_is_provisional_first_and_empty_after_the_second_answer() {
    let mut world = World::with(8, |options| options.projects[0].empty_hours = vec![0, 1, 2, 5]);
    world.set("window.empty_confirm", "\"30d\"");
    let first = world.summary(0, &["once"]);
    assert_eq!((&first["published"], &first["provisional"], &first["empty"]), (&4.into(), &4.into(), &0.into()));
    assert_eq!(world.status()["sources"][0]["watermark"], serde_json::Value::Null);
    world.assert_truth([3, 4, 6, 7]);
    world.expect(0, &["once"]);
    assert_eq!(world.windows(), [(0, 7)], "not believed before its time, and not asked for before either");
    world.set("window.empty_confirm", "\"0s\"");
    let second = world.summary(0, &["once"]);
    assert_eq!((&second["published"], &second["empty"]), (&0.into(), &4.into()));
    assert_eq!(world.windows(), [(0, 7), (0, 2), (5, 5)]);
    world.assert_complete();
    let lake = world.lake();
    for n in [0, 1, 2, 5] {
        let manifest = lake.newest(&world.hour(n).to_string()).unwrap();
        assert_eq!((&manifest["state"], &manifest["rows"]), (&"empty".into(), &0.into()));
        assert_eq!(manifest["objects"], serde_json::json!([]));
    }
    assert_eq!(world.status()["sources"][0]["watermark"], dashed(world.last).as_str());
}

#[test]
fn a_404_for_everything_ends_as_empty_hours_and_exit_code_no_data() {
    let world = World::with(5, |options| options.projects[0].empty_hours = (0..24).collect());
    let summary = world.summary(99, &["once", "--exit-code-no-data", "99"]);
    assert_eq!((&summary["empty"], &summary["exit_code"]), (&5.into(), &99.into()));
    assert_eq!(world.requests().len(), 2);
    world.assert_complete();
    world.expect(99, &["once", "--exit-code-no-data", "99"]);
    world.expect(0, &["once"]);
}

#[test]
fn an_empty_hour_is_asked_for_twice_and_no_more_though_a_date_header_knows_no_fractions_of_a_second() {
    let world = World::with(10, |options| {
        options.now = None;
        options.clock = chrono::Utc::now;
        options.projects[0].empty_hours = vec![2, 3, 7];
    });
    world.expect(0, &["once"]);
    assert_eq!(world.windows(), [(0, 9), (2, 3), (7, 7)]);
    world.assert_complete();
}

#[test]
fn a_429_is_waited_out_as_retry_after_says_in_both_forms() {
    for retry_after in [RetryAfter::Seconds(1), RetryAfter::HttpDate(1)] {
        let mut world = World::new(2);
        world.set("retry.initial", "\"1ms\"").set("retry.max", "\"1500ms\"");
        let kind = FaultKind::Status { code: 429, retry_after: Some(retry_after), body: None };
        world.plant(Fault::new(kind).times(1));
        let began = Instant::now();
        world.expect(0, &["once"]);
        assert!(began.elapsed() >= Duration::from_secs(1), "{retry_after:?}");
        assert_eq!(world.windows(), [(0, 1), (0, 1)]);
        world.assert_complete();
    }
}

#[test]
fn a_429_that_asks_for_longer_than_retry_max_ends_with_75_and_the_next_run_asks_nothing() {
    let mut world = World::new(2);
    world.set("retry.max", "\"50ms\"");
    let kind = FaultKind::Status { code: 429, retry_after: Some(RetryAfter::Seconds(900)), body: None };
    world.plant(Fault::new(kind).times(1));
    let ended = world.expect(75, &["once"]);
    assert!(ended.says("E204"), "{ended}");
    world.expect(75, &["once"]);
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn bursts_of_5xx_and_429_without_retry_after_are_ridden_out() {
    for code in [429, 500, 502, 503, 504, 599] {
        let world = World::new(4);
        world.plant(Fault::new(status(code)).times(2));
        world.expect(0, &["once"]);
        world.assert_complete();
        let windows = world.windows();
        if code == 504 {
            assert_eq!(windows[..3], [(0, 3), (0, 1), (0, 0)], "a 504 for several hours halves the window");
        } else {
            assert_eq!(windows, [(0, 3); 3], "{code}");
        }
    }
}

#[test]
fn an_outage_of_503s_quarantines_nothing_and_a_later_run_finishes() {
    let mut world = World::new(3);
    world.set("window.max", "\"1h\"");
    world.plant(Fault::new(status(503)));
    for _ in 0..4 {
        let ended = world.expect(75, &["once"]);
        assert!(ended.says("E205"), "{ended}");
    }
    assert_eq!(world.status()["sources"][0]["hours"]["quarantined"], 0);
    world.sim.clear_faults();
    world.expect(0, &["once"]);
    world.assert_complete();
}

#[test]
fn an_hour_that_always_fails_is_set_aside_while_the_others_go_on() {
    for code in [503, 504] {
        let mut world = World::new(16);
        // A 503 for several hours says nothing about any of them; a 504 halves the window by itself.
        world.set("window.max", if code == 503 { "\"1h\"" } else { "\"1d\"" });
        world.plant_on(2, status(code));
        let ended = world.run(&["once"]);
        assert_eq!(ended.code, 3, "{code}: {ended}{:?}", world.windows());
        world.assert_truth((0..16).filter(|n| *n != 2));
        assert_eq!(world.problem_of(2).unwrap()["code"], "E205");
    }
}

#[test]
fn a_401_or_403_stops_asking_after_one_request() {
    for code in [401, 403] {
        let mut world = World::new(3);
        world.plant(Fault::new(status(code)));
        let ended = world.expect(77, &["once"]);
        assert!(ended.says("E203") && ended.stderr.contains("web"), "{ended}");
        assert_eq!(world.requests().len(), 1);
        world.expect(77, &["once"]);
        assert_eq!(world.requests().len(), 2);
        world.sim.clear_faults();
        world.set("source.web.secret_key", "\"not-the-key\"");
        world.expect(77, &["once"]);
        assert_eq!(world.requests().len(), 3);
        world.set("source.web.secret_key", "\"sim-secret-key\"");
        world.expect(0, &["once"]);
        world.assert_complete();
    }
}

#[test]
fn a_redirect_is_refused_and_never_followed() {
    let elsewhere = World::new(1);
    for code in [301, 302, 303, 307, 308] {
        let world = World::new(2);
        let to = format!("{}/api/2/export?start=20260101T00&end=20260101T00", elsewhere.sim.url());
        world.plant_on(1, FaultKind::Redirect { to, code: Some(code) });
        world.expect(3, &["once"]);
        world.assert_truth([0]);
        assert_eq!(world.problem_of(1).unwrap()["code"], "E208", "{code}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_400_that_names_a_parameter_is_said_once_and_the_source_stops() {
    let world = World::new(3);
    let body = Some(r#"{"error":{"http_code":400,"message":"invalid value for parameter 'start'"}}"#.to_owned());
    world.plant(Fault::new(FaultKind::Status { code: 400, retry_after: None, body }));
    let ended = world.expect(1, &["once"]);
    assert!(ended.says("E207"), "{ended}");
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn nobody_listening_ends_with_75_and_quarantines_nothing() {
    let mut world = World::new(2);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let good = world.settings["source.web.base_url"].clone();
    world.set("source.web.base_url", &format!("\"http://{free}\""));
    let ended = world.expect(75, &["once"]);
    assert!(ended.says("E201"), "{ended}");
    world.set("source.web.base_url", &good);
    world.expect(0, &["once"]);
    world.assert_complete();
}

#[test]
fn a_slow_silent_or_reset_answer_is_asked_for_again() {
    let faults = [
        FaultKind::FirstByteDelay { ms: 3_000 },
        FaultKind::StallAfter { bytes: 700 },
        FaultKind::ResetAfter { bytes: 700 },
        FaultKind::ResetAfter { bytes: 0 },
    ];
    for fault in faults {
        let mut world = World::new(2);
        world.set("retry.response_timeout", "\"1s\"").set("retry.idle_timeout", "\"500ms\"");
        world.plant(Fault::new(fault.clone()).times(1));
        world.expect(0, &["once"]);
        assert_eq!(world.windows(), [(0, 1), (0, 1)], "{fault:?}");
        world.assert_complete();
    }
}
