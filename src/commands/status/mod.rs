//! `ampd status`: the report for a person, at most 80 columns wide, every state told by a glyph and a word, never by
//! its colour alone.

mod calendar;
mod command;
mod page;
mod problems;
mod table;

use chrono::{DateTime, Utc};

pub use command::run;

use crate::model::report::StatusReport;
use crate::telemetry::figures;
use page::{Page, Paint};

/// How the report is looked at.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Days in the calendar.
    pub days: u16,
    /// Columns there are; more than 80 are not used.
    pub width: u16,
    /// Only ASCII.
    pub ascii: bool,
    /// Colours.
    pub color: bool,
    /// The time, for the age of the report.
    pub now: DateTime<Utc>,
    /// The raw numbers too.
    pub verbose: bool,
}

/// A report of a running daemon that is older than this is said to be old.
const STALE_SECONDS: i64 = 120;

/// The report as text, ending with a line end.
pub fn render(report: &StatusReport, view: &View) -> String {
    let mut page = Page::new(view);
    header(&mut page, report, view);
    problems::draw(&mut page, report);
    table::draw(&mut page, report, view);
    table::leaders(&mut page, report);
    for source in &report.sources {
        calendar::draw(&mut page, source, view);
    }
    footer(&mut page, report);
    page.finish()
}

fn header(page: &mut Page, report: &StatusReport, view: &View) {
    let daemon = &report.daemon;
    let age = (view.now - report.generated_at).num_seconds();
    let mut parts = vec![format!("ampd {}", report.version)];
    let state = match (daemon.running, daemon.paused) {
        (true, true) => "paused",
        (true, false) => "running",
        (false, _) => "not running",
    };
    match daemon.started_at.filter(|_| daemon.running) {
        Some(started) => parts.push(format!("{state} {}", figures::span(seconds(view.now - started)))),
        None => parts.push(state.to_owned()),
    }
    if let Some(pid) = daemon.pid.filter(|_| daemon.running) {
        parts.push(format!("pid {pid}"));
    }
    if !daemon.running || age > STALE_SECONDS {
        let ago = figures::span(seconds(view.now - report.generated_at));
        parts.push(format!("as of {} ({ago} ago)", report.generated_at.format("%Y-%m-%d %H:%MZ")));
    }
    if let Some(config) = &daemon.config {
        parts.push(format!("config {config}"));
    }
    page.line(&[(Paint::Strong, parts.join("  "))]);
}

fn seconds(span: chrono::TimeDelta) -> u64 {
    u64::try_from(span.num_seconds()).unwrap_or(0)
}

fn footer(page: &mut Page, report: &StatusReport) {
    let staging = report.staging;
    let lake = &report.lake;
    let mut text = format!("Staging {} of {}", figures::bytes(staging.used_bytes), figures::bytes(staging.limit_bytes));
    text.push_str("   Lake ");
    text.push_str(lake.place.as_deref().unwrap_or(&lake.kind));
    page.blank();
    page.line(&[(Paint::Plain, text)]);
    if lake.conditional_writes == Some(false) {
        page.line(&[(Paint::Warn, "The store knows no conditional writes: only one ampd may write to it".to_owned())]);
    }
    for (name, stage) in [("Warehouse", &report.warehouse), ("Transform", &report.transform)] {
        if stage.kind != "none" {
            page.line(&[(Paint::Plain, format!("{name} {}", stage.kind))]);
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
