//! Problems first, each with the command that repairs it.

use super::page::{Page, Paint};
use crate::model::report::{Problem, SourceReport, StatusReport};
use crate::telemetry::figures;

/// Problems shown of one source.
const MOST: usize = 8;

pub(super) fn draw(page: &mut Page, report: &StatusReport) {
    if report.daemon.running && report.daemon.paused {
        page.blank();
        one(page, "the daemon is paused: nothing new is asked", Some("ampd resume"));
    }
    for source in report.sources.iter().filter(|source| !source.problems.is_empty()) {
        page.blank();
        for problem in source.problems.iter().take(MOST) {
            one(page, &sentence(source, problem), problem.fix.as_deref());
        }
        let more = source.problems.len().saturating_sub(MOST);
        if more > 0 {
            let text = format!("{}: {} more", source.name, figures::plural(more as u64, "problem"));
            one(page, &text, Some(&format!("ampd hour ls --state quarantined --source {}", source.name)));
        }
    }
}

/// `web 2026-11-22T07: archive truncated (E303, 5 attempts)`
fn sentence(source: &SourceReport, problem: &Problem) -> String {
    let hour = problem.hour.map(|hour| format!(" {hour}")).unwrap_or_default();
    let attempts = match problem.attempts {
        0 => String::new(),
        number => format!(", {}", figures::plural(u64::from(number), "attempt")),
    };
    format!("{}{hour}: {} ({}{attempts})", source.name, problem.message, problem.code)
}

fn one(page: &mut Page, text: &str, fix: Option<&str>) {
    page.wrap(Paint::Bad, ("! ", "  "), text, "", 4);
    if let Some(fix) = fix {
        // A command that needs two lines can still be pasted.
        page.wrap(Paint::Strong, ("  -> ", "     "), fix, " \\", 4);
    }
}
