//! What came of a request, and where an archive's bytes go.

use std::future::Future;
use std::pin::Pin;

use chrono::{DateTime, Utc};

use crate::model::Fault;

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The `Date` header: the second clock. `None` when no answer came, or one without a readable date.
    pub date: Option<DateTime<Utc>>,
    /// What the local clock said when `date` arrived: the body may take much longer.
    pub date_read_at: Option<DateTime<Utc>>,
    /// The status, when an answer came at all.
    pub status: Option<u16>,
    /// `Content-Length`, when the answer announced one.
    pub content_length: Option<u64>,
    /// Bytes of the body that were read, whatever became of them.
    pub bytes: u64,
    /// The outcome.
    pub result: Result<Exported, Fault>,
}

impl Answer {
    /// No answer came.
    pub(super) fn none(fault: Fault) -> Self {
        Self { date: None, date_read_at: None, status: None, content_length: None, bytes: 0, result: Err(fault) }
    }
}

/// A good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exported {
    /// A 200 that begins like a zip and is whole by HTTP; whether it is whole as a zip is for `archive` to say.
    Archive {
        /// Its length.
        bytes: u64,
    },
    /// A 404: no rows in the window, or none loaded yet.
    NotFound {
        /// The body holds Amplitude's own words, `Raw data files were not found`. Without them the answer counts all
        /// the same, for the words are documented nowhere, but it is worth a warning: a proxy or a wrong `base_url`
        /// may speak here.
        expected_text: bool,
    },
}

/// The future of [`ArchiveSink::write`].
pub type Writing<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

/// Where an archive's bytes go. Its faults pass through to [`Answer::result`] unchanged.
pub trait ArchiveSink: Send {
    /// Called once, before the first write, when the body has begun like an archive: a sink can refuse an announced
    /// length that is over its limit before any byte of it is written.
    fn begin(&mut self, content_length: Option<u64>) -> Result<(), Fault>;

    /// Takes the next bytes, in order.
    fn write<'a>(&'a mut self, chunk: &'a [u8]) -> Writing<'a>;
}
