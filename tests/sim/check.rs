//! The named invariants: what must hold in the lake and in every process, after every step.

use std::collections::BTreeSet;
use std::rc::Rc;

use ampd::model::{CaptureId, Change, Hour, HourState, Ledger, Manifest, Window, invariant};
use chrono::TimeDelta;

use crate::amplitude::{Archive, content};
use crate::lake::Stored;
use crate::world::World;

/// An answer may be sampled a while before its `Date` is read.
pub const SLACK: TimeDelta = TimeDelta::minutes(5);

impl World {
    /// A good answer, as it was sampled.
    pub fn answered(&mut self, id: CaptureId, window: Window, archive: Archive) -> Rc<Archive> {
        for hour in (window.first().index()..=window.last().index()).map(Hour::from_index) {
            let rows = archive.rows(hour).len() as u64;
            if archive.broken.is_none() {
                self.answers.insert(hour, (archive.sampled, rows));
            }
            if rows == 0 {
                self.absences.entry(hour).or_default().push((id, archive.sampled));
            }
        }
        let archive = Rc::new(archive);
        self.archives.insert(id, Rc::clone(&archive));
        archive
    }
}

pub fn on_object(world: &mut World, key: &str, object: &Stored) {
    let Some((hour, generation, id)) = crate::lake::object_of(key) else {
        return world.broken("every object's key is one of ours", key);
    };
    let taken_from = world.archives.get(&id).map(|archive| archive.rows(hour).to_vec());
    if taken_from.is_none_or(|rows| object.rows.iter().any(|row| !rows.contains(row))) {
        world.broken("an object holds only rows of the capture in its key", key);
    }
    let named = world.lake.manifests.get(&(hour, generation));
    let changed = named.is_some_and(|(manifest, _)| {
        manifest.objects.iter().any(|o| o.key == key && o.sha256.as_ref() != Some(&object.sha))
    });
    if changed {
        world.broken("an object that a manifest names never changes", key);
    }
}

pub fn on_manifest(world: &mut World, manifest: &Manifest) {
    let hour = manifest.hour;
    let about = format!("{hour} generation {}", manifest.generation);
    if let Some((there, _)) = world.lake.manifests.get(&(hour, manifest.generation)).cloned() {
        if there.capture.id != manifest.capture.id {
            world.broken("a manifest is immutable", about);
        }
        return;
    }
    let newest = world.lake.newest(hour).map(|(newest, _)| newest.clone());
    if manifest.generation != newest.as_ref().map_or(1, |newest| newest.generation + 1) {
        world.broken("a generation is exactly one more than the newest", &about);
    }
    if let Some(id) = manifest.capture.id
        && world.lake.of_hour(hour).any(|(other, _)| other.capture.id == Some(id))
    {
        world.broken("a capture publishes an hour at most once", &about);
    }
    if let Some(newest) = newest
        && (manifest.rows < newest.rows || (manifest.rows == newest.rows && !world.reexported.contains(&hour)))
        && !world.permitted.contains(&hour)
    {
        world.broken("publications of an hour only grow", &about);
    }
    if manifest.state == HourState::Skipped {
        if !world.permitted.contains(&hour) {
            world.broken("only a person skips an hour", &about);
        }
        return;
    }
    whole_capture(world, manifest, &about);
    objects_there(world, manifest, &about);
}

/// The hour is one complete capture, asked when the hour was due; an empty one was asked for twice.
fn whole_capture(world: &mut World, manifest: &Manifest, about: &str) {
    let hour = manifest.hour;
    let Some(archive) = manifest.capture.id.and_then(|id| world.archives.get(&id).cloned()) else {
        return world.broken("a manifest names a capture that was staged", about);
    };
    let expected = content(archive.rows(hour));
    let mut rows: Vec<u64> = Vec::new();
    for object in &manifest.objects {
        rows.extend(world.lake.objects.get(&object.key).map(|stored| stored.rows.clone()).unwrap_or_default());
    }
    let nothing_missing =
        rows.len() as u64 == manifest.rows || manifest.objects.iter().any(|o| is_taken(world, &o.key));
    if expected.rows != manifest.rows || expected.content_hash != manifest.content_hash || !nothing_missing {
        world.broken("a publication is one complete capture of its hour", about);
    }
    if world.amplitude.visible(hour, archive.sampled) != archive.rows(hour) {
        world.broken("a capture holds all that Amplitude had of the hour", about);
    }
    if archive.broken.is_some() {
        world.broken("a broken archive is never published", about);
    }
    let policy = world.scenario.source_policy().clone();
    if archive.sampled + SLACK < policy.due_at(hour) {
        world.broken("no unfinished hour is exported", format!("{about}, sampled {}", archive.sampled));
    }
    if manifest.rows > 0 {
        return;
    }
    let first = world.absences.get(&hour).and_then(|all| all.iter().map(|(_, at)| *at).min());
    let twice = first.is_some_and(|first| first < archive.sampled);
    if manifest.state != HourState::Empty || !twice || archive.sampled + SLACK < policy.empty_at(hour) {
        world.broken("an hour is published as empty after two agreeing answers", about);
    }
}

fn is_taken(world: &World, key: &str) -> bool {
    world.lake.taken.contains_key(key)
}

fn objects_there(world: &mut World, manifest: &Manifest, about: &str) {
    for object in &manifest.objects {
        let own = crate::lake::object_of(&object.key)
            .is_some_and(|(h, g, c)| h == manifest.hour && g == manifest.generation && Some(c) == manifest.capture.id);
        if !own {
            world.broken("a manifest names only keys of its own generation and capture", about);
        }
        let right = world
            .lake
            .objects
            .get(&object.key)
            .is_some_and(|stored| stored.bytes == object.bytes && Some(&stored.sha) == object.sha256.as_ref());
        let checked = world.lake.checked.get(&(manifest.hour, manifest.generation, manifest.capture.id));
        let just_taken = world.lake.taken.get(&object.key).zip(checked).is_some_and(|(at, checked)| at >= checked);
        if !right && !just_taken {
            world.broken("a manifest names only objects that are there", format!("{about}: {}", object.key));
        }
    }
}

/// A sweep deletes: nothing that the newest manifest names, nothing that readers of the one before may still want.
pub fn on_delete(world: &mut World, key: &str) {
    let Some((hour, generation, _)) = crate::lake::object_of(key) else { return };
    let names = |manifest: &Manifest| manifest.objects.iter().any(|object| object.key == key);
    let newest = world.lake.newest(hour).map(|(newest, _)| newest.clone());
    if newest.as_ref().is_none_or(|newest| names(newest) || generation > newest.generation) {
        world.broken("only what can never be named again is deleted", key);
    }
    let replaced = world.lake.manifests.get(&(hour, generation)).is_some_and(|(m, _)| names(m));
    let next = world.lake.manifests.get(&(hour, generation + 1)).map(|(_, modified)| *modified);
    if replaced && next.is_some_and(|next| world.store_time() - next <= TimeDelta::hours(1)) {
        world.broken("readers of a replaced manifest have an hour", key);
    }
    world.note(|| format!("lake: {key} swept"));
    world.lake.objects.remove(key);
}

/// A process after a turn.
pub fn on_turn(world: &mut World, process: usize, ledger: &Ledger, attached: bool) {
    if let Some(violation) = invariant::ledger_violation(ledger) {
        world.broken(violation.invariant, format!("{} of process {process}", violation.hour));
    }
    if !attached {
        return;
    }
    if ledger.first() != world.lake.first_hour {
        world.broken("the first hour is the lake's", format!("process {process}"));
    }
    if let (Some(first), Some(watermark)) = (ledger.first(), ledger.watermark()) {
        let missing = Window::new(first, watermark)
            .and_then(|window| window.iter().find(|hour| world.lake.newest(*hour).is_none()));
        if let Some(hour) = missing {
            world.broken("the watermark passes only hours with a manifest", format!("{hour} of process {process}"));
        }
    }
    let never_ill = ledger.open().iter().copied().filter(|hour| ledger.record(*hour).is_quarantined());
    let max = world.scenario.policy.retry.max_attempts;
    for hour in never_ill.collect::<Vec<_>>() {
        if !world.amplitude.suspicious(hour) && world.amplitude.truth(hour).unlucky < max {
            world.broken("an outage quarantines nothing", format!("{hour} of process {process}"));
        }
    }
}

/// What a process wrote down about its captures: a staged one is relied on from here.
pub fn on_commit(world: &mut World, process: usize, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Source(_, record) => {
                world.back_off.remove(&process);
                world.back_off.extend(record.not_before.map(|pause| (process, (pause.until, world.now))));
            }
            Change::Hour(_, hour, record) => {
                let kept = record.work.as_ref().and_then(|work| work.capture);
                for (id, hours) in &mut world.acknowledged {
                    if kept == Some(*id) {
                        hours.insert(*hour);
                    } else {
                        hours.remove(hour);
                    }
                }
            }
            Change::Capture(record) if record.state != ampd::model::CaptureState::Asked => {
                world.acknowledged.insert(record.id, BTreeSet::new());
            }
            Change::CaptureGone(id) => drop(world.acknowledged.remove(id)),
            Change::Capture(_) | Change::Lake(_) => {}
        }
    }
}
