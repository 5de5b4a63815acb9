//! `parquet` against `json`: the same hours, row by row, read back by the parquet crate's own reader.

use std::collections::BTreeMap;
use std::fs::File;

use ampd::simulator::{BadLine, Fault, FaultKind, Profile};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::value::RawValue;

use super::support::World;

type Values<'a> = BTreeMap<String, &'a RawValue>;

/// A key of a row and its value, written as it was sent.
fn told(name: &str, value: &Field, sent: &Values<'_>) -> Option<String> {
    Some(match value {
        Field::Null => return None,
        Field::Bool(value) => value.to_string(),
        Field::Long(value) => value.to_string(),
        Field::Double(value) => {
            let text = sent.get(name)?.get();
            assert!(text.parse::<f64>().unwrap().to_bits() == value.to_bits(), "{name}: {text}");
            text.to_owned()
        }
        Field::TimestampMicros(micros) => {
            let time = chrono::DateTime::from_timestamp_micros(*micros).unwrap();
            time.format("\"%Y-%m-%d %H:%M:%S%.6f\"").to_string()
        }
        Field::Str(text) if sent.get(name)?.get().starts_with('"') => {
            assert_eq!(&serde_json::from_str::<String>(sent[name].get()).unwrap(), text, "{name}");
            sent[name].get().to_owned()
        }
        Field::Str(text) => text.clone(),
        other => panic!("{name}: {other}"),
    })
}

/// Every value of the row that was sent is in the row that landed, and nothing else.
fn assert_row(line: &str, row: &Row) {
    let sent: Values<'_> = serde_json::from_str(line).unwrap();
    let extra = row.get_column_iter().find_map(|(name, value)| match value {
        Field::Str(text) if name == "_extra" => Some(text.clone()),
        _ => None,
    });
    let extra = extra.unwrap_or_else(|| "{}".to_owned());
    let extra: Values<'_> = serde_json::from_str(&extra).unwrap();
    let columns = row.get_column_iter().filter(|(name, _)| *name != "_extra");
    let columns = columns.filter_map(|(name, value)| Some((name.clone(), told(name, value, &sent)?)));
    let mut landed: BTreeMap<String, String> = columns.collect();
    for (key, value) in extra {
        assert!(landed.insert(key.clone(), value.get().to_owned()).is_none(), "{key} is there twice");
    }
    let sent = sent.into_iter().filter(|(_, value)| value.get() != "null");
    let sent: BTreeMap<String, String> = sent.map(|(key, value)| (key, value.get().to_owned())).collect();
    assert_eq!(landed, sent);
}

/// The rows of an object by their ids; the ones that are no JSON objects by their text.
fn rows(path: &std::path::Path) -> BTreeMap<Vec<u8>, Row> {
    let file = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let key = |row: &Row| {
        let value = |wanted: &str| row.get_column_iter().find(|(name, _)| *name == wanted).unwrap().1.clone();
        match (value("uuid"), value("_raw")) {
            (Field::Str(id), Field::Null) => id.into_bytes(),
            (Field::Null, Field::Bytes(raw)) => raw.data().to_vec(),
            other => panic!("{other:?}"),
        }
    };
    let rows = file.get_row_iter(None).unwrap().map(Result::unwrap);
    rows.map(|row| (key(&row), row)).collect()
}

#[test]
fn every_row_is_the_one_that_was_sent() {
    for profile in [Profile::Y2025, Profile::Y2020] {
        let mut world = World::with(3, |options| {
            options.rows.compact = false;
            options.rows.profile = profile;
            options.projects[0].events_per_hour = 300;
            options.projects[0].part_ids = vec![70, 627];
            options.projects[0].hostile_share = 0.1;
            options.archive.final_newline = false;
        });
        world.plant(Fault::new(FaultKind::BadLine(BadLine::Latin1)).on(world.hour(1)));
        world.set("lake.format", "\"json\"").expect(0, &["once"]);
        let lines = |hour: &str| world.lake().lines(hour);
        let hours: Vec<String> = (0..3).map(|n| world.hour(n).to_string()).collect();
        let sent: Vec<Vec<Vec<u8>>> = hours.iter().map(|hour| lines(hour)).collect();
        world.set("lake.format", "\"parquet\"").set("lake.path", "\"columns\"").set("state.dir", "\"state-columns\"");
        world.expect(0, &["once"]);
        let lake = super::lake::Lake::read(&world.path("columns"), "web");
        let mut invalid = 0;
        for (hour, lines) in hours.iter().zip(sent) {
            let manifest = lake.newest(hour).unwrap();
            let objects = manifest["objects"].as_array().unwrap();
            let mut landed = BTreeMap::new();
            for object in objects {
                let key = object["key"].as_str().unwrap();
                assert!(key.ends_with(".parquet"));
                let rows = rows(&world.path("columns").join(key));
                assert_eq!(rows.len() as u64, object["rows"].as_u64().unwrap());
                landed.extend(rows);
            }
            assert_eq!((landed.len(), manifest["rows"].as_u64()), (lines.len(), Some(lines.len() as u64)));
            for line in lines {
                if let Ok(line) = std::str::from_utf8(&line) {
                    let id: Values<'_> = serde_json::from_str(line).unwrap();
                    assert_row(line, &landed[id["uuid"].get().trim_matches('"').as_bytes()]);
                } else {
                    assert!(landed.contains_key(&line));
                    invalid += 1;
                }
            }
        }
        assert_eq!(invalid, 1);
    }
}
