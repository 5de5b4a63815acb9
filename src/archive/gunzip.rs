//! Gunzip of a whole file: every member of a gzip stream, its CRC and length checked, the output capped.
//! The one place that decompresses gzip: the ready-made readers stop after the first member without an error, or take
//! zero padding for a broken header, and none says which bytes belonged to the members.
//!
//! Source: RFC 1952, sections 2.2 (a file is a series of members) and 2.3.1 (CRC32, ISIZE).

use flate2::{Decompress, FlushDecompress, Status};

use crate::model::{Fault, FaultKind};

use super::ReadError;

/// Bytes of decompressed output at a time.
const OUTPUT: usize = 128 * 1024;

/// The largest window of DEFLATE, as gzip uses it.
const WINDOW_BITS: u8 = 15;

/// What zlib-rs 0.6 says of wrong codes that its fast loop met: it falls into its own bad state within the same call, and
/// this replaces the error that led there.
const AFTERTHOUGHT: &str = "repeated call with bad state";

/// A gzip member that holds only a newline, for between members whose lines would run together. Constant: no name,
/// no time, an unknown system; one DEFLATE block of fixed codes.
pub(super) const NEWLINE_MEMBER: [u8; 21] = [
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, // header
    0xe3, 0x02, 0x00, // the block: a newline, the end
    0x93, 0x06, 0xd7, 0x32, 1, 0, 0, 0, // CRC32, ISIZE
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first byte.
    Start,
    /// Inside a gzip member.
    Inside,
    /// After a gzip member.
    Between,
    /// In the zeros after the last member.
    Padding,
}

/// Decompresses one file after another, each fed in pieces of any size.
#[derive(Debug)]
pub(super) struct Gunzip {
    inflate: Decompress,
    output: Box<[u8]>,
    place: Place,
    produced: u64,
    cap: u64,
}

impl Gunzip {
    /// Ready for a first file, after [`Gunzip::begin`].
    pub(super) fn new() -> Self {
        let output = vec![0; OUTPUT].into_boxed_slice();
        Self { inflate: Decompress::new_gzip(WINDOW_BITS), output, place: Place::Start, produced: 0, cap: 0 }
    }

    /// Starts a file that may grow to `cap` bytes.
    pub(super) fn begin(&mut self, cap: u64) {
        self.inflate.reset(true);
        self.place = Place::Start;
        self.produced = 0;
        self.cap = cap;
    }

    /// From here on it may grow to `cap` bytes.
    pub(super) fn allow(&mut self, cap: u64) {
        self.cap = cap;
    }

    /// Takes the next bytes of the file and hands out what they hold. Answers how many of them belong to gzip members:
    /// all, but for the padding at the end of the file.
    pub(super) fn feed<E>(
        &mut self,
        input: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), ReadError<E>>,
    ) -> Result<usize, ReadError<E>> {
        let mut at = 0;
        while at < input.len() {
            match (self.place, input[at]) {
                (Place::Start, _) => self.place = Place::Inside,
                (Place::Inside, _) => at += self.inside(&input[at..], each)?,
                (Place::Between, 0x1f) => {
                    self.inflate.reset(true);
                    self.place = Place::Inside;
                }
                (Place::Between | Place::Padding, 0) => {
                    self.place = Place::Padding;
                    if input[at..].iter().any(|byte| *byte != 0) {
                        return Err(broken("bytes follow the zeros after the last gzip member"));
                    }
                    return Ok(at);
                }
                (Place::Between | Place::Padding, _) => return Err(broken("bytes that are no gzip member follow one")),
            }
        }
        Ok(at)
    }

    /// The file has ended: with a whole member?
    pub(super) fn finish<E>(&self) -> Result<(), ReadError<E>> {
        match self.place {
            Place::Between | Place::Padding => Ok(()),
            Place::Start => Err(broken("it is empty, not even a gzip header")),
            Place::Inside => Err(broken("its gzip stream is torn")),
        }
    }

    /// Decompresses until the input or the gzip member ends; answers the bytes used.
    fn inside<E>(
        &mut self,
        input: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), ReadError<E>>,
    ) -> Result<usize, ReadError<E>> {
        let mut used = 0;
        loop {
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(&input[used..], &mut self.output, FlushDecompress::None);
            let status = status.map_err(|error| corrupt(error.message()))?;
            let step = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(usize::MAX);
            let made = usize::try_from(self.inflate.total_out() - before_out).unwrap_or(usize::MAX);
            used += step;
            self.produced += made as u64;
            if self.produced > self.cap {
                return Err(broken(format!("a bomb: more than {} bytes come out of it", self.cap)));
            }
            if made > 0 {
                each(&self.output[..made])?;
            }
            if status == Status::StreamEnd {
                self.place = Place::Between;
                return Ok(used);
            }
            if made < self.output.len() {
                if used == input.len() {
                    return Ok(used);
                }
                if step == 0 && made == 0 {
                    return Err(broken("its gzip stream is corrupt: no progress"));
                }
            }
        }
    }
}

fn corrupt<E>(message: Option<&str>) -> ReadError<E> {
    let message = message.filter(|message| *message != AFTERTHOUGHT).unwrap_or("wrong codes in its data");
    broken(format!("its gzip stream is corrupt: {message}"))
}

fn broken<E>(reason: impl std::fmt::Display) -> ReadError<E> {
    ReadError::Archive(Fault::new(FaultKind::BrokenArchive, reason))
}
