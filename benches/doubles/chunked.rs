//! The framing `aws-chunked`: a body in chunks, each after its length in hex, then trailers.

#[derive(Clone, Copy)]
enum Place {
    Length,
    Inside(usize),
    Trailers,
}

/// Takes the framing off a body that comes in pieces.
pub struct Chunked {
    place: Place,
    line: Vec<u8>,
    trailers: Vec<u8>,
}

impl Chunked {
    pub fn new() -> Self {
        Self { place: Place::Length, line: Vec::new(), trailers: Vec::new() }
    }

    /// The next piece; what it holds is added to `body`.
    pub fn feed(&mut self, mut piece: &[u8], body: &mut Vec<u8>) {
        while let Some(first) = piece.first() {
            match self.place {
                Place::Length if *first == b'\n' => {
                    self.place = self.chunk();
                    piece = &piece[1..];
                }
                Place::Length => {
                    self.line.push(*first);
                    piece = &piece[1..];
                }
                Place::Inside(left) => {
                    let (taken, rest) = piece.split_at(left.min(piece.len()));
                    body.extend_from_slice(taken);
                    self.place = if taken.len() == left { Place::Length } else { Place::Inside(left - taken.len()) };
                    piece = rest;
                }
                Place::Trailers => {
                    self.trailers.extend_from_slice(piece);
                    return;
                }
            }
        }
    }

    /// What the line says that ends here: nothing after a chunk, else the next chunk's length.
    fn chunk(&mut self) -> Place {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_owned();
        match usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16) {
            _ if line.is_empty() => Place::Length,
            Ok(0) => Place::Trailers,
            Ok(length) => Place::Inside(length),
            Err(error) => panic!("a chunk of `{line}`: {error}"),
        }
    }

    /// The checksum among the trailers: algorithm and value.
    pub fn checksum(&self) -> Option<(String, String)> {
        let trailers = String::from_utf8_lossy(&self.trailers);
        trailers.lines().find_map(|line| {
            let (algorithm, sum) = line.trim().strip_prefix("x-amz-checksum-")?.split_once(':')?;
            Some((algorithm.to_owned(), sum.trim().to_owned()))
        })
    }
}
