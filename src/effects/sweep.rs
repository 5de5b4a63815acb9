//! Deletes objects that can never be named again (rule 5), by the store's own clock.

use std::collections::BTreeSet;

use super::points::lake_down;
use super::{LiveEffects, lake_fault};
use crate::engine::Outcome;
use crate::failpoints::{Point, around};
use crate::lake;
use crate::model::sweep::{Published, decide};
use crate::model::{Fault, Hour, SourceName, layout};
use crate::telemetry::{Line, Phase, say};

/// Objects of one hour looked at.
const OBJECTS_MAX: usize = 100_000;

impl LiveEffects {
    pub(super) async fn sweep(&self, source: &SourceName, hours: &[Hour]) -> Result<Outcome, Fault> {
        let store_time = self.lake.store_time().await.map_err(|error| lake_fault(&error))?;
        let mut waiting = Vec::new();
        for hour in hours {
            let objects = around(Point::SweepList, lake_down, self.objects_of(source, *hour)).await?;
            if objects.is_empty() {
                continue;
            }
            let decision = decide(&objects, &self.published(source, *hour).await?, store_time);
            if decision.waiting {
                waiting.push(*hour);
            }
            for key in &decision.delete {
                let deleted = async { self.lake.delete(key).await.map_err(|error| lake_fault(&error)) };
                around(Point::SweepDelete, lake_down, deleted).await?;
                let line = Line::debug(format!("deleted {key}: no manifest names it or ever will"));
                say(&line.phase(Phase::S3Load).source(source).hour(*hour));
            }
        }
        Ok(Outcome::Swept { waiting })
    }

    /// The hour's objects, with the generation in their keys.
    pub(super) async fn objects_of(&self, source: &SourceName, hour: Hour) -> Result<Vec<(String, u32)>, Fault> {
        let prefix = layout::hour_prefix(source, hour);
        let listed =
            lake::list_all(&*self.lake, &prefix, None, OBJECTS_MAX).await.map_err(|error| lake_fault(&error))?;
        let with_generation = |object: lake::Listed| {
            let generation = layout::parse_object_key(source, &object.key)?.generation;
            Some((object.key, generation))
        };
        Ok(listed.into_iter().filter_map(with_generation).collect())
    }

    async fn published(&self, source: &SourceName, hour: Hour) -> Result<Vec<Published>, Fault> {
        let lake = &*self.lake;
        let mut manifests = Vec::new();
        for entry in lake::hour_manifests(lake, source, hour).await.map_err(|error| lake_fault(&error))? {
            let read = lake::read_manifest(lake, source, hour, entry.generation).await;
            let Some(manifest) = read.map_err(|error| lake_fault(&error))? else { continue };
            let keys: BTreeSet<String> = manifest.objects.into_iter().map(|object| object.key).collect();
            manifests.push(Published { generation: entry.generation, modified: entry.modified, keys });
        }
        Ok(manifests)
    }
}
