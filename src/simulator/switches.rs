//! The switches of archives, answers and limits.

use serde::Deserialize;

use super::faults::RetryAfter;

/// The shape of archives and of the answers that carry them.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Archive {
    /// How members are packed.
    pub method: Method,
    /// Sizes and CRC after a member instead of before it.
    pub data_descriptors: bool,
    /// ZIP64 records even where nothing needs them.
    pub zip64: bool,
    /// An entry for the project's folder.
    pub directory_entry: bool,
    /// The order of members.
    pub order: Order,
    /// Same rows, other order, for every request.
    pub reorder_per_request: bool,
    /// Whether a member's last line ends with a newline.
    pub final_newline: bool,
    /// Members made of several gzip streams.
    pub gzip_multi_stream: bool,
    /// How the answer says where it ends.
    pub framing: Framing,
    /// `Accept-Ranges`, a strong `ETag`, and 206.
    pub accept_ranges: bool,
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            method: Method::Alternate,
            data_descriptors: true,
            zip64: false,
            directory_entry: false,
            order: Order::Time,
            reorder_per_request: false,
            final_newline: true,
            gzip_multi_stream: false,
            framing: Framing::ContentLength,
            accept_ranges: false,
        }
    }
}

/// How members are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// As they are (they are gzip already).
    Stored,
    /// Deflated once more.
    Deflated,
    /// The first stored, the second deflated, and so on.
    Alternate,
}

/// The order of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By hour, then by part.
    Time,
    /// By name, so that hour 10 stands before hour 9.
    Lexical,
    /// Neither, but the same for the same window.
    Shuffled,
}

/// How an answer says where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// What is refused, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most requests at once; more are answered with 429.
    pub concurrent: Option<u64>,
    /// A token bucket; without a token the answer is 429.
    pub bucket: Option<Bucket>,
    /// The `Retry-After` of those.
    pub retry_after: Option<RetryAfter>,
    /// A window of more bytes (estimated) is answered with 400.
    pub max_bytes: u64,
    /// Which bytes `max_bytes` and `timeout_bytes` count.
    pub measure: Measure,
    /// A window of more hours is answered with 400.
    pub max_hours: Option<u64>,
    /// The body of that 400.
    pub too_large_body: TooLargeBody,
    /// A window of more bytes (estimated) is answered with 504.
    pub timeout_bytes: Option<u64>,
    /// A window of more hours is answered with 504.
    pub timeout_hours: Option<u64>,
    /// How long that 504 takes, in milliseconds.
    pub timeout_delay_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent: None,
            bucket: None,
            retry_after: Some(RetryAfter::Seconds(1)),
            max_bytes: 4 << 30,
            measure: Measure::Plain,
            max_hours: None,
            too_large_body: TooLargeBody::Empty,
            timeout_bytes: None,
            timeout_hours: None,
            timeout_delay_ms: 0,
        }
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Tokens in a full bucket; it starts full.
    pub capacity: f64,
    /// Tokens a second.
    pub refill_per_s: f64,
}

/// Which bytes a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Rows as text.
    Plain,
    /// The archive.
    Zipped,
}

/// The body of the 400 for a window that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooLargeBody {
    /// Nothing.
    Empty,
    /// A sentence that names no parameter.
    Text,
}
