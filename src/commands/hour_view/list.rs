//! `ampd hour ls`.

use serde_json::json;

use super::{Entry, Look};
use crate::admin::wire::RangeQuery;
use crate::cli::{Global, HourLsArgs, HourStateArg, OutputForm};
use crate::clock;
use crate::commands::one_shot::scope_of;
use crate::commands::range::{self, Bounds};
use crate::commands::session::Session;
use crate::exit::Exit;
use crate::model::calendar::HourMark;
use crate::model::{Hour, SourceName};
use crate::problem::Failure;
use crate::telemetry::{escape, figures};

/// Runs the command.
pub async fn list(global: &Global, args: HourLsArgs) -> Result<Exit, Failure> {
    let session = Session::open_to_look(global)?;
    let scope = scope_of(&session, args.source.as_ref())?;
    let bounds = range::bounds(&args.range, clock::now())?;
    let asked = RangeQuery { source: args.source.clone(), from: bounds.from, to: bounds.to, state: None };
    let look = Look::at(&session, asked).await?;
    let output = &session.output;
    let (mut count, mut kept) = (0_u64, Vec::new());
    for source in scope.sources.keys() {
        for hour in hours(&look, source, bounds) {
            let entry = look.entry(source, hour);
            let wanted = args.state.map(mark_of).is_none_or(|mark| mark == entry.mark);
            if !wanted || matches!(entry.mark, HourMark::NotDue | HourMark::Before) {
                continue;
            }
            if count == 0 {
                output.text(&heading());
            }
            count += 1;
            output.text(&line(&entry));
            output.event(&entry);
            if output.form() == OutputForm::Json {
                kept.push(entry);
            }
            if output.is_closed() {
                break;
            }
        }
    }
    if count == 0 {
        output.text("no hours");
    }
    match output.form() {
        OutputForm::Json => output.object(&json!({"schema": "ampd.hours/1", "hours": kept})),
        _ => output.object(&json!({"type": "summary", "schema": "ampd.hours/1", "count": count})),
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// The hours of a range; without one, from the first hour that is known to the newest that is due.
fn hours(look: &Look, source: &SourceName, bounds: Bounds) -> impl Iterator<Item = Hour> + use<> {
    let ledger = look.engine.ledger(source);
    let known = ledger.and_then(|ledger| {
        let recorded = ledger.range(..).next().map(|(hour, _)| hour);
        [ledger.first(), recorded].into_iter().flatten().min()
    });
    let newest = ledger.and_then(|ledger| ledger.range(..).next_back().map(|(hour, _)| hour));
    let due = look.rules.sources.get(source).map(|policy| policy.newest_due(look.now));
    let last = bounds.to.or([newest, due].into_iter().flatten().max());
    let window = bounds.from.or(known).zip(last);
    window.into_iter().flat_map(|(first, last)| (first.index()..=last.index()).map(Hour::from_index))
}

fn mark_of(state: HourStateArg) -> HourMark {
    match state {
        HourStateArg::Published => HourMark::Published,
        HourStateArg::Empty => HourMark::Empty,
        HourStateArg::Skipped => HourMark::Skipped,
        HourStateArg::Missing => HourMark::Missing,
        HourStateArg::Retrying => HourMark::Retrying,
        HourStateArg::Quarantined => HourMark::Quarantined,
        HourStateArg::Provisional => HourMark::Provisional,
        HourStateArg::Working => HourMark::Working,
    }
}

fn heading() -> String {
    format!(
        "{:13}  {:12}  {:11}  {:>7}  {:>9}  {:>3}  {:>8}  LAST FAULT",
        "HOUR", "SOURCE", "STATE", "ROWS", "BYTES", "GEN", "ATTEMPTS"
    )
}

fn line(entry: &Entry) -> String {
    let figure = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
    let fault = entry.last_fault.as_ref().map(|fault| format!("{} {}", fault.code, escape(&fault.message)));
    let line = format!(
        "{:13}  {:12}  {:11}  {:>7}  {:>9}  {:>3}  {:>8}  {}",
        entry.hour.to_string(),
        entry.source,
        entry.state,
        figure(entry.rows.map(figures::count)),
        figure(entry.bytes.map(figures::bytes)),
        figure(entry.generation.map(|generation| generation.to_string())),
        entry.attempts,
        fault.unwrap_or_default()
    );
    line.trim_end().to_owned()
}
