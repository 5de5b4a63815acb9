//! One hour judged: its manifests, the objects that the listing has, and what each says of the other. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::lake::{Listed, ManifestEntry};
use crate::model::{Hour, HourState, Manifest, SourceName, layout};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A due hour has no manifest.
    Gap,
    /// A generation below the newest is not there.
    Hole,
    /// The manifest cannot be read, or contradicts itself.
    Manifest,
    /// The manifest names a key of another hour, generation or capture.
    Key,
    /// A named object is not there.
    Missing,
    /// A named object has another length.
    Length,
    /// A named object has another checksum.
    Checksum,
    /// A named object carries a `Content-Encoding`.
    Encoding,
    /// A named object, or the hour, has other rows.
    Rows,
}

impl Kind {
    /// Whether a new export of the hour repairs it.
    pub fn is_damage(self) -> bool {
        matches!(self, Self::Missing | Self::Length | Self::Checksum | Self::Encoding | Self::Rows)
    }
}

/// One difference between the lake and its manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind.
    pub kind: Kind,
    /// The source.
    pub source: SourceName,
    /// The hour; the first one of a gap.
    pub hour: Hour,
    /// The last hour of a gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Hour>,
    /// The object's or the manifest's key, where it is about one.
    pub key: Option<String>,
    /// In words; lower case, no full stop.
    pub message: String,
}

/// Why an object has no manifest that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It can never be named again: it will be swept.
    Dead,
    /// It was replaced less than an hour ago: readers may be at work.
    Replaced,
    /// Its manifest may be on its way.
    Waiting,
    /// Not written by ampd: never touched.
    Foreign,
}

/// An object that the newest manifest does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unnamed {
    /// Its key.
    pub key: String,
    /// Why.
    pub class: Class,
    /// Length.
    pub bytes: u64,
    /// Last-Modified, by the store's clock.
    pub modified: DateTime<Utc>,
}

/// One hour as the lake lists it.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// Its manifests, oldest first.
    pub manifests: Vec<ManifestEntry>,
    /// Its objects, in the order of their keys.
    pub objects: Vec<Listed>,
}

/// Where differences are collected, with what they are about.
pub struct Finder<'a> {
    /// The source.
    pub source: &'a SourceName,
    /// The hour.
    pub hour: Hour,
    /// What was found.
    pub found: Vec<Difference>,
}

impl<'a> Finder<'a> {
    /// Nothing found yet.
    pub fn new(source: &'a SourceName, hour: Hour) -> Self {
        Self { source, hour, found: Vec::new() }
    }

    /// One more difference.
    pub fn add(&mut self, kind: Kind, key: Option<&str>, message: impl Into<String>) {
        let (key, message) = (key.map(str::to_owned), message.into());
        let (source, hour) = (self.source.clone(), self.hour);
        self.found.push(Difference { kind, source, hour, last: None, key, message });
    }

    /// Every generation from 1 to the newest has its manifest: none was taken away.
    pub fn check_generations(&mut self, manifests: &[ManifestEntry]) {
        for (entry, expected) in manifests.iter().zip(1..) {
            if entry.generation != expected {
                let newest = manifests.last().map_or(0, |entry| entry.generation);
                let text = format!("the manifest of generation {expected} is gone, the newest is {newest}");
                let key = layout::manifest_key(self.source, self.hour, expected);
                return self.add(Kind::Hole, Some(&key), text);
            }
        }
    }

    /// What the manifest says is possible, and it names only keys of its own hour, generation and capture. So no two
    /// hours can name the same object.
    pub fn check_manifest(&mut self, manifest: &Manifest) {
        let key = layout::manifest_key(self.source, self.hour, manifest.generation);
        let rows: u64 = manifest.objects.iter().map(|object| object.rows).sum();
        if rows != manifest.rows {
            self.add(Kind::Manifest, Some(&key), format!("it counts {} rows, its objects {rows}", manifest.rows));
        }
        if manifest.state != HourState::Data && !manifest.objects.is_empty() {
            self.add(Kind::Manifest, Some(&key), "an hour without data names objects");
        }
        if !manifest.capture.window.contains(self.hour) {
            let text = format!("it was taken from {}, which does not contain the hour", manifest.capture.window);
            self.add(Kind::Manifest, Some(&key), text);
        }
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for object in &manifest.objects {
            let id = layout::parse_object_key(self.source, &object.key);
            let own = id.is_some_and(|id| {
                id.hour == self.hour && id.generation == manifest.generation && Some(id.capture) == manifest.capture.id
            });
            if !own {
                self.add(Kind::Key, Some(&object.key), "named by a manifest of another hour, generation or capture");
            }
            let times = seen.entry(&object.key).or_default();
            *times += 1;
            if *times == 2 {
                self.add(Kind::Key, Some(&object.key), "named twice by its manifest");
            }
        }
    }

    /// Every object that the manifest names is listed with its length.
    pub fn check_listing(&mut self, manifest: &Manifest, objects: &[Listed]) {
        for object in &manifest.objects {
            match objects.iter().find(|listed| listed.key == object.key) {
                None => self.add(Kind::Missing, Some(&object.key), "not in the lake"),
                Some(listed) if listed.bytes != object.bytes => {
                    let text = format!("{} bytes instead of {}", listed.bytes, object.bytes);
                    self.add(Kind::Length, Some(&object.key), text);
                }
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CaptureFacts, CaptureId, ContentHash, Format, Object, Window, manifest};

    fn web() -> SourceName {
        "web".parse().unwrap()
    }

    fn hour() -> Hour {
        "2026-11-21T07".parse().unwrap()
    }

    fn key(generation: u32, capture: u64) -> String {
        let capture = CaptureId::from_bits(capture);
        layout::object_key(&web(), "1", layout::ObjectId { hour: hour(), generation, capture, part: 0 }, Format::Json)
    }

    fn manifest(keys: &[String]) -> Manifest {
        let object =
            |key: &String| Object { key: key.clone(), bytes: 10, rows: 1, sha256: None, crc64nvme: None, etag: None };
        Manifest {
            schema: manifest::SCHEMA.to_owned(),
            source: web(),
            project: None,
            hour: hour(),
            generation: 2,
            state: HourState::Data,
            reason: None,
            rows: keys.len() as u64,
            rows_invalid: 0,
            content_hash: ContentHash::default(),
            objects: keys.iter().map(object).collect(),
            capture: CaptureFacts {
                id: Some(CaptureId::from_bits(5)),
                sha256: None,
                bytes: 0,
                window: Window::of(hour()),
            },
            event_dates: Vec::new(),
            min_server_upload_time: None,
            max_server_upload_time: None,
            ampd_version: "0.0.0".to_owned(),
            published_at: DateTime::UNIX_EPOCH,
        }
    }

    fn kinds(check: impl FnOnce(&mut Finder<'_>)) -> Vec<Kind> {
        let source = web();
        let mut finder = Finder::new(&source, hour());
        check(&mut finder);
        finder.found.iter().map(|difference| difference.kind).collect()
    }

    #[test]
    fn a_manifest_names_only_keys_of_its_own_generation_and_capture() {
        assert_eq!(kinds(|finder| finder.check_manifest(&manifest(&[key(2, 5)]))), []);
        for wrong in [key(1, 5), key(2, 6), "data/source=web/other".to_owned()] {
            assert_eq!(kinds(|finder| finder.check_manifest(&manifest(&[wrong]))), [Kind::Key]);
        }
        assert_eq!(kinds(|finder| finder.check_manifest(&manifest(&[key(2, 5), key(2, 5)]))), [Kind::Key]);
        let mut impossible = manifest(&[key(2, 5)]);
        impossible.rows = 2;
        impossible.state = HourState::Empty;
        assert_eq!(kinds(|finder| finder.check_manifest(&impossible)), [Kind::Manifest, Kind::Manifest]);
    }

    #[test]
    fn an_object_that_is_missing_or_longer_is_found() {
        let listed = |bytes| [Listed { key: key(2, 5), bytes, modified: DateTime::UNIX_EPOCH }];
        let manifest = manifest(&[key(2, 5)]);
        assert_eq!(kinds(|finder| finder.check_listing(&manifest, &listed(10))), []);
        assert_eq!(kinds(|finder| finder.check_listing(&manifest, &listed(11))), [Kind::Length]);
        assert_eq!(kinds(|finder| finder.check_listing(&manifest, &[])), [Kind::Missing]);
    }

    #[test]
    fn a_generation_that_was_taken_away_is_a_hole() {
        let entries = |generations: &[u32]| {
            let entry = |generation: &u32| ManifestEntry {
                hour: hour(),
                generation: *generation,
                modified: DateTime::UNIX_EPOCH,
            };
            generations.iter().map(entry).collect::<Vec<_>>()
        };
        assert_eq!(kinds(|finder| finder.check_generations(&entries(&[1, 2, 3]))), []);
        assert_eq!(kinds(|finder| finder.check_generations(&entries(&[2]))), [Kind::Hole]);
        assert_eq!(kinds(|finder| finder.check_generations(&entries(&[1, 3]))), [Kind::Hole]);
    }
}
