//! What happens to one hour: attempts, emptiness, comparison, publication.

use chrono::{DateTime, Utc};

use super::Engine;
use super::report::repair;
use super::state::Turn;
use super::step::{Loudness, Stage};
use crate::model::{
    CaptureRecord, Content, Draft, Fault, FaultKind, Hour, HourRecord, HourState, ManifestFacts, ManifestRef, Pause,
    Phase, SourceName, Why, Work,
};

/// What a comparison with the newest manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The lake has it, or has more: our work is dropped.
    Keep,
    /// A new generation is published.
    PublishOver,
}

/// Publications of an hour only ever grow, unless a person allows it. Who asks for a re-export gets a new generation
/// also of the same rows, for the objects of the old one may be damaged.
pub(super) fn compare(why: Why, ours: &Content, newest: &ManifestFacts) -> Verdict {
    let same =
        ours.content_hash == newest.content_hash && ours.rows == newest.rows && newest.state != HourState::Skipped;
    let publish = match why {
        Why::First | Why::Recheck => !same && ours.rows > newest.rows,
        Why::Reexport { .. } if same => ours.rows > 0,
        Why::Reexport { allow_shrink } => ours.rows > newest.rows || allow_shrink,
    };
    if publish { Verdict::PublishOver } else { Verdict::Keep }
}

impl Engine {
    /// An hour's record with work on it, new work when it had none.
    pub(super) fn open_work(&self, name: &SourceName, hour: Hour) -> HourRecord {
        let mut record = self.sources.get(name).map(|source| source.ledger.record(hour)).unwrap_or_default();
        let why = if record.published.is_some() { Why::Recheck } else { Why::First };
        record.work.get_or_insert_with(|| Box::new(Work::new(why)));
        record
    }

    /// An attempt failed for the hour itself: it waits, or is quarantined.
    pub(super) fn count_attempt(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, fault: Fault) {
        let mut record = self.open_work(name, hour);
        // A person may have decided otherwise while the answer was on its way.
        let Some(work) = record.work.as_mut().filter(|work| work.is_to_be_asked()) else { return };
        work.attempt += 1;
        work.suspect = false;
        work.together = 1;
        work.capture = None;
        let attempt = work.attempt;
        let max = self.policy.retry.max_attempts;
        // The size of one hour, refused by Amplitude or by the configuration, will not change by asking again.
        let hopeless = matches!(fault.kind, FaultKind::TooLarge | FaultKind::OverArchiveLimit);
        if attempt >= max || hopeless {
            self.quarantine(turn, name, hour, record, fault);
            return;
        }
        let wait = self.policy.retry.back_off(attempt, &mut self.random);
        work.not_before = Some(Pause::starting(turn.now, wait));
        work.phase = if work.empty_since.is_some() { Phase::Provisional } else { Phase::Pending };
        turn.say(Loudness::Info, Stage::ApiCall, name, hour, format!("attempt {attempt} of {max} failed: {fault}"));
        work.last_fault = Some(fault);
        self.put(turn, name, hour, record);
    }

    pub(super) fn quarantine(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        hour: Hour,
        mut record: HourRecord,
        fault: Fault,
    ) {
        let Some(work) = record.work.as_mut() else { return };
        let text = format!("quarantined: {fault}; to repair it: `{}`", repair(name, hour, Some(&fault)));
        turn.say(Loudness::Error, Stage::ZipFileExtract, name, hour, text);
        work.phase = Phase::Quarantined;
        work.capture = None;
        work.not_before = None;
        work.last_fault = Some(fault);
        self.tally.quarantined.insert((name.clone(), hour));
        self.put(turn, name, hour, record);
    }

    /// Back to the beginning: the hour's capture is gone. What it may have uploaded is swept later.
    pub(super) fn ask_anew(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour) {
        let Some(source) = self.sources.get(name) else { return };
        let mut record = source.ledger.record(hour);
        let Some(work) = record.work.as_mut() else { return };
        work.phase = if work.empty_since.is_some() { Phase::Provisional } else { Phase::Pending };
        work.capture = None;
        record.leftovers = true;
        self.put(turn, name, hour, record);
    }

    /// A good answer has no row of this hour.
    pub(super) fn on_absent(&mut self, turn: &mut Turn, capture: &CaptureRecord, hour: Hour) {
        let name = &capture.source;
        let (Some(source), Some(policy)) = (self.sources.get(name), self.policy.sources.get(name)) else { return };
        let mut record = source.ledger.record(hour);
        let facts = record.published.and_then(|published| published.facts);
        let generation = record.next_generation();
        let Some(work) = record.work.as_mut() else { return };
        let nothing = Content::default();
        if let Some(facts) = facts
            && compare(work.why, &nothing, &facts) == Verdict::Keep
        {
            self.keep_published(turn, name, hour, record, &nothing, &facts, capture.asked_at);
            return;
        }
        // An hour is in one capture at a time, so whatever set `empty_since` was answered before this was asked; the two
        // times themselves may come from different clocks.
        let agreed = work.empty_since.is_some() && capture.asked_at >= policy.empty_at(hour);
        if agreed {
            let draft = Draft::without_rows(generation, HourState::Empty, None);
            work.phase = Phase::Uploaded(Box::new(draft));
            self.put(turn, name, hour, record);
            self.flag_if_between_data(turn, name, hour);
            return;
        }
        work.empty_since = Some(work.empty_since.unwrap_or(capture.asked_at));
        work.phase = Phase::Provisional;
        work.capture = None;
        work.attempt = 0;
        self.put(turn, name, hour, record);
        self.detach(turn, capture.id, hour);
    }

    fn flag_if_between_data(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour) {
        let Some(source) = self.sources.get(name) else { return };
        let has_rows = |hour| source.ledger.published(hour).and_then(|p| p.facts).is_some_and(|facts| facts.rows > 0);
        if has_rows(hour.previous()) && has_rows(hour.next()) {
            turn.say(
                Loudness::Info,
                Stage::ApiCall,
                name,
                hour,
                "empty between two hours with data: believed after two agreeing answers, rechecked later",
            );
        }
    }

    /// The lake's newest manifest of the hour stays; our work on it ends.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn keep_published(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        hour: Hour,
        mut record: HourRecord,
        ours: &Content,
        newest: &ManifestFacts,
        asked_at: DateTime<Utc>,
    ) {
        let why = record.work.as_ref().map_or(Why::First, |work| work.why);
        if why != Why::First && newest.state != HourState::Skipped && ours.content_hash != newest.content_hash {
            let what = if ours.rows < newest.rows {
                format!("Amplitude now has fewer rows ({} instead of {})", ours.rows, newest.rows)
            } else {
                format!("Amplitude now has other rows, as many as before ({})", ours.rows)
            };
            let text = format!(
                "{what}: nothing was changed; `ampd hour reexport {hour} --source {name} --allow-shrink` publishes them"
            );
            turn.say(Loudness::Warn, Stage::LakeLoad, name, hour, text);
        }
        self.clear_recheck(turn, name, &mut record, asked_at);
        self.drop_work(turn, name, hour, &mut record);
        self.put(turn, name, hour, record);
    }

    /// A recheck is done only by an answer whose request was sent when it was due. One that was set under another
    /// clock is set again under this one.
    fn clear_recheck(&self, turn: &Turn, name: &SourceName, record: &mut HourRecord, asked_at: DateTime<Utc>) {
        let Some(policy) = self.policy.sources.get(name) else { return };
        record.recheck_due = match (record.recheck_due, policy.recheck_after) {
            (Some(due), Some(after)) if due > asked_at => {
                Some(if policy.is_far_ahead(due, turn.now) { turn.now + after } else { due })
            }
            _ => None,
        };
    }

    /// Ends the work on an hour without publishing it. The caller writes the record.
    pub(super) fn drop_work(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, record: &mut HourRecord) {
        let Some(work) = record.work.take() else { return };
        if matches!(work.phase, Phase::Captured | Phase::Uploaded(_)) {
            record.leftovers = true;
        }
        if let Some(capture) = work.capture {
            // The ledger must say that the work ended before the capture may close.
            if let Some(source) = self.sources.get_mut(name) {
                source.ledger.put(hour, record.clone());
            }
            self.detach(turn, capture, hour);
        }
    }

    /// The hour is published, by the work that there is now (`ours`) or by one that was given up meanwhile.
    pub(super) fn on_published(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        hour: Hour,
        published: ManifestRef,
        ours: bool,
        leftovers: bool,
    ) {
        let Some(source) = self.sources.get_mut(name) else { return };
        source.manifests_asked.remove(&hour);
        let recheck_after = self.policy.sources.get(name).and_then(|policy| policy.recheck_after);
        let mut record = source.ledger.record(hour);
        let before = record.published;
        let Some(work) = record.work.clone() else { return };
        record.published = Some(published);
        record.leftovers |= leftovers;
        let state = published.facts.map_or(HourState::Data, |facts| facts.state);
        record.recheck_due =
            recheck_after.filter(|_| state != HourState::Skipped).map(|after| published.published_at + after);
        announce(turn, name, hour, &work, before, published);
        if let Some(facts) = published.facts {
            self.tally.count(&facts);
        }
        if ours || !matches!(work.why, Why::Reexport { .. }) {
            record.leftovers |= !ours;
            record.work = None;
        }
        let ended = record.work.is_none();
        self.put(turn, name, hour, record);
        if let Some(capture) = work.capture.filter(|_| ended) {
            self.detach(turn, capture, hour);
        }
    }
}

fn announce(
    turn: &mut Turn,
    name: &SourceName,
    hour: Hour,
    work: &Work,
    before: Option<ManifestRef>,
    now: ManifestRef,
) {
    let rows = |published: ManifestRef| published.facts.map_or(0, |facts| facts.rows);
    let state = now.facts.map_or(HourState::Data, |facts| facts.state);
    let text = match (before, state) {
        (Some(before), _) if work.why == Why::Recheck => {
            format!(
                "late data: {} rows instead of {}, published as generation {}",
                rows(now),
                rows(before),
                now.generation
            )
        }
        (Some(_), _) => format!("published again as generation {}, {} rows", now.generation, rows(now)),
        (None, HourState::Data) => format!("published, {} rows", rows(now)),
        (None, HourState::Empty) => "published as empty".to_owned(),
        (None, HourState::Skipped) => "published as skipped".to_owned(),
    };
    let loudness = if before.is_some() && work.why == Why::Recheck { Loudness::Warn } else { Loudness::Info };
    turn.say(loudness, Stage::LakeLoad, name, hour, text);
    let invalid = now.facts.map_or(0, |facts| facts.rows_invalid);
    if invalid > 0 {
        let text = format!("{invalid} lines are not UTF-8 JSON objects; they were kept as they are");
        turn.say(Loudness::Warn, Stage::ZipFileExtract, name, hour, text);
    }
}
