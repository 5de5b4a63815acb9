//! One gzip stream at a time, written by hand, because the faults need what no library offers: a wrong trailer, or
//! none.

use std::io::{self, Write};

use flate2::{Compression, Crc, write::DeflateEncoder};

/// Magic, deflate, no flags, no time, fastest, unknown system.
const HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 255];

/// How a stream ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    #[default]
    Good,
    /// Before its end.
    Truncated,
    /// With a wrong CRC.
    WrongCrc,
}

/// Compresses into a buffer that the caller empties, so that memory stays small whatever the size of the stream.
pub struct Gzip {
    encoder: DeflateEncoder<Vec<u8>>,
    crc: Crc,
}

impl Gzip {
    pub fn new() -> Self {
        Self { encoder: DeflateEncoder::new(HEADER.to_vec(), Compression::fast()), crc: Crc::new() }
    }

    pub fn write(&mut self, plain: &[u8]) -> io::Result<()> {
        self.crc.update(plain);
        self.encoder.write_all(plain)
    }

    /// What has been compressed so far and not been taken.
    pub fn ready(&mut self) -> &mut Vec<u8> {
        self.encoder.get_mut()
    }

    /// Ends the stream and begins another in the same buffer.
    pub fn end(&mut self, ending: Ending) -> io::Result<()> {
        if ending == Ending::Truncated {
            self.encoder.flush()?;
            let mut flushed = std::mem::take(self.encoder.get_mut());
            flushed.truncate(flushed.len() - flushed.len() / 4);
            // The encoder's own end goes into the buffer that is thrown away here.
            self.encoder.reset(flushed)?;
            self.crc.reset();
            return Ok(());
        }
        let mut ended = self.encoder.reset(Vec::new())?;
        let crc = if ending == Ending::WrongCrc { !self.crc.sum() } else { self.crc.sum() };
        ended.extend_from_slice(&crc.to_le_bytes());
        ended.extend_from_slice(&self.crc.amount().to_le_bytes());
        *self.encoder.get_mut() = ended;
        self.crc.reset();
        Ok(())
    }

    /// Begins a further stream after `end`.
    pub fn begin(&mut self) {
        self.encoder.get_mut().extend_from_slice(&HEADER);
    }
}
