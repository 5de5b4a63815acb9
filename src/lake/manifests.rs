//! The hours' commit records in the lake: listed, read, created once.

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;

use super::identity::{decoded, encoded};
use super::{Created, Lake, LakeError, Listed, list_all};
use crate::model::manifest::SCHEMA;
use crate::model::{Hour, Manifest, SourceName, layout};

/// Longest manifest that is read.
pub const MANIFEST_MAX: usize = 8 << 20;

/// A manifest as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestEntry {
    /// The hour.
    pub hour: Hour,
    /// Its generation.
    pub generation: u32,
    /// Last-Modified, by the store's own clock.
    pub modified: DateTime<Utc>,
}

/// The manifests of a source's hours from `from` on (all of them without), by hour and generation.
pub async fn list_manifests(
    lake: &dyn Lake,
    source: &SourceName,
    from: Option<Hour>,
) -> Result<Vec<ManifestEntry>, LakeError> {
    let after = from.map(|hour| layout::manifests_from(source, hour));
    let listed = list_all(lake, &layout::manifests_prefix(source), after.as_deref(), usize::MAX).await?;
    Ok(entries(source, &listed))
}

/// The manifests of one hour, by generation.
pub async fn hour_manifests(lake: &dyn Lake, source: &SourceName, hour: Hour) -> Result<Vec<ManifestEntry>, LakeError> {
    let listed = list_all(lake, &layout::hour_manifests_prefix(source, hour), None, usize::MAX).await?;
    Ok(entries(source, &listed))
}

/// Keys sort `g10` before `g2`; numbers do not.
fn entries(source: &SourceName, listed: &[Listed]) -> Vec<ManifestEntry> {
    let entry = |listed: &Listed| {
        let (hour, generation) = layout::parse_manifest_key(source, &listed.key)?;
        Some(ManifestEntry { hour, generation, modified: listed.modified })
    };
    let mut entries: Vec<ManifestEntry> = listed.iter().filter_map(entry).collect();
    entries.sort_unstable();
    entries
}

/// Reads a manifest and checks that it is the one its key names.
pub async fn read_manifest(
    lake: &dyn Lake,
    source: &SourceName,
    hour: Hour,
    generation: u32,
) -> Result<Option<Manifest>, LakeError> {
    let key = layout::manifest_key(source, hour, generation);
    let Some(bytes) = lake.get(&key).await? else { return Ok(None) };
    manifest_of(source, hour, generation, &bytes).map(Some)
}

/// The manifest that these bytes are, checked to be the one its key names.
pub fn manifest_of(source: &SourceName, hour: Hour, generation: u32, bytes: &[u8]) -> Result<Manifest, LakeError> {
    let key = layout::manifest_key(source, hour, generation);
    if bytes.len() > MANIFEST_MAX {
        return Err(LakeError::Refused(format!("{key} is longer than {} MiB", MANIFEST_MAX >> 20)));
    }
    if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
        return Err(LakeError::Refused(format!(
            "{key} is not JSON: move it away, and `ampd once` exports its hour again"
        )));
    }
    let manifest: Manifest = decoded(&key, SCHEMA, bytes)?;
    if manifest.source != *source || manifest.hour != hour || manifest.generation != generation {
        let Manifest { source, hour, generation, .. } = manifest;
        return Err(LakeError::Refused(format!(
            "{key} says that it is generation {generation} of {hour} of source `{source}`: was it copied?"
        )));
    }
    Ok(manifest)
}

/// Publishes an hour: the commit point. `Exists` may be this very manifest from an answer that got lost: compare the
/// captures before saying that somebody else won.
pub async fn create_manifest(lake: &dyn Lake, manifest: &Manifest) -> Result<Created, LakeError> {
    let body = encoded(manifest);
    let key = layout::manifest_key(&manifest.source, manifest.hour, manifest.generation);
    if body.len() > MANIFEST_MAX {
        return Err(LakeError::Refused(format!(
            "{key} would be longer than {} MiB: raise lake.part_target",
            MANIFEST_MAX >> 20
        )));
    }
    lake.create(&key, body).await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::lake::directory::DirectoryLake;
    use crate::model::{CaptureFacts, ContentHash, HourState, Window};

    fn manifest(hour: &str, generation: u32) -> Manifest {
        let hour: Hour = hour.parse().unwrap();
        Manifest {
            schema: SCHEMA.to_owned(),
            source: "web".parse().unwrap(),
            project: None,
            hour,
            generation,
            state: HourState::Empty,
            reason: None,
            rows: 0,
            rows_invalid: 0,
            content_hash: ContentHash::default(),
            objects: Vec::new(),
            capture: CaptureFacts { id: None, sha256: None, bytes: 0, window: Window::of(hour) },
            event_dates: Vec::new(),
            min_server_upload_time: None,
            max_server_upload_time: None,
            ampd_version: "0.0.0".to_owned(),
            published_at: DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn manifests_are_created_once_listed_by_number_and_read_back() {
        let root = tempfile::tempdir().unwrap();
        let lake = DirectoryLake::open(root.path()).await.unwrap().with_page(2);
        let web = "web".parse().unwrap();
        for (hour, generation) in [("20261121T07", 2), ("20261121T07", 10), ("20261121T06", 1), ("20261121T08", 1)] {
            assert_eq!(create_manifest(&lake, &manifest(hour, generation)).await.unwrap(), Created::Created);
            assert_eq!(create_manifest(&lake, &manifest(hour, generation)).await.unwrap(), Created::Exists);
        }
        lake.put("_ampd/v1/source=web/manifests/20261121T09.g1.json.bak", Bytes::new()).await.unwrap();
        let seven: Hour = "20261121T07".parse().unwrap();
        let list = list_manifests(&lake, &web, Some(seven)).await.unwrap();
        let numbers: Vec<_> = list.iter().map(|entry| (entry.hour.hour_of_day(), entry.generation)).collect();
        assert_eq!(numbers, [(7, 2), (7, 10), (8, 1)]);
        assert_eq!(list_manifests(&lake, &web, None).await.unwrap().len(), 4);
        assert_eq!(hour_manifests(&lake, &web, seven).await.unwrap().len(), 2);
        assert_eq!(read_manifest(&lake, &web, seven, 10).await.unwrap(), Some(manifest("20261121T07", 10)));
        assert_eq!(read_manifest(&lake, &web, seven, 3).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_copied_or_newer_manifest_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let lake = DirectoryLake::open(root.path()).await.unwrap();
        let (web, hour) = ("web".parse().unwrap(), "20261121T07".parse().unwrap());
        let key = layout::manifest_key(&web, hour, 1);
        for (body, words) in [
            (encoded(&manifest("20261121T08", 1)), "was it copied"),
            (Bytes::from_static(b"{\"schema\":\"ampd.manifest/9\"}"), "newer ampd"),
            (Bytes::from_static(b"{\"schema\":\"ampd.man"), "move it away"),
            (Bytes::new(), "move it away"),
            (Bytes::from_static(b"{\"schema\":\"ampd.manifest/1\"}"), "missing field"),
            (Bytes::from(vec![b' '; MANIFEST_MAX + 1]), "longer than"),
        ] {
            lake.put(&key, body).await.unwrap();
            let error = read_manifest(&lake, &web, hour, 1).await.unwrap_err();
            assert!(matches!(&error, LakeError::Refused(text) if text.contains(words)), "{error}");
        }
    }
}
