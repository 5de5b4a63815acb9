//! What the lake says of itself and of a source's hours.

use std::sync::atomic::Ordering;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::try_join;

use super::points::lake_down;
use super::{LiveEffects, lake_fault, now};
use crate::engine::Outcome;
use crate::failpoints::{Point, around};
use crate::lake::{self, Created, LakeError};
use crate::model::{Fault, Hour, ManifestRef, SourceName};

/// Manifests read at once.
const READS_AT_ONCE: usize = 16;

impl LiveEffects {
    pub(super) async fn identify(&self) -> Result<Outcome, Fault> {
        let identity = lake::identify(&*self.lake, &self.fresh_id, now()).await.map_err(|e| lake_fault(&e))?;
        // In a lake that this process created, where create-once holds, a first hour is created without looking before.
        let new = identity.created_by_us && identity.conditional_writes;
        self.new_lake.store(new, Ordering::Relaxed);
        Ok(Outcome::Identified {
            lake: identity.id,
            conditional_writes: identity.conditional_writes,
            created: identity.created_by_us,
        })
    }

    pub(super) async fn attach(
        &self,
        source: &SourceName,
        from: Option<Hour>,
        wanted: Option<Hour>,
        fallback: Hour,
    ) -> Result<Outcome, Fault> {
        let lake = &*self.lake;
        let first_hour = async { self.first_hour(source, wanted, fallback).await.map_err(|e| lake_fault(&e)) };
        let first_hour = around(Point::AttachFirstHour, lake_down, first_hour);
        let listed = async { lake::list_manifests(lake, source, from).await.map_err(|e| lake_fault(&e)) };
        let (first_hour, listed) = try_join!(first_hour, around(Point::AttachList, lake_down, listed))?;
        let manifests = listed.into_iter().map(|entry| (entry.hour, entry.generation, entry.modified)).collect();
        Ok(Outcome::Attached { first_hour, manifests })
    }

    async fn first_hour(&self, source: &SourceName, wanted: Option<Hour>, fallback: Hour) -> Result<Hour, LakeError> {
        let (lake, first) = (&*self.lake, wanted.unwrap_or(fallback));
        if self.new_lake.load(Ordering::Relaxed)
            && lake::create_first_hour(lake, source, first, now()).await? == Created::Created
        {
            return Ok(first);
        }
        lake::first_hour(lake, source, wanted, fallback, now()).await
    }

    pub(super) async fn read_manifests(&self, source: &SourceName, hours: &[(Hour, u32)]) -> Result<Outcome, Fault> {
        let read = stream::iter(hours.iter().copied())
            .map(|(hour, generation)| async move { self.manifest_ref(source, hour, generation).await })
            .buffered(READS_AT_ONCE)
            .try_filter_map(async |read| Ok(read))
            .try_collect()
            .await?;
        Ok(Outcome::ManifestsRead(read))
    }

    async fn manifest_ref(
        &self,
        source: &SourceName,
        hour: Hour,
        generation: u32,
    ) -> Result<Option<(Hour, ManifestRef)>, Fault> {
        let lake = &*self.lake;
        let read = async { lake::read_manifest(lake, source, hour, generation).await.map_err(|e| lake_fault(&e)) };
        let manifest = around(Point::ReadManifest, lake_down, read).await?;
        Ok(manifest.map(|manifest| (hour, manifest.reference())))
    }
}
