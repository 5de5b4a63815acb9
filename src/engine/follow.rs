//! What somebody outside needs to follow hours of a running engine: how many are left, what became of the others, and
//! why it does not go on.

use chrono::{DateTime, Utc};

use super::state::SourceState;
use super::{Engine, SourceEnd};
use crate::model::calendar::HourMark;
use crate::model::{CaptureRecord, Hour, HourRecord, HourState, Phase, SourceName, SourceRecord, Window};

/// Hours of one source, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Following {
    /// Due hours in the range.
    pub total: u64,
    /// Those that are neither published, empty, skipped, provisional nor quarantined, or are done again.
    pub left: u64,
    /// Those of `left` that nobody works on until they are ordered (they lie before the first hour, or this process does
    /// not lead) or a tick comes.
    pub unopened: u64,
    /// A request or a staged archive of the range is in work.
    pub busy: bool,
    /// Set aside.
    pub quarantined: u64,
    /// Answered empty once.
    pub provisional: u64,
    /// Published with data since the moment that was asked for.
    pub published: u64,
    /// Published as empty since.
    pub empty: u64,
    /// Published as skipped since.
    pub skipped: u64,
    /// Published before.
    pub already_there: u64,
    /// Rows published since.
    pub rows: u64,
}

impl Engine {
    /// Counts the due hours of some windows (of all that is kept, without any).
    pub fn following(
        &self,
        name: &SourceName,
        windows: &[Window],
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<Following> {
        let source = self.sources.get(name)?;
        let due = self.newest_due(name, now)?;
        let everything = source.ledger.first().and_then(|first| Window::new(first, due));
        let windows = if windows.is_empty() { everything.as_slice() } else { windows };
        let mut sum = Following::default();
        for window in windows.iter().filter_map(|window| Window::new(window.first(), window.last().min(due))) {
            count(source, window, since, &mut sum);
            sum.busy |= self.is_busy(name, source, window);
        }
        Some(sum)
    }

    fn is_busy(&self, name: &SourceName, source: &SourceState, window: Window) -> bool {
        let meets = |other: Window| window.intersect(other).is_some();
        source.capturing.values().any(|capture| meets(capture.window))
            || self
                .lives
                .values()
                .filter(|live| live.record.source == *name)
                .any(|live| live.open.iter().any(|hour| window.contains(*hour)))
    }

    /// The newest due hour, by the earlier of the local clock and Amplitude's.
    pub fn newest_due(&self, name: &SourceName, now: DateTime<Utc>) -> Option<Hour> {
        let (source, policy) = (self.sources.get(name)?, self.policy.sources.get(name)?);
        Some(policy.newest_due(source.due_now(now)))
    }

    /// The hours that became due since the engine looked the last time, or all that are due where it does not lead:
    /// nobody takes them up there but a person. None before the lake was read.
    pub fn untaken(&self, name: &SourceName, now: DateTime<Utc>) -> Option<Window> {
        let ledger = self.ledger(name)?;
        let horizon = ledger.horizon().filter(|_| self.leads(name));
        let from = horizon.map_or(ledger.first(), |horizon| Some(horizon.next()))?;
        Window::new(from.max(ledger.first()?), self.newest_due(name, now)?)
    }

    /// Faults in a row of the source, the lake or staging: a follower tells by it whether it failed again.
    pub fn faults_in_row(&self, name: &SourceName) -> u32 {
        let source = self.sources.get(name).map_or(0, |source| source.faults_here);
        source.max(self.lake_gate.faults_in_row).max(self.disk_gate.faults_in_row)
    }

    /// How a one-shot command with unfinished hours of this source would end now; `None` while there is hope.
    pub fn stuck(&self, name: &SourceName, now: DateTime<Utc>) -> Option<SourceEnd> {
        self.gives_up(name, now)
    }

    /// The sources.
    pub fn source_names(&self) -> Vec<SourceName> {
        self.sources.keys().cloned().collect()
    }

    /// What outlives the process about a source.
    pub fn source_record(&self, name: &SourceName) -> Option<&SourceRecord> {
        self.sources.get(name).map(|source| &source.record)
    }

    /// The captures that hours wait for.
    pub fn captures(&self) -> impl Iterator<Item = &CaptureRecord> {
        self.lives.values().map(|live| &live.record)
    }

    /// What is being done for a source now, in words.
    pub fn activity_of(&self, name: &SourceName, now: DateTime<Utc>) -> Option<String> {
        self.activity(name, self.sources.get(name)?, now)
    }

    /// An hour's entry with its state.
    pub fn hour(&self, name: &SourceName, hour: Hour, now: DateTime<Utc>) -> Option<(HourMark, HourRecord)> {
        let record = self.ledger(name)?.record(hour);
        Some((self.hour_mark(name, hour, now), record))
    }
}

fn count(source: &SourceState, window: Window, since: DateTime<Utc>, sum: &mut Following) {
    let ledger = &source.ledger;
    let hours = window.first()..=window.last();
    let total = u64::from(window.hours());
    let mut there: u64 = 0;
    for (_, record) in ledger.range(hours.clone()) {
        let Some(published) = record.published else { continue };
        there += 1;
        match published.facts.filter(|_| published.published_at >= since) {
            None => sum.already_there += 1,
            Some(facts) => {
                sum.rows += facts.rows;
                match facts.state {
                    HourState::Data => sum.published += 1,
                    HourState::Empty => sum.empty += 1,
                    HourState::Skipped => sum.skipped += 1,
                }
            }
        }
    }
    let mut unpublished: u64 = 0;
    for hour in ledger.open().range(hours) {
        unpublished += u64::from(ledger.published(*hour).is_none());
        match ledger.work(*hour).map(|work| &work.phase) {
            Some(Phase::Quarantined) => sum.quarantined += 1,
            Some(Phase::Provisional) => sum.provisional += 1,
            _ => {
                sum.left += 1;
                sum.unopened += u64::from(!source.may_work_on(*hour));
            }
        }
    }
    let unopened = total.saturating_sub(there + unpublished);
    sum.total += total;
    sum.left += unopened;
    sum.unopened += unopened;
}
