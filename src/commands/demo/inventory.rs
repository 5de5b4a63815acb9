//! What lies in the lake's directory, read without any of ampd's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::simulator::Hour;

/// The files of the lake.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The objects with their bytes, by key.
    pub objects: BTreeMap<String, u64>,
    /// The manifests by hour and generation.
    pub manifests: BTreeMap<(Hour, u32), PathBuf>,
    /// Files that are not finished.
    pub unfinished: usize,
    /// Files where only manifests should be.
    pub strange: Vec<String>,
}

impl Inventory {
    /// Looks at a lake that may change meanwhile. Objects are listed before manifests: an object without a manifest in
    /// here had none for a moment at least.
    pub fn take(lake: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        walk(&lake.join("data"), &mut |path, bytes| {
            let key = path.strip_prefix(lake).unwrap_or(path).to_string_lossy().into_owned();
            found.objects.insert(key, bytes);
        })?;
        walk(&lake.join("_ampd/v1/tmp"), &mut |path, bytes| {
            found.unfinished += usize::from(bytes > 0 && path.extension().is_some_and(|end| end == "part"));
        })?;
        walk(&lake.join("_ampd/v1/source=demo/manifests"), &mut |path, _| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match manifest_of(&name) {
                Some(manifest) => drop(found.manifests.insert(manifest, path.to_path_buf())),
                None => found.strange.push(name.into_owned()),
            }
        })?;
        Ok(found)
    }

    /// Hours that have objects and no manifest.
    pub fn unnamed(&self) -> BTreeSet<Hour> {
        let named: BTreeSet<Hour> = self.manifests.keys().map(|(hour, _)| *hour).collect();
        self.objects.keys().filter_map(|key| hour_of(key)).filter(|hour| !named.contains(hour)).collect()
    }

    /// Hours of which something is there.
    pub fn begun(&self) -> BTreeSet<Hour> {
        let objects = self.objects.keys().filter_map(|key| hour_of(key));
        objects.chain(self.manifests.keys().map(|(hour, _)| *hour)).collect()
    }

    /// Whether an upload is under way: something is published, of another hour there are objects without a manifest,
    /// and a file is being written.
    pub fn is_mid_upload(&self) -> bool {
        !self.manifests.is_empty() && self.unfinished > 0 && !self.unnamed().is_empty()
    }
}

/// Files and their bytes below a directory; what vanishes meanwhile is left out.
fn walk(dir: &Path, found: &mut impl FnMut(&Path, u64)) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => walk(&entry.path(), found)?,
            Ok(metadata) => found(&entry.path(), metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// `20260101T05.g1.json`
fn manifest_of(name: &str) -> Option<(Hour, u32)> {
    let (hour, generation) = name.strip_suffix(".json")?.split_once(".g")?;
    Some((Hour::parse(hour)?, generation.parse().ok()?))
}

/// The hour of `data/source=demo/date=2026-01-01/hour=05/...`.
pub fn hour_of(key: &str) -> Option<Hour> {
    let (_, rest) = key.split_once("/date=")?;
    let (date, rest) = rest.split_once("/hour=")?;
    let (hour, _) = rest.split_once('/')?;
    Hour::parse(&format!("{}T{hour}", date.replace('-', "")))
}
