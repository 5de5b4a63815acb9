//! Asking for a window, and what each answer means.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::Engine;
use super::state::{Live, Turn};
use super::step::{Loudness, Outcome, ServerClock, Stage, Step, StepId};
use crate::model::{
    CaptureId, CaptureRecord, CaptureState, Change, Fault, FaultKind, Hour, Phase, SourceName, Why, Window, Work,
};

/// So many whole windows of the remembered size must be answered well before a larger one is tried.
const GROW_AFTER: u32 = 8;
/// A `Date` is a whole second: the moment it was written may be that much later. Without it, what is asked for at the
/// very moment it is due would count as asked too early, and be asked for again.
const DATE_STEP: TimeDelta = TimeDelta::seconds(1);

impl Engine {
    /// Draws a new capture id, records it, and asks.
    pub(super) fn capture(&mut self, turn: &mut Turn, name: &SourceName, window: Window) {
        let id = loop {
            let id = CaptureId::from_bits(self.random.bits());
            if !self.lives.contains_key(&id) {
                break id;
            }
        };
        let Some(source) = self.sources.get_mut(name) else { return };
        let capture = CaptureRecord {
            id,
            source: name.clone(),
            window,
            asked_at: source.due_now(turn.now),
            format: self.policy.format,
            part_target: self.policy.part_target,
            state: CaptureState::Asked,
        };
        source.capturing.insert(id, capture.clone());
        turn.changes.push(Change::Capture(capture.clone()));
        turn.say(Loudness::Info, Stage::DateRange, name, window, format!("asking for {}", hours_text(window.hours())));
        let unpublished = |hour: Hour| {
            let record = source.ledger.record(hour);
            record.published.is_none().then(|| (hour, record.next_generation()))
        };
        let early = window.iter().filter_map(unpublished).collect();
        self.run(turn, Step::Capture { capture, early });
    }

    pub(super) fn on_done(&mut self, turn: &mut Turn, id: StepId, outcome: Outcome) {
        let Some(step) = self.flights.remove(&id) else { return };
        match (step, outcome) {
            (Step::Capture { capture, early }, outcome) => {
                self.leave_early(turn, &capture.source, &early);
                self.on_answer(turn, id, capture, outcome);
            }
            (Step::Sweep { source, hours }, outcome) => {
                if let Some(state) = self.sources.get_mut(&source) {
                    state.sweeping = false;
                }
                self.on_swept(turn, &source, &hours, outcome);
            }
            // What was not removed is removed by the sweep of the next start.
            (step @ (Step::SweepStage { .. } | Step::Discard { .. } | Step::SetAside { .. }), outcome) => {
                if matches!(step, Step::SweepStage { .. }) {
                    self.tidying = false;
                }
                if let Outcome::Failed { fault, .. } = outcome {
                    turn.notices.push(super::Notice {
                        loudness: Loudness::Warn,
                        stage: Stage::ZipFileExtract,
                        source: None,
                        hours: None,
                        text: format!("staging was not tidied: {fault}"),
                    });
                }
            }
            (step, outcome) => self.on_lake_step(turn, step, outcome),
        }
    }

    fn on_answer(&mut self, turn: &mut Turn, id: StepId, mut capture: CaptureRecord, outcome: Outcome) {
        let name = capture.source.clone();
        let clock = match &outcome {
            Outcome::Captured { clock, .. } | Outcome::NotFound { clock } | Outcome::Failed { clock, .. } => *clock,
            _ => None,
        };
        let Some(source) = self.sources.get_mut(&name) else { return };
        source.capturing.remove(&capture.id);
        source.learn_clock(clock, turn.now);
        if let Some(clock) = clock {
            capture.asked_at = capture.asked_at.min(clock.date + DATE_STEP);
        }
        let discard = Step::Discard { capture: capture.id };
        if !matches!(outcome, Outcome::Failed { .. }) && self.was_too_early(&name, capture.window, clock) {
            turn.changes.push(Change::CaptureGone(capture.id));
            let text = "Amplitude's clock says that this was not due yet: answer thrown away, asked again in time";
            turn.say(Loudness::Info, Stage::ApiCall, &name, capture.window, text);
            self.run(turn, discard);
            return;
        }
        match outcome {
            Outcome::Captured { bytes, sha256, .. } => {
                self.disk_gate.good();
                self.good_answer(turn, &name, id, capture.window);
                capture.state = CaptureState::Staged { bytes, sha256 };
                self.on_staged(turn, &capture);
            }
            Outcome::NotFound { .. } => {
                self.good_answer(turn, &name, id, capture.window);
                capture.state = CaptureState::Absent;
                self.on_staged(turn, &capture);
            }
            Outcome::Failed { fault, .. } => {
                turn.changes.push(Change::CaptureGone(capture.id));
                if self.keeps_archive(&capture, &fault) {
                    let (hour, reason) = (capture.window.first(), fault.to_string());
                    self.run(turn, Step::SetAside { capture: capture.id, source: name.clone(), hour, reason });
                } else {
                    self.run(turn, discard);
                }
                self.on_capture_fault(turn, &name, id, capture.window, fault);
            }
            _ => {}
        }
    }

    /// Only archives are kept for a person, and only when the hour is about to be quarantined.
    pub(super) fn keeps_archive(&self, capture: &CaptureRecord, fault: &Fault) -> bool {
        let attempts = self.sources.get(&capture.source).and_then(|source| source.ledger.work(capture.window.first()));
        let last = attempts.map_or(0, |work| work.attempt) + 1 >= self.policy.retry.max_attempts;
        capture.window.hours() == 1 && fault.kind == FaultKind::BrokenArchive && last
    }

    /// Somebody else finished hours while the answer arrived: what was uploaded of them meanwhile, their publication may
    /// not have seen. (That of others sees it: it is still to come.)
    fn leave_early(&mut self, turn: &mut Turn, name: &SourceName, early: &BTreeMap<Hour, u32>) {
        for hour in early.keys() {
            let Some(record) = self.sources.get(name).map(|source| source.ledger.record(*hour)) else { return };
            if record.published.is_some() || record.work.as_ref().is_some_and(|work| !work.is_to_be_asked()) {
                self.mark_leftovers(turn, name, *hour);
            }
        }
    }

    /// A download that never ended may have left objects of its hours: the publication of one that was published meanwhile
    /// may not have seen them.
    pub(super) fn left_by_a_download(&mut self, turn: &mut Turn, capture: &CaptureRecord) {
        let published = |hour: &Hour| {
            self.sources.get(&capture.source).is_some_and(|source| source.ledger.published(*hour).is_some())
        };
        let hours: Vec<Hour> = capture.window.iter().filter(published).collect();
        for hour in hours.into_iter().filter(|_| capture.state == CaptureState::Asked) {
            self.mark_leftovers(turn, &capture.source, hour);
        }
    }

    fn was_too_early(&self, name: &SourceName, window: Window, clock: Option<ServerClock>) -> bool {
        let due = self.policy.sources.get(name).map(|policy| policy.due_at(window.last()));
        due.zip(clock).is_some_and(|(due, clock)| due > clock.date)
    }

    /// The capture is recorded, and its hours with it; hours that changed meanwhile are left as they are.
    fn on_staged(&mut self, turn: &mut Turn, capture: &CaptureRecord) {
        let name = capture.source.clone();
        turn.changes.push(Change::Capture(capture.clone()));
        let mut open = BTreeSet::new();
        for hour in capture.window.iter() {
            let Some(source) = self.sources.get(&name) else { return };
            let mut record = source.ledger.record(hour);
            let why = if record.published.is_some() { Why::Recheck } else { Why::First };
            let work = record.work.get_or_insert_with(|| Box::new(Work::new(why)));
            if !work.is_to_be_asked() {
                continue;
            }
            work.phase = Phase::Captured;
            work.capture = Some(capture.id);
            work.suspect = false;
            open.insert(hour);
            self.put(turn, &name, hour, record);
        }
        let mut live = Live::new(capture.clone(), open);
        if capture.state == CaptureState::Absent {
            live.members = Some(BTreeSet::new());
        }
        self.lives.insert(capture.id, live);
        self.close_if_finished(turn, capture.id);
    }

    /// The source answered well: its back-off is over, and hours it failed on alone are now known to be at fault.
    fn good_answer(&mut self, turn: &mut Turn, name: &SourceName, asked: StepId, window: Window) {
        let window_max = self.policy.sources.get(name).map_or(1, |policy| policy.window_max);
        let Some(source) = self.sources.get_mut(name) else { return };
        source.keys_refused = None;
        source.throttled = source.throttled.saturating_sub(1);
        if source.faults_here > 0 {
            turn.say(Loudness::Info, Stage::ApiCall, name, window, "Amplitude answers again");
        }
        source.faults_here = 0;
        source.last_fault = None;
        let before = source.record.clone();
        source.record.faults_in_row = 0;
        source.record.not_before = None;
        if source.record.window_hours > 0 && window.hours() >= source.record.window_hours {
            source.record.window_successes += 1;
            if source.record.window_successes >= GROW_AFTER {
                source.record.window_successes = 0;
                let grown = source.record.window_hours.saturating_mul(2);
                source.record.window_hours = if grown >= window_max { 0 } else { grown };
                turn.say(
                    Loudness::Info,
                    Stage::DateRange,
                    name,
                    window,
                    format!("windows grow back to {}", hours_text(grown.min(window_max))),
                );
            }
        }
        if source.record != before {
            self.put_source(turn, name);
        }
        self.blame_suspects(turn, name, asked, window);
    }
}

pub(super) fn hours_text(hours: u32) -> String {
    if hours == 1 { "1 hour".to_owned() } else { format!("{hours} hours") }
}
