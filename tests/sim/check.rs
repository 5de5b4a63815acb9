//! The named invariants: what must hold in the lake and in every process, after every step.

use std::collections::BTreeSet;
use std::rc::Rc;

use ampd::model::invariant::{self, Violation};
use ampd::model::{CaptureId, Change, Hour, HourRecord, HourState, Ledger, Manifest, Window, layout};
use chrono::TimeDelta;

use crate::amplitude::Archive;
use crate::lake::Stored;
use crate::world::{World, source};

/// An answer may be sampled a while before its `Date` is read.
pub const SLACK: TimeDelta = TimeDelta::minutes(5);

impl World {
    /// A good answer, as it was sampled.
    pub fn answered(&mut self, process: usize, id: CaptureId, window: Window, archive: Archive) -> Rc<Archive> {
        for hour in (window.first().index()..=window.last().index()).map(Hour::from_index) {
            let rows = archive.rows(hour).len() as u64;
            // An answer that is set aside for a person is none.
            let set_aside = self.scenario.policy.quarantine_invalid && archive.content(hour).rows_invalid > 0;
            if archive.broken.is_none() && !set_aside {
                // An answer may take longer than one that was asked for later.
                let newest = self.answers.entry(hour).or_insert((archive.sampled, rows, process));
                if newest.0 <= archive.sampled {
                    *newest = (archive.sampled, rows, process);
                }
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
    let (hour, generation, id) = object.of;
    let taken_from = world.archives.get(&id).map(|archive| archive.rows(hour));
    if taken_from.is_none_or(|rows| object.rows.iter().any(|row| !rows.contains(row))) {
        world.broken("an object holds only rows of the capture in its key", key);
    }
    let first = world.lake.contents.entry(key.to_owned()).or_insert_with(|| object.sha.clone());
    if *first != object.sha {
        world.broken("no key is written twice with different bytes", key);
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
    if let Some((there, _)) = world.lake.manifests.get(&(hour, manifest.generation)) {
        if there.capture.id != manifest.capture.id {
            world.broken("a manifest is immutable", about);
        }
        return;
    }
    let newest = world.lake.newest(hour).map(|(newest, _)| Rc::clone(newest));
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
    let expected = archive.content(hour);
    let stored = manifest.objects.iter().filter_map(|object| world.lake.objects.get(&object.key));
    let rows: usize = stored.map(|stored| stored.rows.len()).sum();
    let nothing_missing = rows as u64 == manifest.rows || manifest.objects.iter().any(|o| is_taken(world, &o.key));
    if expected.rows != manifest.rows || expected.content_hash != manifest.content_hash || !nothing_missing {
        world.broken("a publication is one complete capture of its hour", about);
    }
    if world.amplitude.visible(hour, archive.sampled) != archive.rows(hour) {
        world.broken("a capture holds all that Amplitude had of the hour", about);
    }
    if expected.rows_invalid != manifest.rows_invalid
        || (expected.rows_invalid > 0 && world.scenario.policy.quarantine_invalid)
    {
        world.broken("invalid lines are counted, and not published when that is forbidden", about);
    }
    if archive.broken.is_some() {
        world.broken("a broken archive is never published", about);
    }
    let policy = world.scenario.source_policy();
    let (due_at, empty_at) = (policy.due_at(hour), policy.empty_at(hour));
    if archive.sampled + SLACK < due_at {
        world.broken("no unfinished hour is exported", format!("{about}, sampled {}", archive.sampled));
    }
    if manifest.rows > 0 {
        return;
    }
    let first = world.absences.get(&hour).and_then(|all| all.iter().map(|(_, at)| *at).min());
    let twice = first.is_some_and(|first| first < archive.sampled);
    if manifest.state != HourState::Empty || !twice || archive.sampled + SLACK < empty_at {
        world.broken("an hour is published as empty after two agreeing answers", about);
    }
}

fn is_taken(world: &World, key: &str) -> bool {
    world.lake.taken.contains_key(key)
}

fn objects_there(world: &mut World, manifest: &Manifest, about: &str) {
    for object in &manifest.objects {
        let key = layout::parse_object_key(source(), &object.key);
        let is_own = |id: layout::ObjectId| {
            id.hour == manifest.hour && id.generation == manifest.generation && Some(id.capture) == manifest.capture.id
        };
        if !key.is_some_and(is_own) {
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
    let Some((hour, generation, _)) = world.lake.objects.get(key).map(|stored| stored.of) else { return };
    let names = |manifest: &Manifest| manifest.objects.iter().any(|object| object.key == key);
    let newest = world.lake.newest(hour).map(|(newest, _)| Rc::clone(newest));
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

/// How a process's ledger looked after its last turn.
#[derive(Default)]
pub struct Seen {
    turns: u64,
    attached: bool,
    first: Option<Hour>,
    watermark: Option<Hour>,
}

/// Turns after which everything is looked at, not only what changed.
const ALL_EVERY: u64 = 64;

/// A process after a turn: what changed, and now and then everything.
pub fn on_turn(world: &mut World, process: usize, now: (&Ledger, bool), changes: &[Change], seen: &mut Seen) {
    let (ledger, attached) = now;
    let (first, watermark) = (ledger.first(), ledger.watermark());
    let all = seen.turns.is_multiple_of(ALL_EVERY) || first != seen.first || attached != seen.attached;
    if first == seen.first && seen.attached && seen.watermark > watermark {
        world.broken("the watermark never moves back", format!("{:?}, then {watermark:?}", seen.watermark));
    }
    let violation = if all { invariant::ledger_violation(ledger) } else { change_violation(ledger, changes) };
    if let Some(violation) = violation {
        world.broken(violation.invariant, format!("{} of process {process}", violation.hour));
    }
    if attached {
        if first != world.lake.first_hour {
            world.broken("the first hour is the lake's", format!("process {process}"));
        }
        let from = seen.watermark.filter(|_| !all).map(Hour::next).or(first);
        check_passed(world, process, from, watermark);
        if all {
            ledger.open().iter().for_each(|hour| check_quarantine(world, process, ledger, *hour));
        } else {
            hours_of(changes).for_each(|hour| check_quarantine(world, process, ledger, hour));
        }
    }
    *seen = Seen { turns: seen.turns + 1, attached, first, watermark };
}

fn hours_of(changes: &[Change]) -> impl Iterator<Item = Hour> {
    changes.iter().filter_map(|change| match change {
        Change::Hour(_, hour, _) => Some(*hour),
        _ => None,
    })
}

fn change_violation(ledger: &Ledger, changes: &[Change]) -> Option<Violation> {
    let record = |hour| ledger.get(hour).and_then(|record| invariant::record_violation(hour, record));
    let edge = |hour| {
        let passed = ledger.first().is_some_and(|first| first <= hour) && ledger.watermark() >= Some(hour);
        let invariant = "the watermark passes only published hours";
        (passed && ledger.published(hour).is_none()).then_some(Violation { invariant, hour })
    };
    hours_of(changes).find_map(|hour| record(hour).or_else(|| edge(hour)))
}

/// Manifests never vanish from this lake, so each hour is looked at when the watermark passes it.
fn check_passed(world: &mut World, process: usize, from: Option<Hour>, watermark: Option<Hour>) {
    let Some(window) = from.zip(watermark).and_then(|(from, watermark)| Window::new(from, watermark)) else { return };
    if let Some(hour) = window.iter().find(|hour| world.lake.newest(*hour).is_none()) {
        world.broken("the watermark passes only hours with a manifest", format!("{hour} of process {process}"));
    }
}

fn check_quarantine(world: &mut World, process: usize, ledger: &Ledger, hour: Hour) {
    let max = world.scenario.policy.retry.max_attempts;
    if ledger.get(hour).is_some_and(HourRecord::is_quarantined)
        && !world.amplitude.suspicious(hour)
        && world.amplitude.truth(hour).unlucky < max
    {
        world.broken("an outage quarantines nothing", format!("{hour} of process {process}"));
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
