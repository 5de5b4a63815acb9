//! A gzip file in one piece: the fast way for the members that most archives have, small and of one gzip stream.
//!
//! libdeflate decompresses faster than a streaming decoder, but wants all input and room for all output, and stops after
//! the first gzip member without telling where. So this way only ever says yes: a file that is not plainly one gzip
//! member of the announced length, whole and with nothing behind it, is left to [`Gunzip`](super::gunzip::Gunzip),
//! which alone says what is wrong.
//!
//! In one thing libdeflate is more lenient than zlib: it reads codes that the format reserves and no encoder writes. The
//! content is the announced one all the same, by CRC and length, and a byte that changed on the way is found by the zip's CRC.

use libdeflater::Decompressor;
use memmap2::MmapMut;

use crate::memory::in_large_pages;

/// Longest file that is held.
pub(super) const INPUT_MAX: usize = 4 << 20;
/// Most that comes out of one.
const OUTPUT_MAX: usize = 16 << 20;
/// The output's room grows in steps of this.
const STEP: usize = 1 << 20;
/// Bytes of a gzip header without optional fields, as every export has it, and of a trailer.
const HEADER: usize = 10;
const TRAILER: usize = 8;

/// The buffers of one reading thread, used for file after file.
pub(super) struct Whole {
    decompressor: Decompressor,
    /// Mapped, not allocated: what is given up goes back to the system at once, whatever thread it was.
    output: Option<MmapMut>,
}

impl Whole {
    /// Without a buffer yet.
    pub(super) fn new() -> Self {
        Self { decompressor: Decompressor::new(), output: None }
    }

    /// What the file holds, if it is plainly one gzip member that grows to no more than `cap` bytes.
    pub(super) fn gunzip(&mut self, file: &[u8], cap: u64) -> Option<&[u8]> {
        let length = announced(file).filter(|length| *length as u64 <= cap)?;
        if self.output.as_ref().is_none_or(|output| output.len() < length) {
            // The old one goes before the new one comes. Without memory for it the streaming way is left.
            self.output = None;
            self.output = in_large_pages(length.max(1).next_multiple_of(STEP)).ok();
        }
        let output = self.output.as_mut()?.get_mut(..length)?;
        let made = self.decompressor.gzip_decompress(file, output).ok()?;
        (made == length).then_some(output)
    }
}

/// The length in the file's last bytes, if they cannot be anything but the end of its only gzip member.
///
/// The decompressor compares the length that follows the member's data with the member's. So a success means that this
/// length stands behind the data; it stands nowhere in the file but at its end; so nothing is behind the first member.
fn announced(file: &[u8]) -> Option<usize> {
    let plain = file.len() >= HEADER + TRAILER && file.len() <= INPUT_MAX && file.starts_with(&[0x1f, 0x8b, 8, 0]);
    let (before, last) = plain.then_some(file)?.split_last_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*last)).ok().filter(|length| *length <= OUTPUT_MAX)?;
    let once = memchr::memmem::find(&file[HEADER..], last) == Some(before.len() - HEADER);
    once.then_some(length)
}
