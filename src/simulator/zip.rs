//! A zip writer of our own: it can do all that is allowed (data descriptors, ZIP64, two methods) and some that is not
//! (a wrong CRC, two members of one name). Sizes that were not known are patched, so members are never held in memory.

use std::io::{self, Seek, SeekFrom, Write};

use flate2::{Compression, Crc, write::DeflateEncoder};

/// 1 January 2026, midnight, as DOS counts.
const DOS_DATE: u16 = (46 << 9) | (1 << 5) | 1;
const DEFLATED: u16 = 8;
const FLAG_ENCRYPTED: u16 = 1;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;

/// How one member is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Member {
    pub deflated: bool,
    pub data_descriptor: bool,
    pub zip64: bool,
    pub encrypted_flag: bool,
    pub wrong_crc: bool,
}

struct Entry {
    name: String,
    how: Member,
    crc: u32,
    packed: u64,
    plain: u64,
    offset: u64,
}

impl Entry {
    fn flags(&self) -> u16 {
        FLAG_UTF8
            | if self.how.encrypted_flag { FLAG_ENCRYPTED } else { 0 }
            | if self.how.data_descriptor { FLAG_DESCRIPTOR } else { 0 }
    }

    fn method(&self) -> u16 {
        if self.how.deflated { DEFLATED } else { 0 }
    }

    fn version(&self) -> u16 {
        if self.how.zip64 { 45 } else { 20 }
    }
}

/// Where a finished member's packed bytes lie.
pub struct Extent {
    pub offset: u64,
    pub length: u64,
}

/// Writes a zip.
pub struct ZipWriter<W> {
    out: W,
    offset: u64,
    entries: Vec<Entry>,
    crc: Crc,
    plain: u64,
    packed: u64,
    deflate: DeflateEncoder<Vec<u8>>,
}

impl<W: Write + Seek> ZipWriter<W> {
    pub fn new(out: W) -> Self {
        let deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
        Self { out, offset: 0, entries: Vec::new(), crc: Crc::new(), plain: 0, packed: 0, deflate }
    }

    pub fn begin(&mut self, name: &str, how: Member) -> io::Result<()> {
        let entry = Entry { name: name.to_owned(), how, crc: 0, packed: 0, plain: 0, offset: self.offset };
        let header = local_header(&entry);
        self.entries.push(entry);
        (self.plain, self.packed) = (0, 0);
        self.crc.reset();
        self.put(&header)
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.plain += bytes.len() as u64;
        if self.entries.last().is_some_and(|entry| entry.how.deflated) {
            self.deflate.write_all(bytes)?;
            let packed = std::mem::take(self.deflate.get_mut());
            self.put_packed(&packed)
        } else {
            self.put_packed(bytes)
        }
    }

    pub fn end(&mut self) -> io::Result<Extent> {
        if self.entries.last().is_some_and(|entry| entry.how.deflated) {
            let packed = self.deflate.reset(Vec::new())?;
            self.put_packed(&packed)?;
        }
        let Some(entry) = self.entries.last_mut() else {
            return Err(io::Error::other("no member was begun"));
        };
        entry.crc = if entry.how.wrong_crc { !self.crc.sum() } else { self.crc.sum() };
        entry.plain = self.plain;
        entry.packed = self.packed;
        if !entry.how.zip64 && entry.plain.max(entry.packed) >= u64::from(u32::MAX) {
            return Err(io::Error::other("a member of 4 GiB needs zip64"));
        }
        let (descriptor, header, start) = (descriptor(entry), local_header(entry), entry.offset);
        let extent = Extent { offset: start + header.len() as u64, length: self.packed };
        if entry.how.data_descriptor {
            self.put(&descriptor)?;
        } else {
            self.out.seek(SeekFrom::Start(start))?;
            self.out.write_all(&header)?;
            self.out.seek(SeekFrom::Start(self.offset))?;
        }
        Ok(extent)
    }

    /// Writes the central directory and hands the output back with its length.
    pub fn finish(mut self, zip64: bool) -> io::Result<(W, u64)> {
        let start = self.offset;
        let mut directory = Vec::new();
        for entry in &self.entries {
            central_header(&mut directory, entry);
        }
        let count = self.entries.len() as u64;
        let size = directory.len() as u64;
        end_records(&mut directory, count, size, start, zip64);
        self.put(&directory)?;
        Ok((self.out, self.offset))
    }

    fn put_packed(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.packed += bytes.len() as u64;
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.offset += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

fn u16s(out: &mut Vec<u8>, values: &[u16]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn u32s(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn u64s(out: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A size for a 32-bit field: all ones where a ZIP64 field tells it.
fn short(value: u64, zip64: bool) -> u32 {
    if zip64 { u32::MAX } else { u32::try_from(value).unwrap_or(u32::MAX) }
}

fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// The header before a member. With a data descriptor CRC and sizes are zero, as they were not known.
fn local_header(entry: &Entry) -> Vec<u8> {
    let known = !entry.how.data_descriptor;
    let (crc, packed, plain) = if known { (entry.crc, entry.packed, entry.plain) } else { (0, 0, 0) };
    let mut out = Vec::with_capacity(64 + entry.name.len());
    u32s(&mut out, &[0x0403_4B50]);
    u16s(&mut out, &[entry.version(), entry.flags(), entry.method(), 0, DOS_DATE]);
    u32s(&mut out, &[crc, short(packed, entry.how.zip64), short(plain, entry.how.zip64)]);
    u16s(&mut out, &[length(entry.name.len()), if entry.how.zip64 { 20 } else { 0 }]);
    out.extend_from_slice(entry.name.as_bytes());
    if entry.how.zip64 {
        u16s(&mut out, &[1, 16]);
        u64s(&mut out, &[plain, packed]);
    }
    out
}

fn descriptor(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    u32s(&mut out, &[0x0807_4B50, entry.crc]);
    if entry.how.zip64 {
        u64s(&mut out, &[entry.packed, entry.plain]);
    } else {
        u32s(&mut out, &[short(entry.packed, false), short(entry.plain, false)]);
    }
    out
}

fn central_header(out: &mut Vec<u8>, entry: &Entry) {
    let zip64 = entry.how.zip64;
    // The offset may be large in an archive whose members are all small.
    let far = zip64 || entry.offset >= u64::from(u32::MAX);
    let extra = 16 * u16::from(zip64) + 8 * u16::from(far);
    u32s(out, &[0x0201_4B50]);
    u16s(out, &[45, if far { 45 } else { 20 }, entry.flags(), entry.method(), 0, DOS_DATE]);
    u32s(out, &[entry.crc, short(entry.packed, zip64), short(entry.plain, zip64)]);
    u16s(out, &[length(entry.name.len()), if far { extra + 4 } else { 0 }, 0, 0, 0]);
    u32s(out, &[0, short(entry.offset, far)]);
    out.extend_from_slice(entry.name.as_bytes());
    if far {
        u16s(out, &[1, extra]);
    }
    if zip64 {
        u64s(out, &[entry.plain, entry.packed]);
    }
    if far {
        u64s(out, &[entry.offset]);
    }
}

fn end_records(out: &mut Vec<u8>, count: u64, size: u64, start: u64, wanted: bool) {
    let zip64 = wanted || count >= u64::from(u16::MAX) || start + size >= u64::from(u32::MAX);
    if zip64 {
        u32s(out, &[0x0606_4B50]);
        u64s(out, &[44]);
        u16s(out, &[45, 45]);
        u32s(out, &[0, 0]);
        u64s(out, &[count, count, size, start]);
        u32s(out, &[0x0706_4B50, 0]);
        u64s(out, &[start + size]);
        u32s(out, &[1]);
    }
    let entries = if zip64 { u16::MAX } else { u16::try_from(count).unwrap_or(u16::MAX) };
    u32s(out, &[0x0605_4B50]);
    u16s(out, &[0, 0, entries, entries]);
    u32s(out, &[short(size, zip64), short(start, zip64)]);
    u16s(out, &[0]);
}
