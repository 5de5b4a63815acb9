//! From a staged archive to published hours. Steps are derived from the state each time, so a restart is one more turn.

use super::Engine;
use super::hours::{Verdict, compare};
use super::state::{Attachment, Live, SourceState, Turn};
use super::step::Step;
use crate::model::{CaptureId, CaptureRecord, CaptureState, Content, Hour, HourRecord, Phase, SourceName, Why};

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
        let may_work = |source: &SourceState| {
            source.attachment == Attachment::Yes && live.open.iter().any(|hour| source.may_work_on(*hour))
        };
        if !self.sources.get(&name).is_some_and(may_work) {
            return;
        }
        if live.members.is_none() && !self.is_read(live) {
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

    /// Whether nothing of the archive is needed any more: what is left is uploaded, and every member was read to its end
    /// and found good by an earlier process. So it was when each hour of the window was uploaded, or when one of them was
    /// published from this capture; an hour that somebody else published meanwhile may have been read by nobody.
    fn is_read(&self, live: &Live) -> bool {
        let Some(source) = self.sources.get(&live.record.source) else { return false };
        let id = Some(live.record.id);
        let is_uploaded = |hour: Hour| {
            source.ledger.work(hour).is_some_and(|work| work.capture == id && matches!(work.phase, Phase::Uploaded(_)))
        };
        let published = |hour: Hour| source.ledger.published(hour).and_then(|published| published.facts?.capture) == id;
        let window = live.record.window;
        let no_archive = live.record.state == CaptureState::Absent;
        live.open.iter().all(|hour| is_uploaded(*hour))
            && (no_archive || window.iter().all(is_uploaded) || window.iter().any(published))
    }

    /// Reads an hour with members: uploads what is new, only measures what is compared first or was finished already.
    fn read_hour(&mut self, turn: &mut Turn, id: CaptureId, name: &SourceName, hour: Hour) {
        let Some((live, source)) = self.lives.get(&id).zip(self.sources.get(name)) else { return };
        if self.uploads_in_flight >= self.policy.uploads_max || source.steps_in_flight.contains(&hour) {
            return;
        }
        let capture = live.record.clone();
        let record = source.ledger.record(hour);
        let uploads = live.open.contains(&hour) && record.published.is_none() && source.may_work_on(hour);
        let generation = record.next_generation();
        let step = if uploads { Step::Upload { capture, hour, generation } } else { Step::Measure { capture, hour } };
        self.run_hour(turn, name, hour, step);
    }

    pub(super) fn run_hour(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, step: Step) {
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
        if source.steps_in_flight.contains(&hour) || !source.may_work_on(hour) {
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
    pub(super) fn renumber(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, mut record: HourRecord) {
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
}
