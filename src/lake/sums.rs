//! The checksums of an object, in the forms in which S3 and the manifest write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, Digest};
use sha2::{Digest as _, Sha256};

use super::Piece;
use super::error::LakeError;

/// What an object's bytes must be: computed while they were read from the archive, checked by whoever stores them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Length.
    pub bytes: u64,
    /// CRC-64/NVME, base64 of its 8 big-endian bytes.
    pub crc64nvme: String,
    /// CRC-32 (ISO-HDLC), base64 of its 4 big-endian bytes, where it was computed.
    pub crc32: Option<String>,
    /// SHA-256, hex, where it was computed.
    pub sha256: Option<String>,
}

impl Sums {
    /// All sums of bytes that are at hand.
    pub fn of(bytes: &[u8]) -> Self {
        let mut summing = Summing::new(true, true);
        summing.update(bytes);
        summing.finish()
    }
}

/// [`Sums`] in the making. CRC-64/NVME always; the others are asked for, because SHA-256 costs.
#[derive(Clone)]
pub struct Summing {
    bytes: u64,
    crc64nvme: Digest,
    crc32: Option<Digest>,
    sha256: Option<Sha256>,
}

impl Summing {
    /// Begins with nothing.
    pub fn new(crc32: bool, sha256: bool) -> Self {
        Self {
            bytes: 0,
            crc64nvme: Digest::new(CrcAlgorithm::Crc64Nvme),
            crc32: crc32.then(|| Digest::new(CrcAlgorithm::Crc32IsoHdlc)),
            sha256: sha256.then(Sha256::new),
        }
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.crc64nvme.update(bytes);
        self.update_others(bytes);
    }

    /// Takes a piece, believing its CRC-64/NVME. Only the first one can be summed so: what comes later must be joined.
    pub(super) fn of_piece(mut self, piece: &Piece) -> Self {
        (self.bytes, self.crc64nvme) = (piece.bytes.len() as u64, piece.crc64nvme);
        self.update_others(&piece.bytes);
        self
    }

    fn update_others(&mut self, bytes: &[u8]) {
        if let Some(crc32) = &mut self.crc32 {
            crc32.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// Takes the bytes that `next` took, which follow. Their SHA-256 cannot be joined, so there is none from then on.
    pub(super) fn join(&mut self, next: &Self) {
        self.bytes += next.bytes;
        self.crc64nvme.combine(&next.crc64nvme);
        if let (Some(crc32), Some(next)) = (&mut self.crc32, &next.crc32) {
            crc32.combine(next);
        }
        self.sha256 = None;
    }

    /// Bytes taken so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sums.
    pub fn finish(self) -> Sums {
        Sums {
            bytes: self.bytes,
            crc64nvme: BASE64.encode(self.crc64nvme.finalize().to_be_bytes()),
            crc32: self.crc32.map(|digest| BASE64.encode(&digest.finalize().to_be_bytes()[4..])),
            sha256: self.sha256.map(|digest| hex::encode(digest.finalize())),
        }
    }

    /// Whether what was written is what `wanted` says: the length, and each sum that both sides have.
    /// Answers the sums of both together.
    pub(super) fn checked(self, key: &str, wanted: &Sums) -> Result<Sums, LakeError> {
        let got = self.finish();
        let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        let what = if got.bytes != wanted.bytes {
            format!("{} bytes were written where {} were announced", got.bytes, wanted.bytes)
        } else if got.crc64nvme != wanted.crc64nvme {
            format!("CRC-64/NVME {} was written where {} was announced", got.crc64nvme, wanted.crc64nvme)
        } else if differ(&got.crc32, &wanted.crc32) || differ(&got.sha256, &wanted.sha256) {
            "another checksum was written than was announced".to_owned()
        } else {
            let (crc32, sha256) =
                (got.crc32.or_else(|| wanted.crc32.clone()), got.sha256.or_else(|| wanted.sha256.clone()));
            return Ok(Sums { crc32, sha256, ..got });
        };
        Err(LakeError::Integrity(format!("{key}: {what}; nothing was stored")))
    }
}

/// Hex to the base64 that S3 wants of the same digest.
pub(super) fn hex_to_base64(text: &str) -> Option<String> {
    hex::decode(text).ok().map(|raw| BASE64.encode(raw))
}

/// Whether a store's text can be this digest of a whole object. A multipart composite ends with `-N`; moto without its
/// CRT library answers a CRC-32 under the name of CRC-64/NVME.
pub(super) fn is_digest(text: &str, bytes: usize) -> bool {
    BASE64.decode(text).is_ok_and(|raw| raw.len() == bytes)
}

/// S3's base64 to hex.
pub(super) fn base64_to_hex(text: &str) -> Option<String> {
    BASE64.decode(text).ok().map(hex::encode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_values_come_out() {
        let sums = Sums::of(b"123456789");
        assert_eq!(sums.crc64nvme, BASE64.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes()));
        assert_eq!(sums.crc32.unwrap(), BASE64.encode(0xcbf4_3926_u32.to_be_bytes()));
        assert!(sums.sha256.unwrap().starts_with("15e2b0d3c33891eb"));
        assert_eq!(base64_to_hex(&hex_to_base64("00ff").unwrap()).unwrap(), "00ff");
        assert!(is_digest("rosUhgp5mIg=", 8) && !is_digest("nS0UVw==", 8) && !is_digest("rosUhgp5mIg=-2", 8));
    }

    #[test]
    fn sums_of_parts_join_to_those_of_the_whole() {
        let text: Vec<u8> = (0..9_000_u32).flat_map(u32::to_le_bytes).collect();
        for cuts in [vec![0], vec![1], vec![7, 7, 20_000], vec![35_999, 36_000]] {
            let mut joined = Summing::new(true, true);
            let mut from = 0;
            for to in cuts.into_iter().chain([text.len()]) {
                let mut part = Summing::new(true, true);
                part.update(&text[from..to]);
                joined.join(&part);
                from = to;
            }
            assert_eq!(joined.finish(), Sums { sha256: None, ..Sums::of(&text) });
        }
    }

    #[test]
    fn a_difference_is_told() {
        let mut summing = Summing::new(false, false);
        summing.update(b"abc");
        let error = summing.checked("k", &Sums::of(b"abd")).unwrap_err();
        assert!(matches!(error, LakeError::Integrity(_)), "{error}");
    }
}
