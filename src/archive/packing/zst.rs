//! `json.zst`: the lines of `json`, each part one zstd frame with a checksum of its content.

use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation as _, OutBuffer};

use super::Packed;
use super::parts::Parts;
use crate::archive::ReadError;
use crate::archive::rows::Rows;
use crate::archive::sums::PartSink;
use crate::model::{Fault, FaultKind};

/// The cheapest level packs export rows no worse than the third, for half the processor time (`docs/formats.md`).
const LEVEL: i32 = 1;
/// The compressor's own block. The length of a part is judged after each, so that where a part ends depends on its rows
/// and not on how they arrive.
const BLOCK: usize = 128 * 1024;
/// Compressed bytes at a time.
const OUTPUT: usize = 64 * 1024;

/// A part ends with the row after the block in which it reaches the target.
pub(super) struct Zst {
    target: u64,
    encoder: Encoder<'static>,
    output: Box<[u8]>,
    block_left: usize,
    full: bool,
}

impl Zst {
    /// Parts of about `target` bytes.
    pub(super) fn new(target: u64) -> Result<Self, Fault> {
        let mut encoder = Encoder::new(LEVEL).map_err(|error| failed(&error))?;
        encoder.set_parameter(CParameter::ChecksumFlag(true)).map_err(|error| failed(&error))?;
        let output = vec![0; OUTPUT].into_boxed_slice();
        Ok(Self { target, encoder, output, block_left: BLOCK, full: false })
    }

    /// Takes the next lines, cut anywhere.
    pub(super) fn take<S: PartSink + ?Sized>(
        &mut self,
        parts: &mut Parts<'_, S>,
        mut bytes: &[u8],
        rows: &mut Rows,
    ) -> Packed<S> {
        while !bytes.is_empty() {
            if self.full && !rows.is_inside_line() {
                self.end(parts, rows)?;
            }
            let length = if self.full {
                memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1)
            } else {
                bytes.len().min(self.block_left)
            };
            let (piece, rest) = bytes.split_at(length);
            self.write(parts, piece, rows)?;
            rows.push(piece);
            bytes = rest;
        }
        Ok(())
    }

    /// Compresses into the open part; begins one when none is open. Of a part that is not full, no more than its block.
    pub(super) fn write<S: PartSink + ?Sized>(
        &mut self,
        parts: &mut Parts<'_, S>,
        bytes: &[u8],
        rows: &Rows,
    ) -> Packed<S> {
        parts.write(&[], rows.count()).map_err(ReadError::Sink)?;
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            let mut output = OutBuffer::around(&mut self.output[..]);
            self.encoder.run(&mut input, &mut output).map_err(|error| ReadError::Archive(failed(&error)))?;
            parts.write(output.as_slice(), rows.count()).map_err(ReadError::Sink)?;
        }
        if !self.full {
            self.block_left -= bytes.len();
            if self.block_left == 0 {
                self.block_left = BLOCK;
                self.full = parts.bytes().is_some_and(|bytes| bytes >= self.target);
            }
        }
        Ok(())
    }

    /// Ends the open part, if there is one.
    pub(super) fn end<S: PartSink + ?Sized>(&mut self, parts: &mut Parts<'_, S>, rows: &Rows) -> Packed<S> {
        if parts.bytes().is_none() {
            return Ok(());
        }
        loop {
            let mut output = OutBuffer::around(&mut self.output[..]);
            let left = self.encoder.finish(&mut output, true).map_err(|error| ReadError::Archive(failed(&error)))?;
            parts.write(output.as_slice(), rows.count()).map_err(ReadError::Sink)?;
            if left == 0 {
                break;
            }
        }
        self.encoder.reinit().map_err(|error| ReadError::Archive(failed(&error)))?;
        (self.block_left, self.full) = (BLOCK, false);
        parts.end(rows.count()).map_err(ReadError::Sink)
    }
}

/// The compressor fails only where it has no memory.
fn failed(error: &std::io::Error) -> Fault {
    Fault::new(FaultKind::Panicked, format!("zstd: {error}"))
}
