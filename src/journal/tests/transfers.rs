use proptest::prelude::*;

use super::*;
use crate::journal::{ImportError, MemoryJournal, export, import};
use crate::model::{Fault, FaultKind, Pause, Phase, Why, Work};

fn any_work() -> impl Strategy<Value = Box<Work>> {
    (any::<bool>(), any::<u64>(), 0..3_000_000_000_i64, any::<u32>(), "\\PC{0,40}").prop_map(
        |(allow_shrink, bits, seconds, attempt, detail)| {
            let mut work = Work::new(if attempt % 2 == 0 { Why::First } else { Why::Reexport { allow_shrink } });
            work.phase = if allow_shrink { Phase::Captured } else { Phase::Quarantined };
            work.capture = Some(CaptureId::from_bits(bits));
            work.attempt = attempt;
            work.not_before = Some(Pause { until: DateTime::from_timestamp(seconds, 0).unwrap(), seconds });
            work.last_fault = Some(Fault::new(FaultKind::BrokenArchive, detail));
            Box::new(work)
        },
    )
}

fn any_change() -> impl Strategy<Value = Change> {
    let name = "[a-z][a-z0-9]{0,12}".prop_map(|name| source(&name));
    let record = (proptest::option::of(any_work()), any::<u32>(), any::<bool>())
        .prop_map(|(work, rows, leftovers)| HourRecord { work, leftovers, ..published(u64::from(rows)) });
    prop_oneof![
        (name.clone(), -1_000_000..5_000_000_i64, record).prop_map(|(name, index, record)| Change::Hour(
            name,
            Hour::from_index(index),
            record
        )),
        (any::<u64>(), "[0-9a-f]{64}").prop_map(|(id, sha256)| Change::Capture(capture(id, &sha256))),
        (name, any::<u32>()).prop_map(|(name, window_hours)| {
            Change::Source(name, SourceRecord { window_hours, ..SourceRecord::default() })
        }),
        any::<bool>().prop_map(|settled| Change::Lake(LakeRecord { id: Some("x".to_owned()), settled })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_exported_state_is_imported_whole(changes in proptest::collection::vec(any_change(), 0..40)) {
        let mut journal = MemoryJournal::new();
        journal.commit(&changes).unwrap();
        let snapshot = journal.snapshot();
        let mut restored = MemoryJournal::new();
        restored.commit(&import(export(&snapshot)).unwrap()).unwrap();
        prop_assert_eq!(restored.snapshot(), snapshot);
    }

    #[test]
    fn both_journals_keep_the_same(changes in proptest::collection::vec(any_change(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = MemoryJournal::new();
        let mut journal = open(dir.path()).journal;
        for some in changes.chunks(7) {
            memory.commit(some).unwrap();
            journal.commit(some).unwrap();
        }
        prop_assert_eq!(journal.load().unwrap(), memory.snapshot());
    }
}

#[test]
fn what_is_no_exported_state_is_refused_with_its_line() {
    let lines: Vec<String> = export(&after(3)).collect();
    assert!(lines[0].starts_with(r#"{"ampd_state":1"#));
    let none: [&str; 0] = [];
    assert!(matches!(import(none), Err(ImportError::NoHeader)));
    assert!(matches!(import(&lines[1..]), Err(ImportError::NoHeader)));
    assert!(matches!(import([r#"{"ampd_state":2}"#]), Err(ImportError::Version { found: 2 })));
    assert!(matches!(import(&lines[..3]), Err(ImportError::Count { .. })));
    let mut bad = lines;
    bad[2] = "{\"hour\":[]}".to_owned();
    assert!(matches!(import(&bad), Err(ImportError::Line { line: 3, .. })));
    assert!(import([r#"{"ampd_state":1}"#, "", r#"{"lake":{"id":null,"settled":false}}"#]).is_ok());
}
