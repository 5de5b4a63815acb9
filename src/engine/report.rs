//! What the engine says of itself: for `status`, the page, the metrics and `status.json`.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::Engine;
use super::capture::hours_text;
use super::state::SourceState;
use crate::model::calendar::{CalendarDay, HourMark};
use crate::model::report::{HourCounts, Problem, SourceReport};
use crate::model::{Fault, FaultKind, Hour, HourRecord, HourState, Phase, SourceName, SourcePolicy};

/// Problems of single hours shown at most, the oldest first; the counts tell of the rest.
const HOUR_PROBLEMS_MAX: usize = 50;

impl Engine {
    /// One entry per source. `regions` and `next_tick_at` are the configuration's and the scheduler's to say, as who
    /// leads is the lease's.
    pub fn reports(
        &self,
        now: DateTime<Utc>,
        days: u16,
        regions: &BTreeMap<SourceName, &'static str>,
        next_tick_at: Option<DateTime<Utc>>,
    ) -> Vec<SourceReport> {
        let one = |(name, source): (&SourceName, &SourceState)| {
            let policy = self.policy.sources.get(name)?;
            let region = regions.get(name).copied().unwrap_or("us");
            Some(self.source_report(name, source, policy, region, now, days, next_tick_at))
        };
        self.sources.iter().filter_map(one).collect()
    }

    #[allow(clippy::too_many_arguments)]
    fn source_report(
        &self,
        name: &SourceName,
        source: &SourceState,
        policy: &SourcePolicy,
        region: &str,
        now: DateTime<Utc>,
        days: u16,
        next_tick_at: Option<DateTime<Utc>>,
    ) -> SourceReport {
        let ledger = &source.ledger;
        let first = ledger.first();
        let due = policy.newest_due(source.due_now(now));
        let available_until = first.filter(|first| *first <= due).map(|_| due);
        let mark = |hour: Hour| mark(source, hour, first, due);
        let day = LastDay::of(ledger, due);
        let last_date = Hour::containing(now).date();
        let calendar =
            (0..i64::from(days)).rev().map(|back| CalendarDay::new(last_date - TimeDelta::days(back), mark)).collect();
        SourceReport {
            name: name.clone(),
            region: region.to_owned(),
            watermark: ledger.watermark(),
            available_until,
            lag_seconds: first.map_or(0, |first| SourceReport::lag(first, ledger.watermark(), available_until)),
            hours: counts(source, first, due),
            rows_24h: day.rows,
            bytes_24h: day.bytes,
            unread_24h: day.unread,
            next_tick_at,
            problems: self.problems(name, source),
            lease: None,
            first_hour: first,
            activity: self.activity(name, source, now),
            calendar,
        }
    }

    /// The state of one hour, as the calendar shows it.
    pub fn hour_mark(&self, name: &SourceName, hour: Hour, now: DateTime<Utc>) -> HourMark {
        let (Some(source), Some(policy)) = (self.sources.get(name), self.policy.sources.get(name)) else {
            return HourMark::Before;
        };
        mark(source, hour, source.ledger.first(), policy.newest_due(source.due_now(now)))
    }

    pub(super) fn activity(&self, name: &SourceName, source: &SourceState, now: DateTime<Utc>) -> Option<String> {
        if let Some(capture) = source.capturing.values().next() {
            let window = capture.window;
            let what = if window.hours() == 1 { window.to_string() } else { hours_text(window.hours()) };
            return Some(format!("asking for {what}"));
        }
        let works = self.lives.values().any(|live| live.record.source == *name);
        for (gate, what) in [(&self.lake_gate, "the lake"), (&self.disk_gate, "the disk")] {
            if works && gate.last_fault.is_some() {
                return Some(format!("waiting for {what}"));
            }
        }
        if let Some(live) = self.lives.values().find(|live| live.record.source == *name) {
            return Some(format!("loading {}", live.record.window));
        }
        let until = source.record.not_before.and_then(|pause| pause.ends(now))?;
        Some(format!("waiting until {}", until.format("%H:%MZ")))
    }

    fn problems(&self, name: &SourceName, source: &SourceState) -> Vec<Problem> {
        let general = |fault: &Fault, fix: Option<String>| Problem {
            code: fault.kind.code().to_owned(),
            hour: None,
            attempts: 0,
            message: fault.detail.clone(),
            fix,
        };
        let mut problems = Vec::new();
        problems.extend(self.journal_trouble.as_ref().map(|(code, words)| Problem {
            code: (*code).to_owned(),
            hour: None,
            attempts: 0,
            message: format!("everything waits for the journal: {words}"),
            fix: None,
        }));
        if let Some((_, fault)) = &source.keys_refused {
            problems.push(general(fault, Some("ampd explain E203".to_owned())));
        }
        if let Some(fault) = &source.request_refused {
            problems.push(general(fault, Some("ampd explain E207".to_owned())));
        }
        for hour in source.ledger.worked() {
            let Some(work) = source.ledger.work(*hour).filter(|work| work.phase == Phase::Quarantined) else {
                continue;
            };
            if problems.len() >= HOUR_PROBLEMS_MAX {
                break;
            }
            let fault = work.last_fault.as_ref();
            problems.push(Problem {
                code: fault.map_or("E303", |fault| fault.kind.code()).to_owned(),
                hour: Some(*hour),
                attempts: work.attempt,
                message: fault.map_or_else(String::new, |fault| fault.detail.clone()),
                fix: Some(repair(name, *hour, fault)),
            });
        }
        // Each passes by itself, or says in its text what to do.
        let passing = [&self.lake_gate.last_fault, &self.disk_gate.last_fault, &source.last_fault];
        problems.extend(passing.into_iter().flatten().map(|fault| {
            let code = fault.kind.code();
            general(fault, Some(format!("ampd explain {code}")))
        }));
        problems
    }

    /// Says why the journal cannot be written, or that it can again.
    pub(super) fn journal_waits(&mut self, why: Option<(&'static str, String)>) {
        self.journal_trouble = why;
    }

    /// Whether the store honours create-once writes, once it was asked.
    pub fn conditional_writes(&self) -> Option<bool> {
        self.conditional_writes
    }

    /// Paused by a person.
    pub fn is_paused(&self) -> bool {
        self.paused
    }
}

/// The command that repairs a quarantined hour. One that is too large for the Export API never gets better by asking:
/// the way is Amplitude's own export to S3, and then to say so.
pub(super) fn repair(name: &SourceName, hour: Hour, fault: Option<&Fault>) -> String {
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::TooLarge) => {
            format!("ampd hour skip {hour} --source {name} --reason \"taken from Amplitude's S3 export\"")
        }
        _ => format!("ampd hour retry {hour} --source {name}"),
    }
}

/// The 24 newest due hours.
#[derive(Default)]
struct LastDay {
    rows: u64,
    bytes: u64,
    /// Published, and known from a listing only.
    unread: u64,
}

impl LastDay {
    fn of(ledger: &crate::model::Ledger, due: Hour) -> Self {
        let mut day = Self::default();
        for published in ledger.range(due.plus(-23)..=due).filter_map(|(_, record)| record.published) {
            match published.facts {
                Some(facts) => (day.rows, day.bytes) = (day.rows + facts.rows, day.bytes + facts.bytes),
                None => day.unread += 1,
            }
        }
        day
    }
}

fn counts(source: &SourceState, first: Option<Hour>, due: Hour) -> HourCounts {
    let mut counts = HourCounts::default();
    let Some(first) = first.filter(|first| *first <= due) else { return counts };
    let mut seen: u64 = 0;
    for (hour, record) in source.ledger.range(first..=due) {
        seen += 1;
        match mark_of(source, hour, Some(record), Some(first), due) {
            HourMark::Published => counts.published += 1,
            HourMark::Empty => counts.empty += 1,
            HourMark::Skipped => counts.skipped += 1,
            HourMark::Provisional => counts.provisional += 1,
            HourMark::Retrying => counts.retrying += 1,
            HourMark::Quarantined => counts.quarantined += 1,
            HourMark::Missing | HourMark::Working | HourMark::NotDue | HourMark::Before => counts.missing += 1,
        }
    }
    let all = u64::try_from(due.index() - first.index() + 1).unwrap_or(0);
    counts.missing += all.saturating_sub(seen);
    counts
}

fn mark(source: &SourceState, hour: Hour, first: Option<Hour>, due: Hour) -> HourMark {
    mark_of(source, hour, source.ledger.get(hour), first, due)
}

fn mark_of(source: &SourceState, hour: Hour, record: Option<&HourRecord>, first: Option<Hour>, due: Hour) -> HourMark {
    match record {
        Some(HourRecord { published: Some(published), .. }) => match published.facts.map(|facts| facts.state) {
            Some(HourState::Empty) => HourMark::Empty,
            Some(HourState::Skipped) => HourMark::Skipped,
            Some(HourState::Data) | None => HourMark::Published,
        },
        Some(HourRecord { work: Some(work), .. }) => match work.phase {
            Phase::Quarantined => HourMark::Quarantined,
            Phase::Provisional => HourMark::Provisional,
            Phase::Captured | Phase::Uploaded(_) => HourMark::Working,
            Phase::Pending if source.is_capturing(hour) => HourMark::Working,
            Phase::Pending => HourMark::Retrying,
        },
        _ if source.is_capturing(hour) => HourMark::Working,
        // Before the lake was read, nobody knows where the source begins.
        _ if first.is_none_or(|first| hour < first) => HourMark::Before,
        _ if hour > due => HourMark::NotDue,
        _ => HourMark::Missing,
    }
}
