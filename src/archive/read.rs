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

/// Bytes of gzip at a time, and of the file.
const INPUT: usize = 64 * 1024;

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

/// The buffers of one reading, used for member after member.
struct Buffers {
    input: Box<[u8]>,
    gunzip: Gunzip,
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
        let mut buffers = Buffers { input: vec![0; INPUT].into_boxed_slice(), gunzip: Gunzip::new() };
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
        buffers.gunzip.begin(self.limits().output_cap(member.compressed));
        let mut gzip_bytes = 0;
        loop {
            let n = zipped.read(&mut buffers.input).map_err(|error| broken(&error))?;
            if n == 0 {
                break;
            }
            gzip_bytes += n as u64;
            let input = &buffers.input[..n];
            let used = buffers.gunzip.feed(input, &mut |out| packer.lines(out, rows))?;
            packer.gzip(&input[..used], rows)?;
        }
        buffers.gunzip.finish()?;
        if gzip_bytes != member.gzip_bytes {
            let declared = member.gzip_bytes;
            let detail = format!("{gzip_bytes} bytes of gzip, the directory says {declared}");
            return Err(ReadError::Archive(Fault::new(FaultKind::BrokenArchive, detail)));
        }
        packer.end_member(rows);
        Ok(())
    }
}
