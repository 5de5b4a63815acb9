//! The faults that can be planted, as they are written in TOML and JSON.

use chrono::{DateTime, TimeDelta, Utc};
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

/// When in the life of a request a fault is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before anything else: delays and the `Date` header.
    Before,
    /// Instead of an archive.
    Answer,
    /// Which rows there are.
    Visible,
    /// The archive's bytes.
    Content,
    /// The way of the body.
    Transport,
}

impl FaultKind {
    pub(super) fn stage(&self) -> Stage {
        match self {
            Self::FirstByteDelay { .. } | Self::ClockSkew { .. } => Stage::Before,
            Self::Status { .. }
            | Self::Burst504(_)
            | Self::NotZip(_)
            | Self::NoMembers
            | Self::TooLargeHour
            | Self::Redirect { .. }
            | Self::Serve { .. } => Stage::Answer,
            Self::LateDelivery { .. } | Self::Late404 { .. } | Self::Vanish { .. } => Stage::Visible,
            Self::Slow { .. } | Self::StallAfter { .. } | Self::ResetAfter { .. } | Self::Truncate { .. } => {
                Stage::Transport
            }
            _ => Stage::Content,
        }
    }

    /// The name it has in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Burst504(_) => "burst504",
            Self::Slow { .. } => "slow",
            Self::FirstByteDelay { .. } => "first_byte_delay",
            Self::StallAfter { .. } => "stall_after",
            Self::ResetAfter { .. } => "reset_after",
            Self::Truncate { .. } => "truncate",
            Self::NotZip(_) => "not_zip",
            Self::CrcFlip => "crc_flip",
            Self::GzipTruncate => "gzip_truncate",
            Self::GzipCrc => "gzip_crc",
            Self::CorruptMember => "corrupt_member",
            Self::Encrypted => "encrypted",
            Self::DuplicateMemberNames => "duplicate_member_names",
            Self::ExtraHour { .. } => "extra_hour",
            Self::NoMembers => "no_members",
            Self::BadLine(_) => "bad_line",
            Self::DupRows => "dup_rows",
            Self::LateDelivery { .. } => "late_delivery",
            Self::Late404 { .. } => "late_404",
            Self::Vanish { .. } => "vanish",
            Self::TooLargeHour => "too_large_hour",
            Self::ClockSkew { .. } => "clock_skew",
            Self::Redirect { .. } => "redirect",
            Self::Serve { .. } => "serve",
        }
    }

    /// The share of `hour`'s rows that this fault withholds at `now`, after `answered` answers that held the hour.
    pub(super) fn withheld(&self, hour: Hour, now: DateTime<Utc>, answered: u64) -> f64 {
        let missing = |hidden: bool| if hidden { 1.0 } else { 0.0 };
        match self {
            Self::LateDelivery { share, after, after_minutes } => {
                let waiting = after.is_some_and(|after| now <= after)
                    || after_minutes.is_some_and(|minutes| now <= hour.end() + TimeDelta::minutes(minutes.into()));
                if waiting { *share } else { 0.0 }
            }
            Self::Late404 { until } => missing(now < *until),
            Self::Vanish { after, answers } => {
                missing(after.is_some_and(|after| now >= after) || answers.is_some_and(|answers| answered >= answers))
            }
            _ => 0.0,
        }
    }
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

    /// Whether it says something about `hour`.
    pub(super) fn touches(&self, hour: Hour) -> bool {
        self.hour.is_none_or(|only| only == hour)
            && self.hours.is_none_or(|(first, last)| (first..=last).contains(&hour))
    }

    /// Whether it says something about a request for this window.
    pub(super) fn meets(&self, project: u64, first: Hour, last: Hour) -> bool {
        self.project.is_none_or(|only| only == project)
            && self.hour.is_none_or(|hour| (first..=last).contains(&hour))
            && self.hours.is_none_or(|(from, to)| from <= last && to >= first)
            && self.window.is_none_or(|window| window == (first, last))
            && self.min_hours.is_none_or(|hours| last.number() - first.number() + 1 >= hours)
    }

    /// What is wrong with it, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let share = |name: &str, value: f64| {
            if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(format!("`{name}` must lie between 0 and 1")) }
        };
        match &self.kind {
            FaultKind::Status { code, .. } if !(200..600).contains(code) => Err("`code` must be 200 to 599".into()),
            FaultKind::Redirect { code: Some(code), .. } if !(300..400).contains(code) => {
                Err("`code` of a redirect must be 300 to 399".into())
            }
            FaultKind::Redirect { to, .. } if !to.bytes().all(|byte| (0x21..0x7F).contains(&byte)) => {
                Err("`to` must be printable ASCII without spaces".into())
            }
            FaultKind::Slow { bytes_per_s: 0 } => Err("`bytes_per_s` must be at least 1".into()),
            FaultKind::Truncate { fraction, .. } => share("fraction", *fraction),
            FaultKind::LateDelivery { share: value, after, after_minutes } => {
                if after.is_none() && after_minutes.is_none() {
                    return Err("late_delivery needs `after` or `after_minutes`".into());
                }
                share("share", *value)
            }
            FaultKind::Vanish { after: None, answers: None } => Err("vanish needs `after` or `answers`".into()),
            _ if self.every == Some(0) || self.request == Some(0) => Err("requests are counted from 1".into()),
            _ => Ok(()),
        }
    }
}
