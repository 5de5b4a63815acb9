//! Each fault of answers and of content visibly does what it says.

use super::*;

const H: &str = "20260101T05";

fn on_hour(kind: FaultKind) -> Fault {
    Fault::new(kind).on(hour(H))
}

#[tokio::test]
async fn a_status_strikes_so_often_and_says_when_to_come_back() {
    let kind = FaultKind::Status { code: 503, retry_after: Some(RetryAfter::Seconds(7)), body: Some("busy".into()) };
    let world = World::with(on_hour(kind).times(2)).await;
    for _ in 0..2 {
        let struck = world.ask(H, H).await;
        assert_eq!((struck.status().as_u16(), &struck.headers()["retry-after"]), (503, &"7".parse().unwrap()));
        assert_eq!(struck.text().await.unwrap(), "busy");
        assert_eq!(world.status("20260101T06", "20260101T06").await, 200, "another hour is well");
    }
    assert_eq!(world.status(H, H).await, 200);
    assert_eq!(world.sim.requests()[0].fault.as_deref(), Some("status"));
}

#[tokio::test]
async fn a_status_can_be_planted_for_the_nth_request() {
    let kind = || FaultKind::Status { code: 500, retry_after: None, body: None };
    let world = World::with(Fault { request: Some(2), ..Fault::new(kind()) }).await;
    world.sim.plant(Fault { every: Some(4), ..Fault::new(kind()) }).unwrap();
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.push(world.status(H, H).await);
    }
    assert_eq!(seen, [200, 500, 200, 500, 200, 200, 200, 500]);
}

#[tokio::test]
async fn a_status_can_be_planted_for_one_window() {
    let kind = FaultKind::Status { code: 403, retry_after: None, body: None };
    let world = World::with(Fault { window: Some((hour(H), hour("20260101T06"))), ..Fault::new(kind) }).await;
    assert_eq!(world.status(H, H).await, 200);
    let struck = world.ask(H, "20260101T06").await;
    assert!(struck.text().await.unwrap().contains("Invalid API Key"));
}

#[tokio::test]
async fn bursts_of_504_pass() {
    let world = World::with(Fault::new(FaultKind::Burst504(2))).await;
    let seen = [world.status(H, H).await, world.status(H, H).await, world.status(H, H).await];
    assert_eq!(seen, [504, 504, 200]);
}

#[tokio::test]
async fn what_is_no_zip_comes_with_200() {
    for kind in [NotZip::Html, NotZip::Json, NotZip::Empty, NotZip::Text] {
        let world = World::with(on_hour(FaultKind::NotZip(kind))).await;
        let body = world.bytes(H, H).await;
        assert!(!body.starts_with(b"PK"));
        assert_eq!(body.is_empty(), kind == NotZip::Empty);
        assert!(world.sim.requests()[0].completed);
    }
}

#[tokio::test]
async fn broken_archives_are_found_broken_by_a_careful_reader() {
    let cases = [
        (FaultKind::CrcFlip, "checksum"),
        (FaultKind::GzipCrc, "corrupt gzip stream"),
        (FaultKind::GzipTruncate, ""),
        (FaultKind::CorruptMember, ""),
        (FaultKind::Encrypted, "assword"),
    ];
    for method in [Method::Stored, Method::Deflated] {
        for (kind, expected) in &cases {
            for data_descriptors in [false, true] {
                let mut options = Options { faults: vec![on_hour(kind.clone())], ..small() };
                options.archive.method = method;
                options.archive.data_descriptors = data_descriptors;
                let world = World::new(options).await;
                let error = try_members(&world.bytes("20260101T04", H).await).unwrap_err();
                assert!(error.contains(expected), "{kind:?}: {error}");
                assert_eq!(try_members(&world.bytes("20260101T04", "20260101T04").await).unwrap().len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn a_truncated_gzip_lies_in_a_good_zip() {
    let world = World::with(on_hour(FaultKind::GzipTruncate)).await;
    let archive = world.bytes(H, H).await;
    let mut zip = ::zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let (mut packed, mut text) = (Vec::new(), Vec::new());
    zip.by_index(0).unwrap().read_to_end(&mut packed).unwrap();
    assert!(MultiGzDecoder::new(&packed[..]).read_to_end(&mut text).is_err());
    assert!(!text.is_empty(), "lines come out before the error");
}

#[tokio::test]
async fn one_line_is_bad_and_the_truth_stays_clean() {
    for kind in [BadLine::Cut, BadLine::Latin1] {
        let world = World::with(on_hour(FaultKind::BadLine(kind))).await;
        let lines = world.lines(H, H).await;
        assert_eq!(lines.len() as u64, world.truth(H, H).rows);
        let bad = lines.iter().filter(|line| {
            let text = std::str::from_utf8(line).ok();
            text.is_none_or(|text| serde_json::from_str::<serde_json::Value>(text).is_err())
        });
        assert_eq!(bad.count(), 1, "{kind:?}");
        assert_ne!(hash(lines.clone()), world.truth(H, H).hash);
        assert_eq!(lines.iter().any(|line| std::str::from_utf8(line).is_err()), kind == BadLine::Latin1);
    }
}

#[tokio::test]
async fn repeated_rows_are_the_truth_twice() {
    let world = World::with(on_hour(FaultKind::DupRows)).await;
    let mut lines = world.lines(H, H).await;
    assert!(lines.len() as u64 > world.truth(H, H).rows);
    lines.sort();
    lines.dedup();
    assert_eq!(hash(lines), world.truth(H, H).hash);
}

#[tokio::test]
async fn late_rows_arrive_and_the_truth_knew() {
    let late = FaultKind::LateDelivery { share: 0.4, after: Some(at("2026-01-11T00:00:00Z")), after_minutes: None };
    let world = World::with(on_hour(late)).await;
    let early = world.lines(H, H).await;
    let truth = world.truth(H, H);
    assert!((early.len() as u64) < truth.rows);
    let seen = world.sim.truth_now(None, hour(H), hour(H)).unwrap();
    assert_eq!(seen.hash, hash(early));
    world.sim.set_now(at("2026-01-11T00:00:01Z"));
    assert_eq!(hash(world.lines(H, H).await), truth.hash);
    assert_eq!(world.sim.truth_now(None, hour(H), hour(H)).unwrap(), truth);
}

#[tokio::test]
async fn lateness_can_count_from_each_hours_end() {
    let late = FaultKind::LateDelivery { share: 1.0, after: None, after_minutes: Some(240) };
    let world = World::with(Fault::new(late)).await;
    world.sim.set_now(at("2026-01-01T12:30:00Z"));
    let window = by_member_hour(&members(&world.bytes("20260101T05", "20260101T09").await));
    assert_eq!(window.into_keys().collect::<Vec<_>>(), ["20260101T05", "20260101T06", "20260101T07"]);
}

#[tokio::test]
async fn a_404_can_become_data_and_data_can_become_a_404() {
    let world = World::with(on_hour(FaultKind::Late404 { until: at("2026-01-11T00:00:00Z") })).await;
    assert_eq!(world.status(H, H).await, 404);
    assert_eq!(members(&world.bytes("20260101T04", H).await).len(), 1, "its neighbour is there");
    world.sim.set_now(at("2026-01-11T00:00:00Z"));
    assert_eq!(world.status(H, H).await, 200);
    world.sim.clear_faults();
    world.sim.plant(on_hour(FaultKind::Vanish { after: None, answers: Some(2) })).unwrap();
    let seen = [world.status(H, H).await, world.status(H, H).await, world.status(H, H).await];
    assert_eq!(seen, [200, 200, 404]);
    assert_eq!(world.sim.truth_now(None, hour(H), hour(H)).unwrap().rows, 0);
}

#[tokio::test]
async fn an_hour_can_be_too_large_by_itself() {
    let world = World::with(on_hour(FaultKind::TooLargeHour)).await;
    assert_eq!(world.status("20260101T00", "20260101T10").await, 400);
    assert_eq!(world.status(H, H).await, 400);
    assert_eq!(world.status("20260101T00", "20260101T04").await, 200);
}

#[tokio::test]
async fn archives_can_hold_too_much_or_nothing() {
    let world = World::with(on_hour(FaultKind::ExtraHour { hour: None })).await;
    let hours = by_member_hour(&members(&world.bytes(H, H).await));
    assert_eq!(hours.into_keys().collect::<Vec<_>>(), [H, "20260101T06"]);
    let world = World::with(on_hour(FaultKind::NoMembers)).await;
    let empty = world.bytes(H, H).await;
    assert!(empty.starts_with(b"PK\x05\x06") && members(&empty).is_empty());
    let world = World::with(on_hour(FaultKind::DuplicateMemberNames)).await;
    let archive = world.bytes(H, H).await;
    let headers = archive.windows(4).filter(|window| *window == b"PK\x01\x02").count();
    assert_eq!(headers, 2, "one hour of one part has two entries");
}

#[tokio::test]
async fn the_date_can_be_wrong_and_the_answer_elsewhere() {
    let world = World::with(Fault::new(FaultKind::ClockSkew { s: -3600 }).times(1)).await;
    assert_eq!(world.ask(H, H).await.headers()["date"], "Fri, 09 Jan 2026 23:00:00 GMT");
    assert_eq!(world.ask(H, H).await.headers()["date"], "Sat, 10 Jan 2026 00:00:00 GMT");
    let to = format!("{}/_sim/health", world.sim.url());
    world.sim.plant(Fault::new(FaultKind::Redirect { to: to.clone(), code: None })).unwrap();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = format!("{}/api/2/export?start={H}&end={H}", world.sim.url());
    let redirect = client.get(url).basic_auth(API_KEY, Some(SECRET_KEY)).send().await.unwrap();
    assert_eq!((redirect.status().as_u16(), redirect.headers()["location"].to_str().unwrap()), (302, to.as_str()));
}

#[tokio::test]
async fn a_file_can_be_served() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"PK anything").unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let world = World::with(on_hour(FaultKind::Serve { path })).await;
    assert_eq!(world.bytes(H, H).await, b"PK anything");
    world.sim.clear_faults();
    world.sim.plant(on_hour(FaultKind::Serve { path: "/nowhere/at/all".into() })).unwrap();
    assert_eq!(world.status(H, H).await, 500);
}
