//! What can go wrong with a step, classified once, where the answer is read, and whose fault it is.

use serde::{Deserialize, Serialize};

/// Whose fault it is: this decides who backs off and whether an attempt is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The source is down or busy: it backs off, no hour is blamed.
    Source,
    /// Too many hours were asked at once: the window is halved.
    Window,
    /// The hour itself: an attempt.
    Hour,
    /// The credentials: asking stops.
    Keys,
    /// Our request is wrong: asking stops.
    Request,
    /// The lake: the work waits.
    Lake,
    /// Staging: the work waits.
    Disk,
    /// The local clock runs ahead of Amplitude's: the answer is thrown away.
    Clock,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No connection: DNS, TCP, TLS.
    Connect,
    /// No first byte within `retry.response_timeout`.
    NoFirstByte,
    /// 429.
    RateLimited,
    /// 504.
    GatewayTimeout,
    /// Any other 5xx, or a status nobody expects.
    Unavailable,
    /// The body was reset.
    BodyReset,
    /// No byte for `retry.idle_timeout`.
    BodyStalled,
    /// The body ended before its Content-Length or its last chunk.
    BodyShort,
    /// A 400 whose body names no parameter: more than Amplitude exports at once (4 GB).
    TooLarge,
    /// More bytes than `staging.max_archive_bytes`.
    OverArchiveLimit,
    /// A 400 whose body names a parameter.
    RequestRefused,
    /// 3xx; never followed.
    Redirected,
    /// A whole 200 that does not begin with `PK`.
    NotAnArchive,
    /// Begins with `PK`, but is torn, corrupt, over a limit, or names what nobody asked for.
    BrokenArchive,
    /// Lines that are not UTF-8 JSON objects, with `staging.invalid_rows = "quarantine"`.
    InvalidRows,
    /// 401 or 403.
    KeysRefused,
    /// The lake does not answer, or answers an error that may pass.
    LakeUnavailable,
    /// The lake refuses: credentials, permissions, no such bucket.
    LakeRefused,
    /// No room: `staging.max_bytes` or `staging.min_free` reached, or the disk is full.
    StagingFull,
    /// Staging cannot be read or written.
    StagingFailed,
    /// The staged archive is gone or is not what the journal recorded.
    CaptureLost,
    /// The answer's `Date` says that an hour of the window was not due yet.
    TooEarly,
    /// A step panicked; a bug, contained.
    Panicked,
}

impl FaultKind {
    /// Whose fault this is when `hours` were asked in one request.
    pub fn owner(self, hours: u32) -> Owner {
        match self {
            Self::GatewayTimeout | Self::TooLarge | Self::OverArchiveLimit if hours > 1 => Owner::Window,
            Self::Connect
            | Self::NoFirstByte
            | Self::RateLimited
            | Self::GatewayTimeout
            | Self::Unavailable
            | Self::BodyReset
            | Self::BodyStalled
            | Self::BodyShort => Owner::Source,
            Self::TooLarge
            | Self::OverArchiveLimit
            | Self::Redirected
            | Self::NotAnArchive
            | Self::BrokenArchive
            | Self::InvalidRows => Owner::Hour,
            Self::RequestRefused => Owner::Request,
            Self::KeysRefused => Owner::Keys,
            Self::LakeUnavailable | Self::LakeRefused | Self::Panicked => Owner::Lake,
            Self::StagingFull | Self::StagingFailed | Self::CaptureLost => Owner::Disk,
            Self::TooEarly => Owner::Clock,
        }
    }

    /// The documented code of the fault (`ampd explain CODE`).
    pub fn code(self) -> &'static str {
        match self {
            Self::Connect => "E201",
            Self::NoFirstByte => "E202",
            Self::KeysRefused => "E203",
            Self::RateLimited => "E204",
            Self::GatewayTimeout | Self::Unavailable => "E205",
            Self::BodyReset | Self::BodyStalled | Self::BodyShort => "E206",
            Self::RequestRefused => "E207",
            Self::Redirected => "E208",
            Self::TooEarly => "E209",
            Self::TooLarge => "E301",
            Self::NotAnArchive => "E302",
            Self::BrokenArchive => "E303",
            Self::InvalidRows => "E304",
            Self::OverArchiveLimit => "E305",
            Self::LakeUnavailable => "E401",
            Self::LakeRefused => "E402",
            Self::StagingFull => "E501",
            Self::StagingFailed => "E502",
            Self::CaptureLost => "E503",
            Self::Panicked => "E701",
        }
    }
}

/// A fault as it happened. `detail` is for people: bounded, printable, without any secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// In words; lower case, no full stop, at most [`Fault::DETAIL_MAX`] bytes.
    pub detail: String,
    /// `Retry-After`, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

impl Fault {
    /// Longest `detail` kept.
    pub const DETAIL_MAX: usize = 400;

    /// A fault with its words, cut to length and made printable.
    pub fn new(kind: FaultKind, detail: impl std::fmt::Display) -> Self {
        let mut text: String = detail.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if text.len() > Self::DETAIL_MAX {
            let end = text.floor_char_boundary(Self::DETAIL_MAX);
            text.truncate(end);
            text.push('…');
        }
        Self { kind, detail: text, retry_after_seconds: None }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Fault {}
