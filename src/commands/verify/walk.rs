//! The hours of a source as the lake lists them, in order: manifests and objects side by side, a page at a time.

use std::collections::{BTreeMap, VecDeque};

use super::hours::{Case, Class, Unnamed};
use crate::commands::range::Bounds;
use crate::lake::{self, Lake, LakeError, Listed, ManifestEntry};
use crate::model::{Hour, SourceName, layout};

/// Walks a source's hours. Of the objects only a page is held; of the manifests, their numbers.
pub struct Walk<'a> {
    lake: &'a dyn Lake,
    source: &'a SourceName,
    bounds: Bounds,
    manifests: BTreeMap<Hour, Vec<ManifestEntry>>,
    page: VecDeque<Listed>,
    after: Option<String>,
    ended: bool,
    /// Keys below the source that ampd did not write.
    pub foreign: Vec<Unnamed>,
}

impl<'a> Walk<'a> {
    /// Lists the manifests; the objects follow as they are asked for.
    pub async fn start(lake: &'a dyn Lake, source: &'a SourceName, bounds: Bounds) -> Result<Self, LakeError> {
        let mut manifests: BTreeMap<Hour, Vec<ManifestEntry>> = BTreeMap::new();
        for entry in lake::list_manifests(lake, source, bounds.from).await? {
            if bounds.contains(entry.hour) {
                manifests.entry(entry.hour).or_default().push(entry);
            }
        }
        let after = bounds.from.map(|from| layout::hour_prefix(source, from));
        let (page, foreign) = (VecDeque::new(), Vec::new());
        Ok(Self { lake, source, bounds, manifests, page, after, ended: false, foreign })
    }

    /// The hours that have a manifest, as far as they were not walked yet.
    pub fn published(&self) -> impl Iterator<Item = Hour> {
        self.manifests.keys().copied()
    }

    /// The next hour that has a manifest or an object.
    pub async fn next(&mut self) -> Result<Option<(Hour, Case)>, LakeError> {
        let first = self.peek().await?;
        let Some(hour) = [first, self.manifests.keys().next().copied()].into_iter().flatten().min() else {
            return Ok(None);
        };
        let mut case = Case { manifests: self.manifests.remove(&hour).unwrap_or_default(), objects: Vec::new() };
        while self.peek().await? == Some(hour) {
            case.objects.extend(self.page.pop_front());
        }
        Ok(Some((hour, case)))
    }

    /// The hour of the next object that is ours.
    async fn peek(&mut self) -> Result<Option<Hour>, LakeError> {
        loop {
            let Some(listed) = self.page.front() else {
                if self.ended {
                    return Ok(None);
                }
                self.turn_page().await?;
                continue;
            };
            match layout::parse_object_key(self.source, &listed.key) {
                Some(id) if self.bounds.to.is_some_and(|to| id.hour > to) => {
                    self.page.clear();
                    self.ended = true;
                }
                Some(id) => return Ok(Some(id.hour)),
                None => {
                    let Some(Listed { key, bytes, modified }) = self.page.pop_front() else { continue };
                    self.foreign.push(Unnamed { key, class: Class::Foreign, bytes, modified });
                }
            }
        }
    }

    async fn turn_page(&mut self) -> Result<(), LakeError> {
        let page = self.lake.list_page(&layout::data_prefix(self.source), self.after.as_deref()).await?;
        self.ended = !page.more || page.objects.is_empty();
        self.after = page.objects.last().map(|listed| listed.key.clone());
        self.page = page.objects.into();
        Ok(())
    }
}

/// One hour, listed anew.
pub async fn relist(lake: &dyn Lake, source: &SourceName, hour: Hour) -> Result<Case, LakeError> {
    // The manifests first: an object that is listed after its manifest cannot be missing for being young.
    let manifests = lake::hour_manifests(lake, source, hour).await?;
    let listed = lake::list_all(lake, &layout::hour_prefix(source, hour), None, usize::MAX).await?;
    let ours = |listed: &Listed| layout::parse_object_key(source, &listed.key).is_some();
    Ok(Case { manifests, objects: listed.into_iter().filter(ours).collect() })
}
