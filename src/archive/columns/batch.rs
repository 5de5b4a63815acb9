//! Rows on their way into a row group: their text, and where each field lies in it.

use std::ops::Range;

use bytes::BytesMut;

use super::fields::Fields;
use super::schema::{COLUMNS, find};

/// Bytes of rows, and of the places of their fields, that make a row group. Several hours are packed at once, so this
/// is what bounds the memory; twice as much packs no better and is slower.
const FULL_BYTES: usize = 4 << 20;

/// Where a text lies in a batch; of no length: it is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

/// In a length: the text is a string without escapes. No row is so long that the bit would be part of its length.
const PLAIN: u32 = 1 << 31;

impl Span {
    /// Whether there is no text.
    pub(super) fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Whether the text is a string without escapes.
    pub(super) fn is_plain(self) -> bool {
        self.length & PLAIN != 0
    }

    /// As a range of the batch's text.
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..(self.start + (self.length & !PLAIN)) as usize
    }
}

/// The key of a value that is in no column of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// Of this column.
    Column(usize),
    /// As it was written.
    Written(Span),
}

/// A value that is in no column of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extra {
    pub(super) row: u32,
    pub(super) key: Key,
    pub(super) value: Span,
}

/// Rows, whole ones and at most one that is not finished.
#[derive(Debug)]
pub(in crate::archive) struct Batch {
    /// The text of the rows, one after another, without newlines.
    pub(super) text: BytesMut,
    /// Where the row that is not finished begins.
    begun: usize,
    /// For each row the values of the columns.
    cells: Vec<[Span; COLUMNS.len()]>,
    /// In the order of the rows.
    pub(super) extras: Vec<Extra>,
    /// The rows that are no JSON objects.
    pub(super) raw: Vec<(u32, Span)>,
}

impl Batch {
    /// No rows.
    pub(in crate::archive) fn new() -> Self {
        Self { text: empty(), begun: 0, cells: Vec::new(), extras: Vec::new(), raw: Vec::new() }
    }

    /// Takes a piece of the row that is not finished.
    pub(in crate::archive) fn push(&mut self, piece: &[u8]) {
        self.text.extend_from_slice(piece);
    }

    /// Bytes of the row that is not finished.
    pub(in crate::archive) fn unfinished(&self) -> usize {
        self.text.len() - self.begun
    }

    /// What was taken since the last row was a blank line.
    pub(in crate::archive) fn drop_line(&mut self) {
        self.text.truncate(self.begun);
    }

    /// What was taken since the last row is one, a JSON object or not.
    pub(in crate::archive) fn end_row(&mut self, valid: bool) {
        let row = self.rows();
        let from = std::mem::replace(&mut self.begun, self.text.len());
        let mut cells = [Span::default(); COLUMNS.len()];
        if valid {
            self.fill(row, from, &mut cells);
        } else {
            self.raw.push((row, span(from, 0..self.text.len() - from)));
        }
        self.cells.push(cells);
    }

    /// Of a key that is there twice the last value counts, as for most readers; the others are extras.
    fn fill(&mut self, row: u32, from: usize, cells: &mut [Span; COLUMNS.len()]) {
        let line = &self.text[from..];
        let mut expected = 0;
        for field in Fields::of(line) {
            let mut value = span(from, field.value.clone());
            let Some(column) = find(&line[field.key.clone()], expected) else {
                self.extras.push(Extra { row, key: Key::Written(span(from, field.key)), value });
                continue;
            };
            expected = column + 1;
            if field.plain {
                value.length |= PLAIN;
            } else if &line[field.value] == b"null" {
                value = Span::default();
            }
            let earlier = std::mem::replace(&mut cells[column], value);
            if !earlier.is_empty() {
                self.extras.push(Extra { row, key: Key::Column(column), value: earlier });
            }
        }
    }

    /// How many rows are whole.
    pub(in crate::archive) fn rows(&self) -> u32 {
        // A row takes hundreds of bytes here, and a full batch is given away.
        u32::try_from(self.cells.len()).unwrap_or(u32::MAX)
    }

    /// Whether it is time to make a row group of the whole rows.
    pub(in crate::archive) fn is_full(&self) -> bool {
        let places = self.cells.len() * size_of::<[Span; COLUMNS.len()]>() + self.extras.len() * size_of::<Extra>();
        self.begun + places >= FULL_BYTES
    }

    /// The value of a column in a row.
    pub(super) fn cell(&self, row: u32, column: usize) -> Span {
        self.cells[row as usize][column]
    }

    /// Empties it; `text` is what it held before, if nobody else holds it.
    pub(super) fn clear(&mut self, text: Option<BytesMut>) {
        self.text = text.unwrap_or_else(empty);
        self.text.clear();
        self.begun = 0;
        self.cells.clear();
        self.extras.clear();
        self.raw.clear();
    }
}

/// No text, and room for all that comes: what is not used of it is no memory yet.
fn empty() -> BytesMut {
    /// Most rows are shorter than this, and the last one does not always fit.
    const SLACK_BYTES: usize = 256 << 10;
    BytesMut::with_capacity(FULL_BYTES + SLACK_BYTES)
}

/// A range of the text that begins at `from`.
fn span(from: usize, range: Range<usize>) -> Span {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    Span { start: number(from + range.start), length: number(range.len()) }
}
