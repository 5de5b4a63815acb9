//! The faults that can be planted, as they are written in TOML and JSON.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::hour::Hour;

/// A fault, where it applies, and how often. Without any condition it applies to every export request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<u64>,
    /// Only windows that hold this hour; faults of content touch only this hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<Hour>,
    /// Only windows that touch these hours (first and last); faults of content touch only these hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<(Hour, Hour)>,
    /// Only requests for exactly this window (first and last hour).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<(Hour, Hour)>,
    /// Only windows of at least so many hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_hours: Option<i64>,
    /// Only the n-th request (from 1) since the fault was planted that meets the conditions above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// Only every n-th such request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// How often it strikes; absent means for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What goes wrong.
    #[serde(rename = "fault")]
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Answers with this status.
    Status {
        /// 200 to 599.
        code: u16,
        /// The `Retry-After` header.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// The body; absent means a JSON error (for 403: Amplitude's).
        #[serde(default)]
        body: Option<String>,
    },
    /// Answers the first so many requests with 504.
    Burst504(u64),
    /// Sends this many bytes a second.
    Slow {
        /// At least 1.
        bytes_per_s: u64,
    },
    /// Waits before the answer begins.
    FirstByteDelay {
        /// Milliseconds.
        ms: u64,
    },
    /// Sends so many bytes of the body, then nothing any more, with the connection open.
    StallAfter {
        /// Bytes of the body.
        bytes: u64,
    },
    /// Sends so many bytes of the body, then resets the connection (RST).
    ResetAfter {
        /// Bytes of the body.
        bytes: u64,
    },
    /// Sends only the first part of the body.
    Truncate {
        /// `0.0` to `1.0` of its bytes.
        fraction: f64,
        /// What HTTP says about it.
        end: TruncatedEnd,
    },
    /// 200 with something else.
    NotZip(NotZip),
    /// The zip CRC of the hour's last member is wrong.
    CrcFlip,
    /// The gzip of the hour's last member stops before its end, in a good zip.
    GzipTruncate,
    /// The gzip CRC of the hour's last member is wrong, in a good zip.
    GzipCrc,
    /// Bytes in the middle of the hour's last member are damaged; its zip CRC is that of the good bytes.
    CorruptMember,
    /// The zip says that the hour's members are encrypted.
    Encrypted,
    /// The hour's first member is there twice, under one name.
    DuplicateMemberNames,
    /// Also a member of an hour that was not asked for: this one, or the one after the window.
    ExtraHour {
        /// The hour.
        #[serde(default)]
        hour: Option<Hour>,
    },
    /// A valid zip without entries.
    NoMembers,
    /// One line of the hour is broken.
    BadLine(BadLine),
    /// A tenth of the hour's rows (at least one) are there twice, byte for byte.
    DupRows,
    /// A share of the hour's rows is missing until later.
    LateDelivery {
        /// The share that comes late; `1.0` makes the hour empty until then.
        share: f64,
        /// The virtual time at which all rows are there.
        #[serde(default)]
        after: Option<DateTime<Utc>>,
        /// Or the same, in minutes after the hour's end.
        #[serde(default)]
        after_minutes: Option<u32>,
    },
    /// The hour has no data until this virtual time.
    #[serde(rename = "late_404")]
    Late404 {
        /// The virtual time from which there is data.
        until: DateTime<Utc>,
    },
    /// The hour has data first and none later.
    Vanish {
        /// From this virtual time on.
        #[serde(default)]
        after: Option<DateTime<Utc>>,
        /// Or after so many answers that held it.
        #[serde(default)]
        answers: Option<u64>,
    },
    /// Every window with this hour is refused as too large, the hour alone too.
    TooLargeHour,
    /// The `Date` header is so many seconds ahead of the virtual clock (negative: behind).
    ClockSkew {
        /// Seconds.
        s: i64,
    },
    /// Redirects.
    Redirect {
        /// The `Location`.
        to: String,
        /// 302 unless told.
        #[serde(default)]
        code: Option<u16>,
    },
    /// 200 with the bytes of this file.
    Serve {
        /// A path on the simulator's machine.
        path: String,
    },
}

/// The `Retry-After` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// `Retry-After: 5`.
    Seconds(u32),
    /// The same as an HTTP date of the virtual clock.
    HttpDate(u32),
}

/// What HTTP says about a body that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TruncatedEnd {
    /// `Content-Length` is the number of bytes sent: whole by HTTP, torn as an archive.
    Honest,
    /// `Content-Length` is the full length; the connection is closed early.
    Lying,
    /// Chunked, with a clean last chunk.
    Chunked,
}

/// What stands where a zip should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotZip {
    /// An edge server's page.
    Html,
    /// A rate-limit message.
    Json,
    /// Nothing.
    Empty,
    /// A sentence.
    Text,
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadLine {
    /// Its second half is missing.
    Cut,
    /// It holds a Latin-1 byte that is no UTF-8.
    Latin1,
}

impl Fault {
    /// This fault for every request, for ever.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            project: None,
            hour: None,
            hours: None,
            window: None,
            min_hours: None,
            request: None,
            every: None,
            times: None,
            kind,
        }
    }

    /// Only for this hour.
    #[must_use]
    pub fn on(self, hour: Hour) -> Self {
        Self { hour: Some(hour), ..self }
    }

    /// Only so often.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }
}
