//! The members of an archive, by hour: every name parsed, every claim of the directory judged before a byte is read.

use std::collections::{BTreeMap, HashSet};

use zip::CompressionMethod;
use zip::read::{ZipArchiveMetadata, ZipFileEntry};

use crate::model::{Fault, FaultKind, Hour, Window};

use super::Limits;
use super::names::{self, MemberName};
use super::placement::Listed;

/// One member that holds rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Index in the zip crate's table.
    pub(super) index: usize,
    /// The part number in its name.
    pub(super) part: u64,
    /// Bytes in the archive.
    pub(super) compressed: u64,
    /// Bytes of gzip, as the directory declares them.
    pub(super) gzip_bytes: u64,
}

/// What the directory lists.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Members in natural order, by hour.
    pub(super) hours: BTreeMap<Hour, Vec<Member>>,
    /// The project that every member names.
    pub(super) project: Option<String>,
    /// Everything listed, folders too.
    pub(super) listed: Vec<Listed>,
}

/// Judges every entry of the directory.
pub(super) fn read(zip: &ZipArchiveMetadata, window: Window, limits: &Limits) -> Result<Index, Fault> {
    let mut index = Index::default();
    let mut seen = HashSet::new();
    for number in 0..zip.len() {
        let entry = zip.entry(number).map_err(|error| Fault::new(FaultKind::BrokenArchive, error))?;
        let name = entry.name_raw();
        let refused = |reason: &dyn std::fmt::Display| {
            Fault::new(FaultKind::BrokenArchive, format!("member {}: {reason}", names::shown(name)))
        };
        let method = judge(&entry, limits).map_err(|reason| refused(&reason))?;
        let (compressed, start) = (entry.compressed_size(), entry.header_start());
        index.listed.push(Listed { index: number, start, compressed, method });
        if name.ends_with(b"/") {
            if entry.size() > 0 {
                return Err(refused(&"a folder that holds bytes"));
            }
            continue;
        }
        let MemberName { project, hour, part } = names::parse(name).ok_or_else(|| refused(&"no name of an export"))?;
        if !window.contains(hour) {
            return Err(refused(&format!("nobody asked for this hour, but for {window}")));
        }
        let first = index.project.get_or_insert_with(|| project.to_owned());
        if first != project {
            return Err(refused(&format!("another project than {first}")));
        }
        if !seen.insert((hour, part)) {
            return Err(refused(&"this hour and part are there twice"));
        }
        let member = Member { index: number, part, compressed, gzip_bytes: entry.size() };
        index.hours.entry(hour).or_default().push(member);
    }
    for members in index.hours.values_mut() {
        members.sort_unstable_by_key(|member| member.part);
    }
    Ok(index)
}

/// The entry's method, when it is one that an export uses; else what is wrong with it.
fn judge(entry: &ZipFileEntry<'_>, limits: &Limits) -> Result<u16, String> {
    if entry.encrypted() {
        return Err("it is encrypted".to_owned());
    }
    if entry.is_symlink() {
        return Err("it is a link".to_owned());
    }
    let (compressed, size) = (entry.compressed_size(), entry.size());
    let method = match entry.compression() {
        CompressionMethod::Stored if compressed != size => {
            return Err(format!("stored, but {compressed} bytes are to become {size}"));
        }
        CompressionMethod::Stored => 0,
        CompressionMethod::Deflated => 8,
        other => return Err(format!("method {other:?} is neither stored nor deflated")),
    };
    if size > limits.output_cap(compressed) {
        return Err(format!("a bomb: {compressed} bytes are to become {size}"));
    }
    Ok(method)
}
