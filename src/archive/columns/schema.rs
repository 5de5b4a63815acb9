//! The columns of a parquet object: the 55 fields of an export's rows in byte order, and two more that lose nothing.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::Result;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

/// Keys without a column, and values that do not fit theirs: one JSON object of text.
pub(super) const EXTRA: &str = "_extra";
/// A row that is no JSON object, whole.
pub(super) const RAW: &str = "_raw";
/// The column by which the rows of a row group are sorted.
pub(super) const EVENT_TIME: &str = "event_time";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// `YYYY-MM-DD HH:MM:SS[.ffffff]`, microseconds since 1970.
    Time,
    /// An integer of 64 bits.
    Int,
    /// A number that 64 bits hold exactly as it was written.
    Double,
    /// `true` or `false`.
    Bool,
    /// Any value, as JSON text.
    Json,
}

/// A column of a row's field.
pub(super) struct Column {
    /// The field's key.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Its values repeat, so a dictionary is worth its while.
    repeats: bool,
}

const fn column(name: &'static str, kind: Kind, repeats: bool) -> Column {
    Column { name, kind, repeats }
}

/// In byte order, which is the order of the keys in a row.
#[rustfmt::skip]
pub(super) const COLUMNS: [Column; 55] = [
    column("$insert_id", Kind::Text, false), column("$insert_key", Kind::Text, true),
    column("$schema", Kind::Int, true), column("adid", Kind::Text, true),
    column("amplitude_attribution_ids", Kind::Json, true), column("amplitude_event_type", Kind::Text, true),
    column("amplitude_id", Kind::Int, true), column("app", Kind::Int, true),
    column("city", Kind::Text, true), column("client_event_time", Kind::Time, false),
    column("client_upload_time", Kind::Time, false), column("country", Kind::Text, true),
    column("data", Kind::Json, true), column("data_type", Kind::Text, true),
    column("device_brand", Kind::Text, true), column("device_carrier", Kind::Text, true),
    column("device_family", Kind::Text, true), column("device_id", Kind::Text, true),
    column("device_manufacturer", Kind::Text, true), column("device_model", Kind::Text, true),
    column("device_type", Kind::Text, true), column("dma", Kind::Text, true),
    column("event_id", Kind::Int, false), column("event_properties", Kind::Json, false),
    column("event_time", Kind::Time, false), column("event_type", Kind::Text, true),
    column("global_user_properties", Kind::Json, true), column("group_properties", Kind::Json, true),
    column("groups", Kind::Json, true), column("idfa", Kind::Text, true),
    column("ip_address", Kind::Text, true), column("is_attribution_event", Kind::Bool, false),
    column("language", Kind::Text, true), column("library", Kind::Text, true),
    column("location_lat", Kind::Double, true), column("location_lng", Kind::Double, true),
    column("os_name", Kind::Text, true), column("os_version", Kind::Text, true),
    column("partner_id", Kind::Text, true), column("paying", Kind::Bool, false),
    column("plan", Kind::Json, true), column("platform", Kind::Text, true),
    column("processed_time", Kind::Time, false), column("region", Kind::Text, true),
    column("sample_rate", Kind::Double, true), column("server_received_time", Kind::Time, false),
    column("server_upload_time", Kind::Time, false), column("session_id", Kind::Int, true),
    column("source_id", Kind::Text, true), column("start_version", Kind::Text, true),
    column("user_creation_time", Kind::Time, true), column("user_id", Kind::Text, true),
    column("user_properties", Kind::Json, false), column("uuid", Kind::Text, false),
    column("version_name", Kind::Text, true),
];

/// The column of a key. `expected` is the one that comes next when the keys are in order.
pub(super) fn find(key: &[u8], expected: usize) -> Option<usize> {
    match COLUMNS.get(expected) {
        Some(column) if column.name.as_bytes() == key => Some(expected),
        _ => COLUMNS.binary_search_by(|column| column.name.as_bytes().cmp(key)).ok(),
    }
}

/// The schema of a file: every column optional.
pub(super) fn schema() -> Result<TypePtr> {
    let mut fields = COLUMNS.iter().map(field).collect::<Result<Vec<_>>>()?;
    fields.push(optional(EXTRA, Physical::BYTE_ARRAY, Some(LogicalType::String))?);
    fields.push(optional(RAW, Physical::BYTE_ARRAY, None)?);
    Ok(Arc::new(Type::group_type_builder("event").with_fields(fields).build()?))
}

fn field(column: &Column) -> Result<TypePtr> {
    let (physical, logical) = match column.kind {
        Kind::Text | Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Kind::Int => (Physical::INT64, None),
        Kind::Double => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
    };
    optional(column.name, physical, logical)
}

fn optional(name: &str, physical: Physical, logical: Option<LogicalType>) -> Result<TypePtr> {
    let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    Ok(Arc::new(field.with_logical_type(logical).build()?))
}

/// How a file is written.
pub(super) fn properties() -> Result<WriterPropertiesPtr> {
    /// The cheapest level, as for `json.zst`.
    const LEVEL: i32 = 1;
    /// Longest bound of a text column in the statistics.
    const BOUND_BYTES: usize = 64;
    let sorting = COLUMNS.iter().zip(0..).find(|(column, _)| column.name == EVENT_TIME);
    let sorting = sorting.map(|(_, column_idx)| SortingColumn { column_idx, descending: false, nulls_first: false });
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("ampd ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(BOUND_BYTES))
        .set_offset_index_disabled(true)
        .set_sorting_columns(sorting.map(|sorting| vec![sorting]));
    let unbounded = [(EXTRA, Kind::Json, false), (RAW, Kind::Json, false)];
    for (name, kind, repeats) in COLUMNS.iter().map(|of| (of.name, of.kind, of.repeats)).chain(unbounded) {
        let path = ColumnPath::from(name);
        builder = builder.set_column_dictionary_enabled(path.clone(), repeats);
        if kind == Kind::Json {
            builder = builder.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    Ok(Arc::new(builder.build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_an_export_in_byte_order() {
        assert!(COLUMNS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for (index, column) in COLUMNS.iter().enumerate() {
            assert_eq!(find(column.name.as_bytes(), index), Some(index));
            assert_eq!(find(column.name.as_bytes(), 99), Some(index));
        }
        assert_eq!(find(b"_extra", 0), None);
        assert_eq!(find(b"", 54), None);
    }
}
