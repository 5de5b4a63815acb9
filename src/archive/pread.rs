//! A positioned reader over one shared file: every reader has its own place, so hours are read by several threads.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

use crate::model::{Fault, FaultKind};

/// What went wrong with the file itself, if anything did: a torn archive and a failing disk are different faults.
#[derive(Clone, Debug, Default)]
pub(super) struct DiskWatch(Arc<OnceLock<String>>);

impl DiskWatch {
    /// The fault of a read that failed: the disk's where the disk failed, else the archive's, in these words.
    pub(super) fn fault(&self, archive: impl std::fmt::Display) -> Fault {
        match self.0.get() {
            Some(disk) => Fault::new(FaultKind::StagingFailed, disk),
            None => Fault::new(FaultKind::BrokenArchive, archive),
        }
    }

    fn note(&self, what: &str) {
        let _ = self.0.set(format!("the staged archive cannot be read: {what}"));
    }
}

/// Reads a shared file by position (`pread`), through a small buffer.
#[derive(Debug)]
pub(super) struct Pread {
    file: Arc<File>,
    length: u64,
    position: u64,
    buffer: Box<[u8]>,
    buffer_start: u64,
    buffer_filled: usize,
    watch: DiskWatch,
}

impl Pread {
    /// A reader of the first `length` bytes of `file`.
    pub(super) fn new(file: Arc<File>, length: u64, buffer: usize) -> Self {
        let buffer = vec![0; buffer].into_boxed_slice();
        Self { file, length, position: 0, buffer, buffer_start: 0, buffer_filled: 0, watch: DiskWatch::default() }
    }

    /// The length of the file as it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Tells a failing disk from a broken archive, after this reader was lent away.
    pub(super) fn watch(&self) -> DiskWatch {
        self.watch.clone()
    }

    /// Fills `out` from `offset`; an error when the file ends before.
    pub(super) fn exact_at(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.position = offset;
        self.read_exact(out)
    }

    fn pread(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(into, offset) {
                Ok(0) => {
                    self.watch.note("it became shorter");
                    return Ok(0);
                }
                Ok(n) => return Ok(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.watch.note(&error.to_string());
                    return Err(error);
                }
            }
        }
    }
}

impl Read for Pread {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let buffered = self.position.checked_sub(self.buffer_start).and_then(|skip| usize::try_from(skip).ok());
        let skip = match buffered.filter(|skip| *skip < self.buffer_filled) {
            Some(skip) => skip,
            None if wanted >= self.buffer.len() => {
                let n = self.pread(self.position, &mut out[..wanted])?;
                self.position += n as u64;
                return Ok(n);
            }
            None => {
                let mut buffer = std::mem::take(&mut self.buffer);
                let size = buffer.len().min(left);
                let filled = self.pread(self.position, &mut buffer[..size]);
                self.buffer = buffer;
                self.buffer_filled = 0;
                self.buffer_filled = filled?;
                self.buffer_start = self.position;
                0
            }
        };
        let n = wanted.min(self.buffer_filled - skip);
        out[..n].copy_from_slice(&self.buffer[skip..skip + n]);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Pread {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek out of range"))?;
        Ok(self.position)
    }
}
