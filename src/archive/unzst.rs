//! Decompresses `json.zst` objects, for whoever checks them: exactly one zstd frame, its checksum checked, in bounded
//! memory.

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

use crate::model::{Fault, FaultKind};

/// Bytes of decompressed output at a time.
const OUTPUT: usize = 128 * 1024;
/// A frame that wants more memory (2 to this) than one of ours is refused.
const WINDOW_LOG: u32 = 23;

/// Decompresses one object after another, each fed in pieces of any size.
pub(super) struct Unzst {
    decoder: Decoder<'static>,
    output: Box<[u8]>,
    whole: bool,
}

impl Unzst {
    /// Ready for a first object.
    pub(super) fn new() -> Result<Self, Fault> {
        let mut decoder = Decoder::new().map_err(|error| broken(&error))?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(|error| broken(&error))?;
        Ok(Self { decoder, output: vec![0; OUTPUT].into_boxed_slice(), whole: false })
    }

    /// Starts an object.
    pub(super) fn begin(&mut self) -> Result<(), Fault> {
        self.whole = false;
        self.decoder.reinit().map_err(|error| broken(&error))
    }

    /// Takes the next bytes of the object and hands out what they hold.
    pub(super) fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(&[u8])) -> Result<(), Fault> {
        let mut input = InBuffer::around(bytes);
        let mut full = false;
        while input.pos() < bytes.len() || full {
            if self.whole {
                return Err(broken(&"bytes follow its zstd frame"));
            }
            let mut output = OutBuffer::around(&mut self.output[..]);
            let hint = self.decoder.run(&mut input, &mut output).map_err(|error| broken(&error))?;
            self.whole = hint == 0;
            full = !self.whole && output.as_slice().len() == OUTPUT;
            each(output.as_slice());
        }
        Ok(())
    }

    /// The object has ended: with a whole frame?
    pub(super) fn finish(&self) -> Result<(), Fault> {
        if self.whole { Ok(()) } else { Err(broken(&"its zstd frame is torn")) }
    }
}

fn broken(reason: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::BrokenArchive, format!("zstd: {reason}"))
}
