//! `ampd verify`: the lake against its manifests. It needs no journal and no daemon and works beside one: the store's
//! listing is the truth, and whatever looks wrong is listed and judged once more.
//!
//! Differences (exit 4) are what contradicts a manifest: an object that is missing or has another length, checksum or
//! rows, keys of another hour, generation or capture, a generation without its manifest, and due hours without one. An
//! hour counts as due here once `window.empty_confirm` has passed after it became due (before, it may be in flight or
//! provisional). Hours that the last status shows as quarantined are listed, and are no difference; neither are objects
//! that no manifest names: they are not data.

mod check;
mod deep;
mod findings;
mod hours;
mod repair;
mod report;
mod walk;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures_util::{TryStreamExt, stream};

use super::one_shot::scope_of;
use super::output;
use super::range::{self, Bounds};
use super::session::{Session, policy};
use crate::archive::Limits;
use crate::cli::{Global, VerifyArgs};
use crate::clock;
use crate::exit::Exit;
use crate::lake::{self, Lake, LakeError};
use crate::model::calendar::HourMark;
use crate::model::report::StatusReport;
use crate::model::{Hour, SourceName, SourcePolicy};
use crate::problem::Failure;
use crate::telemetry::{Progress, Renderer};
use check::Checker;
use findings::SourceFindings;
use report::Report;
use walk::Walk;

/// Hours looked at in parallel: small requests.
const HOURS_AT_ONCE: usize = 16;
/// Hours downloaded in parallel.
const DEEP_AT_ONCE: usize = 4;

/// Runs the command.
pub async fn run(global: &Global, args: VerifyArgs) -> Result<Exit, Failure> {
    let mut session = Session::open_to_work(global)?;
    let now = clock::now();
    let bounds = range::bounds(&args.range, now)?;
    let scope = scope_of(&session, args.source.as_ref())?;
    let lake = session.open_lake().await?;
    let view = View {
        bounds,
        deep: args.deep,
        limits: Limits::from(&session.config().staging),
        progress: Progress::new(),
        now,
    };
    let mode =
        if args.deep { output::progress_mode(global, &session.output) } else { crate::telemetry::ProgressMode::None };
    let renderer = Renderer::start(&view.progress, mode);
    let rules = policy(session.config());
    let mut report = Report { sources: Vec::new(), deep: args.deep };
    for name in scope.sources.keys() {
        let Some(policy) = rules.sources.get(name) else { continue };
        let findings = view.source(&*lake, name, policy, &set_aside(&session, name)).await;
        report.sources.push(findings.map_err(|error| lake_failure(&error))?);
    }
    drop(renderer);
    if args.repair {
        repair::run(&mut session, &lake, &view, &mut report).await?;
    }
    report.write(&session.output);
    session.output.finish()?;
    report.failure().map_or(Ok(Exit::Done), Err)
}

/// What is looked at, and how.
pub(super) struct View {
    bounds: Bounds,
    deep: bool,
    limits: Limits,
    progress: Progress,
    now: DateTime<Utc>,
}

impl View {
    fn checker<'a>(&'a self, lake: &'a dyn Lake, source: &'a SourceName) -> Checker<'a> {
        // A directory keeps no checksum that it could tell without reading.
        let heads = lake.describe().kind != "local";
        Checker { lake, source, heads, deep: self.deep, limits: &self.limits, progress: &self.progress }
    }

    async fn source(
        &self,
        lake: &dyn Lake,
        source: &SourceName,
        policy: &SourcePolicy,
        set_aside: &BTreeSet<Hour>,
    ) -> Result<SourceFindings, LakeError> {
        let mut findings = SourceFindings::new(source.clone());
        let mut walk = Walk::start(lake, source, self.bounds).await?;
        let published: BTreeSet<Hour> = walk.published().collect();
        let figures = self.progress.figures();
        self.progress.set_hours(figures.done, figures.total + published.len() as u64);
        let checker = self.checker(lake, source);
        {
            let hours = stream::try_unfold(&mut walk, async |walk: &mut Walk<'_>| {
                Ok::<_, LakeError>(walk.next().await?.map(|found| (found, walk)))
            });
            let at_once = if self.deep { DEEP_AT_ONCE } else { HOURS_AT_ONCE };
            let judged = hours.map_ok(|(hour, case)| checker.hour(hour, case)).try_buffered(at_once);
            let mut judged = std::pin::pin!(judged);
            while let Some(one) = judged.try_next().await? {
                findings.add(one);
            }
        }
        findings.unnamed.extend(walk.foreign.into_iter().map(|object| (None, object)));
        findings.add_gaps(self.gaps(lake, source, policy, &published).await?, set_aside);
        Ok(findings)
    }

    /// Hours that should have a manifest and have none, also not by now.
    async fn gaps(
        &self,
        lake: &dyn Lake,
        source: &SourceName,
        policy: &SourcePolicy,
        published: &BTreeSet<Hour>,
    ) -> Result<Vec<Hour>, LakeError> {
        let kept = lake::read_first_hour(lake, source).await?;
        let Some(first) = kept.or(policy.start).or(published.first().copied()) else { return Ok(Vec::new()) };
        let first = self.bounds.from.map_or(first, |from| from.max(first));
        let expected = policy.newest_due(self.now - policy.empty_confirm);
        let last = self.bounds.to.map_or(expected, |to| to.min(expected));
        let mut gaps: Vec<Hour> =
            (first.index()..=last.index()).map(Hour::from_index).filter(|hour| !published.contains(hour)).collect();
        if let Some(from) = gaps.first() {
            let listed = lake::list_manifests(lake, source, Some(*from)).await?;
            let now: BTreeSet<Hour> = listed.into_iter().map(|entry| entry.hour).collect();
            gaps.retain(|hour| !now.contains(hour));
        }
        Ok(gaps)
    }
}

/// Hours that the last status says are quarantined; none when there is no status.
fn set_aside(session: &Session, source: &SourceName) -> BTreeSet<Hour> {
    let read = std::fs::read(session.status_file()).ok();
    let Some(report) = read.and_then(|bytes| serde_json::from_slice::<StatusReport>(&bytes).ok()) else {
        return BTreeSet::new();
    };
    let Some(report) = report.sources.into_iter().find(|report| report.name == *source) else { return BTreeSet::new() };
    let named = report.problems.iter().filter_map(|problem| problem.hour);
    let marked = report.calendar.iter().flat_map(|day| {
        let hours = day.marks().zip(0..).filter(|(mark, _)| *mark == HourMark::Quarantined);
        hours.filter_map(|(_, hour)| Hour::of_date(day.date, hour))
    });
    named.chain(marked).collect()
}

/// Running again helps when the store did not answer; not when it refused.
fn lake_failure(error: &LakeError) -> Failure {
    let failure = Failure::of_fault(&error.fault());
    match error {
        LakeError::Unavailable(_) | LakeError::Integrity(_) => failure.exit(Exit::Temporary),
        LakeError::Refused(_) => failure,
    }
}
