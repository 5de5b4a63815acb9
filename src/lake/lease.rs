//! `lease.json` in the lake: looked at, and written over what was seen.

use chrono::{DateTime, Utc};

use super::identity::{decoded, encoded};
use super::{Lake, LakeError, Replaced, Version};
use crate::model::lease::{Found, Lease, SCHEMA};
use crate::model::{SourceName, layout};

/// A source's lease as it lies in the lake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSeen {
    /// What is there.
    pub found: Found,
    /// Which version of it; none when nothing is.
    pub version: Option<Version>,
    /// What time it was by the store's clock.
    pub store_time: DateTime<Utc>,
}

/// Looks at a source's lease. What is there and is none of ours, or one of a newer ampd, is no error.
pub async fn look_at_lease(lake: &dyn Lake, source: &SourceName) -> Result<LeaseSeen, LakeError> {
    let key = layout::lease_key(source);
    let sighting = lake.look(&key).await?;
    let Some((body, version)) = sighting.found else {
        return Ok(LeaseSeen { found: Found::Free, version: None, store_time: sighting.store_time });
    };
    let found = match decoded::<Lease>(&key, SCHEMA, &body) {
        Ok(lease) if lease.source == *source => Found::Held(Box::new(lease)),
        Ok(lease) => Found::Strange(format!("{key} belongs to source `{}`: was it copied?", lease.source)),
        Err(error) => Found::Strange(error.to_string()),
    };
    Ok(LeaseSeen { found, version: Some(version), store_time: sighting.store_time })
}

/// Writes a lease over the version that was seen.
pub async fn write_lease(lake: &dyn Lake, lease: &Lease, seen: Option<&Version>) -> Result<Replaced, LakeError> {
    lake.replace(&layout::lease_key(&lease.source), encoded(lease), seen).await
}

/// Whether the store compares versions at all: repeats a write with a version that never was.
pub async fn compares_versions(lake: &dyn Lake, lease: &Lease) -> Result<bool, LakeError> {
    let never = Version("0".repeat(32));
    Ok(write_lease(lake, lease, Some(&never)).await? == Replaced::Changed)
}
