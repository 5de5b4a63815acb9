//! Broken archives: never published, never in the way of other hours.

use ampd::simulator::{Archive, BadLine, Fault, FaultKind, Framing, Method, NotZip, Order, TruncatedEnd};

use super::support::{World, dashed};

/// The hour that is broken, of a day.
const BROKEN: i64 = 7;

/// Every kind of broken archive with the code it gets, and whether it begins with `PK`, so that it is kept.
fn kinds() -> Vec<(FaultKind, &'static str, bool)> {
    let cut = |end| FaultKind::Truncate { fraction: 0.6, end };
    vec![
        (FaultKind::CrcFlip, "E303", true),
        (FaultKind::GzipTruncate, "E303", true),
        (FaultKind::GzipCrc, "E303", true),
        (FaultKind::CorruptMember, "E303", true),
        (FaultKind::Encrypted, "E303", true),
        (FaultKind::DuplicateMemberNames, "E303", true),
        (FaultKind::ExtraHour { hour: None }, "E303", true),
        (cut(TruncatedEnd::Honest), "E303", true),
        (cut(TruncatedEnd::Chunked), "E303", true),
        (FaultKind::NotZip(NotZip::Html), "E302", false),
        (FaultKind::NotZip(NotZip::Json), "E302", false),
        (FaultKind::NotZip(NotZip::Empty), "E302", false),
        (FaultKind::NotZip(NotZip::Text), "E302", false),
    ]
}

#[test]
fn one_corrupt_hour_of_a_day_is_quarantined_and_the_other_23_land() {
    std::thread::scope(|scope| {
        for (kind, code, kept) in kinds() {
            scope.spawn(move || {
                let world = World::new(24);
                world.plant_on(BROKEN, kind.clone());
                world.expect(3, &["once"]);
                world.assert_truth((0..24).filter(|n| *n != BROKEN));
                let hour = world.hour(BROKEN);
                assert!(world.lake().newest(&hour.to_string()).is_none(), "{kind:?}");
                let problem = world.problem_of(BROKEN).unwrap();
                assert_eq!((&problem["code"], &problem["attempts"]), (&code.into(), &3.into()), "{kind:?}: {problem}");
                assert!(problem["fix"].as_str().unwrap().contains("ampd hour retry"), "{problem}");
                let archives = world.quarantined_archives();
                assert_eq!(archives.len(), usize::from(kept), "{kind:?}: {archives:?}");
                let alone = world.windows().iter().filter(|window| **window == (BROKEN, BROKEN)).count();
                assert_eq!(alone, 3, "{kind:?}: {:?}", world.windows());
                assert_eq!(world.status()["sources"][0]["watermark"], dashed(world.hour(BROKEN - 1)).as_str());
            });
        }
    });
}

#[test]
fn a_broken_archive_that_heals_is_published_without_a_trace() {
    std::thread::scope(|scope| {
        for (kind, _, _) in kinds() {
            scope.spawn(move || {
                let world = World::new(3);
                world.plant(Fault::new(kind.clone()).on(world.hour(1)).times(1));
                world.expect(0, &["once"]);
                world.assert_complete();
                assert!(world.requests().len() <= 4, "{kind:?}: {:?}", world.windows());
                assert_eq!(world.quarantined_archives(), Vec::<String>::new(), "{kind:?}");
            });
        }
    });
}

#[test]
fn a_body_shorter_than_its_content_length_is_never_an_archive() {
    let world = World::new(3);
    let kind = FaultKind::Truncate { fraction: 0.9, end: TruncatedEnd::Lying };
    world.plant(Fault::new(kind).times(2));
    world.expect(0, &["once"]);
    world.assert_complete();
    assert_eq!(world.requests().len(), 3);
}

#[test]
fn a_valid_archive_without_members_is_no_data_only_when_it_says_so_twice() {
    let mut world = World::new(2);
    world.set("window.max", "\"1h\"");
    world.plant(Fault::new(FaultKind::NoMembers).on(world.hour(0)).times(1));
    world.expect(0, &["once"]);
    world.assert_complete();
    let world = World::new(2);
    world.plant(Fault::new(FaultKind::NoMembers));
    let summary = world.summary(0, &["once"]);
    assert_eq!(summary["empty"], 2);
}

#[test]
fn hour_retry_lands_a_quarantined_hour_once_it_is_good() {
    let world = World::new(4);
    world.plant_on(2, FaultKind::GzipCrc);
    world.expect(3, &["once"]);
    let hour = dashed(world.hour(2));
    assert_eq!(world.summary(3, &["hour", "retry", &hour])["quarantined"], 1, "still broken");
    world.sim.clear_faults();
    assert_eq!(world.summary(0, &["hour", "retry", &hour])["published"], 1);
    world.assert_complete();
    assert!(world.problem_of(2).is_none());
    world.expect(0, &["once"]);
}

#[test]
fn hour_skip_publishes_the_decision_and_the_watermark_passes() {
    let world = World::new(4);
    world.plant_on(1, FaultKind::CrcFlip);
    world.expect(3, &["once"]);
    let hour = dashed(world.hour(1));
    world.expect(2, &["hour", "skip", &hour]);
    // A slip of the year: what is to come would never be asked for.
    world.expect(1, &["hour", "skip", "2099-01-01T00", "--reason", "a slip"]);
    assert_eq!(world.status()["sources"][0]["hours"]["skipped"], 0);
    assert_eq!(world.summary(0, &["hour", "skip", &hour, "--reason", "lost, ticket 4711"])["skipped"], 1);
    let lake = world.lake();
    let manifest = lake.newest(&world.hour(1).to_string()).unwrap();
    assert_eq!((&manifest["state"], &manifest["reason"]), (&"skipped".into(), &"lost, ticket 4711".into()));
    let status = world.status();
    assert_eq!(status["sources"][0]["watermark"], dashed(world.last).as_str());
    assert_eq!(status["sources"][0]["hours"]["skipped"], 1);
    world.assert_truth([0, 2, 3]);
    world.expect(0, &["once"]);
}

#[test]
fn a_bad_line_is_kept_and_counted_or_quarantines_its_hour_as_configured() {
    for bad in [BadLine::Cut, BadLine::Latin1] {
        let world = World::new(3);
        world.plant_on(1, FaultKind::BadLine(bad));
        world.expect(0, &["once"]);
        let lake = world.lake();
        let hour = world.hour(1).to_string();
        assert_eq!(lake.newest(&hour).unwrap()["rows_invalid"], 1);
        assert_eq!(lake.content(&hour).0, world.sim.truth(None, world.first, world.last).unwrap().per_hour[&hour].rows);

        let mut world = World::new(3);
        world.set("staging.invalid_rows", "\"quarantine\"");
        world.plant_on(1, FaultKind::BadLine(bad));
        world.expect(3, &["once"]);
        world.assert_truth([0, 2]);
        assert_eq!(world.problem_of(1).unwrap()["code"], "E304");
        assert_eq!(world.quarantined_archives().len(), 1);
    }
}

#[test]
fn rows_that_are_there_twice_are_landed_twice() {
    let world = World::new(2);
    world.plant_on(0, FaultKind::DupRows);
    world.expect(0, &["once"]);
    let hour = world.hour(0).to_string();
    let truth = world.sim.truth(None, world.first, world.last).unwrap();
    assert!(world.lake().content(&hour).0 > truth.per_hour[&hour].rows);
}

#[test]
fn every_shape_of_archive_lands_byte_for_byte() {
    let shapes: [fn(&mut Archive); 6] = [
        |a| (a.method, a.data_descriptors) = (Method::Stored, false),
        |a| (a.method, a.directory_entry, a.order) = (Method::Deflated, true, Order::Lexical),
        |a| (a.zip64, a.order) = (true, Order::Shuffled),
        |a| (a.final_newline, a.framing) = (false, Framing::Chunked),
        |a| (a.gzip_multi_stream, a.final_newline) = (true, false),
        |a| (a.accept_ranges, a.reorder_per_request) = (true, true),
    ];
    for shape in shapes {
        for format in ["json.gz", "json", "json.zst"] {
            let mut world = World::with(12, |options| {
                shape(&mut options.archive);
                options.projects[0].part_ids = vec![70, 627];
                options.projects[0].hostile_share = 0.1;
            });
            world.set("lake.format", &format!("\"{format}\""));
            world.expect(0, &["once"]);
            world.assert_complete();
        }
    }
}

#[test]
fn a_small_part_target_makes_several_objects_that_are_equal_to_the_truth() {
    for (format, rows) in [("json.gz", 6_000), ("json", 1_500), ("json.zst", 12_000)] {
        let mut world = World::with(2, |options| {
            options.projects[0].events_per_hour = rows;
            options.projects[0].parts = 5;
        });
        world.set("lake.format", &format!("\"{format}\"")).set("lake.part_target", "\"1MiB\"");
        world.expect(0, &["once"]);
        world.assert_complete();
        let lake = world.lake();
        let objects = lake.newest(&world.hour(0).to_string()).unwrap()["objects"].as_array().unwrap().len();
        assert!(objects > 1, "{format}: {objects}");
    }
}
