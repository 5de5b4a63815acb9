//! The commit point: the hour's manifests are listed, every object is checked, then the manifest is created once.

use futures_util::future::try_join_all;
use tokio::try_join;

use super::points::lake_down;
use super::{LiveEffects, lake_fault, now};
use crate::engine::Outcome;
use crate::failpoints::{Point, around};
use crate::lake::{self, Created, Head};
use crate::model::publish::{self, Settled, must_read};
use crate::model::{CaptureFacts, Draft, Fault, Hour, Manifest, Object, SourceName, manifest};

/// Objects checked at once.
const HEADS_AT_ONCE: usize = 8;

impl LiveEffects {
    pub(super) async fn publish(
        &self,
        source: &SourceName,
        hour: Hour,
        draft: Draft,
        capture: CaptureFacts,
    ) -> Result<Outcome, Fault> {
        // Asked at once: nothing of it changes anything, and a store far away answers slowly.
        let checked =
            async { try_join!(self.missing_object(&draft.objects), self.has_leftovers(source, hour, &draft)) };
        let (there, (missing, leftovers)) = try_join!(
            around(Point::PublishList, lake_down, self.manifests_of(source, hour)),
            around(Point::PublishCheck, lake_down, checked)
        )?;
        if let Some(outcome) = settled(&draft, &capture, &there) {
            return Ok(outcome);
        }
        if let Some(missing) = missing {
            return Ok(Outcome::ObjectsMissing(missing));
        }
        let manifest = compose(source, hour, draft.clone(), capture.clone());
        let created = async { lake::create_manifest(&*self.lake, &manifest).await.map_err(|e| lake_fault(&e)) };
        match around(Point::PublishManifest, lake_down, created).await? {
            Created::Created => Ok(Outcome::Published { newest: manifest.reference(), leftovers }),
            Created::Exists => {
                let there = self.manifests_of(source, hour).await?;
                let outcome = settled(&draft, &capture, &there);
                let unreadable = || {
                    Fault::new(
                        crate::model::FaultKind::LakeUnavailable,
                        "the store says that the manifest exists, and does not list it",
                    )
                };
                outcome.ok_or_else(unreadable)
            }
        }
    }

    /// The hour's manifests, oldest first; none as a rule, so nothing is read.
    async fn manifests_of(&self, source: &SourceName, hour: Hour) -> Result<Vec<Manifest>, Fault> {
        let listed = lake::hour_manifests(&*self.lake, source, hour).await.map_err(|error| lake_fault(&error))?;
        let generations: Vec<u32> = listed.iter().map(|entry| entry.generation).collect();
        let mut manifests = Vec::new();
        if must_read(&generations) {
            for generation in generations {
                let read = lake::read_manifest(&*self.lake, source, hour, generation).await;
                manifests.extend(read.map_err(|error| lake_fault(&error))?);
            }
        }
        Ok(manifests)
    }

    /// The first object that is not there as it was uploaded, in words.
    async fn missing_object(&self, objects: &[Object]) -> Result<Option<String>, Fault> {
        for chunk in objects.chunks(HEADS_AT_ONCE) {
            let keys: Vec<String> = chunk.iter().map(|object| object.key.clone()).collect();
            let heads = try_join_all(keys.iter().map(|key| self.lake.head(key))).await;
            let heads = heads.map_err(|error| lake_fault(&error))?;
            let missing = chunk.iter().zip(&heads).find_map(|(object, head)| difference(object, head.as_ref()));
            if missing.is_some() {
                return Ok(missing);
            }
        }
        Ok(None)
    }

    /// Whether the hour has objects that are not the draft's and that no manifest will name any more.
    async fn has_leftovers(&self, source: &SourceName, hour: Hour, draft: &Draft) -> Result<bool, Fault> {
        let objects = self.objects_of(source, hour).await?;
        Ok(publish::leaves_others(objects, draft))
    }
}

/// What a store's word about an object differs from what was uploaded; `None` when it agrees as far as it says.
pub(crate) fn difference<'a>(object: &Object, head: Option<&'a Head>) -> Option<String> {
    let found = |head: &'a Head| publish::Found {
        bytes: head.bytes,
        crc64nvme: head.crc64nvme.as_deref(),
        sha256: head.sha256.as_deref(),
    };
    publish::difference(object, head.map(found))
}

/// How the step ends without creating anything, when the manifests that are there say so.
fn settled(draft: &Draft, capture: &CaptureFacts, there: &[Manifest]) -> Option<Outcome> {
    publish::settled(draft.generation, capture.id, there).map(|settled| match settled {
        // An earlier process looked beside its objects, and the answer is lost: it is looked again.
        Settled::Ours(newest) => Outcome::Published { newest, leftovers: true },
        Settled::Contested(newest) => Outcome::Contested(newest),
    })
}

fn compose(source: &SourceName, hour: Hour, draft: Draft, capture: CaptureFacts) -> Manifest {
    let Draft { generation, state, reason, project, content, objects } = draft;
    Manifest {
        schema: manifest::SCHEMA.to_owned(),
        source: source.clone(),
        project,
        hour,
        generation,
        state,
        reason,
        rows: content.rows,
        rows_invalid: content.rows_invalid,
        content_hash: content.content_hash,
        objects,
        capture,
        event_dates: content.event_dates,
        min_server_upload_time: content.min_server_upload_time,
        max_server_upload_time: content.max_server_upload_time,
        ampd_version: env!("CARGO_PKG_VERSION").to_owned(),
        published_at: now(),
    }
}
