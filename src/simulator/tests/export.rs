//! Requests and answers without faults.

use super::*;

#[tokio::test]
async fn an_archive_holds_exactly_the_truth() {
    let mut options = small();
    options.projects[0].part_ids = vec![70, 627];
    options.projects[0].empty_hours = vec![2, 3];
    let world = World::new(options).await;
    let members = members(&world.bytes("20260101T00", "20260101T10").await);
    assert_eq!(members[0].0, "187520/187520_2026-01-01_0#70.json.gz");
    let truth = world.truth("20260101T00", "20260101T10");
    let lines = lines_of(&members);
    assert_eq!(lines.len() as u64, truth.rows);
    assert_eq!(lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>(), truth.bytes);
    assert_eq!(hash(lines), truth.hash);
    let hours = by_member_hour(&members);
    assert_eq!(hours.keys().collect::<Vec<_>>(), truth.per_hour.keys().collect::<Vec<_>>());
    assert_eq!(hours.len(), 9, "two of eleven hours are empty");
    for (hour, lines) in hours {
        assert_eq!(hash(lines), truth.per_hour[&hour].hash, "{hour}");
    }
}

#[tokio::test]
async fn rows_depend_on_the_seed_and_on_nothing_else() {
    let (one, two) = (World::new(small()).await, World::new(small()).await);
    let other = World::new(Options { seed: 2, ..small() }).await;
    let alone = one.bytes("20260101T05", "20260101T05").await;
    assert_eq!(alone, two.bytes("20260101T05", "20260101T05").await, "same bytes from another process");
    let window = by_member_hour(&members(&two.bytes("20260101T00", "20260101T10").await));
    assert_eq!(lines_of(&members(&alone)), window["20260101T05"], "same rows in another window");
    assert_ne!(alone, other.bytes("20260101T05", "20260101T05").await);
}

#[tokio::test]
async fn keys_are_checked() {
    let mut options = small();
    let europe =
        Project { id: 2, api_key: "eu".into(), secret_key: "eu".into(), region: Region::Eu, ..Project::default() };
    options.projects.push(europe);
    let world = World::new(options).await;
    let url = format!("{}/api/2/export?start=20260101T00&end=20260101T00", world.sim.url());
    let none = world.client.get(&url).send().await.unwrap();
    assert_eq!(none.status(), 401);
    let mut requests = vec![world.client.get(&url).basic_auth(API_KEY, Some("wrong"))];
    requests.push(world.client.get(&url).basic_auth("eu", Some("eu")));
    requests.push(world.client.get(&url).header("authorization", "Basic !!!"));
    requests.push(world.client.get(&url).header("authorization", "Bearer"));
    for request in requests {
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), 403);
        let body: serde_json::Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
        assert_eq!(body["error"]["metadata"]["details"], "Invalid API Key");
    }
    let shown = serde_json::to_string(&world.sim.requests()).unwrap();
    assert!(!shown.contains("wrong") && !shown.contains(SECRET_KEY));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_told_which_parameter() {
    let world = World::new(small()).await;
    for (start, end, named) in [
        ("", "20260101T00", "start"),
        ("2026-01-01T00", "20260101T00", "start"),
        ("20260101T00", "20260101T24", "end"),
        ("20260101T00", "%FF%00", "end"),
        ("20260101T05", "20260101T04", "end"),
        ("20240101T00", "20260101T00", "start"),
    ] {
        let refused = world.ask(start, end).await;
        assert_eq!(refused.status(), 400, "{start} {end}");
        let body: serde_json::Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("`{named}`")), "{message}");
    }
}

#[tokio::test]
async fn an_hour_is_visible_two_hours_after_its_end() {
    let world = World::new(small()).await;
    world.sim.set_now(at("2026-01-05T12:59:59Z"));
    let early = world.ask("20260105T10", "20260105T10").await;
    assert_eq!(early.status(), 404);
    assert_eq!(early.text().await.unwrap(), "Raw data files were not found.");
    world.sim.advance(TimeDelta::seconds(1));
    assert_eq!(world.status("20260105T10", "20260105T10").await, 200);
    let window = by_member_hour(&members(&world.bytes("20260105T08", "20260105T12").await));
    assert_eq!(window.len(), 3, "the two hours to come are left out");
    let seen = world.sim.truth_now(None, hour("20260105T08"), hour("20260105T12")).unwrap();
    assert_eq!(seen.per_hour.keys().collect::<Vec<_>>(), window.keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_date_header_is_the_virtual_clock() {
    let world = World::new(small()).await;
    let url = format!("{}/nowhere", world.sim.url());
    for response in [world.ask("20260101T00", "20260101T00").await, world.client.get(url).send().await.unwrap()] {
        assert_eq!(response.headers()["date"], "Sat, 10 Jan 2026 00:00:00 GMT");
        assert_eq!(response.headers().get_all("date").iter().count(), 1);
    }
}

#[tokio::test]
async fn windows_that_are_too_large_are_refused() {
    let limits = Limits { max_hours: Some(6), timeout_hours: Some(3), max_bytes: 90_000, ..Limits::default() };
    let world = World::new(Options { limits, ..small() }).await;
    let refused = world.ask("20260101T00", "20260101T06").await;
    assert_eq!((refused.status().as_u16(), refused.text().await.unwrap().as_str()), (400, ""));
    assert_eq!(world.status("20260101T00", "20260101T03").await, 504);
    assert_eq!(world.status("20260101T00", "20260101T02").await, 400, "three hours of 46 kB are more than 90 kB");
    assert_eq!(world.status("20260101T00", "20260101T00").await, 200);
}

#[tokio::test]
async fn more_requests_than_allowed_are_answered_429() {
    let mut options = small();
    options.limits.concurrent = Some(1);
    options.limits.retry_after = Some(RetryAfter::HttpDate(60));
    let world = World::new(options).await;
    let stalled = Fault::new(FaultKind::StallAfter { bytes: 10 }).times(1);
    world.sim.plant(stalled).unwrap();
    let held = world.ask("20260101T00", "20260101T00").await;
    let refused = world.ask("20260101T00", "20260101T00").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "Sat, 10 Jan 2026 00:01:00 GMT");
    drop(held);
    let mut status = 429;
    for _ in 0..100 {
        status = world.status("20260101T00", "20260101T00").await;
        if status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(status, 200, "the place is free again when the client has gone");
}

#[tokio::test]
async fn a_bucket_runs_empty() {
    let mut options = small();
    options.limits.bucket = Some(Bucket { capacity: 2.0, refill_per_s: 1.0 });
    options.limits.retry_after = None;
    let world = World::new(options).await;
    assert_eq!(world.status("20260101T00", "20260101T00").await, 200);
    assert_eq!(world.status("20260101T00", "20260101T00").await, 200);
    let refused = world.ask("20260101T00", "20260101T00").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().get("retry-after").is_none());
}
