//! Row groups written as parquet, column after column: one of them at a time is encoded in memory.

use bytes::Bytes;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::batch::{Batch, Extra, Key, Span};
use super::failed;
use super::schema::{COLUMNS, EVENT_TIME, Kind, properties, schema};
use super::values::{self, Clock};
use crate::model::Fault;

/// The end of a file lists every row group, so their number is bounded.
const ROW_GROUPS_MAX: usize = 256;

/// A file that is being written; what is ready of it waits to be taken.
pub(in crate::archive) struct File {
    writer: SerializedFileWriter<Vec<u8>>,
}

impl File {
    /// Begins a file.
    pub(in crate::archive) fn begin() -> Result<Self, Fault> {
        let begin = || SerializedFileWriter::new(Vec::new(), schema()?, properties()?);
        Ok(Self { writer: begin().map_err(|error| failed(&error))? })
    }

    /// Makes a row group of the whole rows of a batch, sorted by their event time, and empties it. Answers the bytes
    /// that are ready.
    pub(in crate::archive) fn write(&mut self, batch: &mut Batch) -> Result<&mut Vec<u8>, Fault> {
        let text = std::mem::take(&mut batch.text).freeze();
        self.group(batch, &text).map_err(|error| failed(&error))?;
        batch.clear(text.try_into_mut().ok());
        Ok(self.writer.inner_mut())
    }

    /// Whether its end would become too long.
    pub(in crate::archive) fn is_full(&self) -> bool {
        self.writer.flushed_row_groups().len() >= ROW_GROUPS_MAX
    }

    /// Ends the file: its last bytes.
    pub(in crate::archive) fn end(self) -> Result<Vec<u8>, Fault> {
        self.writer.into_inner().map_err(|error| failed(&error))
    }

    fn group(&mut self, batch: &mut Batch, text: &Bytes) -> Result<()> {
        let order = order(batch, text);
        let mut extras = std::mem::take(&mut batch.extras);
        let mut group = self.writer.next_row_group()?;
        for column in 0..COLUMNS.len() {
            let cells = Cells { batch, text, order: &order, column };
            cells.write(&mut group, &mut extras)?;
        }
        extras.sort_by_key(|extra| extra.row);
        let extra = order.iter().map(|row| extra_text(&extras, *row, text));
        write::<ByteArrayType>(&mut group, extra)?;
        let raw = order.iter().map(|row| {
            let found = batch.raw.binary_search_by_key(row, |(row, _)| *row).ok()?;
            Some(ByteArray::from(text.slice(batch.raw[found].1.range())))
        });
        write::<ByteArrayType>(&mut group, raw)?;
        group.close()?;
        self.writer.flush()?;
        Ok(())
    }
}

/// The rows by their event time, those without one last, else as they came.
fn order(batch: &Batch, text: &Bytes) -> Vec<u32> {
    let column = COLUMNS.iter().position(|column| column.name == EVENT_TIME).unwrap_or_default();
    let mut clock = Clock::default();
    let mut time = |row| clock.time(&text[batch.cell(row, column).range()]).unwrap_or(i64::MAX);
    let mut order: Vec<(i64, u32)> = (0..batch.rows()).map(|row| (time(row), row)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, row)| row).collect()
}

/// One column of a batch.
struct Cells<'a> {
    batch: &'a Batch,
    text: &'a Bytes,
    order: &'a [u32],
    column: usize,
}

impl Cells<'_> {
    fn write(&self, group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, extras: &mut Vec<Extra>) -> Result<()> {
        let mut clock = Clock::default();
        match COLUMNS[self.column].kind {
            Kind::Text => write::<ByteArrayType>(group, self.values(extras, |span| self.string(span))),
            Kind::Json => write::<ByteArrayType>(group, self.values(extras, |span| Some(self.slice(span.range())))),
            Kind::Time => write::<Int64Type>(group, self.values(extras, |span| clock.time(self.of(span)))),
            Kind::Int => write::<Int64Type>(group, self.values(extras, |span| values::int(self.of(span)))),
            Kind::Double => write::<DoubleType>(group, self.values(extras, |span| values::double(self.of(span)))),
            Kind::Bool => write::<BoolType>(group, self.values(extras, |span| values::boolean(self.of(span)))),
        }
    }

    /// The values of the column; one that does not fit it is an extra.
    fn values<T>(
        &self,
        extras: &mut Vec<Extra>,
        mut read: impl FnMut(Span) -> Option<T>,
    ) -> impl Iterator<Item = Option<T>> {
        self.order.iter().map(move |row| {
            let value = self.batch.cell(*row, self.column);
            if value.is_empty() {
                return None;
            }
            let read = read(value);
            if read.is_none() {
                extras.push(Extra { row: *row, key: Key::Column(self.column), value });
            }
            read
        })
    }

    fn of(&self, span: Span) -> &[u8] {
        &self.text[span.range()]
    }

    fn slice(&self, range: std::ops::Range<usize>) -> ByteArray {
        ByteArray::from(self.text.slice(range))
    }

    fn string(&self, span: Span) -> Option<ByteArray> {
        if span.is_plain() {
            return Some(self.slice(span.range().start + 1..span.range().end - 1));
        }
        values::text(self.of(span)).map(ByteArray::from)
    }
}

/// The extras of a row as one JSON object; they are sorted by row.
fn extra_text(extras: &[Extra], row: u32, text: &[u8]) -> Option<ByteArray> {
    let from = extras.partition_point(|extra| extra.row < row);
    let mut out = Vec::new();
    for extra in extras[from..].iter().take_while(|extra| extra.row == row) {
        out.extend_from_slice(if out.is_empty() { b"{\"" } else { b",\"" });
        out.extend_from_slice(match extra.key {
            Key::Column(column) => COLUMNS[column].name.as_bytes(),
            Key::Written(span) => &text[span.range()],
        });
        out.extend_from_slice(b"\":");
        out.extend_from_slice(&text[extra.value.range()]);
    }
    (!out.is_empty()).then(|| {
        out.push(b'}');
        ByteArray::from(out)
    })
}

/// Writes the next column of a row group.
fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    column: impl Iterator<Item = Option<T::T>>,
) -> Result<()> {
    let mut levels = Vec::with_capacity(column.size_hint().0);
    let mut values = Vec::with_capacity(column.size_hint().0);
    for value in column {
        levels.push(i16::from(value.is_some()));
        values.extend(value);
    }
    let mut writer = group.next_column()?.ok_or_else(|| parquet::errors::ParquetError::General("no column".into()))?;
    writer.typed::<T>().write_batch(&values, Some(&levels), None)?;
    writer.close()
}
