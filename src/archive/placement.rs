//! Where the members lie: from the first byte to the central directory, one after another, no overlap, nothing between
//! but data descriptors. A member that the directory does not list would be rows that are lost without a word.
//!
//! Source: APPNOTE.TXT 6.3.10, sections 4.3.7 (local header) and 4.3.9 (data descriptor).

use zip::read::ZipArchiveMetadata;

use crate::model::Fault;

use super::bytes::{u16_at, u32_at};
use super::names::shown;
use super::pread::Pread;

pub(super) const LOCAL: u32 = 0x0403_4b50;
pub(super) const LOCAL_LENGTH: usize = 30;
const ENCRYPTED: u16 = 1;
pub(super) const DESCRIPTOR: u16 = 1 << 3;

/// Lengths of a data descriptor: without and with its signature, sizes of 4 and of 8 bytes; and none at all.
const DESCRIPTOR_LENGTHS: [u64; 5] = [0, 12, 16, 20, 24];

/// One member as the central directory lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// Index in the zip crate's table.
    pub(super) index: usize,
    /// Offset of the local header.
    pub(super) start: u64,
    /// Bytes of its compressed content.
    pub(super) compressed: u64,
    /// The method's number.
    pub(super) method: u16,
}

/// Reads every local header: right signature, name, method, no overlap, no hole.
pub(super) fn check(
    file: &mut Pread,
    zip: &ZipArchiveMetadata,
    mut listed: Vec<Listed>,
    end: u64,
) -> Result<(), Fault> {
    let watch = file.watch();
    listed.sort_unstable_by_key(|member| (member.start, member.index));
    let mut free_from = 0;
    let mut described = false;
    for member in &listed {
        gap(free_from, member.start, described).map_err(|reason| watch.fault(reason))?;
        let entry = zip.entry(member.index).map_err(|error| watch.fault(error))?;
        let name = entry.name_raw();
        let at_name = |reason: &str| watch.fault(format!("member {}: {reason}", shown(name)));
        let mut header = [0; LOCAL_LENGTH];
        file.exact_at(member.start, &mut header).map_err(|_| at_name("its local header lies outside the archive"))?;
        if u32_at(&header, 0) != LOCAL {
            return Err(at_name("no local header where the central directory says"));
        }
        let mut local_name = vec![0; usize::from(u16_at(&header, 26))];
        file.exact_at(member.start + LOCAL_LENGTH as u64, &mut local_name)
            .map_err(|_| at_name("its local header lies outside the archive"))?;
        if local_name != name {
            return Err(at_name(&format!("its local header names {}", shown(&local_name))));
        }
        if u16_at(&header, 8) != member.method {
            return Err(at_name("its local header has another method"));
        }
        if u16_at(&header, 6) & ENCRYPTED != 0 {
            return Err(at_name("it is encrypted"));
        }
        let before = (LOCAL_LENGTH + local_name.len()) as u64 + u64::from(u16_at(&header, 28));
        free_from = member.start.saturating_add(before).saturating_add(member.compressed);
        described = u16_at(&header, 6) & DESCRIPTOR != 0;
    }
    gap(free_from, end, described).map_err(|reason| watch.fault(reason))
}

/// What may lie between the end of one member and the start of the next: nothing, or one data descriptor.
fn gap(from: u64, to: u64, described: bool) -> Result<(), String> {
    match to.checked_sub(from) {
        Some(0) => Ok(()),
        Some(length) if described && DESCRIPTOR_LENGTHS.contains(&length) => Ok(()),
        Some(length) if from == 0 => Err(format!("{length} bytes lie before the first member")),
        Some(length) => Err(format!("{length} bytes at {from} belong to no member")),
        None => Err(format!("members overlap, or reach into the directory, at {to}")),
    }
}
