//! How many rows a parquet file holds, by its end: for whoever checks objects, fed by pieces.

use parquet::file::metadata::ParquetMetaDataReader;

use crate::model::{Fault, FaultKind};

/// The end of a file of ours is shorter: a few kilobytes for each of at most 256 row groups.
const END_MAX: usize = 8 << 20;
const MAGIC: &[u8; 4] = b"PAR1";

/// The end of a file that goes by.
#[derive(Debug, Default)]
pub(in crate::archive) struct Footer {
    bytes: u64,
    end: Vec<u8>,
    begins: bool,
}

impl Footer {
    /// The file's next bytes.
    pub(in crate::archive) fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.end.extend_from_slice(bytes);
        self.begins |= self.bytes == self.end.len() as u64 && self.end.starts_with(MAGIC);
        if self.end.len() >= 2 * END_MAX {
            self.end.drain(..self.end.len() - END_MAX);
        }
    }

    /// The file has ended: its rows.
    pub(in crate::archive) fn rows(&self) -> Result<u64, Fault> {
        let broken = |reason: &dyn std::fmt::Display| {
            Fault::new(FaultKind::BrokenArchive, format!("it is no whole parquet file: {reason}"))
        };
        let torn = || broken(&"its end is torn");
        let (rest, magic) = self.end.split_last_chunk::<4>().ok_or_else(torn)?;
        let (rest, length) = rest.split_last_chunk::<4>().ok_or_else(torn)?;
        if magic != MAGIC || !self.begins {
            return Err(torn());
        }
        let from = rest.len().checked_sub(u32::from_le_bytes(*length) as usize).ok_or_else(torn)?;
        let file = ParquetMetaDataReader::decode_metadata(&rest[from..]).map_err(|error| broken(&error))?;
        u64::try_from(file.file_metadata().num_rows()).map_err(|error| broken(&error))
    }
}
