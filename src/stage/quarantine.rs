//! Broken archives, kept for a person: the newest few, and none when a download needs the room.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Inner, Stage, names, sync_directory};
use crate::model::{CaptureId, Hour, SourceName};

/// Longest label kept in a file name.
const LABEL_MAX: usize = 100;

impl Stage {
    /// Moves the archive of a capture into quarantine, as `<label>.<capture>.zip` with its reason beside it, and
    /// answers where it lies. `None` when there is no such archive, or when none are kept. Of those in quarantine the
    /// newest `keep_quarantined` stay. Asked again, it answers the same.
    pub fn set_aside(&self, capture: CaptureId, label: &str, reason: &str) -> io::Result<Option<PathBuf>> {
        let inner = &self.inner;
        let _held = inner.hold_quarantine();
        let staged = names::archive(&inner.dir, capture);
        let stem = format!("{}.{capture}", plain(label));
        let target = inner.quarantine.join(format!("{stem}.zip"));
        if fs::exists(&staged)? {
            inner.ledger().verified.remove(&capture);
            inner.write_reason(&reason_beside(&target), capture, label, reason)?;
            fs::rename(&staged, &target)?;
            sync_directory(&inner.quarantine)?;
            sync_directory(&inner.dir)?;
        }
        inner.keep_newest(inner.keep_quarantined)?;
        Ok(fs::exists(&target)?.then_some(target))
    }

    /// Deletes what a crash left half-written in quarantine.
    pub(super) fn sweep_quarantine(&self) -> io::Result<()> {
        let _held = self.inner.hold_quarantine();
        for entry in names::entries(&self.inner.quarantine)? {
            let reason_alone = entry.path.to_str().and_then(|path| path.strip_suffix(".reason.json"));
            let unfinished = entry.path.extension().is_some_and(|extension| extension == "tmp");
            if unfinished || reason_alone.is_some_and(|stem| !Path::new(&format!("{stem}.zip")).exists()) {
                self.delete(&entry.path)?;
            }
        }
        Ok(())
    }
}

/// The archives of an hour that are kept in the quarantine of a staging directory; none where that cannot be read.
pub fn kept(staging: &Path, source: &SourceName, hour: Hour) -> Vec<PathBuf> {
    let begins = format!("{}.", plain(&label(source, hour)));
    let is_of_hour = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(&begins)) && path.extension().is_some_and(|end| end == "zip")
    };
    let entries = names::entries(&quarantine_of(staging)).unwrap_or_default();
    entries.into_iter().map(|entry| entry.path).filter(|path| is_of_hour(path)).collect()
}

/// What an archive's name in quarantine begins with.
pub fn label(source: &SourceName, hour: Hour) -> String {
    format!("{source}.{hour}")
}

/// Where a staging directory keeps them.
pub(super) fn quarantine_of(staging: &Path) -> PathBuf {
    staging.join("quarantine")
}

impl Inner {
    /// Deletes the oldest archive in quarantine; false when there is none or it stays.
    pub(super) fn give_way(&self) -> bool {
        let _held = self.hold_quarantine();
        let Ok(archives) = self.quarantined() else { return false };
        let Some(oldest) = archives.first() else { return false };
        let gone = self.forget(oldest).is_ok();
        if gone {
            tracing::warn!(archive = %oldest.display(), "quarantined archive deleted: a download needs the room");
        }
        gone
    }

    /// Bytes in quarantine; 0 when it cannot be read.
    pub(super) fn quarantined_bytes(&self) -> u64 {
        names::entries(&self.quarantine).map_or(0, |entries| entries.iter().map(|entry| entry.bytes).sum())
    }

    fn hold_quarantine(&self) -> MutexGuard<'_, ()> {
        self.quarantining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The archives in quarantine, oldest first.
    fn quarantined(&self) -> io::Result<Vec<PathBuf>> {
        let mut archives: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in names::entries(&self.quarantine)? {
            if entry.path.extension().is_some_and(|extension| extension == "zip") {
                archives.push((fs::symlink_metadata(&entry.path)?.modified()?, entry.path));
            }
        }
        archives.sort();
        Ok(archives.into_iter().map(|(_, path)| path).collect())
    }

    fn keep_newest(&self, most: usize) -> io::Result<()> {
        let archives = self.quarantined()?;
        let too_many = archives.len().saturating_sub(most);
        archives[..too_many].iter().try_for_each(|archive| self.forget(archive))
    }

    /// Deletes an archive in quarantine and its reason.
    fn forget(&self, archive: &Path) -> io::Result<()> {
        self.delete(archive)?;
        self.delete(&reason_beside(archive)).map(drop)
    }

    /// Writes why an archive is here. Before the archive comes, so that none is here without.
    fn write_reason(&self, path: &Path, capture: CaptureId, label: &str, reason: &str) -> io::Result<()> {
        let text = serde_json::json!({
            "schema": "ampd.quarantine/1", "label": label, "capture": capture, "reason": reason,
        });
        let text = format!("{text}\n");
        let unfinished = path.with_extension("json.tmp");
        self.delete(path)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        self.used.fetch_add(text.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// `<stem>.reason.json` beside `<stem>.zip`.
fn reason_beside(archive: &Path) -> PathBuf {
    archive.with_extension("reason.json")
}

/// A label as part of a file name.
fn plain(label: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let plain: String = label.trim_start_matches('.').chars().take(LABEL_MAX).map(safe).collect();
    if plain.is_empty() { "unnamed".to_owned() } else { plain }
}
