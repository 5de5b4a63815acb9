//! Reading an archive while it arrives: what counts is what the whole archive says, whatever it is made of.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::zipper::{Descriptor, Entry, Zip, gzip};
use super::*;

/// What the whole archive said of the reading.
type Verdict = Arc<Mutex<Option<Result<(), String>>>>;

/// Bytes that come in pieces. When `judge_at` of them came, the whole archive is there and is compared with the walk.
struct Trickle<'a> {
    bytes: &'a [u8],
    at: usize,
    piece: usize,
    judge_at: usize,
    judge: Judge,
}

#[derive(Clone)]
struct Judge {
    archive: Option<Archive>,
    walk: Walk,
    verdict: Verdict,
}

impl Judge {
    fn judge(&self) {
        let mut verdict = self.verdict.lock().unwrap();
        if let Some(archive) = self.archive.as_ref().filter(|_| verdict.is_none()) {
            *verdict = Some(self.walk.judge(archive));
        }
    }
}

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at >= self.judge_at {
            self.judge.judge();
        }
        let n = self.piece.min(out.len()).min(self.bytes.len() - self.at);
        out[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// How a reading went.
struct Arrived {
    /// Hours read to their ends.
    hours: usize,
    verdict: Option<Result<(), String>>,
}

/// Reads an archive while it arrives, and holds what was found against the whole one: where the verdict is good, no part
/// that ended is another one than the same part of the hour as it is read afterwards.
fn arrives(bytes: &[u8], packing: Packing, piece: usize, judge_at: usize) -> Arrived {
    arrives_torn(bytes, bytes.len(), packing, piece, judge_at)
}

/// The same, when no more than so many bytes of it come.
fn arrives_torn(whole: &[u8], end: usize, packing: Packing, piece: usize, judge_at: usize) -> Arrived {
    let (archive, bytes) = (open(whole).ok(), &whole[..end]);
    let judge = Judge { archive: archive.clone(), walk: Walk::default(), verdict: Verdict::default() };
    let input = Trickle { bytes, at: 0, piece, judge_at, judge: judge.clone() };
    let mut arriving = Arriving::new(input, day(), Limits::default(), judge.walk.clone());
    let mut found = Vec::new();
    while let Some((hour, _)) = arriving.next_hour() {
        let mut sink = Collect::default();
        let content = arriving.read_hour(packing, &mut sink);
        let goes_on = content.is_some();
        found.push((hour, content, sink));
        if !goes_on {
            break;
        }
    }
    judge.judge();
    let verdict = judge.verdict.lock().unwrap().clone();
    let hours = found.iter().filter(|(_, content, _)| content.is_some()).count();
    if let (Some(archive), Some(Ok(()))) = (&archive, &verdict) {
        for (hour, content, early) in found {
            let mut sink = Collect::default();
            let whole = archive.read_hour(hour, packing, &mut sink);
            for ((sums, bytes), (other, others)) in early.parts.iter().zip(&sink.parts) {
                assert!((sums, bytes) == (other, others), "part {} of {hour} is another one", sums.part);
            }
            if let Some((content, members)) = content {
                assert_eq!((content, members), (whole.unwrap(), archive.members(hour)));
                assert_eq!(early.parts.len(), sink.parts.len());
            }
        }
    }
    Arrived { hours, verdict }
}

/// In every format, with parts of every size, in pieces of several.
fn each_way(bytes: &[u8], mut check: impl FnMut(&Arrived, Packing)) {
    for format in Format::built() {
        for (target, piece, judge_at) in
            [(1 << 20, 1 << 16, usize::MAX), (40, 7, usize::MAX), (1, 1000, bytes.len() / 2)]
        {
            let packing = packing(format, target);
            check(&arrives(bytes, packing, piece, judge_at), packing);
        }
    }
}

fn lines(hour: u32, part: u64) -> Entry {
    Entry::lines(hour, part, format!("{{\"hour\":{hour},\"part\":{part}}}\n").repeat(3))
}

/// Every hour is read while it arrives (all that were begun before the archive was judged).
#[track_caller]
fn read_early(zip: &Zip, hours: usize) {
    let bytes = zip.bytes();
    each_way(&bytes, |arrived, packing| {
        assert_eq!(arrived.verdict, Some(Ok(())), "{packing:?}");
        assert!(arrived.hours == hours || packing.part_target == 1, "{} hours, {packing:?}", arrived.hours);
    });
}

#[test]
fn members_of_every_kind_are_read_while_they_arrive_as_they_are_read_of_the_whole_archive() {
    let kinds = [Descriptor::None, Descriptor::Bare, Descriptor::Signed, Descriptor::Signed64];
    for descriptor in kinds {
        let entries = (0..4).flat_map(|hour| (0..3).map(move |part| lines(hour, part)));
        let folder = Entry::new("7/", Vec::new()).with(|entry| entry.method = 0);
        let entries = std::iter::once(folder).chain(entries.map(|entry| entry.with(|e| e.descriptor = descriptor)));
        read_early(&Zip::of(entries.collect::<Vec<_>>()), 4);
    }
    let stored = (0..4).map(|hour| lines(hour, 0).with(|entry| entry.method = 0));
    read_early(&Zip::of(stored), 4);
    let several = |hour| Entry::new(format!("7_2026-01-15_{hour}#0.json.gz"), [gzip("{}\n"), gzip("{}")].concat());
    read_early(&Zip::of((0..4).map(several)).with(|zip| zip.zip64 = true), 4);
    read_early(&Zip::of((0..4).map(|hour| lines(23 - hour, 0))), 4);
}

/// Lines that no compressor makes shorter than a member that may be held.
fn long(hour: u32, part: u64) -> Entry {
    let mut random = crate::model::Random::new(u64::from(hour) << 8 | part);
    let line = |n: u64| format!("{{\"n\":{n},\"x\":\"{:016x}{:016x}\"}}\n", random.bits(), random.bits());
    Entry::lines(hour, part, (0..250_000).map(line).collect::<String>())
}

#[test]
fn a_member_larger_than_the_buffers_is_read_while_it_arrives() {
    for descriptor in [Descriptor::None, Descriptor::Signed] {
        let entries = [(0, 0), (1, 0), (1, 1)].map(|(hour, part)| long(hour, part).with(|e| e.descriptor = descriptor));
        let bytes = Zip::of(entries).bytes();
        for format in [Format::JsonGz, Format::Json] {
            let arrived = arrives(&bytes, packing(format, 64 << 20), 1 << 20, usize::MAX);
            assert_eq!(arrived.verdict, Some(Ok(())));
            // Of `json.gz` members are joined by their lengths, which nobody knows of a long one that is streamed.
            let unknown = format == Format::JsonGz && descriptor == Descriptor::Signed;
            assert_eq!(arrived.hours, if unknown { 1 } else { 2 }, "{format:?}");
        }
    }
}

#[test]
fn an_hour_that_goes_on_later_in_the_archive_makes_what_was_read_unusable() {
    let interleaved = Zip::of([lines(1, 0), lines(2, 0), lines(1, 1), lines(2, 1)]).bytes();
    for format in Format::built() {
        let words = arrives(&interleaved, packing(format, 1 << 20), 100, usize::MAX).verdict.unwrap().unwrap_err();
        assert!(words.contains("2 members, of which 1 stood together"), "{words}");
    }
}

#[test]
fn members_that_are_not_in_natural_order_end_the_reading_and_harm_nothing() {
    for parts in [[0_u64, 1, 10, 2], [2, 0, 1, 3], [0, 2, 1, 3], [5, 6, 7, 8]] {
        let bytes = Zip::of(parts.map(|part| lines(1, part)).into_iter().chain([lines(2, 0)])).bytes();
        each_way(&bytes, |arrived, _| assert!(arrived.hours == 0 && arrived.verdict == Some(Ok(())), "{parts:?}"));
    }
}

#[test]
fn a_directory_that_says_something_else_makes_what_was_read_unusable_or_is_refused() {
    type Change = fn(&mut Entry);
    let with = |change: Change| Zip::of([lines(1, 0), lines(1, 1).with(change), lines(2, 0)]).bytes();
    let changes: [(&str, Change); 8] = [
        ("hidden", |entry| entry.hidden = true),
        ("listed twice", |entry| entry.listed_twice = true),
        ("another CRC", |entry| entry.crc = Some(7)),
        ("another size", |entry| entry.size = Some(7)),
        ("another name", |entry| entry.local_name = Some(b"7/7_2026-01-15_1#2.json.gz".to_vec())),
        ("another hour", |entry| entry.local_name = Some(b"7/7_2026-01-15_3#0.json.gz".to_vec())),
        ("encrypted", |entry| entry.flags = 1),
        ("bytes behind", |entry| entry.behind = b"junk".to_vec()),
    ];
    for (words, change) in changes {
        // What is not refused from the start is checked in there, part by part.
        each_way(&with(change), |arrived, _| {
            let unusable = !matches!(arrived.verdict, Some(Ok(())));
            assert!(unusable || arrived.hours == 0, "{words}: {} hours, {:?}", arrived.hours, arrived.verdict);
        });
    }
}

#[test]
fn a_download_that_is_torn_anywhere_leaves_whole_hours_or_none() {
    let bytes = Zip::of((0..3).flat_map(|hour| [lines(hour, 0), lines(hour, 1)])).bytes();
    let hours: Vec<usize> = (0..=bytes.len())
        .map(|end| arrives_torn(&bytes, end, packing(Format::Json, 50), 64, usize::MAX))
        .inspect(|arrived| assert_eq!(arrived.verdict, Some(Ok(()))))
        .map(|arrived| arrived.hours)
        .collect();
    assert!(hours.is_sorted() && hours[0] == 0 && hours.last() == Some(&3), "{hours:?}");
}

/// A member of one of three hours and what is odd about it.
fn odd() -> impl Strategy<Value = Entry> {
    let descriptors = [Descriptor::None, Descriptor::Bare, Descriptor::Signed, Descriptor::Signed64];
    (0..3_u32, 0..4_u64, any::<bool>(), proptest::sample::select(descriptors.to_vec()), 0..40_u32, 1..60_usize)
        .prop_map(|(hour, part, stored, descriptor, trouble, rows)| {
            let text = |n| format!("{{\"n\":{n},\"of\":{hour}}}\n");
            let mut entry = Entry::lines(hour, part, (0..rows).map(text).collect::<String>());
            (entry.method, entry.descriptor) = (if stored { 0 } else { 8 }, descriptor);
            match trouble {
                0 => entry.hidden = true,
                1 => entry.crc = Some(1),
                2 => entry.size = Some(30),
                3 => entry.compressed = Some(30),
                4 => entry.content.truncate(20),
                5 => entry.content.extend_from_slice(&[0; 9]),
                6 => entry.content.extend(gzip("{}")),
                _ => {}
            }
            entry
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_part_is_ever_another_one_than_the_whole_archive_gives(
        mut entries in proptest::collection::vec(odd(), 1..9), sorted: bool, target in 1_u64..400, judged in 0.0..1.2,
        format in proptest::sample::select(Format::built().collect::<Vec<_>>()), piece in 1_usize..5000,
    ) {
        if sorted {
            entries.sort_by(|one, other| one.name.cmp(&other.name));
        }
        entries.dedup_by(|one, other| one.name == other.name);
        let bytes = Zip::of(entries).bytes();
        #[allow(clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let judge_at = (bytes.len() as f64 * judged) as usize;
        arrives(&bytes, packing(format, target), piece, judge_at);
    }
}
