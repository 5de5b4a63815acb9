//! The steps that touch the lake alone.

use std::collections::BTreeSet;
use std::rc::Rc;

use ampd::engine::Outcome;
use ampd::model::manifest::SCHEMA;
use ampd::model::publish::{self, Found, Settled};
use ampd::model::{CaptureFacts, Draft, Fault, Hour, Manifest, layout, sweep};
use chrono::TimeDelta;

use crate::effects::Context;
use crate::lake::{Body, Created, put, read};
use crate::world::{Time, World, source, wait};

impl Context {
    pub async fn identify(&self) -> Result<Outcome, Fault> {
        let created = read(&self.world, |world| {
            let created = world.lake.id.is_none();
            world.lake.id.get_or_insert(7);
            created
        })
        .await?;
        let conditional_writes = read(&self.world, |world| world.scenario.conditional).await?;
        Ok(Outcome::Identified { lake: format!("{:032x}", 7), conditional_writes, created })
    }

    pub async fn attach(&self, from: Option<Hour>, wanted: Option<Hour>, fallback: Hour) -> Result<Outcome, Fault> {
        let first_hour = read(&self.world, |world| {
            let there = world.lake.first_hour;
            let first = there.into_iter().chain(wanted).min().unwrap_or(fallback);
            world.lake.first_hour = Some(first);
            first
        })
        .await?;
        let manifests = read(&self.world, |world| {
            let listed = world.lake.manifests.iter().filter(|((hour, _), _)| from.is_none_or(|from| *hour >= from));
            listed.map(|((hour, generation), (_, modified))| (*hour, *generation, *modified)).collect()
        })
        .await?;
        Ok(Outcome::Attached { first_hour, manifests })
    }

    pub async fn read_manifests(&self, hours: &[(Hour, u32)]) -> Result<Outcome, Fault> {
        let mut found = Vec::new();
        for slot in hours {
            let manifest = read(&self.world, |world| world.lake.manifests.get(slot).cloned()).await?;
            found.extend(manifest.map(|(manifest, _)| (slot.0, manifest.reference())));
        }
        Ok(Outcome::ManifestsRead(found))
    }

    pub async fn publish(&self, hour: Hour, draft: &Draft, capture: CaptureFacts) -> Result<Outcome, Fault> {
        loop {
            let taken: Vec<Rc<Manifest>> =
                read(&self.world, |world| world.lake.of_hour(hour).map(|(m, _)| Rc::clone(m)).collect()).await?;
            match publish::settled(draft.generation, capture.id, &taken) {
                None => {}
                Some(Settled::Ours(newest)) => return Ok(Outcome::Published { newest, leftovers: true }),
                Some(Settled::Contested(newest)) => return Ok(Outcome::Contested(newest)),
            }
            let checked = self.world.borrow().now;
            self.world.borrow_mut().lake.checked.entry((hour, draft.generation, capture.id)).or_insert(checked);
            for object in &draft.objects {
                let differs = |world: &mut World| {
                    let found = world.lake.objects.get(&object.key);
                    let found = found.map(|o| Found { bytes: o.bytes, crc64nvme: None, sha256: Some(&o.sha) });
                    publish::difference(object, found)
                };
                if let Some(missing) = read(&self.world, differs).await? {
                    return Ok(Outcome::ObjectsMissing(missing));
                }
            }
            let leftovers = read(&self.world, |world| publish::leaves_others(world.lake.with_generations(hour), draft));
            let leftovers = leftovers.await?;
            let manifest = self.manifest(hour, draft, capture.clone());
            let published = manifest.reference();
            let key = layout::manifest_key(source(), hour, draft.generation);
            if put(&self.world, &key, Body::Manifest(Rc::new(manifest))).await? == Created::Created {
                return Ok(Outcome::Published { newest: published, leftovers });
            }
        }
    }

    fn manifest(&self, hour: Hour, draft: &Draft, capture: CaptureFacts) -> Manifest {
        Manifest {
            schema: SCHEMA.to_owned(),
            source: source().clone(),
            project: draft.project.clone(),
            hour,
            generation: draft.generation,
            state: draft.state,
            reason: draft.reason.clone(),
            rows: draft.content.rows,
            rows_invalid: draft.content.rows_invalid,
            content_hash: draft.content.content_hash,
            objects: draft.objects.clone(),
            capture,
            event_dates: Vec::new(),
            min_server_upload_time: None,
            max_server_upload_time: None,
            ampd_version: "0".to_owned(),
            published_at: self.local(),
        }
    }

    pub async fn sweep(&self, hours: &[Hour]) -> Result<Outcome, Fault> {
        let mut waiting = Vec::new();
        for hour in hours.iter().copied() {
            let objects = read(&self.world, |world| world.lake.with_generations(hour)).await?;
            let (manifests, time) = read(&self.world, |world| {
                let published = |(m, modified): &(Rc<Manifest>, Time)| sweep::Published {
                    generation: m.generation,
                    modified: *modified,
                    keys: m.objects.iter().map(|object| object.key.clone()).collect::<BTreeSet<_>>(),
                };
                (world.lake.of_hour(hour).map(published).collect::<Vec<_>>(), world.store_time())
            })
            .await?;
            let decided = sweep::decide(&objects, &manifests, time);
            for key in decided.delete {
                read(&self.world, |world| crate::check::on_delete(world, &key)).await?;
            }
            if decided.waiting {
                waiting.push(hour);
            }
            wait(&self.world, TimeDelta::milliseconds(1)).await;
        }
        Ok(Outcome::Swept { waiting })
    }
}
