//! When a one-shot command is done, and how it ends.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::Engine;
use super::state::Attachment;
use super::step::Step;
use crate::model::planner::Plan;
use crate::model::policy::in_any;
use crate::model::{Fault, FaultKind, Hour, HourState, ManifestFacts, Phase, RetryPolicy, SourceName, Window};

/// Why the engine can do nothing at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The state directory belongs to another lake.
    WrongLake {
        /// The lake the journal belongs to.
        expected: String,
        /// The lake that is configured.
        found: String,
    },
    /// The store ignores `If-None-Match` and nobody said that this is its only writer.
    NoConditionalWrites,
}

/// How a source ended in a one-shot command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceEnd {
    /// Every hour in scope is published, empty, provisional, skipped or quarantined.
    Finished,
    /// 401 or 403.
    KeysRefused(Fault),
    /// The request is wrong.
    RequestRefused(Fault),
    /// Too many of the source's faults in a row, or it asks to wait too long.
    SourceDown(Fault),
    /// The lake or staging refused too often in a row.
    StoreDown(Fault),
}

/// Unfinished hours of a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeCounts {
    /// Set aside.
    pub quarantined: u64,
    /// Answered empty once.
    pub provisional: u64,
}

/// What this process did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Hours published with data.
    pub published: u64,
    /// Hours published as empty.
    pub empty: u64,
    /// Hours published as skipped.
    pub skipped: u64,
    /// Hours that another process had published.
    pub adopted: u64,
    /// Rows published.
    pub rows: u64,
    /// Hours quarantined.
    pub quarantined: BTreeSet<(SourceName, Hour)>,
}

impl Tally {
    pub(super) fn count(&mut self, facts: &ManifestFacts) {
        match facts.state {
            HourState::Data => self.published += 1,
            HourState::Empty => self.empty += 1,
            HourState::Skipped => self.skipped += 1,
        }
        self.rows += facts.rows;
    }
}

impl Engine {
    /// Why nothing can be done at all.
    pub fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// What this process did.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether no step is in flight.
    pub fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    /// How each source of a one-shot command ended; `None` while any has something left to do.
    pub fn ends(&self, now: DateTime<Utc>) -> Option<BTreeMap<SourceName, SourceEnd>> {
        if !self.is_idle() && self.stop.is_none() {
            return None;
        }
        let names =
            self.sources.keys().filter(|name| self.scope.as_ref().is_none_or(|s| s.sources.contains_key(*name)));
        names.map(|name| Some((name.clone(), self.end_of(name, now)?))).collect()
    }

    fn end_of(&self, name: &SourceName, now: DateTime<Utc>) -> Option<SourceEnd> {
        if !self.has_work(name, now) {
            return Some(SourceEnd::Finished);
        }
        self.gives_up(name, now)
    }

    /// Why work that is left does not go on; `None` while there is hope.
    pub(super) fn gives_up(&self, name: &SourceName, now: DateTime<Utc>) -> Option<SourceEnd> {
        let source = self.sources.get(name)?;
        let patience = self.policy.retry.max_attempts;
        for gate in [&self.lake_gate, &self.disk_gate] {
            if let Some(fault) = gate.last_fault.clone().filter(|_| gate.faults_in_row >= patience) {
                return Some(SourceEnd::StoreDown(fault));
            }
        }
        if self.has_staged_work(name) {
            return None;
        }
        if let Some((_, fault)) = &source.keys_refused {
            return Some(SourceEnd::KeysRefused(fault.clone()));
        }
        if let Some(fault) = &source.request_refused {
            return Some(SourceEnd::RequestRefused(fault.clone()));
        }
        let unknown = || Fault::new(FaultKind::Unavailable, "the source was down before and asked to wait");
        let fault = || source.last_fault.clone().unwrap_or_else(unknown);
        let wait = source.record.not_before.and_then(|pause| pause.ends(now)).map(|until| until - now);
        let too_long = wait.is_some_and(|wait| wait > self.policy.retry.max.min(RetryPolicy::RETRY_AFTER_MAX));
        (source.faults_here >= patience || too_long).then(|| SourceEnd::SourceDown(fault()))
    }

    /// Whether anything in scope is neither published, provisional, skipped nor quarantined.
    fn has_work(&self, name: &SourceName, now: DateTime<Utc>) -> bool {
        !self.is_attached(name)
            || self.has_orders()
            || self.has_staged_work(name)
            || self.plan(name, now, |plan: &Plan| plan.has_work())
    }

    fn has_staged_work(&self, name: &SourceName) -> bool {
        let staged = self.lives.values().any(|live| live.record.source == *name);
        let skips = self.sources.get(name).is_some_and(|source| !source.ledger.skips().is_empty());
        staged || skips
    }

    /// Due hours in a range (all of them without one) that are still to be finished; for progress.
    pub fn hours_left(&self, name: &SourceName, windows: &[Window], now: DateTime<Utc>) -> u64 {
        let (Some(source), Some(policy)) = (self.sources.get(name), self.policy.sources.get(name)) else { return 0 };
        let due = policy.newest_due(source.due_now(now));
        let left = |hour: &&Hour| {
            **hour <= due
                && in_any(windows, **hour)
                && source
                    .ledger
                    .work(**hour)
                    .is_none_or(|work| !matches!(work.phase, Phase::Quarantined | Phase::Provisional))
        };
        source.ledger.open().iter().filter(left).count() as u64
    }

    /// Hours of a range that are set aside, or answered empty once.
    pub fn scope_counts(&self, name: &SourceName, windows: &[Window]) -> ScopeCounts {
        let mut counts = ScopeCounts::default();
        let Some(source) = self.sources.get(name) else { return counts };
        for hour in source.ledger.open().iter().filter(|hour| in_any(windows, **hour)) {
            match source.ledger.work(*hour).map(|work| &work.phase) {
                Some(Phase::Quarantined) => counts.quarantined += 1,
                Some(Phase::Provisional) => counts.provisional += 1,
                _ => {}
            }
        }
        counts
    }

    /// The requests in flight, for people.
    pub fn asking(&self) -> impl Iterator<Item = (&SourceName, Window)> {
        self.flights.values().filter_map(|step| match step {
            Step::Capture { capture, .. } => Some((&capture.source, capture.window)),
            _ => None,
        })
    }

    /// Whether the source's manifests were read from the lake by this process.
    pub fn is_attached(&self, name: &SourceName) -> bool {
        self.sources.get(name).is_some_and(|source| source.attachment == Attachment::Yes)
    }

    /// A source's hours, for reports.
    pub fn ledger(&self, name: &SourceName) -> Option<&crate::model::Ledger> {
        self.sources.get(name).map(|source| &source.ledger)
    }
}
