//! Manifests that are read one by one: those known from a listing only, and those that others may have written for hours
//! that were set aside.

use chrono::{DateTime, TimeDelta, Utc};

use super::attach::unpublish;
use super::state::{Attachment, SourceState, Turn};
use super::step::{Loudness, Stage, Step};
use super::{Engine, READ_BATCH};
use crate::model::{Hour, HourRecord, ManifestRef, SourceName};

/// How often the manifests of hours that were set aside are looked for.
const LOOK_ASIDE_EVERY: TimeDelta = TimeDelta::hours(1);

impl Engine {
    /// Reads manifests that are known from a listing only: those of hours to be rechecked first; the daemon reads all.
    pub(super) fn read_manifests(&mut self, turn: &mut Turn) {
        let names: Vec<SourceName> = self.sources.keys().cloned().collect();
        for name in names {
            let (Some(source), Some(policy)) = (self.sources.get(&name), self.policy.sources.get(&name)) else {
                continue;
            };
            if source.reading || source.attachment != Attachment::Yes {
                continue;
            }
            let due_now = source.due_now(turn.now);
            let wanted = |hour: &Hour| {
                let record = source.ledger.get(*hour);
                self.scope.is_none()
                    || record.is_some_and(|r| {
                        r.work.is_some()
                            || r.recheck_due.is_some_and(|due| policy.recheck_is_due(due, due_now, turn.now))
                    })
            };
            let generation = |hour: Hour| source.ledger.published(hour).map(|published| (hour, published.generation));
            let hours: Vec<(Hour, u32)> = source
                .ledger
                .unread()
                .iter()
                .rev()
                .copied()
                .filter(|hour| self.scope.as_ref().is_none_or(|scope| scope.contains(&name, *hour)) && wanted(hour))
                .filter_map(generation)
                .take(READ_BATCH)
                .collect();
            let aside = if hours.is_empty() { self.set_aside(source, turn.now) } else { Vec::new() };
            if hours.is_empty() && aside.is_empty() {
                continue;
            }
            if let Some(source) = self.sources.get_mut(&name) {
                (source.reading, source.listed_meanwhile) = (true, false);
                source.looked_aside = if aside.is_empty() { source.looked_aside } else { Some(turn.now) };
            }
            let hours = if hours.is_empty() { aside } else { hours };
            self.run(turn, Step::ReadManifests { source: name, hours });
        }
    }

    /// Hours that a daemon set aside unpublished: somebody else may have published or skipped them since, which nothing
    /// else would tell it before its next start.
    fn set_aside(&self, source: &SourceState, now: DateTime<Utc>) -> Vec<(Hour, u32)> {
        let lately = source.looked_aside.is_some_and(|at| at <= now && now - at < LOOK_ASIDE_EVERY);
        if lately || self.scope.is_some() {
            return Vec::new();
        }
        let is_aside = |record: &HourRecord| record.published.is_none() && record.is_quarantined();
        let hours = source.ledger.worked().iter().filter(|hour| source.ledger.get(**hour).is_some_and(is_aside));
        hours.map(|hour| (*hour, 1)).take(READ_BATCH).collect()
    }

    pub(super) fn on_manifests_read(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        asked: &[(Hour, u32)],
        read: &[(Hour, ManifestRef)],
    ) {
        for (hour, generation) in asked {
            let Some(source) = self.sources.get(name) else { return };
            let mut record = source.ledger.record(*hour);
            let aside = record.published.is_none() && record.is_quarantined();
            let unread = |published: ManifestRef| published.facts.is_none() && published.generation == *generation;
            if !aside && !record.published.is_some_and(unread) {
                continue;
            }
            match read.iter().find(|(read, _)| read == hour) {
                // A manifest that was listed after it was asked for was written after it was asked for.
                None if aside || source.listed_meanwhile => continue,
                Some((_, published)) => {
                    record.published = Some(*published);
                    // The listing knew the store's clock only, which may be hours from the publisher's.
                    record.recheck_due = self.recheck_after_adoption(name, *published, turn.now);
                    if aside {
                        record.leftovers = true;
                        self.drop_work(turn, name, *hour, &mut record);
                        let text = "published by another process: no longer set aside";
                        turn.say(Loudness::Info, Stage::LakeLoad, name, *hour, text);
                    }
                }
                None => unpublish(&mut record),
            }
            self.put(turn, name, *hour, record);
        }
    }
}
