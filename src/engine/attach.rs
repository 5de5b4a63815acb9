//! The lake wins: at start its identity and the manifests after the watermark are read and believed over the journal.

use chrono::{DateTime, TimeDelta, Utc};

use super::Engine;
use super::lead::FOLLOWER_LOOKS;
use super::state::{Attachment, SourceState, Turn};
use super::step::{Loudness, Outcome, Stage, Step};
use super::verdict::Stop;
use crate::model::{Change, Hour, HourRecord, ManifestRef, Pause, Phase, SourceName, Why, Window, rebuild};

/// The first hour when nobody names one: seven days before the first start.
const FALLBACK: i64 = 7 * 24;

impl Engine {
    /// Identifies the lake, then attaches every source.
    pub(super) fn attach_sources(&mut self, turn: &mut Turn) {
        if !self.lake_gate.is_open(turn.now) {
            return;
        }
        if self.conditional_writes.is_none() {
            if !self.identifying {
                self.identifying = true;
                self.run(turn, Step::Identify);
            }
            return;
        }
        self.followers_look(Some(turn.now));
        // What is published while the listing is on its way would be missing from it.
        let is_waiting = |state: &SourceState| state.attachment == Attachment::No && state.steps_in_flight.is_empty();
        let waiting: Vec<SourceName> =
            self.sources.iter().filter(|(_, state)| is_waiting(state)).map(|(name, _)| name.clone()).collect();
        for source in waiting {
            let step = self.attach_step(&source, turn.now);
            if let Some(state) = self.sources.get_mut(&source) {
                state.attachment = Attachment::Asked;
            }
            self.run(turn, step);
        }
    }

    fn attach_step(&self, name: &SourceName, now: DateTime<Utc>) -> Step {
        let watermark = self.sources.get(name).and_then(|source| source.ledger.watermark());
        let policy = self.policy.sources.get(name);
        let newest = policy.map_or(Hour::containing(now), |policy| policy.newest_due(now));
        let windows = self.scope.as_ref().and_then(|scope| scope.sources.get(name));
        let backfill_from = windows.and_then(|windows| windows.iter().map(|window| window.first()).min());
        let seven_days = newest.plus(-FALLBACK);
        // Hours that may have been published again lately are listed too, still in one request: the journal may be an
        // old backup, which knows neither their newest generation nor that a recheck of it is due.
        let recheck_after = policy.and_then(|policy| policy.recheck_after).unwrap_or_default();
        let again_from = Hour::containing(newest.start() - recheck_after - rebuild::RECHECK_WITHIN);
        Step::Attach {
            source: name.clone(),
            from: watermark.map(|watermark| again_from.min(watermark.next())),
            wanted: policy.and_then(|policy| policy.start),
            fallback: backfill_from.map_or(seven_days, |from| from.min(seven_days)),
        }
    }

    pub(super) fn on_identified(&mut self, turn: &mut Turn, lake: String, conditional_writes: bool, created: bool) {
        if let Some(expected) = self.lake.id.clone().filter(|expected| *expected != lake) {
            self.stop = Some(Stop::WrongLake { expected, found: lake });
            return;
        }
        if !conditional_writes && !self.policy.single_writer {
            self.stop = Some(Stop::NoConditionalWrites);
            return;
        }
        self.conditional_writes = Some(conditional_writes);
        let settled = self.lake.settled || conditional_writes || created;
        if self.lake.id.is_none() || self.lake.settled != settled {
            self.lake.id = Some(lake);
            self.lake.settled = settled;
            turn.changes.push(Change::Lake(self.lake.clone()));
        }
    }

    /// On a store without conditional writes: when a manifest that an earlier process asked for has landed or never will.
    /// The same for one that this process asked for.
    pub(super) fn late_writes_end(&self, asked_here: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        asked_here.unwrap_or(self.started_at).max(self.started_at).checked_add_signed(self.policy.late_write)
    }

    /// A process that lived that long with this journal has seen everything land: the next one need not wait.
    pub(super) fn settle(&mut self, turn: &mut Turn) {
        let waited = self.late_writes_end(None).is_some_and(|end| turn.now >= end);
        if self.conditional_writes == Some(false) && !self.lake.settled && waited {
            self.lake.settled = true;
            turn.changes.push(Change::Lake(self.lake.clone()));
        }
    }

    pub(super) fn on_attached(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        first_hour: Hour,
        manifests: &[(Hour, u32, DateTime<Utc>)],
        listed_from: Option<Hour>,
    ) {
        let Some(state) = self.sources.get_mut(name) else { return };
        state.attachment = if state.attachment == Attachment::Outdated { Attachment::No } else { Attachment::Yes };
        state.looked = Some(Pause::starting(turn.now, FOLLOWER_LOOKS));
        state.listed_meanwhile = state.reading;
        state.ledger.keep_from(first_hour);
        let knew_nothing = state.record.first_hour.is_none();
        if state.record.first_hour != state.ledger.first() {
            state.record.first_hour = state.ledger.first();
            self.put_source(turn, name);
        }
        let mut newest: Vec<(Hour, u32, DateTime<Utc>)> = Vec::new();
        for entry in manifests {
            match newest.iter_mut().rfind(|seen| seen.0 == entry.0) {
                Some(seen) if seen.1 < entry.1 => *seen = *entry,
                Some(_) => {}
                None => newest.push(*entry),
            }
        }
        if let (true, Some((first, ..)), Some((last, ..))) = (knew_nothing, newest.first(), newest.last()) {
            let text =
                format!("the journal knew nothing of it: {} published hours are taken from the lake", newest.len());
            let window = Window::new(*first, *last).unwrap_or(Window::of(*first));
            turn.say(Loudness::Warn, Stage::LakeLoad, name, window, text);
        }
        for (hour, generation, modified) in &newest {
            self.believe_listing(turn, name, *hour, *generation, *modified);
        }
        self.forget_unlisted(turn, name, listed_from, &newest);
        self.leave_rechecks_to_the_leader(turn, name);
    }

    /// A manifest that the lake has and the journal does not: the journal learns it.
    fn believe_listing(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        hour: Hour,
        generation: u32,
        modified: DateTime<Utc>,
    ) {
        let Some(source) = self.sources.get(name) else { return };
        let mut record = source.ledger.record(hour);
        if record.published.is_some_and(|published| published.generation == generation) {
            return;
        }
        // Its own publish step finds out whether this manifest is the one it asked for before the crash; where that is
        // certain to create nothing, a follower takes it too.
        if let Some(Phase::Uploaded(draft)) = record.work.as_ref().map(|work| &work.phase) {
            if draft.generation <= generation
                && let Some(source) = self.sources.get_mut(name)
            {
                source.wanted.insert(hour);
            }
            return;
        }
        let published = ManifestRef { generation, published_at: modified, facts: None };
        record.published = Some(published);
        record.leftovers = true;
        record.recheck_due = self.recheck_after_adoption(name, published, turn.now);
        if record.work.as_ref().is_some_and(|work| work.why == Why::First) {
            self.drop_work(turn, name, hour, &mut record);
        }
        self.put(turn, name, hour, record);
    }

    /// An hour that this journal did not publish is rechecked as after a rebuild: nobody else may be there to do it.
    pub(super) fn recheck_after_adoption(
        &self,
        name: &SourceName,
        published: ManifestRef,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        rebuild::recheck_due(published, self.policy.sources.get(name)?.recheck_after, now)
    }

    /// An hour that the journal says is published and the lake's listing does not have is not published.
    fn forget_unlisted(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        listed_from: Option<Hour>,
        listed: &[(Hour, u32, DateTime<Utc>)],
    ) {
        let Some(source) = self.sources.get(name) else { return };
        let from = listed_from.unwrap_or(Hour::from_index(i64::MIN));
        let gone: Vec<Hour> = source
            .ledger
            .range(from..)
            .filter(|(hour, record)| {
                record.published.is_some() && listed.binary_search_by_key(hour, |entry| entry.0).is_err()
            })
            .map(|(hour, _)| hour)
            .collect();
        for hour in gone {
            let Some(mut record) = self.sources.get(name).map(|source| source.ledger.record(hour)) else { continue };
            unpublish(&mut record);
            turn.say(
                Loudness::Warn,
                Stage::LakeLoad,
                name,
                hour,
                "its manifest is gone from the lake: it is exported again",
            );
            self.put(turn, name, hour, record);
        }
    }

    /// Deletes what can never be named again, one day at a time, when nothing else of the hour is in work.
    pub(super) fn sweep(&mut self, turn: &mut Turn) {
        let names: Vec<SourceName> = self.sources.keys().cloned().collect();
        for name in names {
            let Some(source) = self.sources.get(&name) else { continue };
            if source.sweeping || source.sweeps_left == 0 || source.attachment != Attachment::Yes {
                continue;
            }
            let ready = |hour: &Hour| {
                let idle = |record: &HourRecord| record.work.is_none() || record.is_quarantined();
                source.ledger.get(*hour).is_some_and(|record| record.published.is_some() && idle(record))
                    && source.sweep_after.get(hour).is_none_or(|pause| pause.is_over(turn.now))
            };
            let mut hours: Vec<Hour> = Vec::new();
            for hour in source.ledger.leftovers().iter().copied().filter(ready) {
                if hours.first().is_some_and(|first| first.date() != hour.date()) {
                    break;
                }
                hours.push(hour);
            }
            if hours.is_empty() {
                continue;
            }
            if let Some(source) = self.sources.get_mut(&name) {
                source.sweeping = true;
                source.left_meanwhile.clear();
                source.sweeps_left = source.sweeps_left.saturating_sub(1);
            }
            self.run(turn, Step::Sweep { source: name, hours });
        }
    }

    pub(super) fn on_swept(&mut self, turn: &mut Turn, name: &SourceName, hours: &[Hour], outcome: Outcome) {
        let waiting = match outcome {
            Outcome::Swept { waiting } => waiting,
            Outcome::Failed { fault, .. } => {
                turn.say(
                    Loudness::Warn,
                    Stage::LakeLoad,
                    name,
                    Window::new(hours[0], hours[hours.len() - 1]).unwrap_or(Window::of(hours[0])),
                    format!("leftovers stay for now: {fault}"),
                );
                hours.to_vec()
            }
            _ => return,
        };
        for hour in hours {
            let Some(source) = self.sources.get_mut(name) else { return };
            if waiting.contains(hour) {
                source.sweep_after.insert(*hour, Pause::starting(turn.now, TimeDelta::hours(1)));
                continue;
            }
            source.sweep_after.remove(hour);
            if source.left_meanwhile.contains(hour) {
                continue;
            }
            let mut record = source.ledger.record(*hour);
            record.leftovers = false;
            self.put(turn, name, *hour, record);
        }
    }
}

/// Its manifest is not in the lake: whatever is done for the hour is done for the first time.
pub(super) fn unpublish(record: &mut HourRecord) {
    record.published = None;
    record.recheck_due = None;
    record.leftovers = true;
    if let Some(work) = record.work.as_mut() {
        work.why = Why::First;
    }
}
