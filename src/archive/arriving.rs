//! An archive that still arrives: its members read one after another, by their local headers, for as long as nothing about
//! them is unusual. What is found here is believed only when [`Walk::judge`] finds it in the whole archive's directory, so
//! whatever is odd ends the reading, and is no error: it is read, or refused, when the archive is whole.
//!
//! Source: APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.4.4 (flags) and 4.3.9 (data descriptor).

use std::io::{self, BufReader, Read, Take};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use crate::model::{Content, Fault, FaultKind, Hour, Window};

use super::Limits;
use super::bytes::{u16_at, u32_at};
use super::directory::RECORD;
use super::names::{self, MemberName, NAME_MAX};
use super::packing::Packing;
use super::placement::{DESCRIPTOR, LOCAL, LOCAL_LENGTH};
use super::read::{Buffers, INPUT, Reading, Unzipped};
use super::sums::PartSink;
use super::walk::{Seen, Sizes, Walk};

/// The descriptor's signature, which may be left out.
const SIGNATURE: u32 = 0x0807_4b50;
/// Flags that change nothing for a reader: how hard the compressor tried, and that names are UTF-8.
const HARMLESS: u16 = 0b110 | 1 << 11;
/// A size that stands elsewhere (zip64).
const ELSEWHERE: u32 = u32::MAX;

/// A member whose local header was read.
struct Header {
    hour: Hour,
    part: u64,
    project: String,
    start: u64,
    content: u64,
    stored: bool,
    /// None: they follow the content.
    sizes: Option<Sizes>,
}

/// What comes where a local header may stand.
enum Next {
    Member(Header),
    Folder,
    /// The central directory: no member follows.
    End,
}

/// Reads an archive from its beginning, hour by hour.
pub struct Arriving<R: Read> {
    input: BufReader<R>,
    at: u64,
    /// Read, but not its content.
    next: Option<Header>,
    window: Window,
    limits: Limits,
    walk: Walk,
    buffers: Option<Buffers>,
}

impl<R: Read> Arriving<R> {
    /// An archive whose bytes come from `input`, which blocks until there are some.
    pub fn new(input: R, window: Window, limits: Limits, walk: Walk) -> Self {
        let input = BufReader::with_capacity(INPUT, input);
        Self { input, at: 0, next: None, window, limits, walk, buffers: None }
    }

    /// The hour whose members come next, and the project they name; `None` when there is nothing more to be read early.
    pub fn next_hour(&mut self) -> Option<(Hour, &str)> {
        if self.next.is_none() {
            self.next = self.member().ok().flatten();
        }
        self.next.as_ref().map(|header| (header.hour, header.project.as_str()))
    }

    /// Reads the members of the hour that comes next, and writes the hour's parts to the sink; with how many members it
    /// has. `None`: the reading ended before the hour did.
    pub fn read_hour<S: PartSink + ?Sized>(&mut self, packing: Packing, sink: &mut S) -> Option<(Content, usize)> {
        let hour = self.next_hour()?.0;
        if !self.walk.begin_hour(hour) {
            return None;
        }
        let buffers = self.buffers.take().unwrap_or_else(Buffers::new);
        let mut reading = Reading::begin(packing, self.limits, buffers, sink).ok()?;
        let mut members = 0;
        // In natural order: counted from 0, or what comes later might belong before.
        while let Some(header) = self.next.take_if(|next| next.hour == hour && next.part == members) {
            self.content(&header, &mut reading)?;
            members += 1;
            self.next = self.member().ok()?;
        }
        let goes_on = self.next.as_ref().is_some_and(|next| next.hour == hour);
        if goes_on || !self.walk.end_hour(hour) {
            return None;
        }
        let (content, buffers) = reading.end().ok()?;
        self.buffers = Some(buffers);
        Some((content, usize::try_from(members).unwrap_or(usize::MAX)))
    }

    /// Reads a member's content, and what follows it, to the next local header.
    fn content<S: PartSink + ?Sized>(&mut self, header: &Header, reading: &mut Reading<'_, S>) -> Option<()> {
        let Header { hour, part, start, sizes, .. } = *header;
        if !self.walk.begin_member(hour, Seen { start, part, sizes }) {
            return None;
        }
        let limit = sizes.map_or(u64::MAX, |sizes| sizes.compressed);
        let input = (&mut self.input).take(limit);
        let zipped = if header.stored { Zipped::Stored(input) } else { Zipped::Deflated(DeflateDecoder::new(input)) };
        let mut member = Member { zipped, sizes, crc: Crc::new(), read: 0 };
        reading.member(&mut member).ok()?;
        let found = member.found();
        if sizes.is_some_and(|sizes| sizes != found) {
            return None;
        }
        self.at = header.content + found.compressed;
        if sizes.is_none() {
            self.descriptor(found).ok()??;
        }
        self.walk.end_member(hour, found).then_some(())
    }

    /// The next member's header; none at the central directory.
    fn member(&mut self) -> io::Result<Option<Header>> {
        loop {
            match self.header()? {
                Next::Member(header) => return Ok(Some(header)),
                Next::Folder => {}
                Next::End => return Ok(None),
            }
        }
    }

    fn header(&mut self) -> io::Result<Next> {
        let start = self.at;
        let signature: [u8; 4] = self.bytes()?;
        match u32_at(&signature, 0) {
            LOCAL => {}
            RECORD => return Ok(Next::End),
            _ => return Err(unusual()),
        }
        // Offsets are those of the whole header.
        let mut header = [0; LOCAL_LENGTH];
        header[4..].copy_from_slice(&self.bytes::<{ LOCAL_LENGTH - 4 }>()?);
        let (flags, method) = (u16_at(&header, 6), u16_at(&header, 8));
        let (name, extra) = (u16_at(&header, 26), u16_at(&header, 28));
        if flags & !(HARMLESS | DESCRIPTOR) != 0 || usize::from(name) > NAME_MAX {
            return Err(unusual());
        }
        let name = self.take(name)?;
        self.take(extra)?;
        let (compressed, size) = (u32_at(&header, 18), u32_at(&header, 22));
        let sizes = Sizes { crc: u32_at(&header, 14), compressed: u64::from(compressed), gzip_bytes: u64::from(size) };
        let described = flags & DESCRIPTOR != 0;
        let sizes = (!described).then_some(sizes);
        if name.ends_with(b"/") && sizes.is_some_and(|sizes| sizes.compressed == 0) {
            return Ok(Next::Folder);
        }
        let MemberName { project, hour, part } = names::parse(&name).ok_or_else(unusual)?;
        let stored = match (method, sizes) {
            (0, Some(sizes)) if sizes.compressed == sizes.gzip_bytes => true,
            (8, _) => false,
            _ => return Err(unusual()),
        };
        let usual = |sizes: Sizes| {
            !matches!(compressed, 0 | ELSEWHERE)
                && size != ELSEWHERE
                && sizes.gzip_bytes <= self.limits.output_cap(sizes.compressed)
        };
        if !self.window.contains(hour) || !sizes.is_none_or(usual) {
            return Err(unusual());
        }
        let project = project.to_owned();
        Ok(Next::Member(Header { hour, part, project, start, content: self.at, stored, sizes }))
    }

    /// Reads a data descriptor: with or without a signature, sizes of 4 or of 8 bytes. `None`: it says something else
    /// than what was read.
    fn descriptor(&mut self, found: Sizes) -> io::Result<Option<()>> {
        let mut word = || self.bytes::<4>().map(u32::from_le_bytes);
        let first = word()?;
        let crc = if first == SIGNATURE { word()? } else { first };
        let (low, high) = (|number: u64| number & u64::from(u32::MAX), |number: u64| number >> 32);
        let compressed = u64::from(word()?);
        let mut size = u64::from(word()?);
        let mut same = crc == found.crc && compressed == low(found.compressed);
        // A gzip file is not empty, so its length is no half of the other number.
        if size != found.gzip_bytes || high(found.compressed) > 0 {
            same &= size == high(found.compressed);
            size = u64::from(word()?) | u64::from(word()?) << 32;
        }
        Ok((same && size == found.gzip_bytes).then_some(()))
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn take(&mut self, length: u16) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::from(length)];
        self.input.read_exact(&mut bytes)?;
        self.at += u64::from(length);
        Ok(bytes)
    }
}

fn unusual() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// A member's content as it comes out of the zip.
enum Zipped<'a, R: Read> {
    Stored(Take<&'a mut BufReader<R>>),
    Deflated(DeflateDecoder<Take<&'a mut BufReader<R>>>),
}

struct Member<'a, R: Read> {
    zipped: Zipped<'a, R>,
    sizes: Option<Sizes>,
    crc: Crc,
    read: u64,
}

impl<R: Read> Member<'_, R> {
    /// What was read so far.
    fn found(&self) -> Sizes {
        Sizes { crc: self.crc.sum(), compressed: self.taken(), gzip_bytes: self.read }
    }

    fn taken(&self) -> u64 {
        match &self.zipped {
            Zipped::Stored(_) => self.read,
            Zipped::Deflated(deflated) => deflated.total_in(),
        }
    }
}

impl<R: Read> Read for Member<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.zipped {
            Zipped::Stored(stored) => stored.read(out),
            Zipped::Deflated(deflated) => deflated.read(out),
        }?;
        self.crc.update(&out[..read]);
        self.read += read as u64;
        Ok(read)
    }
}

impl<R: Read> Unzipped for Member<'_, R> {
    fn gzip_bytes(&self) -> Option<u64> {
        self.sizes.map(|sizes| sizes.gzip_bytes)
    }

    fn compressed(&self) -> u64 {
        self.sizes.map_or_else(|| self.taken(), |sizes| sizes.compressed)
    }

    fn fault(&self, reason: &dyn std::fmt::Display) -> Fault {
        Fault::new(FaultKind::BrokenArchive, reason)
    }
}
