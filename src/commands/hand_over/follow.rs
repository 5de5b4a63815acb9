//! Follows a scope in the daemon until it is through, stuck or paused.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Task;
use crate::admin::client::{Client, ClientError};
use crate::admin::wire::{self, ProgressRequest, SourceProgress, StuckEnd};
use crate::clock;
use crate::commands::daemon::client_failure;
use crate::commands::one_shot;
use crate::commands::summary::{RunSummary, SourceWatermark};
use crate::engine::SourceEnd;
use crate::exit::Exit;
use crate::model::SourceName;
use crate::problem::Failure;
use crate::telemetry::Progress;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Orders that a restarted daemon forgot are given again, at most this often.
const REMIND_EVERY: Duration = Duration::from_secs(5);
/// A daemon that is away (restarted, exchanging its engine) is waited for this long.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// Follows the work.
pub(super) struct Follower<'a> {
    client: &'a Client,
    tasks: &'a [Task],
    /// Faults in a row when the work was handed over.
    faults_before: BTreeMap<SourceName, u32>,
    stuck_since: BTreeMap<SourceName, Instant>,
    /// A source that is stuck for this long is given up.
    patience: Duration,
    progress: Progress,
    total: u64,
    rows: u64,
    seen: wire::Progress,
    reminded: Instant,
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        client: &'a Client,
        tasks: &'a [Task],
        before: &wire::Progress,
        patience: Duration,
        progress: Progress,
    ) -> Self {
        let faults_before = before.sources.iter().map(|(name, source)| (name.clone(), source.faults_in_row)).collect();
        let (stuck_since, reminded) = (BTreeMap::new(), clock::monotonic());
        let mut seen = before.clone();
        // What was there before the work was handed over is not its doing.
        seen.sources.values_mut().for_each(|source| {
            source.already_there += source.published + source.empty + source.skipped;
            (source.published, source.empty, source.skipped, source.rows) = (0, 0, 0, 0);
        });
        Self { client, tasks, faults_before, stuck_since, patience, progress, total: 0, rows: 0, seen, reminded }
    }

    /// Follows until nothing is left to do, or nothing is done any more.
    pub(super) async fn run(&mut self, request: ProgressRequest) -> Result<Exit, Failure> {
        let mut away: Option<Instant> = None;
        loop {
            match self.client.progress(&request).await {
                Ok(seen) => {
                    away = None;
                    self.take(seen);
                    if let Some(end) = self.end() {
                        return end;
                    }
                    self.remind().await?;
                }
                Err(error) if error.may_pass() => {
                    let since = *away.get_or_insert_with(clock::monotonic);
                    if clock::monotonic().saturating_duration_since(since) > AWAY_MAX {
                        return Err(client_failure(&error).context("the work goes on when the daemon does"));
                    }
                }
                Err(error) => return Err(client_failure(&error)),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn take(&mut self, seen: wire::Progress) {
        let same = seen.started_at == self.seen.started_at;
        let added = |new: u64, old: u64| new.saturating_sub(if same { old } else { 0 });
        self.progress.add_downloaded(added(seen.downloaded_bytes, self.seen.downloaded_bytes));
        self.progress.add_uploaded(added(seen.uploaded_bytes, self.seen.uploaded_bytes));
        let left = seen.sources.values().map(|source| source.left).sum();
        self.total = self.total.max(left);
        self.progress.set_hours(self.total - left, self.total);
        let rows = seen.sources.values().map(|source| source.rows).sum();
        self.progress.add_rows(added(rows, self.rows));
        self.rows = rows;
        for (name, source) in &seen.sources {
            self.progress.set_activity(name, source.activity.clone());
            if source.stuck.is_none() {
                self.stuck_since.remove(name);
            } else {
                self.stuck_since.entry(name.clone()).or_insert_with(clock::monotonic);
            }
        }
        self.seen = seen;
    }

    /// How it ends, once every source has an end.
    fn end(&self) -> Option<Result<Exit, Failure>> {
        let sources = &self.seen.sources;
        if self.seen.paused && sources.values().any(|source| source.left > 0) && !sources.values().any(|s| s.busy) {
            let failure = Failure::new("E704", "the daemon is paused");
            return Some(Err(failure.context("what was asked for is kept").help("`ampd resume`")));
        }
        let ends: Option<BTreeMap<SourceName, SourceEnd>> =
            sources.iter().map(|(name, source)| Some((name.clone(), self.end_of(name, source)?))).collect();
        let quarantined = sources.values().any(|source| source.quarantined > 0);
        ends.map(|ends| one_shot::judge(&ends, quarantined))
    }

    fn end_of(&self, name: &SourceName, source: &SourceProgress) -> Option<SourceEnd> {
        if source.left == 0 && !source.busy {
            return Some(SourceEnd::Finished);
        }
        // What is in flight may still go well, but for what is staged and finds no lake.
        let stuck = source.stuck.clone().filter(|stuck| stuck.end == StuckEnd::StoreDown || !source.busy)?;
        let for_good = matches!(stuck.end, StuckEnd::KeysRefused | StuckEnd::RequestRefused);
        let failed_again = source.faults_in_row > self.faults_before.get(name).copied().unwrap_or(0);
        let since = self.stuck_since.get(name)?;
        let waited = clock::monotonic().saturating_duration_since(*since) >= self.patience;
        (for_good || failed_again || waited).then(|| stuck.end())
    }

    /// A daemon that was restarted, or reads another configuration, knows nothing of hours before the first one, nor
    /// looks for new ones before its schedule says so.
    async fn remind(&mut self) -> Result<(), Failure> {
        let unopened = self.seen.sources.values().any(|source| source.unopened > 0);
        if !unopened || clock::monotonic().saturating_duration_since(self.reminded) < REMIND_EVERY {
            return Ok(());
        }
        self.reminded = clock::monotonic();
        for task in self.tasks {
            let answer = match task {
                Task::Trigger(request) => self.client.trigger(request).await,
                Task::Orders { orders, forgettable: true } => self.client.orders(orders).await,
                Task::Orders { .. } => continue,
            };
            match answer {
                Err(error) if !ClientError::may_pass(&error) => return Err(client_failure(&error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// What became of the scope so far.
    pub(super) fn summary(&self, run_id: &str) -> RunSummary {
        let mut summary = RunSummary::new(run_id);
        for (name, source) in &self.seen.sources {
            summary.published += source.published;
            summary.empty += source.empty;
            summary.skipped += source.skipped;
            summary.quarantined += source.quarantined;
            summary.provisional += source.provisional;
            summary.rows += source.rows;
            summary.watermarks.push(SourceWatermark { source: name.clone(), watermark: source.watermark });
        }
        let figures = self.progress.figures();
        summary.downloaded_bytes = figures.downloaded;
        summary.uploaded_bytes = figures.uploaded;
        summary
    }
}
