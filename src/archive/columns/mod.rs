//! Rows as typed columns: what `parquet` objects are made of, and how their ends are read.

mod batch;
mod fields;
mod footer;
mod schema;
mod values;
mod write;

pub(super) use batch::Batch;
pub(super) use footer::Footer;
pub(super) use write::File;

use crate::model::{Fault, FaultKind};

/// The encoder refused what it should take: a bug, contained.
fn failed(error: &parquet::errors::ParquetError) -> Fault {
    Fault::new(FaultKind::Panicked, error)
}
