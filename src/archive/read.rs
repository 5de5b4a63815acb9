//! Reading one hour to its end: zip, gzip, lines, parts.

use std::io::Read;

use zip::read::ZipReadOptions;

use crate::model::{Content, Fault, FaultKind, Hour};

use super::Archive;
use super::gunzip::Gunzip;
use super::index::Member;
use super::packing::{Packer, Packing};
use super::pread::Pread;
use super::rows::Rows;
use super::sums::PartSink;
use super::whole::{INPUT_MAX, Whole};

/// Bytes of gzip at a time, and of the file.
const INPUT: usize = 64 * 1024;

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
    fn new() -> Self {
        let input = vec![0; INPUT].into_boxed_slice();
        Self { input, gunzip: Gunzip::new(), held: Vec::new(), whole: Whole::new() }
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
        let mut rows = Rows::new(self.limits().max_row_bytes);
        let mut packer = Packer::new(packing, sink)?;
        let mut file = self.reader(INPUT);
        let mut buffers = self.spare().pop().unwrap_or_else(Buffers::new);
        for member in self.hour_members(hour) {
            self.read_member(*member, &mut file, &mut buffers, &mut packer, &mut rows).map_err(
                |error| match error {
                    ReadError::Archive(fault) => {
                        let detail = format!("member {hour}#{}: {}", member.part, fault.detail);
                        ReadError::Archive(Fault::new(fault.kind, detail))
                    }
                    sink @ ReadError::Sink(_) => sink,
                },
            )?;
        }
        self.spare().push(buffers);
        packer.finish(&rows)?;
        Ok(rows.into_content())
    }

    fn read_member<S: PartSink + ?Sized>(
        &self,
        member: Member,
        file: &mut Pread,
        buffers: &mut Buffers,
        packer: &mut Packer<'_, S>,
        rows: &mut Rows,
    ) -> Result<(), ReadError<S::Error>> {
        let watch = file.watch();
        let broken = |reason: &dyn std::fmt::Display| ReadError::Archive(watch.fault(reason));
        let entry = self.zip().entry(member.index).map_err(|error| broken(&error))?;
        let mut zipped = entry.with_reader(file, ZipReadOptions::new()).map_err(|error| broken(&error))?;
        packer.begin_member(member.gzip_bytes, rows)?;
        let cap = self.limits().output_cap(member.compressed);
        let Buffers { input, gunzip, held, whole } = buffers;
        held.clear();
        if member.gzip_bytes <= INPUT_MAX as u64 {
            // One byte more than may be held: so its end, where the zip's sums are checked, was seen.
            (&mut zipped).take(INPUT_MAX as u64 + 1).read_to_end(held).map_err(|error| broken(&error))?;
        }
        let mut gzip_bytes = held.len() as u64;
        if let Some(lines) = whole.gunzip(held, cap) {
            for piece in pieces(lines) {
                packer.lines(piece, rows)?;
            }
            packer.gzip(held, rows)?;
        } else {
            gunzip.begin(cap);
            let mut feed = |piece: &[u8]| {
                let used = gunzip.feed(piece, &mut |out| packer.lines(out, rows))?;
                packer.gzip(&piece[..used], rows)
            };
            feed(held)?;
            loop {
                let n = zipped.read(input).map_err(|error| broken(&error))?;
                if n == 0 {
                    break;
                }
                gzip_bytes += n as u64;
                feed(&input[..n])?;
            }
            gunzip.finish()?;
        }
        if gzip_bytes != member.gzip_bytes {
            let declared = member.gzip_bytes;
            let detail = format!("{gzip_bytes} bytes of gzip, the directory says {declared}");
            return Err(ReadError::Archive(Fault::new(FaultKind::BrokenArchive, detail)));
        }
        packer.end_member(rows);
        Ok(())
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
