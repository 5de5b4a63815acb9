//! The log as people and tools read it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::model::{Hour, SourceName, Window};
use crate::telemetry::keys;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const QUIET: Options<'static> = Options { run_id: "0123456789abcdef", verbose: 0, quiet: true, color: false };

fn log(format: LogFormat, dir: Option<&Path>) -> Log {
    Log { level: "info".to_owned(), format, dir: dir.map(Path::to_owned), keep_files: 3 }
}

/// What stderr says while `work` runs.
fn said(log: &Log, options: &Options<'_>, work: impl FnOnce()) -> String {
    let out = Shared::default();
    let (subscriber, guard, _) = build(log, options, Box::new(out.clone()));
    tracing::subscriber::with_default(subscriber, work);
    drop(guard);
    let bytes = out.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn split(phase: Phase) {
    let source: SourceName = "web".parse().unwrap();
    let first: Hour = "2026-11-20T00".parse().unwrap();
    let window = Window::new(first, first.plus(23)).unwrap();
    let line = Line::info("too large for Amplitude, split into 2 x 12 hours").phase(phase).source(&source);
    say(&line.window(window).with(keys::STATUS, 400));
}

#[test]
fn a_line_on_a_terminal_reads_well() {
    let options = Options { quiet: false, ..QUIET };
    let text = said(&log(LogFormat::Text, None), &options, || split(Phase::DateRange));
    assert_eq!(&text[8..], " info  web 2026-11-20T00..T23  too large for Amplitude, split into 2 x 12 hours\n");
    let verbose = Options { verbose: 1, ..options };
    assert!(said(&log(LogFormat::Text, None), &verbose, || split(Phase::ApiCall)).ends_with("hours  (status=400)\n"));
}

#[test]
fn every_line_of_every_stream_carries_run_source_and_hour() {
    let dir = tempfile::tempdir().unwrap();
    said(&log(LogFormat::Json, Some(dir.path())), &QUIET, || Phase::ALL.into_iter().for_each(split));
    for phase in Phase::ALL {
        let place = dir.path().join(phase.as_str());
        let files: Vec<_> = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(files[0].to_str().unwrap().ends_with(&format!(".{}.log", phase.as_str())));
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["phase"], phase.as_str());
        assert_eq!((&line["run_id"], &line["source"]), (&"0123456789abcdef".into(), &"web".into()));
        assert_eq!((&line["window"], &line["status"]), (&"2026-11-20T00..T23".into(), &400.into()));
    }
}

#[test]
fn quiet_says_nothing_when_all_went_well() {
    assert_eq!(said(&log(LogFormat::Text, None), &QUIET, || split(Phase::S3Load)), "");
    let text = said(&log(LogFormat::Text, None), &QUIET, || say(&Line::warn("the keys are refused")));
    assert!(text.ends_with(" warn  the keys are refused\n"), "{text}");
}

#[test]
fn control_characters_never_reach_a_terminal() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let text =
            said(&log(format, None), &QUIET, || say(&Line::error("a\nb\x1b[31mc\u{9b}d\u{202e}").with("k\t", "\r")));
        assert!(text.trim_end_matches('\n').chars().all(|c| !c.is_control() && c != '\u{202e}'), "{text:?}");
        assert!(text.contains("a\\nb"), "{text:?}");
    }
}

#[test]
fn a_log_directory_that_cannot_be_written_is_only_a_warning() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (_, _, problem) = build(&log(LogFormat::Text, Some(file.path())), &QUIET, Box::new(Shared::default()));
    assert!(problem.unwrap().starts_with("no log files: "));
}

#[test]
fn a_level_or_a_filter_is_understood_and_nothing_else() {
    assert!(filter_is_valid("info") && filter_is_valid("info,hyper=debug"));
    assert!(!filter_is_valid("loud") && !filter_is_valid("ampd=loud") && !filter_is_valid(""));
}
