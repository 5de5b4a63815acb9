//! A zip writer that can lie.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// A gzip member that holds `raw`.
pub fn gzip(raw: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(raw.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub fn deflate(raw: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(raw).unwrap();
    encoder.finish().unwrap()
}

pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// How a member's data descriptor is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptor {
    None,
    Bare,
    Signed,
    Signed64,
}

/// One member and the lies about it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: Vec<u8>,
    pub local_name: Option<Vec<u8>>,
    pub content: Vec<u8>,
    pub method: u16,
    pub local_method: Option<u16>,
    pub flags: u16,
    pub descriptor: Descriptor,
    pub crc: Option<u32>,
    pub size: Option<u64>,
    pub compressed: Option<u64>,
    pub offset: Option<u64>,
    pub attributes: u32,
    pub zip64: bool,
    /// In the archive, not in its directory.
    pub hidden: bool,
    /// In its directory twice.
    pub listed_twice: bool,
    /// Bytes after the member that belong to nobody.
    pub behind: Vec<u8>,
}

impl Entry {
    /// A deflated member.
    pub fn new(name: impl AsRef<[u8]>, content: Vec<u8>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            local_name: None,
            content,
            method: 8,
            local_method: None,
            flags: 0,
            descriptor: Descriptor::None,
            crc: None,
            size: None,
            compressed: None,
            offset: None,
            attributes: 0,
            zip64: false,
            hidden: false,
            listed_twice: false,
            behind: Vec::new(),
        }
    }

    /// A member of hour `hour` of the test's day with these lines.
    pub fn lines(hour: u32, part: u64, lines: impl AsRef<[u8]>) -> Self {
        Self::new(format!("7/7_2026-01-15_{hour}#{part}.json.gz"), gzip(lines))
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn data(&self) -> Vec<u8> {
        if self.method == 8 { deflate(&self.content) } else { self.content.clone() }
    }
}

/// An archive and the lies about it.
#[derive(Clone, Default)]
pub struct Zip {
    pub entries: Vec<Entry>,
    pub before: Vec<u8>,
    pub after: Vec<u8>,
    pub comment: Vec<u8>,
    pub count: Option<u64>,
    pub directory_length: Option<u32>,
    pub disk: u16,
    pub zip64: bool,
    pub zip64_count: Option<u64>,
}

impl Zip {
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        let (mut directory, mut count) = (Vec::new(), 0_u64);
        for entry in &self.entries {
            let record = local(entry, &mut out);
            for _ in 0..u8::from(!entry.hidden) + u8::from(entry.listed_twice) {
                directory.extend_from_slice(&record);
                count += 1;
            }
        }
        let start = out.len() as u64;
        out.extend_from_slice(&directory);
        self.end(&mut out, start, directory.len() as u64, count);
        out.extend_from_slice(&self.after);
        out
    }

    fn end(&self, out: &mut Vec<u8>, start: u64, length: u64, count: u64) {
        let count = self.count.unwrap_or(count);
        if self.zip64 {
            let at = out.len() as u64;
            let count = self.zip64_count.unwrap_or(count);
            u32s(out, &[0x0606_4b50, 44, 0]);
            u16s(out, &[45, 45]);
            u32s(out, &[0, 0]);
            for number in [count, count, length, start] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            u32s(out, &[0x0706_4b50, 0]);
            out.extend_from_slice(&at.to_le_bytes());
            u32s(out, &[1]);
        }
        let small = if self.zip64 && self.zip64_count.is_none() { 0xffff } else { count as u16 };
        u32s(out, &[0x0605_4b50]);
        u16s(out, &[self.disk, self.disk, small, small]);
        let length = self.directory_length.unwrap_or(length as u32);
        u32s(out, &[length, if self.zip64 { u32::MAX } else { start as u32 }]);
        u16s(out, &[self.comment.len() as u16]);
        out.extend_from_slice(&self.comment);
    }
}

/// Writes a member; answers its record of the directory.
fn local(entry: &Entry, out: &mut Vec<u8>) -> Vec<u8> {
    let at = out.len() as u64;
    let data = entry.data();
    let flags = entry.flags | if entry.descriptor == Descriptor::None { 0 } else { 8 };
    let crc = entry.crc.unwrap_or_else(|| crc32(&entry.content));
    let size = entry.size.unwrap_or(entry.content.len() as u64);
    let compressed = entry.compressed.unwrap_or(data.len() as u64);
    let streamed = entry.descriptor != Descriptor::None;
    let name = entry.local_name.as_ref().unwrap_or(&entry.name);
    u32s(out, &[0x0403_4b50]);
    u16s(out, &[20, flags, entry.local_method.unwrap_or(entry.method), 0, 0x21]);
    u32s(out, &if streamed { [0, 0, 0] } else { [crc, compressed as u32, size as u32] });
    u16s(out, &[name.len() as u16, 0]);
    out.extend_from_slice(name);
    out.extend_from_slice(&data);
    match entry.descriptor {
        Descriptor::None => {}
        Descriptor::Bare => u32s(out, &[crc, compressed as u32, size as u32]),
        Descriptor::Signed => u32s(out, &[0x0807_4b50, crc, compressed as u32, size as u32]),
        Descriptor::Signed64 => u32s(out, &[0x0807_4b50, crc, compressed as u32, 0, size as u32, 0]),
    }
    out.extend_from_slice(&entry.behind);
    let mut extra = Vec::new();
    if entry.zip64 {
        u16s(&mut extra, &[1, 24]);
        for number in [size, compressed, entry.offset.unwrap_or(at)] {
            extra.extend_from_slice(&number.to_le_bytes());
        }
    }
    let short = |number: u64| if entry.zip64 { u32::MAX } else { number as u32 };
    let mut record = Vec::new();
    u32s(&mut record, &[0x0201_4b50]);
    u16s(&mut record, &[0x0314, 20, flags, entry.method, 0, 0x21]);
    u32s(&mut record, &[crc, short(compressed), short(size)]);
    u16s(&mut record, &[entry.name.len() as u16, extra.len() as u16, 0, 0, 0]);
    u32s(&mut record, &[entry.attributes, short(entry.offset.unwrap_or(at))]);
    record.extend_from_slice(&entry.name);
    record.extend_from_slice(&extra);
    record
}

fn u16s(out: &mut Vec<u8>, numbers: &[u16]) {
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn u32s(out: &mut Vec<u8>, numbers: &[u32]) {
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
}
