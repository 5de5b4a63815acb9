//! A part on its way out: where its bytes go, and the sums that travel with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use sha2::{Digest as _, Sha256};

/// What a finished part comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSums {
    /// Its number, from 0 through the hour.
    pub part: u32,
    /// Length in bytes.
    pub bytes: u64,
    /// Lines that are not blank.
    pub rows: u64,
    /// SHA-256, hex; always for `json.gz`, for the others when [`Packing::sha256`](super::Packing) asks for it.
    pub sha256: Option<String>,
    /// CRC-64/NVME, base64 of its 8 big-endian bytes, as S3 writes it.
    pub crc64nvme: String,
}

/// Where an hour's parts go. For each part `begin`, any number of `write`, `end`; parts in order. After an error of
/// either side nothing more comes, and what was written must not be published.
pub trait PartSink {
    /// Why it cannot go on.
    type Error;

    /// A part begins.
    fn begin(&mut self, part: u32) -> Result<(), Self::Error>;

    /// The part's next bytes; never none, and never of two pieces.
    fn write(&mut self, chunk: &[u8]) -> Result<(), Self::Error>;

    /// A part is cut into pieces of so many bytes; the last one is shorter, or as long.
    fn piece(&self) -> u64 {
        u64::MAX
    }

    /// The piece is whole, with its CRC-64/NVME.
    fn end_piece(&mut self, _crc64nvme: Crc) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The part is whole.
    fn end(&mut self, sums: PartSums) -> Result<(), Self::Error>;
}

/// Drops everything: an hour is only measured, for a recheck.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl PartSink for Discard {
    type Error = std::convert::Infallible;

    fn begin(&mut self, _part: u32) -> Result<(), Self::Error> {
        Ok(())
    }

    fn write(&mut self, _chunk: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }

    fn end(&mut self, _sums: PartSums) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A part that has begun.
pub(super) struct OpenPart {
    number: u32,
    bytes: u64,
    rows_before: u64,
    sha256: Option<Sha256>,
    /// Of the pieces that are whole.
    crc: Option<Crc>,
    /// Of the one that is not.
    piece: Crc,
}

impl OpenPart {
    /// Begins a part in the sink. `rows` were counted before it.
    pub(super) fn begin<S: PartSink + ?Sized>(
        sink: &mut S,
        number: u32,
        rows: u64,
        sha256: bool,
    ) -> Result<Self, S::Error> {
        sink.begin(number)?;
        Ok(Self::new(number, rows, sha256))
    }

    /// A part without a byte. `rows` were counted before it.
    pub(super) fn new(number: u32, rows: u64, sha256: bool) -> Self {
        let sha256 = sha256.then(Sha256::new);
        Self { number, bytes: 0, rows_before: rows, sha256, crc: None, piece: no_crc() }
    }

    /// Length so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes.
    pub(super) fn write<S: PartSink + ?Sized>(&mut self, sink: &mut S, mut chunk: &[u8]) -> Result<(), S::Error> {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(chunk);
        }
        while !chunk.is_empty() {
            let room = sink.piece() - self.piece.get_amount();
            if room == 0 {
                self.end_piece(sink)?;
                continue;
            }
            let (now, later) = chunk.split_at(usize::try_from(room).unwrap_or(usize::MAX).min(chunk.len()));
            self.bytes += now.len() as u64;
            self.piece.update(now);
            sink.write(now)?;
            chunk = later;
        }
        Ok(())
    }

    fn end_piece<S: PartSink + ?Sized>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let piece = std::mem::replace(&mut self.piece, no_crc());
        match &mut self.crc {
            Some(crc) => crc.combine(&piece),
            none => *none = Some(piece),
        }
        sink.end_piece(piece)
    }

    /// Ends the part in the sink. `rows` were counted up to here, through the hour.
    pub(super) fn end<S: PartSink + ?Sized>(mut self, sink: &mut S, rows: u64) -> Result<(), S::Error> {
        if self.piece.get_amount() > 0 {
            self.end_piece(sink)?;
        }
        sink.end(self.sums(rows))
    }

    /// What the part comes to. `rows` were counted up to here, through the hour.
    pub(super) fn sums(self, rows: u64) -> PartSums {
        let crc = self.crc.unwrap_or(self.piece);
        PartSums {
            part: self.number,
            bytes: self.bytes,
            rows: rows - self.rows_before,
            sha256: self.sha256.map(|sha256| hex::encode(sha256.finalize())),
            crc64nvme: STANDARD.encode(crc.finalize().to_be_bytes()),
        }
    }
}

fn no_crc() -> Crc {
    Crc::new(CrcAlgorithm::Crc64Nvme)
}
