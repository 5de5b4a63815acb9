//! What `parquet` objects hold.

use std::collections::BTreeMap;

use ::bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use parquet::record::Field;

use super::zipper::{Entry, Zip, gzip};
use super::*;

type Row = BTreeMap<String, Field>;

fn pack(lines: &str, part_target: u64) -> (Content, Collect) {
    let archive = open(&Zip::of([Entry::lines(3, 0, lines)]).bytes()).unwrap();
    let mut sink = Collect::default();
    let content = archive.read_hour(hour(3), packing(Format::Parquet, part_target), &mut sink).unwrap();
    assert_eq!(figures(&content), figures(&naive(lines.as_bytes())));
    (content, sink)
}

fn reader(object: &[u8]) -> SerializedFileReader<Bytes> {
    SerializedFileReader::new(Bytes::copy_from_slice(object)).unwrap()
}

/// The rows of an object, without the columns that are null.
fn rows(object: &[u8]) -> Vec<Row> {
    let file = reader(object);
    let rows = file.get_row_iter(None).unwrap().map(Result::unwrap);
    let columns = rows.map(|row| row.into_columns().into_iter().filter(|(_, value)| *value != Field::Null).collect());
    columns.collect()
}

/// The rows of one part.
fn read(lines: &str) -> Vec<Row> {
    let (content, sink) = pack(lines, 1 << 20);
    let rows = rows(&sink.joined());
    assert_eq!((sink.parts.len(), rows.len() as u64, sink.parts[0].0.rows), (1, content.rows, content.rows));
    rows
}

fn row(fields: &[(&str, Field)]) -> Row {
    fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn text(text: &str) -> Field {
    Field::Str(text.to_owned())
}

#[test]
fn every_kind_of_column_holds_its_value() {
    let found = read(
        "{\"$insert_id\":\"a\\u00e9\\n\",\"$schema\":12,\"amplitude_attribution_ids\":[\"x\"],\"city\":\"M\u{fc}nchen\",\
         \"event_properties\":{\"z\":1.0, \"a\":[null]},\"event_time\":\"2026-01-15 03:00:00.000001\",\"location_lat\":52.52,\
         \"paying\":true,\"region\":null,\"session_id\":-1,\"user_properties\":{}}\n",
    );
    let expected = row(&[
        ("$insert_id", text("a\u{e9}\n")),
        ("$schema", Field::Long(12)),
        ("amplitude_attribution_ids", text("[\"x\"]")),
        ("city", text("M\u{fc}nchen")),
        ("event_properties", text("{\"z\":1.0, \"a\":[null]}")),
        ("event_time", Field::TimestampMicros(1_768_446_000_000_001)),
        ("location_lat", Field::Double(52.52)),
        ("paying", Field::Bool(true)),
        ("session_id", Field::Long(-1)),
        ("user_properties", text("{}")),
    ]);
    assert_eq!(found, [expected]);
}

#[test]
fn a_value_that_does_not_fit_its_column_is_kept_under_its_key() {
    let found = read(
        "{\"app\":9223372036854775808,\"city\":\"\\ud83d\",\"event_time\":\"2026-01-15T03:00:00Z\",\"language\":5,\
         \"location_lng\":9007199254740993,\"paying\":\"true\",\"session_id\":1.0,\"uuid\":{\"a\":[1]}}",
    );
    let extra = "{\"app\":9223372036854775808,\"city\":\"\\ud83d\",\"event_time\":\"2026-01-15T03:00:00Z\",\"language\":5,\
                 \"location_lng\":9007199254740993,\"paying\":\"true\",\"session_id\":1.0,\"uuid\":{\"a\":[1]}}";
    assert_eq!(found, [row(&[("_extra", text(extra))])]);
}

#[test]
fn unknown_and_repeated_keys_are_kept() {
    let found = read(
        "{\"zebra\":[1, 2],\"city\":\"a\",\"uu\\u0069d\":1e400,\"city\":\"b\",\"_raw\":null,\"city\":\"c\",\"\":\"\\\"\"}\n{}\n{\"x\":1}",
    );
    let extra = "{\"zebra\":[1, 2],\"uu\\u0069d\":1e400,\"city\":\"a\",\"_raw\":null,\"city\":\"b\",\"\":\"\\\"\"}";
    let expected =
        [row(&[("_extra", text(extra)), ("city", text("c"))]), Row::new(), row(&[("_extra", text("{\"x\":1}"))])];
    assert_eq!(found, expected);
}

#[test]
fn a_row_that_is_no_object_is_kept_whole_and_blank_lines_are_none() {
    let archive = [
        Entry::new("7/7_2026-01-15_3#0.json.gz", gzip(b"not json\n\n \r\n[1]\n\xff\xfe{\n{\"app\":1}\r")),
        Entry::lines(3, 1, "{\"app\":2"),
        Entry::lines(3, 2, "\n{\"app\":3}"),
    ];
    let mut sink = Collect::default();
    let archive = open(&Zip::of(archive).bytes()).unwrap();
    let content = archive.read_hour(hour(3), packing(Format::Parquet, 1 << 20), &mut sink).unwrap();
    assert_eq!((content.rows, content.rows_invalid), (6, 4));
    let raw = |bytes: &[u8]| row(&[("_raw", Field::Bytes(bytes.to_vec().into()))]);
    let app = |app| row(&[("app", Field::Long(app))]);
    let expected = [raw(b"not json"), raw(b"[1]"), raw(b"\xff\xfe{"), app(1), raw(b"{\"app\":2"), app(3)];
    assert_eq!(rows(&sink.joined()), expected);
}

#[test]
fn rows_are_sorted_by_event_time_and_say_so() {
    let time = |id: u32, time: &str| format!("{{\"app\":{id},\"event_time\":{time}}}\n");
    let lines = [
        time(0, "\"2026-01-15 03:00:02\""),
        time(1, "null"),
        time(2, "\"2026-01-15 03:00:01\""),
        time(3, "\"yesterday\""),
        time(4, "\"2026-01-15 03:00:01.000000\""),
    ];
    let (_, sink) = pack(&lines.concat(), 1 << 20);
    let apps: Vec<Field> = rows(&sink.joined()).into_iter().map(|row| row["app"].clone()).collect();
    assert_eq!(apps, [2, 4, 0, 1, 3].map(Field::Long));
    let file = reader(&sink.joined());
    let group = file.metadata().row_group(0);
    let sorting = group.sorting_columns().unwrap();
    assert_eq!(
        file.metadata().file_metadata().schema_descr().column(usize::try_from(sorting[0].column_idx).unwrap()).name(),
        "event_time"
    );
    let column = group.columns().iter().find(|column| column.column_descr().name() == "event_time").unwrap();
    let Some(Statistics::Int64(bounds)) = column.statistics() else { panic!("{column:?}") };
    assert_eq!(bounds.min_opt().zip(bounds.max_opt()), Some((&1_768_446_001_000_000, &1_768_446_002_000_000)));
    assert_eq!(bounds.null_count_opt(), Some(2));
}

/// So many rows of some 2 kB that do not compress well.
fn many(rows: u64) -> String {
    let noise = |row: u64| (0..60).map(move |i| format!("{:032x}", xxh3_128(&(row * 100 + i).to_le_bytes())));
    let row = |row| {
        let time = format!("2026-01-15 03:{:02}:{:02}.5", row % 60, row % 59);
        format!(
            "{{\"app\":{row},\"event_properties\":{{\"a\":\"{}\"}},\"event_time\":\"{time}\"}}\n",
            noise(row).collect::<String>()
        )
    };
    (0..rows).map(row).collect()
}

#[test]
fn parts_end_with_a_row_group_and_hold_every_row_once() {
    let lines = many(12_000);
    for (target, parts) in [(1, 4..20), (5 << 20, 2..4), (1 << 30, 1..2)] {
        let (content, sink) = pack(&lines, target);
        assert!(parts.contains(&sink.parts.len()), "{target}: {}", sink.parts.len());
        let mut apps = Vec::new();
        for (sums, object) in &sink.parts {
            let here = rows(object);
            assert_eq!(here.len() as u64, sums.rows);
            apps.extend(here.into_iter().map(|row| match row["app"] {
                Field::Long(app) => app,
                ref other => panic!("{other}"),
            }));
        }
        apps.sort_unstable();
        assert!(apps.into_iter().eq(0..12_000) && content.rows == 12_000);
    }
}

#[test]
fn the_parts_do_not_depend_on_how_the_lines_arrive() {
    let lines = many(9_000);
    let packed = |cut: usize| {
        let content = [gzip(&lines[..cut]), gzip(&lines[cut..])].concat();
        let archive = open(&Zip::of([Entry::new("7/7_2026-01-15_3#0.json.gz", content)]).bytes()).unwrap();
        let mut sink = Collect::default();
        archive.read_hour(hour(3), packing(Format::Parquet, 1), &mut sink).unwrap();
        sink
    };
    let expected = packed(1);
    assert!(expected.parts.len() > 1);
    for cut in [2_000, 4_000_001] {
        assert_eq!(packed(cut), expected, "{cut}");
    }
}

#[test]
fn a_row_too_long_for_a_column_stops_its_hour_in_words() {
    let archive = |length: usize| {
        let line = format!("{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(length - 8));
        open(&Zip::of([Entry::lines(3, 0, line)]).bytes()).unwrap()
    };
    let read = |length| archive(length).read_hour(hour(3), packing(Format::Parquet, 1), &mut Discard);
    assert_eq!(read(16 << 20).unwrap().rows, 2);
    let Err(ReadError::Archive(fault)) = read((16 << 20) + 1) else { panic!("it was packed") };
    assert_eq!(fault.kind, FaultKind::InvalidRows);
    assert!(fault.detail.contains("lake.format"), "{fault}");
}
