//! The table of sources.

use super::View;
use super::page::{Page, Paint, columns};
use crate::model::report::{DaemonReport, SourceReport, StatusReport};
use crate::telemetry::figures;

pub(super) fn draw(page: &mut Page, report: &StatusReport, view: &View) {
    let longest = report.sources.iter().map(|source| columns(source.name.as_str())).max().unwrap_or(0);
    let name = longest.clamp(6, 16);
    page.blank();
    if report.sources.is_empty() {
        page.line(&[(Paint::Warn, "No source is known yet.".to_owned())]);
        return;
    }
    let heading = format!(
        "{}  {:13}  {:7}  {:>8}  {:>9}  STATE",
        page.cell("SOURCE", name),
        "WATERMARK",
        "LAG",
        "24H ROWS",
        "24H BYTES"
    );
    page.line(&[(Paint::Dim, heading)]);
    for source in &report.sources {
        let watermark = source.watermark.map_or_else(|| "none".to_owned(), |hour| hour.to_string());
        let lag = format!("{:7}", figures::span(source.lag_seconds));
        let (rows, bytes) = last_day(source);
        let figures = format!("  {rows:>8}  {bytes:>9}  ");
        let behind = if source.lag_seconds == 0 { Paint::Good } else { Paint::Warn };
        let (paint, state) = state(source, &report.daemon);
        page.line(&[
            (Paint::Strong, page.cell(source.name.as_str(), name)),
            (Paint::Plain, format!("  {watermark:13}  ")),
            (behind, lag),
            (Paint::Plain, figures),
            (paint, state),
        ]);
        if view.verbose {
            raw(page, source);
        }
    }
}

/// Rows and bytes of the last day; with `+` where not every manifest was read yet.
fn last_day(source: &SourceReport) -> (String, String) {
    let (rows, bytes) = (figures::count(source.rows_24h), figures::bytes(source.bytes_24h));
    match (source.unread_24h, source.rows_24h) {
        (0, _) => (rows, bytes),
        (_, 0) => ("not read".to_owned(), "not read".to_owned()),
        _ => (rows + "+", bytes + "+"),
    }
}

/// What the source does now, in words.
fn state(source: &SourceReport, daemon: &DaemonReport) -> (Paint, String) {
    if let Some(activity) = &source.activity {
        return (Paint::Plain, activity.clone());
    }
    match (source.hours.quarantined, source.problems.len(), source.next_tick_at.filter(|_| daemon.running)) {
        (1.., _, _) => (Paint::Bad, format!("{} quarantined", source.hours.quarantined)),
        (0, 1.., _) => (Paint::Bad, figures::plural(source.problems.len() as u64, "problem")),
        (0, 0, Some(_)) if daemon.paused => (Paint::Warn, "paused".to_owned()),
        (0, 0, Some(_)) if follows(source) => (Paint::Dim, "following".to_owned()),
        (0, 0, Some(next)) => (Paint::Dim, format!("idle, next {}", next.format("%H:%MZ"))),
        (0, 0, None) if source.first_hour.is_none() => (Paint::Warn, "lake not read yet".to_owned()),
        (0, 0, None) if source.lag_seconds == 0 => (Paint::Good, "complete".to_owned()),
        (0, 0, None) => (Paint::Warn, format!("{} to do", figures::hours(source.lag_seconds / 3600))),
    }
}

/// Somebody else leads.
fn follows(source: &SourceReport) -> bool {
    source.lease.as_ref().is_some_and(|lease| !lease.leads)
}

/// Who leads the sources that this daemon does not.
pub(super) fn leaders(page: &mut Page, report: &StatusReport) {
    for source in report.sources.iter().filter(|source| report.daemon.running && follows(source)) {
        let lease = source.lease.as_ref();
        let until = lease.and_then(|lease| lease.until).map(|until| format!(" until {}", until.format("%H:%M:%SZ")));
        let text = match lease.and_then(|lease| lease.holder.as_ref()) {
            Some(holder) => format!("{} leads{}", holder.words(), until.unwrap_or_default()),
            None => "it is not known who leads".to_owned(),
        };
        page.wrap(Paint::Plain, ("", "  "), &format!("{}: following, {text}", source.name), "", 4);
    }
}

fn raw(page: &mut Page, source: &SourceReport) {
    let hours = source.hours;
    let word = |hour: Option<crate::model::Hour>| hour.map_or_else(|| "none".to_owned(), |hour| hour.to_string());
    let text = format!(
        "region {}, first hour {}, due until {}, lag {} s, published {}, empty {}, skipped {}, provisional {}, \
         missing {}, retrying {}, quarantined {}",
        source.region,
        word(source.first_hour),
        word(source.available_until),
        source.lag_seconds,
        hours.published,
        hours.empty,
        hours.skipped,
        hours.provisional,
        hours.missing,
        hours.retrying,
        hours.quarantined
    );
    page.wrap(Paint::Dim, ("  ", "  "), &text, "", 8);
}
