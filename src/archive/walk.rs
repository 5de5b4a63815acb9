//! What was read of an archive while it arrived, and whether the whole archive's directory says the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Hour;

use super::Archive;

/// A member's CRC and lengths, as the zip has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) gzip_bytes: u64,
}

/// A member that was begun. Its sizes are known from its header, or from its end on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) start: u64,
    pub(super) part: u64,
    pub(super) sizes: Option<Sizes>,
}

#[derive(Debug, Default)]
struct Walked {
    hours: BTreeMap<Hour, (Vec<Seen>, bool)>,
    /// From then on nothing is begun that it does not list.
    whole: Option<Archive>,
    /// Nothing is begun any more.
    ended: bool,
}

/// Every member that was begun, and every hour that was taken for whole. It is asked before each of them, so what it says
/// at any time covers all bytes that an object may hold by then. Clones are the same walk.
#[derive(Clone, Debug, Default)]
pub struct Walk(Arc<Mutex<Walked>>);

impl Walk {
    fn lock(&self) -> MutexGuard<'_, Walked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing was begun.
    pub fn is_empty(&self) -> bool {
        self.lock().hours.is_empty()
    }

    /// Nothing is begun from now on.
    pub fn end(&self) {
        self.lock().ended = true;
    }

    /// Compares all that was read, and from now on each member before it is read, with the archive: the same members, in
    /// the same order, of each hour; all of them where the hour was taken for whole. No other hour is begun.
    pub fn judge(&self, archive: &Archive) -> Result<(), String> {
        let mut walked = self.lock();
        for (hour, (members, whole)) in &walked.hours {
            let listed = archive.members(*hour);
            if let Some(number) =
                (0..members.len()).find(|number| !is_listed(archive, *hour, *number, members[*number]))
            {
                return Err(format!("member {number} of {hour} is another one than was read while it arrived"));
            }
            if *whole && members.len() != listed {
                let read = members.len();
                return Err(format!("{hour} has {listed} members, of which {read} stood together while it arrived"));
            }
        }
        walked.whole = Some(archive.clone());
        Ok(())
    }

    /// Whether an hour may be begun: none twice.
    pub(super) fn begin_hour(&self, hour: Hour) -> bool {
        let mut walked = self.lock();
        let begun = !walked.ended && walked.whole.is_none() && !walked.hours.contains_key(&hour);
        if begun {
            walked.hours.insert(hour, (Vec::new(), false));
        }
        begun
    }

    /// Whether the hour's next member may be read.
    pub(super) fn begin_member(&self, hour: Hour, seen: Seen) -> bool {
        let Walked { hours, whole, ended } = &mut *self.lock();
        let Some((members, _)) = hours.get_mut(&hour) else { return false };
        let begun = !*ended && whole.as_ref().is_none_or(|archive| is_listed(archive, hour, members.len(), seen));
        if begun {
            members.push(seen);
        }
        begun
    }

    /// Whether the member that was begun last may have ended so.
    pub(super) fn end_member(&self, hour: Hour, sizes: Sizes) -> bool {
        let Walked { hours, whole, .. } = &mut *self.lock();
        let Some((number, seen)) = hours.get_mut(&hour).and_then(|(members, _)| members.iter_mut().enumerate().last())
        else {
            return false;
        };
        seen.sizes = Some(sizes);
        whole.as_ref().is_none_or(|archive| is_listed(archive, hour, number, *seen))
    }

    /// Whether the hour may be taken for whole.
    pub(super) fn end_hour(&self, hour: Hour) -> bool {
        let Walked { hours, whole, ended } = &mut *self.lock();
        let Some((members, is_whole)) = hours.get_mut(&hour) else { return false };
        *is_whole = !*ended && whole.as_ref().is_none_or(|archive| archive.members(hour) == members.len());
        *is_whole
    }
}

/// Whether the hour's member of this number is the one that was seen.
fn is_listed(archive: &Archive, hour: Hour, number: usize, seen: Seen) -> bool {
    let Some(member) = archive.hour_members(hour).get(number) else { return false };
    let Ok(entry) = archive.zip().entry(member.index) else { return false };
    let listed = Sizes { crc: entry.crc32(), compressed: member.compressed, gzip_bytes: member.gzip_bytes };
    entry.header_start() == seen.start && member.part == seen.part && seen.sizes.is_none_or(|sizes| sizes == listed)
}
