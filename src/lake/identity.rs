//! Which lake this is, and where each source begins: the two facts that a lake keeps about itself.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::try_join;

use super::{Created, Lake, LakeError};
use crate::model::{Hour, SourceName, layout};

const LAKE_SCHEMA: &str = "ampd.lake/1";
const SOURCE_SCHEMA: &str = "ampd.source/1";
/// Races over an earlier first hour that are fought before giving up.
const TURNS: usize = 8;

/// What was found out about the lake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id, 32 hex digits.
    pub id: String,
    /// This call created it: nobody wrote to it before.
    pub created_by_us: bool,
    /// The store honours `If-None-Match: *`.
    pub conditional_writes: bool,
}

/// `lake.json`
#[derive(Debug, Serialize, Deserialize)]
struct LakeFile {
    schema: String,
    id: String,
    created_at: DateTime<Utc>,
}

/// `source.json`
#[derive(Debug, Serialize, Deserialize)]
struct SourceFile {
    schema: String,
    source: SourceName,
    first_hour: Hour,
    created_at: DateTime<Utc>,
}

/// Reads the lake's identity, or gives it `fresh_id` (32 hex digits, drawn at random) when it has none, and probes for
/// conditional writes. It is read before it is created, so a store that ignores the condition keeps its identity.
pub async fn identify(lake: &dyn Lake, fresh_id: &str, now: DateTime<Utc>) -> Result<Identity, LakeError> {
    let (bytes, conditional_writes) = if let Some(bytes) = lake.get(layout::LAKE_JSON).await? {
        (bytes.clone(), probe_conditional_writes(lake, bytes).await?)
    } else {
        let file = LakeFile { schema: LAKE_SCHEMA.to_owned(), id: fresh_id.to_owned(), created_at: now };
        let ours = encoded(&file);
        match lake.create(layout::LAKE_JSON, ours.clone()).await? {
            Created::Created => try_join!(stored_identity(lake), probe_conditional_writes(lake, ours))?,
            // A rival's, or our own PUT whose answer was lost: the id that is there tells.
            Created::Exists => (stored_identity(lake).await?, true),
        }
    };
    let file: LakeFile = decoded(layout::LAKE_JSON, LAKE_SCHEMA, &bytes)?;
    Ok(Identity { created_by_us: file.id == fresh_id, id: file.id, conditional_writes })
}

async fn stored_identity(lake: &dyn Lake) -> Result<Bytes, LakeError> {
    let missing = || LakeError::Unavailable(format!("{} was stored but cannot be read", layout::LAKE_JSON));
    lake.get(layout::LAKE_JSON).await?.ok_or_else(missing)
}

/// Whether the store honours create-once: repeats the PUT of `lake.json` with the bytes that are there, which changes
/// nothing on a store that overwrites.
pub async fn probe_conditional_writes(lake: &dyn Lake, lake_json: Bytes) -> Result<bool, LakeError> {
    Ok(lake.create(layout::LAKE_JSON, lake_json).await? == Created::Exists)
}

/// The source's first hour as the lake has it, if it has one.
pub async fn read_first_hour(lake: &dyn Lake, source: &SourceName) -> Result<Option<Hour>, LakeError> {
    Ok(read_source(lake, source).await?.map(|file| file.first_hour))
}

/// The source's first hour: the lake's, created as `wanted` or else `default`, and replaced by `wanted` only when that
/// is earlier. Of two daemons that write at once the earlier hour stays.
pub async fn first_hour(
    lake: &dyn Lake,
    source: &SourceName,
    wanted: Option<Hour>,
    default: Hour,
    now: DateTime<Utc>,
) -> Result<Hour, LakeError> {
    for _ in 0..TURNS {
        match read_source(lake, source).await? {
            Some(there) if wanted.is_none_or(|wanted| wanted >= there.first_hour) => return Ok(there.first_hour),
            Some(there) => {
                let earlier = SourceFile { first_hour: wanted.unwrap_or(default), ..there };
                lake.put(&layout::source_key(source), encoded(&earlier)).await?;
            }
            None => {
                let first_hour = wanted.unwrap_or(default);
                if create_first_hour(lake, source, first_hour, now).await? == Created::Created {
                    return Ok(first_hour);
                }
            }
        }
        // Read back: a rival may have written between our reading and our writing.
    }
    let key = layout::source_key(source);
    Err(LakeError::Unavailable(format!("{key} keeps being replaced by another daemon")))
}

/// Creates the first hour of a source that has none, as in a new lake.
pub async fn create_first_hour(
    lake: &dyn Lake,
    source: &SourceName,
    first_hour: Hour,
    now: DateTime<Utc>,
) -> Result<Created, LakeError> {
    let file = SourceFile { schema: SOURCE_SCHEMA.to_owned(), source: source.clone(), first_hour, created_at: now };
    lake.create(&layout::source_key(source), encoded(&file)).await
}

async fn read_source(lake: &dyn Lake, source: &SourceName) -> Result<Option<SourceFile>, LakeError> {
    let key = layout::source_key(source);
    let Some(bytes) = lake.get(&key).await? else { return Ok(None) };
    let file: SourceFile = decoded(&key, SOURCE_SCHEMA, &bytes)?;
    if file.source == *source {
        return Ok(Some(file));
    }
    Err(LakeError::Refused(format!("{key} belongs to source `{}`: was it copied?", file.source)))
}

/// The stored form of one of the lake's own files.
pub(super) fn encoded(file: &impl Serialize) -> Bytes {
    // These types have string keys and no failing serialiser.
    let mut bytes = serde_json::to_vec(file).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}

/// Reads one of the lake's own files. The schema comes first: a newer one is said to be newer, not broken.
pub(super) fn decoded<T: DeserializeOwned>(key: &str, schema: &str, bytes: &[u8]) -> Result<T, LakeError> {
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }
    let broken = |error| LakeError::Refused(format!("{key} is not what ampd wrote: {error}"));
    let found: Schema = serde_json::from_slice(bytes).map_err(broken)?;
    if found.schema != schema {
        let found: String = found.schema.chars().take(40).collect();
        return Err(LakeError::Refused(format!(
            "{key} has the schema `{found}`; this ampd knows `{schema}`: use a newer ampd"
        )));
    }
    serde_json::from_slice(bytes).map_err(broken)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lake::directory::DirectoryLake;
    use crate::lake::faulty::{FaultyLake, Operation, Trouble};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    async fn lake(root: &tempfile::TempDir) -> FaultyLake {
        FaultyLake::new(Arc::new(DirectoryLake::open(root.path()).await.unwrap()))
    }

    #[tokio::test]
    async fn a_lake_gets_one_identity_and_keeps_it() {
        let root = tempfile::tempdir().unwrap();
        let lake = lake(&root).await;
        lake.plant(Operation::Create, Trouble::LoseAnswer);
        let (ours, theirs) = ("0".repeat(32), "1".repeat(32));
        assert!(identify(&lake, &ours, NOW).await.is_err());
        let found = identify(&lake, &ours, NOW).await.unwrap();
        assert_eq!(found, Identity { id: ours.clone(), created_by_us: true, conditional_writes: true });
        let found = identify(&lake, &theirs, NOW).await.unwrap();
        assert_eq!(found, Identity { id: ours, created_by_us: false, conditional_writes: true });
    }

    #[tokio::test]
    async fn a_store_that_overwrites_is_found_out_and_keeps_its_identity() {
        let root = tempfile::tempdir().unwrap();
        let lake = lake(&root).await.without_conditional_writes();
        let ours = "a".repeat(32);
        assert!(!identify(&lake, &ours, NOW).await.unwrap().conditional_writes);
        let found = identify(&lake, &"b".repeat(32), NOW).await.unwrap();
        assert_eq!(found, Identity { id: ours, created_by_us: false, conditional_writes: false });
    }

    #[tokio::test]
    async fn a_first_hour_only_ever_moves_back() {
        let root = tempfile::tempdir().unwrap();
        let (lake, web) = (lake(&root).await, "web".parse().unwrap());
        let hour = |text: &str| text.parse::<Hour>().unwrap();
        let (first, middle, last) = (hour("20260101T00"), hour("20260201T00"), hour("20260301T00"));
        assert_eq!(read_first_hour(&lake, &web).await.unwrap(), None);
        assert_eq!(first_hour(&lake, &web, None, middle, NOW).await.unwrap(), middle);
        assert_eq!(first_hour(&lake, &web, Some(last), last, NOW).await.unwrap(), middle);
        assert_eq!(first_hour(&lake, &web, None, first, NOW).await.unwrap(), middle);
        assert_eq!(first_hour(&lake, &web, Some(first), last, NOW).await.unwrap(), first);
        assert_eq!(read_first_hour(&lake, &web).await.unwrap(), Some(first));
    }

    #[tokio::test]
    async fn a_newer_schema_and_a_foreign_file_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let lake = lake(&root).await;
        lake.put(layout::LAKE_JSON, Bytes::from_static(b"{\"schema\":\"ampd.lake/2\"}")).await.unwrap();
        let error = identify(&lake, "x", NOW).await.unwrap_err();
        assert!(matches!(&error, LakeError::Refused(text) if text.contains("newer ampd")), "{error}");
        lake.put(layout::LAKE_JSON, Bytes::from_static(b"hello")).await.unwrap();
        assert!(matches!(identify(&lake, "x", NOW).await, Err(LakeError::Refused(_))));
    }
}
