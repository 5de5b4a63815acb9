//! The report as it is documented.

use super::*;
use crate::schema_check;

/// A report with something of everything.
pub(crate) fn sample() -> StatusReport {
    serde_json::from_str(SAMPLE).unwrap()
}

const SAMPLE: &str = r#"{
  "schema": "ampd.status/1", "version": "0.1.0", "generated_at": "2026-11-23T09:12:05Z",
  "daemon": {"running": true, "pid": 812, "started_at": "2026-11-20T05:03:11Z", "paused": false, "config": "/etc/ampd/ampd.toml"},
  "sources": [
    {"name": "ios_eu", "region": "eu", "watermark": "2026-11-23T06", "available_until": "2026-11-23T06", "lag_seconds": 0,
     "hours": {"published": 8000, "empty": 12, "skipped": 0, "missing": 0, "retrying": 0, "quarantined": 0, "provisional": 0},
     "rows_24h": 2100000, "bytes_24h": 251658240, "unread_24h": 0, "next_tick_at": "2026-11-23T10:05:00Z", "problems": [],
     "lease": {"leads": false, "until": "2026-11-23T09:12:58Z",
               "holder": {"state": "5d41402abc4b2a76", "host": "etl-2", "pid": 90, "run": "b9719d911017c592"}},
     "first_hour": "2026-01-01T00", "activity": null, "calendar": []},
    {"name": "web", "region": "us", "watermark": "2026-11-22T06", "available_until": "2026-11-23T06", "lag_seconds": 86400,
     "hours": {"published": 8123, "empty": 4, "skipped": 1, "missing": 1, "retrying": 1, "quarantined": 1, "provisional": 0},
     "rows_24h": 14812345, "bytes_24h": 2040109465, "unread_24h": 0, "next_tick_at": "2026-11-23T10:05:00Z",
     "problems": [{"code": "E303", "hour": "2026-11-22T07", "attempts": 5, "message": "archive truncated",
                   "fix": "ampd hour retry 2026-11-22T07 --source web"}],
     "lease": {"leads": true, "until": "2026-11-23T09:13:01Z",
               "holder": {"state": "7d793037a0760186", "host": "etl-1", "pid": 812, "run": "574b0e3a24a8dc2a"}},
     "first_hour": "2026-11-20T03", "activity": "downloading T08 41%",
     "calendar": [
       {"date": "2026-11-20", "hours": "---ppppppppppppppppppppp"},
       {"date": "2026-11-21", "hours": "ppeeeepppppppppppppppppp"},
       {"date": "2026-11-22", "hours": "pppppppqpppppppppppspppp"},
       {"date": "2026-11-23", "hours": "ppppprmwnnnnnnnnnnnnnnnn"}]}],
  "staging": {"used_bytes": 3328599654, "limit_bytes": 21474836480},
  "lake": {"type": "s3", "conditional_writes": true, "single_writer": false, "place": "s3://acme-lake/amplitude"},
  "warehouse": {"type": "none"}, "transform": {"type": "none"}}"#;

#[test]
fn the_sample_survives_reading_and_writing_and_fits_its_schema() {
    let original: serde_json::Value = serde_json::from_str(SAMPLE).unwrap();
    let written = serde_json::to_value(sample()).unwrap();
    assert_eq!(written, original);
    let schema = include_str!("../../docs/schema/status.json");
    assert_eq!(schema_check::problems(schema, &written), Vec::<String>::new());
    let mut wrong = written;
    wrong["sources"][0]["lag_seconds"] = "long".into();
    wrong["daemon"].as_object_mut().unwrap().remove("pid");
    assert_eq!(schema_check::problems(schema, &wrong).len(), 2);
}

#[test]
fn the_lag_counts_from_the_first_hour_when_nothing_is_published() {
    let first: Hour = "2026-11-20T00".parse().unwrap();
    assert_eq!(SourceReport::lag(first, None, Some(first.plus(2))), 3 * 3600);
    assert_eq!(SourceReport::lag(first, Some(first.plus(2)), Some(first.plus(2))), 0);
    assert_eq!(SourceReport::lag(first, Some(first.plus(5)), Some(first.plus(2))), 0);
    assert_eq!(SourceReport::lag(first, None, None), 0);
}

#[test]
fn a_report_with_a_problem_is_not_well() {
    let mut report = sample();
    assert!(!report.is_well());
    report.sources.pop();
    assert!(report.is_well());
    report.sources[0].first_hour = None;
    assert!(!report.is_well(), "its lake was not read yet");
}
