//! `ampd plan`: what would be asked now, in which windows. Touches no network and changes nothing; beside a daemon it
//! counts with what the daemon knows.

use serde::Serialize;

use super::one_shot::scope_of;
use super::session::{Session, policy};
use super::{figures, hour_view, range};
use crate::admin::wire::RangeQuery;
use crate::cli::{Global, PlanArgs};
use crate::clock;
use crate::engine::Engine;
use crate::exit::Exit;
use crate::model::calendar::HourMark;
use crate::model::policy::windows_of;
use crate::model::{Hour, SourceName, Window};
use crate::problem::Failure;

/// `ampd.plan/1`
#[derive(Debug, Serialize)]
struct Plan {
    schema: &'static str,
    sources: Vec<SourcePlan>,
}

#[derive(Debug, Serialize)]
struct SourcePlan {
    source: SourceName,
    hours: u64,
    windows: Vec<Window>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &PlanArgs) -> Result<Exit, Failure> {
    let session = Session::open_to_look(global)?;
    let now = clock::now();
    let rules = policy(session.config());
    let mut scope = scope_of(&session, args.source.as_ref())?;
    let bounds = range::bounds(&args.range, now)?;
    let range = RangeQuery { source: args.source.clone(), from: bounds.from, to: bounds.to, ..RangeQuery::default() };
    let (snapshot, marks) = hour_view::snapshot(&session, &range).await?;
    for (name, windows) in &mut scope.sources {
        let Some(policy) = rules.sources.get(name) else { continue };
        let known =
            snapshot.sources.iter().find(|(source, _)| source == name).and_then(|(_, record)| record.first_hour);
        let due = policy.newest_due(now);
        let first = known.or(policy.start).unwrap_or_else(|| due.plus(-7 * 24));
        let whole = bounds.within(first, due)?;
        // What a daemon is at work on is asked for already.
        let is_free = |hour: &Hour| marks.get(&(name.clone(), *hour)) != Some(&HourMark::Working);
        if whole.first() > due {
            return Err(Failure::usage(format!("nothing of the range is due yet; the newest due hour is {due}")));
        }
        let hours: Vec<Hour> = whole.iter().take_while(|hour| *hour <= due).filter(is_free).collect();
        *windows = windows_of(&hours);
    }
    let engine = Engine::new(rules, Some(scope.clone()), snapshot, 0, now);
    let mut plan = Plan { schema: "ampd.plan/1", sources: Vec::new() };
    for (name, windows) in &scope.sources {
        let planned = engine.planned(name, now);
        let hours = planned.iter().map(|window| u64::from(window.hours())).sum();
        let in_scope: u64 = windows.iter().map(|window| u64::from(window.hours())).sum();
        session.output.text(&text(name, in_scope, hours, &planned));
        plan.sources.push(SourcePlan { source: name.clone(), hours, windows: planned });
    }
    session.output.text("Nothing was done.");
    session.output.object(&plan);
    session.output.finish()?;
    Ok(Exit::Done)
}

fn text(name: &SourceName, in_scope: u64, hours: u64, planned: &[Window]) -> String {
    let mut lines = vec![format!("{name}: {}, {} to ask for", figures::hours(in_scope), figures::hours(hours))];
    let shown = planned.iter().take(20);
    lines.extend(shown.map(|window| format!("  {window}  {}", figures::hours(u64::from(window.hours())))));
    if planned.len() > 20 {
        let last = planned.last().map_or_else(String::new, |window: &Window| window.to_string());
        lines.push(format!("  ... {} more requests, the last for {last}", planned.len() - 20));
    }
    lines.join("\n")
}
