//! The calendar: which hours are there, a glyph each, in groups of three.

use super::View;
use super::page::{Page, Paint};
use crate::model::calendar::{CalendarDay, HourMark};
use crate::model::report::SourceReport;
use crate::telemetry::figures;

/// Glyph, its ASCII form, its word, its colour.
fn face(mark: HourMark) -> (char, char, &'static str, Paint) {
    match mark {
        HourMark::Published => ('█', '#', "published", Paint::Good),
        HourMark::Empty => ('○', 'o', "empty", Paint::Good),
        HourMark::Skipped => ('s', 's', "skipped", Paint::Warn),
        HourMark::Provisional => ('?', '?', "provisional", Paint::Warn),
        HourMark::Retrying => ('▒', '~', "retrying", Paint::Warn),
        HourMark::Missing => ('!', '!', "missing", Paint::Bad),
        HourMark::Quarantined => ('✗', 'X', "quarantined", Paint::Bad),
        HourMark::Working => ('▶', '>', "working", Paint::Plain),
        HourMark::NotDue => ('·', '.', "not due", Paint::Dim),
        HourMark::Before => (' ', ' ', "before the first hour", Paint::Plain),
    }
}

pub(super) fn draw(page: &mut Page, source: &SourceReport, view: &View) {
    let skip = source.calendar.len().saturating_sub(usize::from(view.days));
    let days = &source.calendar[skip..];
    if days.is_empty() {
        return;
    }
    page.blank();
    let count = figures::plural(days.len() as u64, "day");
    let title = if days.len() == 1 { "last day".to_owned() } else { format!("last {count}") };
    let title = format!("{}, {title} (UTC)", page.cut(source.name.as_str(), page.width.saturating_sub(26)));
    page.line(&[(Paint::Strong, title)]);
    page.line(&[(Paint::Dim, format!("{:16}00  03  06  09  12  15  18  21", ""))]);
    for day in days {
        row(page, day);
    }
    let shown = |mark: &HourMark| *mark != HourMark::Before && days.iter().any(|day| day.marks().any(|m| m == *mark));
    let legend: Vec<_> = HourMark::ALL.into_iter().filter(shown).map(|mark| entry(page.ascii, mark)).collect();
    // A glyph and its word stay together.
    let legend: Vec<_> = legend.iter().map(String::as_str).collect();
    page.wrap_words(Paint::Dim, ("", ""), &legend, "  ", ("", 4));
}

fn entry(ascii: bool, mark: HourMark) -> String {
    let (glyph, plain, word, _) = face(mark);
    format!("{} {word}", if ascii { plain } else { glyph })
}

/// `Sun 2026-11-22  ███ ███ █✗█ ...  1 quarantined`
fn row(page: &mut Page, day: &CalendarDay) {
    let mut pieces: Vec<(Paint, String)> = vec![(Paint::Plain, format!("{}  ", day.date.format("%a %Y-%m-%d")))];
    for (at, mark) in day.marks().take(24).enumerate() {
        let (glyph, plain, _, paint) = face(mark);
        let glyph = if page.ascii { plain } else { glyph };
        if at > 0 && at % 3 == 0 {
            pieces.push((Paint::Plain, " ".to_owned()));
        }
        match pieces.last_mut() {
            Some((last, text)) if *last == paint && paint != Paint::Plain => text.push(glyph),
            _ => pieces.push((paint, glyph.to_string())),
        }
    }
    let notes: Vec<_> = [HourMark::Quarantined, HourMark::Missing, HourMark::Retrying]
        .into_iter()
        .filter_map(|mark| {
            let number = day.marks().filter(|m| *m == mark).count();
            (number > 0).then(|| format!("{number} {}", face(mark).2))
        })
        .collect();
    pieces.push((Paint::Plain, format!("  {}", notes.join(", "))));
    page.line(&pieces);
}
