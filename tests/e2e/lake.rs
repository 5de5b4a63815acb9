//! A reader of a directory lake that shares no code with ampd: manifests, then the objects they name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::support::files_below;

/// What lies in a lake.
pub struct Lake {
    path: PathBuf,
    manifests: BTreeMap<String, BTreeMap<u64, Value>>,
}

impl Lake {
    /// Reads the manifests of a source. Each must name itself as its key does.
    pub fn read(path: &Path, source: &str) -> Self {
        let mut manifests: BTreeMap<String, BTreeMap<u64, Value>> = BTreeMap::new();
        for file in files_below(&path.join(format!("_ampd/v1/source={source}/manifests"))) {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            let (hour, rest) = name.split_once(".g").unwrap();
            let generation: u64 = rest.strip_suffix(".json").unwrap().parse().unwrap();
            let manifest: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            assert_eq!(manifest["schema"], "ampd.manifest/1");
            assert_eq!(manifest["generation"], generation);
            assert_eq!(manifest["hour"].as_str().unwrap().replace('-', ""), hour);
            manifests.entry(hour.to_owned()).or_default().insert(generation, manifest);
        }
        Self { path: path.to_owned(), manifests }
    }

    /// The hours that have a manifest.
    pub fn hours(&self) -> impl Iterator<Item = &str> {
        self.manifests.keys().map(String::as_str)
    }

    /// The manifest that counts.
    pub fn newest(&self, hour: &str) -> Option<&Value> {
        self.manifests.get(hour)?.values().next_back()
    }

    /// How many generations an hour has.
    pub fn generations(&self, hour: &str) -> usize {
        self.manifests.get(hour).map_or(0, BTreeMap::len)
    }

    /// An hour's lines, from the objects that its newest manifest names; each object is what the manifest says.
    pub fn lines(&self, hour: &str) -> Vec<Vec<u8>> {
        let manifest = self.newest(hour).unwrap();
        let mut lines = Vec::new();
        for object in manifest["objects"].as_array().unwrap() {
            let key = object["key"].as_str().unwrap();
            let bytes = fs::read(self.path.join(key)).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(bytes.len() as u64, object["bytes"].as_u64().unwrap(), "{key}");
            if let Some(sha256) = object["sha256"].as_str() {
                assert_eq!(hex::encode(Sha256::digest(&bytes)), sha256, "{key}");
            }
            let text = unpacked(key, bytes);
            let found: Vec<Vec<u8>> =
                text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
            assert_eq!(found.len() as u64, object["rows"].as_u64().unwrap(), "{key}");
            lines.extend(found);
        }
        assert_eq!(lines.len() as u64, manifest["rows"].as_u64().unwrap(), "{hour}");
        lines
    }

    /// An hour's rows, and the SHA-256 of its sorted lines.
    pub fn content(&self, hour: &str) -> (u64, String) {
        let mut lines = self.lines(hour);
        lines.sort_unstable();
        let mut hash = Sha256::new();
        for line in &lines {
            hash.update(line);
            hash.update(b"\n");
        }
        (lines.len() as u64, hex::encode(hash.finalize()))
    }

    /// The objects that no manifest of any generation names.
    pub fn unnamed(&self) -> Vec<String> {
        let objects = self.manifests.values().flat_map(BTreeMap::values).flat_map(|m| m["objects"].as_array().unwrap());
        let named: BTreeSet<&str> = objects.map(|object| object["key"].as_str().unwrap()).collect();
        files_below(&self.path.join("data"))
            .into_iter()
            .map(|file| file.strip_prefix(&self.path).unwrap().to_str().unwrap().to_owned())
            .filter(|key| !named.contains(key.as_str()))
            .collect()
    }

    /// The captures of all manifests, with how many hours each published.
    pub fn captures(&self) -> BTreeMap<String, usize> {
        let mut captures = BTreeMap::new();
        for manifest in self.manifests.values().flat_map(BTreeMap::values) {
            if let Some(id) = manifest["capture"]["id"].as_str() {
                *captures.entry(id.to_owned()).or_default() += 1;
            }
        }
        captures
    }
}

/// The lines that an object holds, by decoders that ampd does not use for them.
fn unpacked(key: &str, bytes: Vec<u8>) -> Vec<u8> {
    let mut text = Vec::new();
    match Path::new(key).extension().and_then(|extension| extension.to_str()) {
        Some("gz") => {
            MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text).unwrap();
        }
        Some("zst") => {
            StreamingDecoder::new(bytes.as_slice()).unwrap().read_to_end(&mut text).unwrap();
        }
        _ => text = bytes,
    }
    text
}
