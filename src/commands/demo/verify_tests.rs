//! The comparison finds what is wrong: each test damages a small lake in one way.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;

struct SmallLake {
    dir: tempfile::TempDir,
    expected: Expected,
}

fn hour(text: &str) -> Hour {
    Hour::parse(text).unwrap()
}

fn truth(rows: &[&str]) -> HourTruth {
    let mut sorted = rows.to_vec();
    sorted.sort_unstable();
    let text = sorted.iter().fold(String::new(), |text, row| text + row + "\n");
    HourTruth { rows: rows.len() as u64, bytes: text.len() as u64, hash: hex::encode(Sha256::digest(text.as_bytes())) }
}

impl SmallLake {
    /// Two hours: one of three rows in two gzip members, one empty.
    fn new() -> Self {
        let lake = Self {
            dir: tempfile::tempdir().unwrap(),
            expected: Expected {
                hours: [(hour("20260101T05"), Some(truth(&["c", "a", "b"]))), (hour("20260101T06"), None)].into(),
                second_generation: BTreeSet::new(),
            },
        };
        lake.object("x", &["c\na\n", "b\n"]);
        lake.manifest("2026-01-01T05", 1, "data", 3, &["x"]);
        lake.manifest("2026-01-01T06", 1, "empty", 0, &[]);
        lake
    }

    fn key(name: &str) -> String {
        format!("data/source=demo/date=2026-01-01/hour=05/{name}.json.gz")
    }

    fn path(&self, key: &str) -> PathBuf {
        let path = self.dir.path().join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn object(&self, name: &str, members: &[&str]) {
        let mut bytes = Vec::new();
        for member in members {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(member.as_bytes()).unwrap();
            bytes.append(&mut gzip.finish().unwrap());
        }
        fs::write(self.path(&Self::key(name)), bytes).unwrap();
    }

    fn manifest(&self, hour: &str, generation: u32, state: &str, rows: u64, objects: &[&str]) {
        let objects: Vec<Value> = objects.iter().map(|name| json!({"key": Self::key(name)})).collect();
        let manifest = json!({"hour": hour, "state": state, "rows": rows, "objects": objects});
        let key = format!("_ampd/v1/source=demo/manifests/{}.g{generation}.json", hour.replace('-', ""));
        fs::write(self.path(&key), manifest.to_string()).unwrap();
    }

    fn compare(&self) -> Found {
        compare(self.dir.path(), &self.expected).unwrap()
    }

    #[track_caller]
    fn finds(&self, what: &str) {
        let differences = self.compare().differences;
        assert!(differences.iter().any(|difference| difference.contains(what)), "{what}: {differences:?}");
    }
}

#[test]
fn a_good_lake_is_good() {
    let found = SmallLake::new().compare();
    assert_eq!(found, Found { data: 1, empty: 1, rows: 3, ..Found::default() });
}

#[test]
fn a_row_that_was_removed_is_missed() {
    let lake = SmallLake::new();
    lake.object("x", &["c\na\n"]);
    lake.finds("2 rows in the lake, 3 in truth");
}

#[test]
fn a_row_that_is_there_twice_is_found() {
    let lake = SmallLake::new();
    lake.object("x", &["c\na\n", "b\nb\n"]);
    lake.finds("4 rows in the lake, 3 in truth");
}

#[test]
fn a_row_that_was_changed_is_found() {
    let lake = SmallLake::new();
    lake.object("x", &["c\na\n", "B\n"]);
    lake.finds("as many rows as in truth, but others");
}

#[test]
fn a_torn_or_missing_object_is_found() {
    let lake = SmallLake::new();
    let path = lake.path(&SmallLake::key("x"));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    lake.finds("cannot be read");
    fs::remove_file(&path).unwrap();
    lake.finds("cannot be read");
}

#[test]
fn an_object_without_a_manifest_is_found() {
    let lake = SmallLake::new();
    lake.object("y", &["d\n"]);
    lake.finds("y.json.gz is in no manifest");
}

#[test]
fn an_hour_too_few_or_too_many_is_found() {
    let mut lake = SmallLake::new();
    lake.expected.hours.insert(hour("20260101T07"), None);
    lake.finds("2026-01-01T07 was never published");
    lake.manifest("2026-01-01T08", 1, "empty", 0, &[]);
    lake.finds("2026-01-01T08: published, and should not be");
}

#[test]
fn the_newest_generation_counts_and_the_older_ones_objects_may_stay() {
    let mut lake = SmallLake::new();
    lake.object("y", &["c\na\n", "b\nd\n"]);
    lake.manifest("2026-01-01T05", 2, "data", 4, &["y"]);
    lake.finds("generation 2 instead of 1");
    lake.expected.second_generation.insert(hour("20260101T05"));
    lake.expected.hours.insert(hour("20260101T05"), Some(truth(&["a", "b", "c", "d"])));
    assert_eq!(lake.compare(), Found { data: 1, empty: 1, rows: 4, superseded: 1, ..Found::default() });
}

#[test]
fn an_object_of_two_manifests_is_found() {
    let lake = SmallLake::new();
    lake.manifest("2026-01-01T06", 1, "empty", 0, &["x"]);
    lake.finds("is named twice, or by another hour's manifest");
}
