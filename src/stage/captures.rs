//! Whole archives: opened when they are what the journal recorded, removed, swept.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::names::{self, Kind};
use super::room::io_fault;
use super::{Stage, Swept};
use crate::model::record::is_recorded;
use crate::model::{CaptureId, Fault, FaultKind};

impl Stage {
    /// The archive of a capture, at its start, when it has the recorded length and SHA-256; else the capture is lost.
    /// It is read once by each process that did not write it. Blocks for as long as that takes.
    pub fn open_capture(&self, capture: CaptureId, bytes: u64, sha256: &str) -> Result<File, Fault> {
        let lost =
            |what: String| Fault::new(FaultKind::CaptureLost, format!("the staged archive {capture}.zip {what}"));
        let path = names::archive(&self.inner.dir, capture);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => lost("is gone".to_owned()),
            _ => io_fault("read", &path, &error),
        };
        let mut file = File::open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length != bytes {
            return Err(lost(format!("is {length} bytes long, not {bytes} as recorded")));
        }
        let recorded = (bytes, sha256.to_ascii_lowercase());
        if self.inner.ledger().verified.get(&capture) == Some(&recorded) {
            return Ok(file);
        }
        if !is_recorded((bytes, sha256), (length, &hash(&mut file).map_err(failed)?)) {
            return Err(lost("is not the recorded one: its SHA-256 differs".to_owned()));
        }
        file.rewind().map_err(failed)?;
        self.inner.ledger().verified.insert(capture, recorded);
        Ok(file)
    }

    /// Removes the archive of a capture. One that is not there is no error.
    pub fn remove(&self, capture: CaptureId) -> io::Result<()> {
        self.inner.ledger().verified.remove(&capture);
        self.delete(&names::archive(&self.inner.dir, capture)).map(drop)
    }

    /// At start: deletes every unfinished download and every archive whose capture the journal does not know. Downloads
    /// of this process, and what is not ours, stay.
    pub fn sweep(&self, known: &dyn Fn(CaptureId) -> bool) -> io::Result<Swept> {
        let mut swept = Swept::default();
        for entry in names::entries(&self.inner.dir)? {
            match entry.kind {
                Kind::Part(capture) if !self.inner.ledger().writing.contains(&capture) => {
                    swept.parts += 1;
                }
                Kind::Archive(capture) if !known(capture) => {
                    self.inner.ledger().verified.remove(&capture);
                    swept.archives += 1;
                }
                Kind::Foreign => {
                    swept.foreign += 1;
                    continue;
                }
                _ => continue,
            }
            swept.bytes += self.delete(&entry.path)?;
        }
        self.sweep_quarantine()?;
        Ok(swept)
    }

    /// Deletes a file, which may be gone already, and gives its bytes back.
    pub(super) fn delete(&self, path: &Path) -> io::Result<u64> {
        self.inner.delete(path)
    }
}

impl super::Inner {
    /// Deletes a file, which may be gone already, and gives its bytes back.
    pub(super) fn delete(&self, path: &Path) -> io::Result<u64> {
        let deleted = fs::symlink_metadata(path).and_then(|file| fs::remove_file(path).map(|()| file.len()));
        match deleted {
            Ok(bytes) => {
                self.release(bytes);
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// The SHA-256 of the rest of a file, in hex.
fn hash(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(hash.finalize())),
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
