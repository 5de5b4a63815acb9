//! The way of an uploaded hour to its manifest, and what happens when somebody else was there first.

use chrono::{DateTime, Utc};

use super::hours::{Verdict, compare};
use super::state::{Attachment, Turn};
use super::step::{Loudness, Outcome, Stage, Step};
use super::{Engine, PUBLISHES_MAX};
use crate::model::{CaptureFacts, CaptureId, Draft, Hour, HourRecord, ManifestRef, Phase, SourceName, Why, Window};

impl Engine {
    pub(super) fn publish(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        hour: Hour,
        mut record: HourRecord,
        draft: Box<Draft>,
        capture: CaptureFacts,
    ) {
        let in_flight = self.flights.values().filter(|step| matches!(step, Step::Publish { .. })).count();
        if in_flight >= PUBLISHES_MAX || !self.may_publish(name, hour, &record, capture.id, turn) {
            return;
        }
        if self.conditional_writes == Some(false) {
            self.may_land_late(turn, name, hour);
            if let Some(work) = record.work.as_mut().filter(|work| work.manifest_asked != capture.id) {
                work.manifest_asked = capture.id;
                self.put(turn, name, hour, record);
            }
        }
        let step = Step::Publish { source: name.clone(), hour, draft, capture };
        self.run_hour(turn, name, hour, step);
    }

    /// On a store without conditional writes: the hour's manifest is being asked for, or was not answered. It is sent at
    /// some time during its step, so what waits for it to land counts from the step's end.
    pub(super) fn may_land_late(&mut self, turn: &Turn, name: &SourceName, hour: Hour) {
        if let Some(source) = self.sources.get_mut(name).filter(|_| self.conditional_writes == Some(false)) {
            source.manifests_asked.insert(hour, turn.now);
        }
    }

    /// Without conditional writes, a manifest that another capture asked for may still land and overwrite: wait it out.
    fn may_publish(
        &self,
        name: &SourceName,
        hour: Hour,
        record: &HourRecord,
        capture: Option<CaptureId>,
        turn: &Turn,
    ) -> bool {
        if self.conditional_writes != Some(false) {
            return true;
        }
        let asked = record.work.as_ref().and_then(|work| work.manifest_asked);
        // A journal that was put back knows what it asked for, and not what was asked for after it was copied.
        if asked.is_some() && asked == capture && self.lake.settled {
            return true;
        }
        // What this process asked for may land for as long again; what earlier ones asked for, since it started.
        let asked_here = self.sources.get(name).and_then(|source| source.manifests_asked.get(&hour).copied());
        let certain = self.lake.settled && asked.is_none() && asked_here.is_none();
        certain || self.late_writes_end(asked_here).is_none_or(|end| turn.now >= end)
    }

    /// Hours that a person skips have no capture.
    pub(super) fn publish_skips(&mut self, turn: &mut Turn) {
        let skips: Vec<(SourceName, Hour)> = self
            .sources
            .iter()
            .filter(|(_, source)| source.attachment == Attachment::Yes)
            .flat_map(|(name, source)| {
                let free = source.ledger.skips().iter().filter(|hour| !source.steps_in_flight.contains(*hour));
                free.map(|hour| (name.clone(), *hour))
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

    pub(super) fn on_publish_answer(
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
            Outcome::Published { newest, leftovers } => {
                self.on_published(turn, name, hour, newest, ours, leftovers);
            }
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
        record.recheck_due = newest.and_then(|newest| self.recheck_after_adoption(name, newest, turn.now));
        record.published = newest;
        let why = record.work.as_ref().map_or(Why::First, |work| work.why);
        let facts = newest.and_then(|newest| newest.facts);
        if let Some(facts) = facts
            && compare(why, &draft.content, &facts) == Verdict::Keep
        {
            // Nobody asked for the sake of a skip: it is no recheck.
            let live = capture.id.and_then(|id| self.lives.get(&id));
            let asked_at = live.map_or(DateTime::<Utc>::MIN_UTC, |live| live.record.asked_at);
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
