//! The budget: `staging.max_bytes` for what the directory holds, `staging.min_free` for what the disk keeps free.

use std::io;
use std::sync::atomic::Ordering;

use bytesize::ByteSize;

use super::names::{self, Kind};
use super::{Inner, Stage, Usage};
use crate::model::{Fault, FaultKind};

/// How many bytes are lacking, and of what.
struct Lack {
    bytes: u64,
    words: String,
}

impl Stage {
    /// What the directory holds and may hold. Cheap: nothing is read but one figure of the file system.
    pub fn usage(&self) -> Usage {
        let inner = &self.inner;
        Usage { used_bytes: inner.used.load(Ordering::Relaxed), limit_bytes: inner.max_bytes, free_bytes: inner.free() }
    }

    /// Says whether a download may start now. Nothing is reserved.
    pub fn check_room(&self) -> Result<(), Fault> {
        self.inner.check_room(0)
    }
}

impl Inner {
    /// Counts what lies in the directory.
    pub(super) fn measure(&self) -> io::Result<()> {
        let staged = names::entries(&self.dir)?;
        let ours = staged.iter().filter(|entry| matches!(entry.kind, Kind::Part(_) | Kind::Archive(_)));
        let quarantined: u64 = names::entries(&self.quarantine)?.iter().map(|entry| entry.bytes).sum();
        self.used.store(ours.map(|entry| entry.bytes).sum::<u64>() + quarantined, Ordering::Relaxed);
        Ok(())
    }

    /// Says whether `more` bytes have room, of which nothing is reserved. Quarantined archives give way, oldest first,
    /// when that is enough.
    pub(super) fn check_room(&self, more: u64) -> Result<(), Fault> {
        let mut measured = false;
        while let Some(lack) = self.lack(more) {
            // Somebody may have deleted files behind our back.
            let idle = self.ledger().writing.is_empty();
            if idle && !std::mem::replace(&mut measured, true) && self.measure().is_ok() {
                continue;
            }
            if self.quarantined_bytes() < lack.bytes || !self.give_way() {
                return Err(Fault::new(FaultKind::StagingFull, lack.words));
            }
        }
        Ok(())
    }

    /// Counts `more` bytes that are about to be written, when they have room.
    pub(super) fn claim(&self, more: u64) -> Result<(), Fault> {
        self.check_room(more)?;
        self.used.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// Counts `fewer` bytes that are gone.
    pub(super) fn release(&self, fewer: u64) {
        let lower = |used: u64| Some(used.saturating_sub(fewer));
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lower);
    }

    /// What `more` bytes lack, if anything.
    fn lack(&self, more: u64) -> Option<Lack> {
        let dir = self.dir.display();
        let used = self.used.load(Ordering::Relaxed);
        let over = used.saturating_add(more.max(1)).saturating_sub(self.max_bytes);
        if over > 0 {
            let (used, most) = (ByteSize::b(used), ByteSize::b(self.max_bytes));
            let words =
                format!("staging is full: {used} of {most} in {dir} (staging.max_bytes); publishing empties it");
            return Some(Lack { bytes: over, words });
        }
        let free = self.free();
        let under = self.min_free.saturating_add(more).saturating_sub(free);
        if under > 0 {
            let (free, least) = (ByteSize::b(free), ByteSize::b(self.min_free));
            let words =
                format!("the disk of {dir} is nearly full: {free} free, {least} must stay so (staging.min_free)");
            return Some(Lack { bytes: under, words });
        }
        None
    }

    fn free(&self) -> u64 {
        rustix::fs::statvfs(&self.dir).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// An I/O error as a fault: a full disk is one thing, anything else another.
pub(super) fn io_fault(what: &str, path: &std::path::Path, error: &io::Error) -> Fault {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FaultKind::StagingFull,
        _ => FaultKind::StagingFailed,
    };
    Fault::new(kind, format!("cannot {what} {}: {error}", path.display()))
}
