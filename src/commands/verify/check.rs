//! One hour checked against the lake. Whoever publishes meanwhile is no difference: what looks wrong is listed anew
//! and judged once more.

use std::collections::BTreeSet;

use super::deep;
use super::hours::{Case, Class, Difference, Finder, Kind, Unnamed};
use super::walk::relist;
use crate::archive::Limits;
use crate::effects::difference;
use crate::lake::{self, Lake, LakeError, Listed, ManifestEntry};
use crate::model::sweep::{self, Published};
use crate::model::{Hour, HourState, Manifest, SourceName, layout};
use crate::telemetry::Progress;

/// How hours are checked.
pub struct Checker<'a> {
    /// The lake.
    pub lake: &'a dyn Lake,
    /// The source.
    pub source: &'a SourceName,
    /// The store tells checksums without reading: one HEAD for each object.
    pub heads: bool,
    /// Objects are downloaded and counted.
    pub deep: bool,
    /// What an object may cost.
    pub limits: &'a Limits,
    /// Counted for people.
    pub progress: &'a Progress,
}

/// What was found of an hour.
#[derive(Debug)]
pub struct Checked {
    /// The hour.
    pub hour: Hour,
    /// What its newest manifest says; none when it has none that can be read.
    pub manifest: Option<Summary>,
    /// Whether it has a manifest at all.
    pub published: bool,
    /// Differences.
    pub differences: Vec<Difference>,
    /// Objects that the newest manifest does not name.
    pub unnamed: Vec<Unnamed>,
}

/// The figures of a manifest.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Data, empty or skipped.
    pub state: HourState,
    /// Its rows.
    pub rows: u64,
    /// Its objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Checker<'_> {
    /// Checks an hour as it was listed; when something differs, once more as it is now.
    pub async fn hour(&self, hour: Hour, case: Case) -> Result<Checked, LakeError> {
        let mut checked = self.once(hour, &case).await?;
        if !checked.differences.is_empty() {
            checked = self.anew(hour).await?;
        }
        self.progress.hour_done();
        Ok(checked)
    }

    /// Checks an hour as it is now.
    pub async fn anew(&self, hour: Hour) -> Result<Checked, LakeError> {
        self.once(hour, &relist(self.lake, self.source, hour).await?).await
    }

    async fn once(&self, hour: Hour, case: &Case) -> Result<Checked, LakeError> {
        let mut finder = Finder::new(self.source, hour);
        finder.check_generations(&case.manifests);
        let newest = match case.manifests.last() {
            Some(entry) => self.manifest(entry, &mut finder).await?,
            None => None,
        };
        if let Some(manifest) = &newest {
            finder.check_manifest(manifest);
            finder.check_listing(manifest, &case.objects);
            if self.heads {
                self.head(manifest, &mut finder).await?;
            }
            if self.deep && !finder.found.iter().any(|difference| difference.kind.is_damage()) {
                deep::check(self.lake, manifest, self.limits, self.progress, &mut finder).await?;
            }
        }
        let unnamed = self.unnamed(case, newest.as_ref()).await?;
        let summary = newest.as_ref().map(|manifest| Summary {
            state: manifest.state,
            rows: manifest.rows,
            objects: manifest.objects.len() as u64,
            bytes: manifest.bytes(),
        });
        let published = !case.manifests.is_empty();
        Ok(Checked { hour, manifest: summary, published, differences: finder.found, unnamed })
    }

    /// A manifest that is not what ampd wrote is a difference, a store that does not answer is none.
    async fn manifest(&self, entry: &ManifestEntry, finder: &mut Finder<'_>) -> Result<Option<Manifest>, LakeError> {
        let key = layout::manifest_key(self.source, entry.hour, entry.generation);
        match lake::read_manifest(self.lake, self.source, entry.hour, entry.generation).await {
            Ok(Some(manifest)) => return Ok(Some(manifest)),
            Ok(None) => finder.add(Kind::Manifest, Some(&key), "listed, but not there"),
            Err(LakeError::Refused(text)) => finder.add(Kind::Manifest, Some(&key), text),
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    /// What the store keeps of each object besides its length.
    async fn head(&self, manifest: &Manifest, finder: &mut Finder<'_>) -> Result<(), LakeError> {
        for object in &manifest.objects {
            let key = object.key.as_str();
            if finder.found.iter().any(|difference| difference.key.as_deref() == Some(key)) {
                continue;
            }
            let head = self.lake.head(key).await?;
            if let Some(text) = difference(object, head.as_ref()) {
                let text = text.strip_prefix(key).map_or(text.as_str(), str::trim_start);
                finder.add(if head.is_none() { Kind::Missing } else { Kind::Checksum }, Some(key), text);
            } else if let Some(encoding) = head.and_then(|head| head.content_encoding) {
                finder.add(Kind::Encoding, Some(key), format!("it carries Content-Encoding `{encoding}`"));
            }
        }
        Ok(())
    }

    /// Objects that the newest manifest does not name, each with the reason (rule 5).
    pub async fn unnamed(&self, case: &Case, newest: Option<&Manifest>) -> Result<Vec<Unnamed>, LakeError> {
        let named: BTreeSet<&str> =
            newest.into_iter().flat_map(|manifest| &manifest.objects).map(|object| object.key.as_str()).collect();
        let rest: Vec<&Listed> = case.objects.iter().filter(|listed| !named.contains(listed.key.as_str())).collect();
        if rest.is_empty() {
            return Ok(Vec::new());
        }
        let of_class = |listed: &Listed, class: Class| Unnamed {
            key: listed.key.clone(),
            class,
            bytes: listed.bytes,
            modified: listed.modified,
        };
        let Some(manifests) = self.all(case, newest).await? else {
            // Nothing is dead where a manifest cannot be read.
            return Ok(rest.into_iter().map(|listed| of_class(listed, Class::Replaced)).collect());
        };
        let highest = manifests.iter().map(|manifest| manifest.generation).max().unwrap_or(0);
        let generation = |key: &str| layout::parse_object_key(self.source, key).map_or(u32::MAX, |id| id.generation);
        let objects: Vec<(String, u32)> =
            rest.iter().map(|listed| (listed.key.clone(), generation(&listed.key))).collect();
        let dead = sweep::decide(&objects, &manifests, self.lake.store_time().await?).delete;
        let class = |listed: &Listed| match generation(&listed.key) {
            generation if generation > highest => Class::Waiting,
            _ if dead.contains(&listed.key) => Class::Dead,
            _ => Class::Replaced,
        };
        Ok(rest.into_iter().map(|listed| of_class(listed, class(listed))).collect())
    }

    /// What each of the hour's manifests names; `None` when one of them cannot be read.
    async fn all(&self, case: &Case, newest: Option<&Manifest>) -> Result<Option<Vec<Published>>, LakeError> {
        let mut all = Vec::new();
        for entry in &case.manifests {
            let objects = match newest.filter(|manifest| manifest.generation == entry.generation) {
                Some(manifest) => manifest.objects.clone(),
                None => match self.manifest(entry, &mut Finder::new(self.source, entry.hour)).await? {
                    Some(manifest) => manifest.objects,
                    None => return Ok(None),
                },
            };
            let keys = objects.into_iter().map(|object| object.key).collect();
            all.push(Published { generation: entry.generation, modified: entry.modified, keys });
        }
        Ok(Some(all))
    }

    /// The newest manifest of an hour as it is now, with its listing.
    pub async fn fresh(&self, hour: Hour) -> Result<(Case, Option<Manifest>), LakeError> {
        let case = relist(self.lake, self.source, hour).await?;
        let newest = match case.manifests.last() {
            Some(entry) => self.manifest(entry, &mut Finder::new(self.source, hour)).await?,
            None => None,
        };
        Ok((case, newest))
    }
}
