//! The lake: objects and manifests, with answers that get lost and PUTs that land late.

use std::collections::BTreeMap;
use std::rc::Rc;

use ampd::model::{CaptureId, Fault, FaultKind, Hour, Manifest, layout};
use chrono::TimeDelta;

use crate::check;
use crate::scenario::Scenario;
use crate::world::{Shared, Time, World, latency, source, wait};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What its key says, read when it lands.
    pub of: (Hour, u32, CaptureId),
    pub bytes: u64,
    pub sha: String,
    pub rows: Vec<u64>,
    pub modified: Time,
}

#[derive(Clone, Debug)]
pub enum Body {
    Object(Stored),
    Manifest(Rc<Manifest>),
}

/// A PUT whose sender may be dead when it lands.
pub struct LatePut {
    pub key: String,
    pub body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    Created,
    Exists,
}

pub struct Lake {
    pub id: Option<u64>,
    pub first_hour: Option<Hour>,
    pub objects: BTreeMap<String, Stored>,
    /// What was ever stored under a key.
    pub contents: BTreeMap<String, String>,
    pub manifests: BTreeMap<(Hour, u32), (Rc<Manifest>, Time)>,
    pub down: bool,
    /// Taken away by other people, and when.
    pub taken: BTreeMap<String, Time>,
    /// When a publish step began to look at a draft's objects: what others take away later it cannot see.
    pub checked: BTreeMap<(Hour, u32, Option<CaptureId>), Time>,
    /// Objects that landed after their sender gave them up: nobody may know of them.
    pub strays: Vec<String>,
    /// PUTs on their way, to be landed by the schedule.
    pub departing: Vec<(Time, LatePut)>,
}

impl Lake {
    pub fn new(scenario: &Scenario) -> Self {
        // Somebody began this lake when no start was configured.
        let first_hour = scenario.source_policy().start.is_none().then_some(scenario.first);
        Self {
            id: None,
            first_hour,
            objects: BTreeMap::new(),
            contents: BTreeMap::new(),
            manifests: BTreeMap::new(),
            down: false,
            taken: BTreeMap::new(),
            checked: BTreeMap::new(),
            strays: Vec::new(),
            departing: Vec::new(),
        }
    }

    pub fn newest(&self, hour: Hour) -> Option<&(Rc<Manifest>, Time)> {
        self.manifests.range((hour, 0)..=(hour, u32::MAX)).next_back().map(|(_, found)| found)
    }

    pub fn of_hour(&self, hour: Hour) -> impl Iterator<Item = &(Rc<Manifest>, Time)> {
        self.manifests.range((hour, 0)..=(hour, u32::MAX)).map(|(_, found)| found)
    }

    /// The objects under an hour's prefix.
    pub fn objects_of(&self, hour: Hour) -> impl Iterator<Item = (&String, &Stored)> {
        let prefix = layout::hour_prefix(source(), hour);
        self.objects.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix))
    }

    /// Their keys and the generations in them.
    pub fn with_generations(&self, hour: Hour) -> Vec<(String, u32)> {
        self.objects_of(hour).map(|(key, stored)| (key.clone(), stored.of.1)).collect()
    }
}

fn unavailable(words: &str) -> Fault {
    Fault::new(FaultKind::LakeUnavailable, words)
}

/// A read: answers, or the lake is not there.
pub async fn read<T>(world: &Shared, answer: impl FnOnce(&mut World) -> T) -> Result<T, Fault> {
    latency(world).await;
    let noise = world.borrow().scenario.lake_noise;
    let failed = {
        let mut world = world.borrow_mut();
        world.lake.down || world.fault(noise)
    };
    if failed {
        wait(world, TimeDelta::seconds(5)).await;
        return Err(unavailable("no answer"));
    }
    let answer = answer(&mut world.borrow_mut());
    latency(world).await;
    Ok(answer)
}

enum Fate {
    Applied,
    Lost,
    AnswerLost,
    Late,
}

fn fate(world: &mut World) -> Fate {
    let (noise, late) = (world.scenario.lake_noise, world.scenario.late_puts);
    if world.lake.down {
        Fate::Lost
    } else if world.fault(late) {
        Fate::Late
    } else if world.fault(noise) {
        if world.random.below(2) == 0 { Fate::Lost } else { Fate::AnswerLost }
    } else {
        Fate::Applied
    }
}

/// A PUT: applied and answered; or not applied, or its answer lost, or applied later.
pub async fn put(world: &Shared, key: &str, body: Body) -> Result<Created, Fault> {
    latency(world).await;
    let fate = fate(&mut world.borrow_mut());
    match fate {
        Fate::Applied => {
            let created = apply(&mut world.borrow_mut(), key, body, false);
            latency(world).await;
            Ok(created)
        }
        Fate::Lost => {
            wait(world, TimeDelta::seconds(5)).await;
            Err(unavailable("not stored"))
        }
        Fate::AnswerLost => {
            apply(&mut world.borrow_mut(), key, body, false);
            wait(world, TimeDelta::seconds(30)).await;
            Err(unavailable("answer lost"))
        }
        Fate::Late => {
            {
                let mut world = world.borrow_mut();
                let most = u64::try_from(world.scenario.policy.late_write.num_seconds() - 60).unwrap_or(1);
                let delay = TimeDelta::seconds(i64::try_from(world.random.below(most)).unwrap_or(0));
                let lands = world.now + delay;
                world.note(|| format!("lake: PUT {key} is on its way until {}", lands.format("%H:%M:%S")));
                world.lake.departing.push((lands, LatePut { key: key.to_owned(), body }));
            }
            wait(world, TimeDelta::seconds(30)).await;
            Err(unavailable("no answer"))
        }
    }
}

/// Stores a body. Manifests are created once where the store can do that.
pub fn apply(world: &mut World, key: &str, body: Body, late: bool) -> Created {
    let modified = world.store_time();
    match body {
        Body::Object(mut object) => {
            object.modified = modified;
            match layout::parse_object_key(source(), key) {
                Some(id) => object.of = (id.hour, id.generation, id.capture),
                None => world.broken("every object's key is one of ours", key),
            }
            if late {
                world.lake.strays.push(key.to_owned());
            }
            check::on_object(world, key, &object);
            world.note(|| format!("lake: {key} stored{}", if late { " late" } else { "" }));
            world.lake.taken.remove(key);
            world.lake.objects.insert(key.to_owned(), object);
            Created::Created
        }
        Body::Manifest(manifest) => {
            let slot = (manifest.hour, manifest.generation);
            if world.scenario.conditional && world.lake.manifests.contains_key(&slot) {
                world.note(|| format!("lake: {key} exists"));
                return Created::Exists;
            }
            world.note(|| {
                let of = manifest.capture.id.map_or_else(|| "nobody".to_owned(), |id| id.to_string());
                format!(
                    "lake: {key} {:?} {} rows of {of}{}",
                    manifest.state,
                    manifest.rows,
                    if late { " LATE" } else { "" }
                )
            });
            check::on_manifest(world, &manifest);
            world.counts.manifests += 1;
            // An overwrite by the same capture does not count as a publication.
            world.lake.manifests.entry(slot).or_insert((manifest, modified));
            Created::Created
        }
    }
}
