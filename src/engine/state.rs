//! What the engine holds in memory beside the records: all of it is made anew from the journal at start.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::step::{Command, Loudness, Notice, ServerClock, Stage, Step, StepId};
use crate::model::{
    CaptureId, CaptureRecord, Change, Content, Fault, Hour, Ledger, Pause, Random, RetryPolicy, SourceName,
    SourceRecord, Window, retry,
};

/// What one event brings about, collected in order.
pub(super) struct Turn {
    pub(super) now: DateTime<Utc>,
    pub(super) changes: Vec<Change>,
    pub(super) steps: Vec<(StepId, Step)>,
    pub(super) notices: Vec<Notice>,
}

impl Turn {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        Self { now, changes: Vec::new(), steps: Vec::new(), notices: Vec::new() }
    }

    /// The journal first, then words, then steps.
    pub(super) fn into_commands(self) -> Vec<Command> {
        let record = (!self.changes.is_empty()).then_some(Command::Record(self.changes));
        let notices = self.notices.into_iter().map(Command::Say);
        let steps = self.steps.into_iter().map(|(id, step)| Command::Run(id, step));
        record.into_iter().chain(notices).chain(steps).collect()
    }

    pub(super) fn say(
        &mut self,
        loudness: Loudness,
        stage: Stage,
        source: &SourceName,
        hours: impl Into<Window>,
        text: impl Into<String>,
    ) {
        let (source, hours) = (Some(source.clone()), Some(hours.into()));
        self.notices.push(Notice { loudness, stage, source, hours, text: text.into() });
    }
}

/// Lets steps through, or holds them back after a fault, longer each time.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    pub(super) pause: Option<Pause>,
    pub(super) faults_in_row: u32,
    pub(super) last_fault: Option<Fault>,
}

impl Gate {
    pub(super) fn is_open(&self, now: DateTime<Utc>) -> bool {
        retry::is_over(self.pause, now)
    }

    /// Several steps may fail at once: they count as one while the gate is closed. Answers whether this one counted.
    pub(super) fn fault(
        &mut self,
        fault: Fault,
        now: DateTime<Utc>,
        policy: &RetryPolicy,
        random: &mut Random,
    ) -> bool {
        let counts = self.is_open(now);
        if counts {
            self.faults_in_row += 1;
            self.pause = Some(Pause::starting(now, policy.back_off(self.faults_in_row, random)));
        }
        self.last_fault = Some(fault);
        counts
    }

    pub(super) fn good(&mut self) -> bool {
        let recovered = self.faults_in_row > 0;
        *self = Self::default();
        recovered
    }
}

/// Whether the lake's manifests of a source were compared with the journal in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attachment {
    No,
    Asked,
    /// What is asked for is out of date already: it is asked for again.
    Outdated,
    Yes,
}

/// One source.
pub(super) struct SourceState {
    pub(super) ledger: Ledger,
    pub(super) record: SourceRecord,
    pub(super) attachment: Attachment,
    /// It does what is due. Otherwise somebody else does, and it does only what is wanted of it.
    pub(super) leads: bool,
    /// Hours that are finished whether it leads or not: a person handed them over, or the lake says that they need no
    /// more than to be read.
    pub(super) wanted: BTreeSet<Hour>,
    /// A follower that is behind does not look at the lake again before.
    pub(super) looked: Option<Pause>,
    /// Requests in flight.
    pub(super) capturing: BTreeMap<CaptureId, CaptureRecord>,
    /// After a 429, one request at a time until this many good answers.
    pub(super) throttled: u32,
    /// The keys were refused: not asked before.
    pub(super) keys_refused: Option<(Pause, Fault)>,
    /// The request is wrong: not asked again by this process.
    pub(super) request_refused: Option<Fault>,
    /// Faults of the source in a row, seen by this process.
    pub(super) faults_here: u32,
    pub(super) last_fault: Option<Fault>,
    /// Hours that failed alone in this process: requests from this step on were sent after that.
    pub(super) failed_at: BTreeMap<Hour, StepId>,
    /// How far the local clock is ahead of Amplitude's, and when that was found.
    pub(super) clock_ahead: Option<(TimeDelta, DateTime<Utc>)>,
    /// Hours whose leftovers were looked at and wait for readers.
    pub(super) sweep_after: BTreeMap<Hour, Pause>,
    pub(super) sweeps_left: u32,
    pub(super) sweeping: bool,
    /// Hours written while a sweep is under way with leftovers that it may not have seen.
    pub(super) left_meanwhile: BTreeSet<Hour>,
    pub(super) reading: bool,
    /// The lake was listed while they are read.
    pub(super) listed_meanwhile: bool,
    /// When the manifests of hours that were set aside were last looked for.
    pub(super) looked_aside: Option<DateTime<Utc>>,
    pub(super) steps_in_flight: BTreeSet<Hour>,
    /// On a store without conditional writes: when this process asked for a manifest that was not seen yet.
    pub(super) manifests_asked: BTreeMap<Hour, DateTime<Utc>>,
}

impl SourceState {
    pub(super) const GOOD_ANSWERS_AFTER_429: u32 = 10;
    /// Learnt this long ago, a difference of clocks is not believed any more: the clock may have been set.
    /// Longer than the hour between two requests, or each first answer of an hour would be thrown away as too early.
    const CLOCK_BELIEVED: TimeDelta = TimeDelta::hours(3);

    pub(super) fn new(record: SourceRecord, ledger: Ledger, sweeps_max: u32) -> Self {
        Self {
            ledger,
            record,
            attachment: Attachment::No,
            leads: true,
            wanted: BTreeSet::new(),
            looked: None,
            capturing: BTreeMap::new(),
            throttled: 0,
            keys_refused: None,
            request_refused: None,
            faults_here: 0,
            last_fault: None,
            failed_at: BTreeMap::new(),
            clock_ahead: None,
            sweep_after: BTreeMap::new(),
            sweeps_left: sweeps_max,
            sweeping: false,
            left_meanwhile: BTreeSet::new(),
            reading: false,
            listed_meanwhile: false,
            looked_aside: None,
            steps_in_flight: BTreeSet::new(),
            manifests_asked: BTreeMap::new(),
        }
    }

    /// The earlier of the local clock and Amplitude's.
    pub(super) fn due_now(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.clock_ahead {
            Some((ahead, learnt)) if learnt <= now && now - learnt <= Self::CLOCK_BELIEVED => now - ahead,
            _ => now,
        }
    }

    pub(super) fn learn_clock(&mut self, clock: Option<ServerClock>, now: DateTime<Utc>) {
        if let Some(clock) = clock {
            self.clock_ahead = (clock.ahead > TimeDelta::zero()).then_some((clock.ahead, now));
        }
    }

    pub(super) fn is_capturing(&self, hour: Hour) -> bool {
        self.capturing.values().any(|capture| capture.window.contains(hour))
    }
}

/// A staged capture (or a 404's) with hours that still wait to be published.
pub(super) struct Live {
    pub(super) record: CaptureRecord,
    /// Hours that are taken from it and not yet finished.
    pub(super) open: BTreeSet<Hour>,
    /// Hours that have members, once the archive was opened by this process.
    pub(super) members: Option<BTreeSet<Hour>>,
    /// Hours with members that were not read to their end yet. Nothing is published before it is empty.
    pub(super) unread: BTreeSet<Hour>,
    /// What was found in hours that are compared before they are uploaded.
    pub(super) measured: BTreeMap<Hour, Content>,
    pub(super) inspecting: bool,
    /// Kept for a person when the capture is finished.
    pub(super) set_aside: Option<(Hour, String)>,
}

impl Live {
    pub(super) fn new(record: CaptureRecord, open: BTreeSet<Hour>) -> Self {
        Self {
            record,
            open,
            members: None,
            unread: BTreeSet::new(),
            measured: BTreeMap::new(),
            inspecting: false,
            set_aside: None,
        }
    }

    pub(super) fn has_members(&self, hour: Hour) -> bool {
        self.members.as_ref().is_some_and(|members| members.contains(&hour))
    }
}
