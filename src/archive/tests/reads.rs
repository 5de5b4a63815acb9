//! Good archives of every kind, and the reader as a whole.

use super::zipper::{Descriptor, Entry, Zip};
use super::*;

const LINES: &str = "{\"a\":1}\n{\"a\":2}\n";

#[test]
fn stored_and_deflated_members_with_every_data_descriptor_are_read() {
    let kinds = [Descriptor::None, Descriptor::Bare, Descriptor::Signed, Descriptor::Signed64];
    for zip64 in [false, true] {
        let entries =
            kinds.iter().flat_map(|kind| [(*kind, 0), (*kind, 8)]).enumerate().map(|(hour, (kind, method))| {
                Entry::lines(hour as u32, 0, LINES).with(|entry| {
                    entry.descriptor = kind;
                    entry.method = method;
                    entry.zip64 = zip64;
                })
            });
        let bytes = Zip::of(entries).with(|zip| zip.zip64 = zip64).bytes();
        let hours = read_all(&bytes, Format::JsonGz).unwrap();
        assert_eq!(hours.len(), 8);
        assert!(hours.iter().all(|(content, _)| figures(content) == figures(&naive(LINES.as_bytes()))));
    }
}

#[test]
fn an_archive_without_members_has_no_hours() {
    for zip64 in [false, true] {
        let archive = open(&Zip::default().with(|zip| zip.zip64 = zip64).bytes()).unwrap();
        assert_eq!((archive.hours().count(), archive.project()), (0, None));
    }
}

#[test]
fn an_hour_without_members_has_no_rows_and_no_parts() {
    let archive = open(&Zip::of([Entry::lines(3, 0, LINES)]).bytes()).unwrap();
    let mut sink = Collect::default();
    assert_eq!(archive.read_hour(hour(4), packing(Format::JsonGz, 1), &mut sink).unwrap(), Content::default());
    assert_eq!((sink, archive.members(hour(4)), archive.compressed_bytes(hour(4))), (Collect::default(), 0, 0));
}

#[test]
fn hours_are_found_whatever_their_order_padding_and_folders() {
    let names = ["7/7_2026-01-15_10#0", "7/7_2026-01-15_9#0", "7_2026-01-15_09#1", "123/7_2026-01-15_0#627"];
    let mut entries = vec![Entry::new("7/", Vec::new()).with(|entry| entry.method = 0)];
    entries.extend(names.map(|name| Entry::new(format!("{name}.json.gz"), zipper::gzip(LINES))));
    let archive = open(&Zip::of(entries).with(|zip| zip.comment = b"made in a test".to_vec()).bytes()).unwrap();
    assert_eq!(archive.hours().collect::<Vec<_>>(), [hour(0), hour(9), hour(10)]);
    assert_eq!(archive.project(), Some("7"));
    assert_eq!(archive.members(hour(9)), 2);
    assert_eq!(archive.compressed_bytes(hour(9)), 2 * zipper::gzip(LINES).len() as u64);
}

/// Many stored members of one row.
pub(super) fn tiny_members(count: u32) -> impl Iterator<Item = Entry> {
    let content = zipper::gzip("{}\n");
    (0..count).map(move |part| {
        let name = format!("7/7_2026-01-15_{}#{part}.json.gz", part % 24);
        Entry::new(name, content.clone()).with(|entry| entry.method = 0)
    })
}

#[test]
fn seventy_thousand_members_are_read() {
    let bytes = Zip::of(tiny_members(70_000)).with(|zip| zip.zip64 = true).bytes();
    let archive = open(&bytes).unwrap();
    assert_eq!(archive.hours().map(|hour| archive.members(hour)).sum::<usize>(), 70_000);
    let content = archive.read_hour(hour(23), packing(Format::Json, 100), &mut Discard).unwrap();
    assert_eq!(content.rows, archive.members(hour(23)) as u64);
}

#[test]
fn several_threads_read_hours_of_one_archive() {
    let lines = |hour: i64| {
        (0..2000).flat_map(|row| format!("{{\"hour\":{hour},\"row\":{row}}}\n").into_bytes()).collect::<Vec<_>>()
    };
    let archive = open(&Zip::of((0..24).map(|hour| Entry::lines(hour, 0, lines(i64::from(hour))))).bytes()).unwrap();
    std::thread::scope(|scope| {
        for first in 0..4 {
            let archive = archive.clone();
            scope.spawn(move || {
                for number in (first..24).step_by(4) {
                    let read = archive.read_hour(hour(number), packing(Format::Json, 9999), &mut Discard).unwrap();
                    assert_eq!(figures(&read), figures(&naive(&lines(number))));
                }
            });
        }
    });
}

#[test]
fn a_sink_that_fails_is_told_from_a_broken_archive() {
    struct Full;
    impl PartSink for Full {
        type Error = &'static str;
        fn begin(&mut self, _part: u32) -> Result<(), Self::Error> {
            Ok(())
        }
        fn write(&mut self, _chunk: &[u8]) -> Result<(), Self::Error> {
            Err("no room")
        }
        fn end(&mut self, _sums: PartSums) -> Result<(), Self::Error> {
            Ok(())
        }
    }
    let archive = open(&Zip::of([Entry::lines(3, 0, LINES)]).bytes()).unwrap();
    for format in Format::built() {
        let sink: &mut dyn PartSink<Error = &'static str> = &mut Full;
        let error = archive.read_hour(hour(3), packing(format, 1), sink).unwrap_err();
        assert!(matches!(error, ReadError::Sink("no room")));
    }
}

#[test]
fn one_broken_hour_leaves_the_others_readable() {
    let broken = Entry::lines(4, 0, LINES).with(|entry| entry.crc = Some(1));
    let archive = open(&Zip::of([Entry::lines(3, 0, LINES), broken, Entry::lines(5, 0, LINES)]).bytes()).unwrap();
    let read = |number| archive.read_hour(hour(number), packing(Format::JsonGz, 1), &mut Discard).is_ok();
    assert_eq!([read(3), read(4), read(5)], [true, false, true]);
}

#[test]
fn measuring_an_hour_finds_what_landing_it_found() {
    let archive = open(&Zip::of([Entry::lines(3, 0, LINES), Entry::lines(3, 1, "{}")]).bytes()).unwrap();
    let landed = archive.read_hour(hour(3), packing(Format::JsonGz, 1), &mut Collect::default()).unwrap();
    assert_eq!(archive.read_hour(hour(3), packing(Format::Json, 9), &mut Discard).unwrap(), landed);
}

#[test]
fn measuring_the_landed_objects_finds_what_landing_found() {
    let bytes =
        Zip::of([Entry::lines(3, 0, "{\"a\":1}\nbad"), Entry::lines(3, 1, LINES), Entry::lines(3, 2, "{}")]).bytes();
    let archive = open(&bytes).unwrap();
    for (format, target) in Format::built().flat_map(|format| [(format, 1), (format, 1000)]) {
        let mut sink = Collect::default();
        let landed = archive.read_hour(hour(3), packing(format, target), &mut sink).unwrap();
        let mut measure = Measure::new(format, &Limits::default()).unwrap();
        for (sums, object) in &sink.parts {
            measure.begin(sums.part).unwrap();
            object.chunks(5).for_each(|piece| measure.feed(piece).unwrap());
            assert_eq!(measure.end().as_ref(), Ok(sums));
        }
        if format != Format::Parquet {
            assert_eq!(measure.finish(), Some(landed));
        }
    }
}

#[test]
fn an_object_that_is_torn_or_goes_on_is_not_measured() {
    let archive = open(&Zip::of([Entry::lines(3, 0, LINES)]).bytes()).unwrap();
    for format in Format::built().filter(|format| *format != Format::Json) {
        let mut sink = Collect::default();
        archive.read_hour(hour(3), packing(format, 1_000_000), &mut sink).unwrap();
        let object = sink.joined();
        let measured = |bytes: &[u8]| {
            let mut measure = Measure::new(format, &Limits::default()).unwrap();
            measure.begin(0)?;
            measure.feed(bytes)?;
            measure.end()
        };
        assert!(measured(&object).is_ok());
        for length in 0..object.len() {
            assert!(measured(&object[..length]).is_err(), "{format}: {length} of {}", object.len());
        }
        assert!(measured(&[&object[..], b"x"].concat()).is_err(), "{format}");
        for (at, bit) in (0..object.len()).flat_map(|at| [1, 0x10, 0x80].map(|bit| (at, bit))) {
            let mut changed = object.clone();
            changed[at] ^= bit;
            let sums = sink.parts[0].0.clone();
            assert!(measured(&changed).ok() != Some(sums), "{format}: byte {at}");
        }
    }
}

#[test]
fn an_archive_may_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Archive>();
}
