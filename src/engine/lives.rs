//! From a staged archive to published hours. Steps are derived from the state each time, so a restart is one more turn.

use std::collections::BTreeSet;

use super::hours::{Verdict, compare};
use super::state::{Live, Turn};
use super::step::{Loudness, Outcome, Stage, Step};
use super::{Engine, PUBLISHES_MAX};
use crate::model::{
    CaptureFacts, CaptureId, CaptureRecord, CaptureState, Change, Content, Draft, Fault, FaultKind, Hour, HourRecord, HourState,
    ManifestRef, Owner, Phase, SourceName, Why, Window,
};

/// Decisions about an hour that follow from one event: absent, published as empty; contested, renumbered, uploaded.
const DECISIONS_MAX: usize = 4;

impl Engine {
    /// A decision may open the next one (an empty hour is published in the turn that believes it), so this looks until
    /// nothing changes.
    pub(super) fn advance_lives(&mut self, turn: &mut Turn) {
        for _ in 0..DECISIONS_MAX {
            let before = turn.changes.len();
            let ids: Vec<CaptureId> = self.lives.keys().copied().collect();
            for id in ids {
                self.advance_live(turn, id);
            }
            self.publish_skips(turn);
            if turn.changes.len() == before {
                return;
            }
        }
    }

    fn advance_live(&mut self, turn: &mut Turn, id: CaptureId) {
        let Some(live) = self.lives.get(&id) else { return };
        let name = live.record.source.clone();
        if self.sources.get(&name).is_none_or(|source| source.attachment != super::state::Attachment::Yes) {
            return;
        }
        if live.members.is_none() && !self.all_uploaded(live) {
            if !live.inspecting {
                let record = live.record.clone();
                if let Some(live) = self.lives.get_mut(&id) {
                    live.inspecting = true;
                }
                self.run(turn, Step::Inspect(record));
            }
            return;
        }
        if !live.unread.is_empty() {
            let unread: Vec<Hour> = live.unread.iter().copied().collect();
            for hour in unread {
                self.read_hour(turn, id, &name, hour);
            }
            return;
        }
        // Every member of the archive was read to its end and found good.
        let open: Vec<Hour> = live.open.iter().copied().collect();
        for hour in open {
            self.finish_hour(turn, id, &name, hour);
        }
    }

    /// Hours become `Uploaded` only after their members were found good, so this says it of the whole archive.
    fn all_uploaded(&self, live: &Live) -> bool {
        live.open.iter().all(|hour| {
            let work = self.sources.get(&live.record.source).and_then(|source| source.ledger.work(*hour));
            work.is_some_and(|work| matches!(work.phase, Phase::Uploaded(_)))
        })
    }

    /// Reads an hour with members: uploads what is new, only measures what is compared first or was finished already.
    fn read_hour(&mut self, turn: &mut Turn, id: CaptureId, name: &SourceName, hour: Hour) {
        let Some((live, source)) = self.lives.get(&id).zip(self.sources.get(name)) else { return };
        if self.uploads_in_flight >= self.policy.uploads_max || source.steps_in_flight.contains(&hour) {
            return;
        }
        let capture = live.record.clone();
        let record = source.ledger.record(hour);
        let uploads = live.open.contains(&hour)
            && record.published.is_none();
        let generation = record.next_generation();
        let step = if uploads { Step::Upload { capture, hour, generation } } else { Step::Measure { capture, hour } };
        self.run_hour(turn, name, hour, step);
    }

    fn run_hour(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, step: Step) {
        if let Some(source) = self.sources.get_mut(name) {
            source.steps_in_flight.insert(hour);
        }
        if !matches!(step, Step::Publish { .. }) {
            self.uploads_in_flight += 1;
        }
        self.run(turn, step);
    }

    fn finish_hour(&mut self, turn: &mut Turn, id: CaptureId, name: &SourceName, hour: Hour) {
        let Some((live, source)) = self.lives.get(&id).zip(self.sources.get(name)) else { return };
        if source.steps_in_flight.contains(&hour) {
            return;
        }
        let capture = live.record.clone();
        let record = source.ledger.record(hour);
        let Some(work) = record.work.as_deref() else { return };
        match &work.phase {
            Phase::Captured if !live.has_members(hour) => self.on_absent(turn, &capture, hour),
            Phase::Captured => {
                let measured = live.measured.get(&hour).cloned();
                self.compare_or_upload(turn, &capture, hour, record, measured);
            }
            Phase::Uploaded(draft) if draft.generation != record.next_generation() => {
                self.renumber(turn, name, hour, record);
            }
            Phase::Uploaded(draft) => {
                let draft = draft.clone();
                self.publish(turn, name, hour, record, draft, capture.facts());
            }
            Phase::Pending | Phase::Provisional | Phase::Quarantined => {}
        }
    }

    /// Another generation was published meanwhile: the objects are uploaded again under the next one's keys.
    fn renumber(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, mut record: HourRecord) {
        let generation = record.next_generation();
        let Some(work) = record.work.as_mut() else { return };
        if let Phase::Uploaded(draft) = &mut work.phase {
            if draft.objects.is_empty() {
                draft.generation = generation;
            } else {
                work.phase = Phase::Captured;
                record.leftovers = true;
            }
        }
        self.put(turn, name, hour, record);
    }

    /// A staged hour whose members are good and that is not uploaded: compared first when something is published.
    fn compare_or_upload(
        &mut self,
        turn: &mut Turn,
        capture: &CaptureRecord,
        hour: Hour,
        record: HourRecord,
        measured: Option<Content>,
    ) {
        if self.uploads_in_flight >= self.policy.uploads_max {
            return;
        }
        let name = &capture.source;
        let why = record.work.as_ref().map_or(Why::First, |work| work.why);
        let facts = record.published.map(|published| published.facts);
        match (facts, measured) {
            (Some(None), _) => {} // its manifest is being read
            (Some(Some(facts)), Some(ours)) if compare(why, &ours, &facts) == Verdict::Keep => {
                self.keep_published(turn, name, hour, record, &ours, &facts, capture.asked_at);
            }
            (Some(Some(_)), None) => {
                self.run_hour(turn, name, hour, Step::Measure { capture: capture.clone(), hour });
            }
            (None | Some(Some(_)), _) => {
                let generation = record.next_generation();
                self.run_hour(turn, name, hour, Step::Upload { capture: capture.clone(), hour, generation });
            }
        }
    }

    fn publish(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        hour: Hour,
        mut record: HourRecord,
        draft: Box<Draft>,
        capture: CaptureFacts,
    ) {
        let in_flight = self.flights.values().filter(|step| matches!(step, Step::Publish { .. })).count();
        if in_flight >= PUBLISHES_MAX || !self.may_publish(&record, capture.id, turn) {
            return;
        }
        if self.conditional_writes == Some(false)
            && let Some(work) = record.work.as_mut()
            && work.manifest_asked != capture.id
        {
            work.manifest_asked = capture.id;
            self.put(turn, name, hour, record);
        }
        let step = Step::Publish { source: name.clone(), hour, draft, capture };
        self.run_hour(turn, name, hour, step);
    }

    /// Without conditional writes, a manifest that another capture asked for may still land and overwrite: wait it out.
    fn may_publish(&self, record: &HourRecord, capture: Option<CaptureId>, turn: &Turn) -> bool {
        if self.conditional_writes != Some(false) {
            return true;
        }
        let asked = record.work.as_ref().and_then(|work| work.manifest_asked);
        if asked.is_some() && asked == capture {
            return true;
        }
        let certain = self.lake.settled && asked.is_none();
        certain || self.late_writes_end().is_none_or(|end| turn.now >= end)
    }

    /// Hours that a person skips have no capture.
    fn publish_skips(&mut self, turn: &mut Turn) {
        let skips: Vec<(SourceName, Hour)> = self
            .sources
            .iter()
            .filter(|(_, source)| source.attachment == super::state::Attachment::Yes)
            .flat_map(|(name, source)| {
                let skip = |hour: &&Hour| {
                    source
                        .ledger
                        .work(**hour)
                        .is_some_and(|work| work.capture.is_none() && matches!(work.phase, Phase::Uploaded(_)))
                        && !source.steps_in_flight.contains(*hour)
                };
                source.ledger.open().iter().filter(skip).map(|hour| (name.clone(), *hour)).collect::<Vec<_>>()
            })
            .collect();
        for (name, hour) in skips {
            let Some(record) = self.sources.get(&name).map(|source| source.ledger.record(hour)) else { continue };
            let Some(Phase::Uploaded(draft)) = record.work.as_ref().map(|work| work.phase.clone()) else { continue };
            if draft.generation != record.next_generation() {
                self.renumber(turn, &name, hour, record);
                continue;
            }
            let capture = CaptureFacts { id: None, sha256: None, bytes: 0, window: Window::of(hour) };
            self.publish(turn, &name, hour, record, draft, capture);
        }
    }

    /// The answers of every step that touches the lake or a staged archive.
    pub(super) fn on_lake_step(&mut self, turn: &mut Turn, step: Step, outcome: Outcome) {
        let failed = match outcome {
            Outcome::Failed { fault, .. } => Err(fault),
            outcome => {
                if self.lake_gate.good() {
                    let text = "the lake answers again".to_owned();
                    turn.notices.push(super::Notice {
                        loudness: Loudness::Info,
                        stage: Stage::LakeLoad,
                        source: None,
                        hours: None,
                        text,
                    });
                }
                Ok(outcome)
            }
        };
        match step {
            Step::Identify => {
                self.identifying = false;
                match failed {
                    Ok(Outcome::Identified { lake, conditional_writes, created }) => {
                        self.on_identified(turn, lake, conditional_writes, created)
                    }
                    Err(fault) => self.lake_fault(turn, None, None, fault),
                    Ok(_) => {}
                }
            }
            Step::Attach { source, from, .. } => match failed {
                Ok(Outcome::Attached { first_hour, manifests }) => {
                    self.on_attached(turn, &source, first_hour, &manifests, from)
                }
                Err(fault) => {
                    if let Some(state) = self.sources.get_mut(&source) {
                        state.attachment = super::state::Attachment::No;
                    }
                    self.lake_fault(turn, Some(&source), None, fault);
                }
                Ok(_) => {}
            },
            Step::ReadManifests { source, hours } => {
                if let Some(state) = self.sources.get_mut(&source) {
                    state.reading = false;
                }
                match failed {
                    Ok(Outcome::ManifestsRead(read)) => self.on_manifests_read(turn, &source, &hours, &read),
                    Err(fault) => self.lake_fault(turn, Some(&source), None, fault),
                    Ok(_) => {}
                }
            }
            Step::Inspect(capture) => {
                if let Some(live) = self.lives.get_mut(&capture.id) {
                    live.inspecting = false;
                }
                match failed {
                    Ok(Outcome::Inspected(hours)) => self.on_inspected(capture.id, hours),
                    Err(fault) => self.on_archive_step_fault(turn, capture.id, fault),
                    Ok(_) => {}
                }
            }
            Step::Measure { capture, hour } | Step::Upload { capture, hour, .. } => {
                self.uploads_in_flight = self.uploads_in_flight.saturating_sub(1);
                self.end_hour_step(&capture.source, hour);
                match failed {
                    Ok(outcome) => self.on_hour_read(turn, &capture, hour, outcome),
                    Err(fault) => self.on_archive_step_fault(turn, capture.id, fault),
                }
            }
            Step::Publish { source, hour, draft, capture } => {
                self.end_hour_step(&source, hour);
                match failed {
                    Ok(outcome) => self.on_publish_answer(turn, &source, hour, &draft, &capture, outcome),
                    Err(fault) => self.lake_fault(turn, Some(&source), Some(Window::of(hour)), fault),
                }
            }
            Step::Capture(_)
            | Step::Sweep { .. }
            | Step::SweepStage { .. }
            | Step::Discard { .. }
            | Step::SetAside { .. } => {}
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
            turn.notices.push(super::Notice {
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
        let rows = match &outcome {
            Outcome::Measured(content) => content.rows,
            Outcome::Uploaded(draft) => draft.content.rows,
            _ => return,
        };
        if rows == 0 {
            // A member without a row says no more than no member: the hour is believed empty only when asked again.
            if let Some(members) = &mut live.members {
                members.remove(&hour);
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
                self.run(turn, Step::SetAside { capture: id, source: live.record.source, hour, reason })
            }
            None if staged => self.run(turn, Step::Discard { capture: id }),
            None => {}
        }
    }

    fn on_publish_answer(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        hour: Hour,
        draft: &Draft,
        capture: &CaptureFacts,
        outcome: Outcome,
    ) {
        let Some(source) = self.sources.get(name) else { return };
        // The capture may have been given up, or a person may have decided otherwise, while the answer was on its way.
        let ours = source.ledger.work(hour).is_some_and(|work| {
            work.capture == capture.id && matches!(&work.phase, Phase::Uploaded(uploaded) if **uploaded == *draft)
        });
        match outcome {
            Outcome::Published(published) => self.on_published(turn, name, hour, published, ours),
            _ if !ours => {}
            Outcome::Contested(newest) => self.on_contested(turn, name, hour, draft, capture, newest),
            Outcome::ObjectsMissing(what) => {
                turn.say(Loudness::Warn, Stage::LakeLoad, name, hour, format!("{what}: uploading the hour again"));
                let Some(mut record) = self.sources.get(name).map(|source| source.ledger.record(hour)) else { return };
                if let Some(work) = record.work.as_mut() {
                    work.phase = Phase::Captured;
                }
                self.put(turn, name, hour, record);
            }
            _ => {}
        }
    }

    /// Somebody else published the hour: compare with its newest manifest, keep that one or go over it.
    fn on_contested(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        hour: Hour,
        draft: &Draft,
        capture: &CaptureFacts,
        newest: Option<ManifestRef>,
    ) {
        let Some(mut record) = self.sources.get(name).map(|source| source.ledger.record(hour)) else { return };
        if let Some(newest) = newest.filter(|newest| newest.facts.is_some_and(|f| f.state != HourState::Skipped)) {
            record.recheck_due = self.recheck_after_adoption(name, newest.published_at, turn.now);
        }
        record.published = newest;
        let why = record.work.as_ref().map_or(Why::First, |work| work.why);
        let facts = newest.and_then(|newest| newest.facts);
        if let Some(facts) = facts
            && compare(why, &draft.content, &facts) == Verdict::Keep
        {
            let asked_at = capture.id.and_then(|id| self.lives.get(&id)).map_or(turn.now, |live| live.record.asked_at);
            turn.say(
                Loudness::Info,
                Stage::LakeLoad,
                name,
                hour,
                "already published by another process with the same rows or more",
            );
            self.tally.adopted += 1;
            self.keep_published(turn, name, hour, record, &draft.content, &facts, asked_at);
            return;
        }
        if let Some(work) = record.work.as_mut().filter(|work| newest.is_some() && work.why == Why::First) {
            work.why = Why::Recheck;
        }
        self.renumber(turn, name, hour, record);
    }
}
