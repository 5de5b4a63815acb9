//! `--repair`: removes what no manifest can name or named for a week, and exports damaged hours again. Each hour is
//! looked at anew right before anything of it is removed.

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

use chrono::TimeDelta;

use super::check::Checker;
use super::findings::SourceFindings;
use super::hours::Class;
use super::report::Report;
use super::{View, lake_failure};
use crate::cli::OutputForm;
use crate::commands::one_shot::{self, Work};
use crate::commands::output::{self, Output};
use crate::commands::session::Session;
use crate::engine::Order;
use crate::lake::{Lake, LakeError};
use crate::model::policy::windows_of;
use crate::model::{Hour, Scope};
use crate::problem::Failure;
use crate::telemetry::figures;

/// Objects without a manifest are left for so long: theirs may be on its way.
const WAITING_MAX: TimeDelta = TimeDelta::weeks(1);

/// Repairs what can be repaired, and puts what is left into the report.
pub(super) async fn run(
    session: &mut Session,
    lake: &Arc<dyn Lake>,
    view: &View,
    report: &mut Report,
) -> Result<(), Failure> {
    let removable = report.sources.iter().flat_map(|source| &source.unnamed);
    let removable = removable.filter(|(_, object)| matches!(object.class, Class::Dead | Class::Waiting)).count();
    let damaged: usize = report.sources.iter().map(|source| source.damaged().len()).sum();
    if (removable == 0 && damaged == 0) || !agreed(session, removable as u64, damaged as u64) {
        return Ok(());
    }
    for findings in &mut report.sources {
        let source = findings.source.clone();
        let checker = view.checker(&**lake, &source);
        remove(&checker, findings).await.map_err(|error| lake_failure(&error))?;
    }
    if damaged > 0 {
        export(session, report).await?;
    }
    for findings in &mut report.sources {
        let source = findings.source.clone();
        let checker = view.checker(&**lake, &source);
        check_again(&checker, findings).await.map_err(|error| lake_failure(&error))?;
    }
    Ok(())
}

/// Asks a person at the terminal; whoever is not at one, or said `-y`, has asked for it already.
fn agreed(session: &Session, removable: u64, damaged: u64) -> bool {
    if session.global.yes || !std::io::stdin().is_terminal() {
        return true;
    }
    let looked = figures::plural(removable, "object");
    output::note(&format!(
        "{looked} without a manifest to look at (removed when dead or older than a week), {} to export again. Go on? [y/N]",
        figures::hours(damaged)
    ));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

async fn remove(checker: &Checker<'_>, findings: &mut SourceFindings) -> Result<(), LakeError> {
    let mut hours: Vec<Hour> = findings.unnamed.iter().filter_map(|(hour, _)| *hour).collect();
    hours.dedup();
    for hour in hours {
        let (case, newest) = checker.fresh(hour).await?;
        let store_time = checker.lake.store_time().await?;
        let mut left = Vec::new();
        for object in checker.unnamed(&case, newest.as_ref()).await? {
            let old = object.class == Class::Waiting && store_time - object.modified > WAITING_MAX;
            if object.class == Class::Dead || old {
                checker.lake.delete(&object.key).await?;
                findings.repaired.push(format!("removed {}", object.key));
            } else {
                left.push((Some(hour), object));
            }
        }
        findings.unnamed.retain(|(of, _)| *of != Some(hour));
        findings.unnamed.extend(left);
    }
    Ok(())
}

/// Damaged hours, through the engine: a new generation with what Amplitude has. One that has fewer rows than the
/// manifest says is not published, so the hour stays a difference.
async fn export(session: &mut Session, report: &Report) -> Result<(), Failure> {
    let mut scope = Scope { sources: std::collections::BTreeMap::new() };
    let mut orders = Vec::new();
    for findings in &report.sources {
        let hours: Vec<Hour> = findings.damaged().into_iter().collect();
        if hours.is_empty() {
            continue;
        }
        let order = |hour: &Hour| Order::Reexport { source: findings.source.clone(), hour: *hour, allow_shrink: false };
        orders.extend(hours.iter().map(order));
        scope.sources.insert(findings.source.clone(), windows_of(&hours));
    }
    // The one object on stdout is this command's own.
    let own = Arc::clone(&session.output);
    if own.form() != OutputForm::Human {
        session.output = Arc::new(Output::stdout(OutputForm::None));
    }
    let done = one_shot::run(session, Work { scope, orders, parallel: None, no_data: None }).await;
    session.output = own;
    done.map(|_| ())
}

/// The damaged hours once more: what is still wrong stays in the report.
async fn check_again(checker: &Checker<'_>, findings: &mut SourceFindings) -> Result<(), LakeError> {
    for hour in findings.damaged() {
        let found_now = checker.anew(hour).await?;
        if found_now.differences.is_empty() {
            findings.repaired.push(format!("exported {hour} of {} again", findings.source));
        }
        findings.differences.retain(|found| found.hour != hour || !found.kind.is_damage());
        let found = found_now.differences.into_iter().filter(|found| found.kind.is_damage());
        findings.differences.extend(found);
        findings.unnamed.retain(|(of, _)| *of != Some(hour));
        findings.unnamed.extend(found_now.unnamed.into_iter().map(|object| (Some(hour), object)));
    }
    Ok(())
}
