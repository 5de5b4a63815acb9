//! The answers of every step that touches the lake or a staged archive.

use std::collections::BTreeSet;

use super::Engine;
use super::state::{Attachment, Turn};
use super::step::{Loudness, Notice, Outcome, Stage, Step};
use crate::model::{
    CaptureId, CaptureRecord, CaptureState, Change, Fault, FaultKind, Hour, Owner, Phase, SourceName, Window,
};

impl Engine {
    /// What the lake answered, or that it did not.
    pub(super) fn on_lake_step(&mut self, turn: &mut Turn, step: Step, outcome: Outcome) {
        let answer = match outcome {
            Outcome::Failed { fault, .. } => Err(fault),
            outcome => {
                self.lake_is_well(turn);
                Ok(outcome)
            }
        };
        match step {
            Step::Identify => self.on_identify_answer(turn, answer),
            Step::Attach { source, from, .. } => self.on_attach_answer(turn, &source, from, answer),
            Step::ReadManifests { source, hours } => self.on_read_answer(turn, &source, &hours, answer),
            Step::Inspect(capture) => {
                if let Some(live) = self.lives.get_mut(&capture.id) {
                    live.inspecting = false;
                }
                match answer {
                    Ok(Outcome::Inspected(hours)) => self.on_inspected(capture.id, hours),
                    Ok(_) => {}
                    Err(fault) => self.on_archive_step_fault(turn, capture.id, fault),
                }
            }
            Step::Measure { capture, hour } | Step::Upload { capture, hour, .. } => {
                self.uploads_in_flight = self.uploads_in_flight.saturating_sub(1);
                self.end_hour_step(&capture.source, hour);
                match answer {
                    Ok(outcome) => self.on_hour_read(turn, &capture, hour, outcome),
                    Err(fault) => self.on_archive_step_fault(turn, capture.id, fault),
                }
            }
            Step::Publish { source, hour, draft, capture } => {
                self.end_hour_step(&source, hour);
                match answer {
                    Ok(outcome) => self.on_publish_answer(turn, &source, hour, &draft, &capture, outcome),
                    Err(fault) => {
                        self.may_land_late(turn, &source, hour);
                        self.lake_fault(turn, Some(&source), Some(Window::of(hour)), fault);
                    }
                }
            }
            Step::Capture { .. }
            | Step::Sweep { .. }
            | Step::SweepStage { .. }
            | Step::Discard { .. }
            | Step::SetAside { .. } => {}
        }
    }

    fn lake_is_well(&mut self, turn: &mut Turn) {
        if self.lake_gate.good() {
            let text = "the lake answers again".to_owned();
            let (loudness, stage) = (Loudness::Info, Stage::LakeLoad);
            turn.notices.push(Notice { loudness, stage, source: None, hours: None, text });
        }
    }

    fn on_identify_answer(&mut self, turn: &mut Turn, answer: Result<Outcome, Fault>) {
        self.identifying = false;
        match answer {
            Ok(Outcome::Identified { lake, conditional_writes, created }) => {
                self.on_identified(turn, lake, conditional_writes, created);
            }
            Ok(_) => {}
            Err(fault) => self.lake_fault(turn, None, None, fault),
        }
    }

    fn on_attach_answer(
        &mut self,
        turn: &mut Turn,
        source: &SourceName,
        from: Option<Hour>,
        answer: Result<Outcome, Fault>,
    ) {
        match answer {
            Ok(Outcome::Attached { first_hour, manifests }) => {
                self.on_attached(turn, source, first_hour, &manifests, from);
            }
            Ok(_) => {}
            Err(fault) => {
                if let Some(state) = self.sources.get_mut(source) {
                    state.attachment = Attachment::No;
                }
                self.lake_fault(turn, Some(source), None, fault);
            }
        }
    }

    fn on_read_answer(
        &mut self,
        turn: &mut Turn,
        source: &SourceName,
        hours: &[(Hour, u32)],
        answer: Result<Outcome, Fault>,
    ) {
        if let Some(state) = self.sources.get_mut(source) {
            state.reading = false;
        }
        match answer {
            Ok(Outcome::ManifestsRead(read)) => self.on_manifests_read(turn, source, hours, &read),
            Ok(_) => {}
            Err(fault) => self.lake_fault(turn, Some(source), None, fault),
        }
    }

    fn end_hour_step(&mut self, name: &SourceName, hour: Hour) {
        if let Some(source) = self.sources.get_mut(name) {
            source.steps_in_flight.remove(&hour);
        }
    }

    pub(super) fn lake_fault(
        &mut self,
        turn: &mut Turn,
        name: Option<&SourceName>,
        hours: Option<Window>,
        fault: Fault,
    ) {
        let text = format!("the lake waits: {fault}");
        if self.lake_gate.fault(fault, turn.now, &self.policy.retry, &mut self.random) {
            turn.notices.push(Notice {
                loudness: Loudness::Warn,
                stage: Stage::LakeLoad,
                source: name.cloned(),
                hours,
                text,
            });
        }
    }

    /// Nothing is read twice: hours that are uploaded were good, and one that this capture published says it of all.
    fn on_inspected(&mut self, id: CaptureId, hours: Vec<Hour>) {
        let Some(live) = self.lives.get_mut(&id) else { return };
        let Some(source) = self.sources.get(&live.record.source) else { return };
        let members: BTreeSet<Hour> = hours.into_iter().collect();
        let by_this = |hour: Hour| source.ledger.published(hour).and_then(|p| p.facts?.capture) == Some(id);
        let verified = live.record.window.iter().any(by_this);
        let is_uploaded = |hour: Hour| {
            source
                .ledger
                .work(hour)
                .is_some_and(|work| work.capture == Some(id) && matches!(work.phase, Phase::Uploaded(_)))
        };
        live.unread = members.iter().copied().filter(|hour| !verified && !is_uploaded(*hour)).collect();
        live.members = Some(members);
    }

    fn on_hour_read(&mut self, turn: &mut Turn, capture: &CaptureRecord, hour: Hour, outcome: Outcome) {
        let quarantine_invalid = self.policy.quarantine_invalid;
        let Some(live) = self.lives.get_mut(&capture.id) else { return };
        live.unread.remove(&hour);
        if let Some(objects) = without_rows(&outcome) {
            // A member without a row says no more than no member: the hour is believed empty only when asked again.
            if let Some(members) = &mut live.members {
                members.remove(&hour);
            }
            if objects > 0 {
                self.mark_leftovers(turn, &capture.source, hour);
            }
            return;
        }
        match outcome {
            Outcome::Measured(content) => {
                live.measured.insert(hour, *content);
            }
            Outcome::Uploaded(draft) if live.open.contains(&hour) => {
                let Some(source) = self.sources.get(&capture.source) else { return };
                let mut record = source.ledger.record(hour);
                let Some(work) = record.work.as_mut().filter(|work| work.capture == Some(capture.id)) else { return };
                let invalid = draft.content.rows_invalid;
                if invalid > 0 && quarantine_invalid {
                    live.set_aside = Some((hour, format!("{invalid} lines are not UTF-8 JSON objects")));
                    let fault =
                        Fault::new(FaultKind::InvalidRows, format!("{invalid} lines are not UTF-8 JSON objects"));
                    record.leftovers = true;
                    self.quarantine(turn, &capture.source, hour, record, fault);
                    self.detach(turn, capture.id, hour);
                    return;
                }
                work.phase = Phase::Uploaded(draft);
                self.put(turn, &capture.source, hour, record);
            }
            _ => {}
        }
    }

    pub(super) fn mark_leftovers(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour) {
        let Some(mut record) = self.sources.get(name).map(|source| source.ledger.record(hour)) else { return };
        record.leftovers = true;
        self.put(turn, name, hour, record);
    }

    fn on_archive_step_fault(&mut self, turn: &mut Turn, id: CaptureId, fault: Fault) {
        let Some(live) = self.lives.get(&id) else { return };
        let (capture, name) = (live.record.clone(), live.record.source.clone());
        let window = capture.window;
        match fault.kind.owner(window.hours()) {
            Owner::Hour | Owner::Window => {
                let keep = self.keeps_archive(&capture, &fault);
                self.give_up(turn, id, keep.then(|| fault.to_string()));
                if window.hours() == 1 {
                    self.count_attempt(turn, &name, window.first(), fault);
                } else {
                    self.strike(turn, &name, window, &fault);
                }
            }
            Owner::Disk if fault.kind == FaultKind::CaptureLost => {
                turn.say(Loudness::Warn, Stage::ZipFileExtract, &name, window, format!("{fault}: asking again"));
                self.give_up(turn, id, None);
            }
            Owner::Disk => self.disk_fault(turn, &name, window, fault),
            Owner::Lake | Owner::Source | Owner::Keys | Owner::Request | Owner::Clock => {
                self.lake_fault(turn, Some(&name), Some(window), fault);
            }
        }
    }

    /// The capture publishes nothing more: its hours are asked for anew.
    fn give_up(&mut self, turn: &mut Turn, id: CaptureId, keep: Option<String>) {
        let Some(live) = self.lives.remove(&id) else { return };
        let name = live.record.source.clone();
        for hour in &live.open {
            self.ask_anew(turn, &name, *hour);
        }
        turn.changes.push(Change::CaptureGone(id));
        let hour = live.record.window.first();
        let step = match keep {
            Some(reason) => Step::SetAside { capture: id, source: name, hour, reason },
            None => Step::Discard { capture: id },
        };
        self.run(turn, step);
    }

    /// An hour is finished with its capture; the last one closes it.
    pub(super) fn detach(&mut self, turn: &mut Turn, id: CaptureId, hour: Hour) {
        if let Some(live) = self.lives.get_mut(&id) {
            live.open.remove(&hour);
            self.close_if_finished(turn, id);
        }
    }

    pub(super) fn close_if_finished(&mut self, turn: &mut Turn, id: CaptureId) {
        if self.lives.get(&id).is_none_or(|live| !live.open.is_empty()) {
            return;
        }
        let Some(live) = self.lives.remove(&id) else { return };
        turn.changes.push(Change::CaptureGone(id));
        let staged = matches!(live.record.state, CaptureState::Staged { .. });
        match live.set_aside {
            Some((hour, reason)) => {
                self.run(turn, Step::SetAside { capture: id, source: live.record.source, hour, reason });
            }
            None if staged => self.run(turn, Step::Discard { capture: id }),
            None => {}
        }
    }
}

/// How many objects were uploaded of an hour that was read and has no row; `None` when it has rows.
fn without_rows(outcome: &Outcome) -> Option<usize> {
    match outcome {
        Outcome::Measured(content) => (content.rows == 0).then_some(0),
        Outcome::Uploaded(draft) => (draft.content.rows == 0).then_some(draft.objects.len()),
        _ => None,
    }
}
