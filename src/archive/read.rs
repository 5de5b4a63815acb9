//! Reading one hour to its end: zip, gzip, lines, parts.

use std::io::{self, Read};

use zip::read::ZipReadOptions;

use crate::model::{Content, Fault, FaultKind, Hour};

use super::gunzip::Gunzip;
use super::index::Member;
use super::packing::{Packer, Packing};
use super::pread::{DiskWatch, Pread};
use super::rows::Rows;
use super::sums::PartSink;
use super::whole::{INPUT_MAX, Whole};
use super::{Archive, Limits};

/// Bytes of gzip at a time, and of the file.
pub(super) const INPUT: usize = 64 * 1024;

/// Bytes of lines at a time: what one step after the other goes over is still in the processor's cache.
const PIECE: usize = 64 * 1024;

/// Why an hour was not read to its end.
#[derive(Debug)]
pub enum ReadError<E> {
    /// The archive is broken, or the staged file cannot be read.
    Archive(Fault),
    /// The sink failed: nothing is said about the archive.
    Sink(E),
}

impl<E: std::fmt::Display> std::fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Archive(fault) => fault.fmt(f),
            Self::Sink(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for ReadError<E> {}

/// The buffers of one reading, used for member after member, and kept by the archive for the next reading.
pub(super) struct Buffers {
    input: Box<[u8]>,
    gunzip: Gunzip,
    /// A member that is short enough to be held.
    held: Vec<u8>,
    whole: Whole,
}

impl Buffers {
    pub(super) fn new() -> Self {
        let input = vec![0; INPUT].into_boxed_slice();
        Self { input, gunzip: Gunzip::new(), held: Vec::new(), whole: Whole::new() }
    }
}

/// A member of the zip, from its first byte to its last, as it was before it was zipped: a file of gzip. Its end is an
/// error unless its CRC and its lengths are the announced ones.
pub(super) trait Unzipped: Read {
    /// Bytes of gzip, where they are announced before the end.
    fn gzip_bytes(&self) -> Option<u64>;

    /// Bytes in the archive; where they are not announced, those that were read so far.
    fn compressed(&self) -> u64;

    /// The fault of a read that failed, or of what was read.
    fn fault(&self, reason: &dyn std::fmt::Display) -> Fault;
}

/// A member of an archive that was opened.
struct Listed<R> {
    zipped: R,
    member: Member,
    watch: DiskWatch,
}

impl<R: Read> Read for Listed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.zipped.read(out)
    }
}

impl<R: Read> Unzipped for Listed<R> {
    fn gzip_bytes(&self) -> Option<u64> {
        Some(self.member.gzip_bytes)
    }

    fn compressed(&self) -> u64 {
        self.member.compressed
    }

    fn fault(&self, reason: &dyn std::fmt::Display) -> Fault {
        self.watch.fault(reason)
    }
}

impl Archive {
    /// Reads every member of `hour` to its end, in natural order; checks zip CRC and size, gzip CRC and length, and
    /// every line; writes the hour's parts to the sink. Only an `Ok` vouches for what the sink was given.
    pub fn read_hour<S: PartSink + ?Sized>(
        &self,
        hour: Hour,
        packing: Packing,
        sink: &mut S,
    ) -> Result<Content, ReadError<S::Error>> {
        let mut file = self.reader(INPUT);
        let buffers = self.spare().pop().unwrap_or_else(Buffers::new);
        let mut reading = Reading::begin(packing, *self.limits(), buffers, sink)?;
        for member in self.hour_members(hour) {
            self.read_member(*member, &mut file, &mut reading).map_err(|error| match error {
                ReadError::Archive(fault) => {
                    let detail = format!("member {hour}#{}: {}", member.part, fault.detail);
                    ReadError::Archive(Fault::new(fault.kind, detail))
                }
                sink @ ReadError::Sink(_) => sink,
            })?;
        }
        let (content, buffers) = reading.end()?;
        self.spare().push(buffers);
        Ok(content)
    }

    fn read_member<S: PartSink + ?Sized>(
        &self,
        member: Member,
        file: &mut Pread,
        reading: &mut Reading<'_, S>,
    ) -> Result<(), ReadError<S::Error>> {
        let watch = file.watch();
        let broken = |reason: &dyn std::fmt::Display| ReadError::Archive(watch.fault(reason));
        let entry = self.zip().entry(member.index).map_err(|error| broken(&error))?;
        let zipped = entry.with_reader(file, ZipReadOptions::new()).map_err(|error| broken(&error))?;
        reading.member(&mut Listed { zipped, member, watch: watch.clone() })
    }
}

/// One hour on its way from its members into its parts, wherever the members come from.
pub(super) struct Reading<'a, S: PartSink + ?Sized> {
    packer: Packer<'a, S>,
    rows: Rows,
    buffers: Buffers,
    limits: Limits,
}

impl<'a, S: PartSink + ?Sized> Reading<'a, S> {
    pub(super) fn begin(
        packing: Packing,
        limits: Limits,
        buffers: Buffers,
        sink: &'a mut S,
    ) -> Result<Self, ReadError<S::Error>> {
        Ok(Self { packer: Packer::new(packing, sink)?, rows: Rows::new(limits.max_row_bytes), buffers, limits })
    }

    /// Reads the hour's next member to its end.
    pub(super) fn member(&mut self, zipped: &mut impl Unzipped) -> Result<(), ReadError<S::Error>> {
        let Self { packer, rows, limits, buffers: Buffers { input, gunzip, held, whole } } = self;
        let broken = |zipped: &dyn Unzipped, reason: &dyn std::fmt::Display| ReadError::Archive(zipped.fault(reason));
        held.clear();
        let declared = zipped.gzip_bytes();
        if declared.is_none_or(|length| length <= INPUT_MAX as u64) {
            // One byte more than may be held: so its end, where the zip's sums are checked, was seen.
            let read = zipped.take(INPUT_MAX as u64 + 1).read_to_end(held);
            read.map_err(|error| broken(zipped, &error))?;
        }
        let seen = (declared.is_none() && held.len() <= INPUT_MAX).then_some(held.len() as u64);
        packer.begin_member(declared.or(seen), rows)?;
        let mut gzip_bytes = held.len() as u64;
        if let Some(lines) = whole.gunzip(held, limits.output_cap(zipped.compressed())) {
            for piece in pieces(lines) {
                packer.lines(piece, rows)?;
            }
            packer.gzip(held, rows)?;
        } else {
            gunzip.begin(0);
            let mut feed = |piece: &[u8], compressed: u64| {
                gunzip.allow(limits.output_cap(compressed));
                let used = gunzip.feed(piece, &mut |out| packer.lines(out, rows))?;
                packer.gzip(&piece[..used], rows)
            };
            feed(held, zipped.compressed())?;
            loop {
                let n = zipped.read(input).map_err(|error| broken(zipped, &error))?;
                if n == 0 {
                    break;
                }
                gzip_bytes += n as u64;
                feed(&input[..n], zipped.compressed())?;
            }
            gunzip.finish()?;
        }
        if let Some(declared) = declared.filter(|declared| *declared != gzip_bytes) {
            let detail = format!("{gzip_bytes} bytes of gzip, the directory says {declared}");
            return Err(ReadError::Archive(Fault::new(FaultKind::BrokenArchive, detail)));
        }
        packer.end_member(rows);
        Ok(())
    }

    /// The hour has ended.
    pub(super) fn end(self) -> Result<(Content, Buffers), ReadError<S::Error>> {
        self.packer.finish(&self.rows)?;
        Ok((self.rows.into_content(), self.buffers))
    }
}

/// Pieces of about [`PIECE`] bytes, cut behind a newline where there is one.
fn pieces(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let most = lines.len().min(PIECE);
        let end = match memchr::memrchr(b'\n', &lines[..most]) {
            Some(newline) if most < lines.len() => newline + 1,
            _ => most,
        };
        let (piece, rest) = lines.split_at(end);
        lines = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
