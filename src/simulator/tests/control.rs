//! The control endpoints and the configuration.

use serde_json::{Value, json};

use super::*;

const H: &str = "20260101T05";

async fn send(world: &World, method: &str, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}{path}", world.sim.url());
    let request = world.client.request(method.parse().unwrap(), url);
    let request = if body.is_null() { request } else { request.body(body.to_string()) };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

#[tokio::test]
async fn the_clock_stands_runs_and_jumps() {
    let world = World::new(small()).await;
    let (_, clock) = send(&world, "GET", "/_sim/clock", Value::Null).await;
    assert_eq!(clock, json!({"now": "2026-01-10T00:00:00Z", "running": false}));
    let (_, clock) = send(&world, "POST", "/_sim/clock", json!({"now": "2026-02-01T00:00:00Z"})).await;
    assert_eq!(clock["now"], "2026-02-01T00:00:00Z");
    let (_, clock) = send(&world, "POST", "/_sim/clock", json!({"advance_s": 3600})).await;
    assert_eq!(clock["now"], "2026-02-01T01:00:00Z");
    let (_, clock) = send(&world, "POST", "/_sim/clock", json!({"running": true})).await;
    assert_eq!(clock, json!({"now": "2026-02-01T01:00:00Z", "running": true}), "the given clock stands still here");
    for nonsense in [json!({"now": "soon"}), json!({"new": "2026-02-01T00:00:00Z"}), json!(7)] {
        let (status, error) = send(&world, "POST", "/_sim/clock", nonsense).await;
        assert_eq!((status, &error["error"]["type"]), (400, &json!("invalid_request")));
    }
}

#[tokio::test]
async fn faults_are_planted_listed_and_cleared() {
    let world = World::new(small()).await;
    let one = json!({"hour": H, "times": 1, "fault": {"status": {"code": 429, "retry_after": {"seconds": 2}}}});
    let (_, planted) = send(&world, "POST", "/_sim/faults", one).await;
    assert_eq!(planted, json!({"planted": [1]}));
    let many = json!([
        {"fault": "crc_flip"},
        {"every": 3, "fault": {"not_zip": "html"}},
        {"fault": {"late_404": {"until": "2026-01-01T00:00:00Z"}}},
    ]);
    assert_eq!(send(&world, "POST", "/_sim/faults", many).await.1, json!({"planted": [2, 3, 4]}));
    assert_eq!(world.status(H, H).await, 429);
    let (_, list) = send(&world, "GET", "/_sim/faults", Value::Null).await;
    assert_eq!(
        (&list[0]["used"], &list[0]["fault"]["status"]["code"], &list[1]["fault"]),
        (&json!(1), &json!(429), &json!("crc_flip"))
    );
    assert_eq!(send(&world, "DELETE", "/_sim/faults?id=2", Value::Null).await.1, json!({"cleared": 1}));
    assert_eq!(send(&world, "DELETE", "/_sim/faults", Value::Null).await.1, json!({"cleared": 3}));
    for nonsense in [
        json!({"fault": "no_such"}),
        json!({"hour": H}),
        json!({"hours": H, "fault": "crc_flip"}),
        json!({"fault": {"status": {"code": 1}}}),
        json!({"fault": {"truncate": {"fraction": 2.0, "end": "honest"}}}),
        json!({"fault": {"slow": {"bytes_per_s": 1, "more": 2}}}),
        json!(7),
    ] {
        assert_eq!(send(&world, "POST", "/_sim/faults", nonsense.clone()).await.0, 400, "{nonsense}");
    }
}

#[tokio::test]
async fn the_log_tells_every_request() {
    let world = World::new(small()).await;
    let length = world.bytes(H, H).await.len();
    world.status("20260112T00", "20260112T00").await;
    let (_, log) = send(&world, "GET", "/_sim/requests", Value::Null).await;
    let expected = json!({"n": 1, "at": "2026-01-10T00:00:00Z", "method": "GET", "project": 187_520,
        "start": H, "end": H, "status": 200, "bytes": length, "completed": true, "fault": null});
    assert_eq!((&log[0], &log[1]["status"]), (&expected, &json!(404)));
    assert_eq!(send(&world, "DELETE", "/_sim/requests", Value::Null).await.1, json!({"cleared": 2}));
    world.status(H, H).await;
    assert_eq!(world.sim.requests()[0].n, 3);
}

#[tokio::test]
async fn the_truth_is_told_over_http() {
    let world = World::new(small()).await;
    let (_, truth) = send(&world, "GET", &format!("/_sim/truth?start={H}&end=20260101T06"), Value::Null).await;
    assert_eq!(truth, serde_json::to_value(world.truth(H, "20260101T06")).unwrap());
    assert_eq!(truth["hash"], hash(world.lines(H, "20260101T06").await));
    let path = "/_sim/truth?start=20260109T23&end=20260109T23&as_of=now&project=187520";
    assert_eq!(send(&world, "GET", path, Value::Null).await.1["rows"], 0);
    for bad in ["", "?start=20260101T00&end=20260101T00&project=5", "?start=%FF&end=x"] {
        assert_eq!(send(&world, "GET", &format!("/_sim/truth{bad}"), Value::Null).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_are_json_errors() {
    let world = World::new(small()).await;
    assert_eq!(send(&world, "GET", "/", Value::Null).await.0, 404);
    assert_eq!(send(&world, "POST", "/api/2/export", Value::Null).await.0, 405);
    assert_eq!(send(&world, "GET", "/_sim/health", Value::Null).await.1["status"], "ok");
}

#[test]
fn options_are_read_from_toml() {
    let text = r#"
        seed = 7
        now = "2026-01-10T00:00:00Z"
        region = "eu"
        latency_minutes = 90
        [[projects]]
        id = 203138
        api_key = "k"
        secret_key = "very secret"
        region = "eu"
        events_per_hour = 500
        empty_hours = [0, 1, 2, 3]
        first_hour = "2026-01-01T00"
        part_ids = [70, 627]
        hours = { "20260101T05" = 20, "2026-01-01T06" = 0 }
        [rows]
        profile = "2020"
        compact = true
        [archive]
        method = "deflated"
        framing = "chunked"
        order = "lexical"
        [limits]
        concurrent = 5
        bucket = { capacity = 10.0, refill_per_s = 0.5 }
        retry_after = { http_date = 30 }
        measure = "zipped"
        max_bytes = 200000
        too_large_body = "text"
        [[faults]]
        hour = "20260101T07"
        times = 2
        fault = { status = { code = 503 } }
        [[faults]]
        hours = ["20260101T00", "20260101T23"]
        fault = { late_delivery = { share = 0.1, after_minutes = 1440 } }
        [[faults]]
        every = 10
        fault = "corrupt_member"
    "#;
    let options: Options = toml_edit::de::from_str(text).unwrap();
    assert_eq!((options.projects.len(), options.faults.len()), (1, 3));
    assert_eq!(options.projects[0].hours[&hour("20260101T06")], 0);
    assert!(!format!("{options:?}").contains("very secret"));
    let typo = toml_edit::de::from_str::<Options>("sead = 7").unwrap_err().to_string();
    assert!(typo.contains("sead"), "{typo}");
}

/// The blocks of TOML on the simulator's page: its configuration and its faults.
fn documented() -> (Options, Options) {
    let page = include_str!("../../../docs/simulator.md");
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [_, configuration, faults] = blocks[..] else { panic!("{} blocks", blocks.len()) };
    (toml_edit::de::from_str(configuration).unwrap(), toml_edit::de::from_str(faults).unwrap())
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let (documented, default) = (documented().0, Options::default());
    assert_eq!(format!("{documented:#?}"), format!("{default:#?}"));
    assert_eq!(documented.projects[0].hours, default.projects[0].hours);
}

#[test]
fn every_fault_is_documented() {
    /// A kind that is missing here does not compile.
    macro_rules! kinds {
        ($($kind:ident)*) => {{
            let name = |kind: &FaultKind| match kind { $(FaultKind::$kind { .. } => stringify!($kind),)* };
            let mut names = vec![$(stringify!($kind)),*];
            names.sort_unstable();
            (name, names)
        }};
    }
    let (name, all) = kinds!(
        Status Burst504 Slow FirstByteDelay StallAfter ResetAfter Truncate NotZip CrcFlip GzipTruncate GzipCrc
        CorruptMember Encrypted DuplicateMemberNames ExtraHour NoMembers BadLine DupRows LateDelivery Late404 Vanish
        TooLargeHour ClockSkew Redirect Serve
    );
    let faults = documented().1.faults;
    assert!(faults.iter().all(|fault| fault.check().is_ok()), "{faults:?}");
    let mut documented: Vec<&str> = faults.iter().map(|fault| name(&fault.kind)).collect();
    documented.sort_unstable();
    assert_eq!(documented, all);
}

#[tokio::test]
async fn a_senseless_fault_in_the_configuration_stops_the_start() {
    let fault = Fault::new(FaultKind::Slow { bytes_per_s: 0 });
    let refused = Simulator::start(Options { faults: vec![fault], ..small() }, any_port()).await;
    assert_eq!(refused.err().unwrap().kind(), io::ErrorKind::InvalidInput);
}
