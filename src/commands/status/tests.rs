//! The report as it looks.

use super::*;
use crate::model::report::tests::sample;

const VIEW: View = View { days: 4, width: 80, ascii: false, color: false, now: DateTime::UNIX_EPOCH, verbose: false };

fn view() -> View {
    View { now: "2026-11-23T09:12:35Z".parse().unwrap(), ..VIEW }
}

#[test]
fn the_report_of_a_running_daemon() {
    assert_eq!(render(&sample(), &view()), include_str!("running.txt"));
}

#[test]
fn the_report_in_ascii() {
    let text = render(&sample(), &View { ascii: true, days: 2, ..view() });
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("Sun 2026-11-22  ### ### #X# ### ### ### #s# ###  1 quarantined\n"), "{text}");
    assert!(text.contains("X quarantined") && !text.contains("2026-11-21"), "{text}");
}

#[test]
fn a_daemon_that_is_down_and_one_that_is_paused_say_so_first() {
    let mut report = sample();
    report.daemon.paused = true;
    assert!(render(&report, &view()).contains("! the daemon is paused: nothing new is asked\n  -> ampd resume\n"));
    assert!(render(&report, &view()).lines().any(|line| line.starts_with("ios_eu") && line.ends_with("paused")));
    report.daemon.running = false;
    let late = View { now: "2026-11-23T10:12:05Z".parse().unwrap(), ..view() };
    let text = render(&report, &late);
    assert!(text.starts_with("ampd 0.1.0  not running  as of 2026-11-23 09:12Z (1h00m ago)  config"), "{text}");
}

#[test]
fn no_line_is_ever_wider_than_the_page() {
    let mut report = sample();
    report.sources[1].name = "a_very_long_name_of_a_project_that_somebody_thought_was_a_good_idea"
        .parse()
        .unwrap_or("a_very_long_name_of_a_project_that_somebody_thought_was_a_good".parse().unwrap());
    report.sources[1].activity = Some("x".repeat(200));
    report.sources[1].watermark = None;
    report.sources[1].lag_seconds = u64::MAX;
    (report.sources[1].rows_24h, report.sources[1].unread_24h) = (u64::MAX, 1);
    let problem = report.sources[1].problems[0].clone();
    report.sources[1].problems = vec![problem; 20];
    report.sources[1].problems[0].message = format!("日本語 {} \x1b[2J\n{}", "word ".repeat(200), "y".repeat(300));
    report.sources[1].problems[0].fix = Some(format!("ampd hour retry --source {}", report.sources[1].name));
    report.lake.place = Some(format!("s3://{}", "bucket".repeat(40)));
    report.lake.conditional_writes = Some(false);
    for width in [0, 20, 40, 79, 80, 200] {
        for (ascii, verbose) in [(false, false), (true, true)] {
            let text = render(&report, &View { width, ascii, verbose, days: 400, ..view() });
            let most = usize::from(width).clamp(20, 80);
            assert!(text.lines().all(|line| page::columns(line) <= most), "{width}\n{text}");
            assert!(!text.contains('\x1b') && !text.is_empty());
        }
    }
}

#[test]
fn rows_of_manifests_that_were_not_read_are_not_called_none() {
    let mut report = sample();
    report.sources[0].unread_24h = 3;
    assert!(render(&report, &view()).contains("2.1M+"));
    report.sources[0].rows_24h = 0;
    assert!(render(&report, &view()).contains("not read"));
}

#[test]
fn colours_change_nothing_but_colours() {
    let colored = render(&sample(), &View { color: true, ..view() });
    let mut plain = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, render(&sample(), &view()));
}
