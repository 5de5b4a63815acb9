//! The configuration as the program uses it: every value typed, every default filled in, every secret resolved.
//! One struct per section of the file; `INTERFACES` section 3 names the keys.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use secrecy::SecretString;

use crate::model::{Format, Hour, SourceName};

use super::outlets::{Notify, Transform, Warehouse};

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[source.<name>]`, at least one.
    pub sources: BTreeMap<SourceName, Source>,
    /// `[schedule]`
    pub schedule: Schedule,
    /// `[window]`
    pub window: WindowSection,
    /// `[retry]`
    pub retry: Retry,
    /// `[staging]`
    pub staging: Staging,
    /// `[state] dir`
    pub state_dir: PathBuf,
    /// `[lake]`
    pub lake: Lake,
    /// `[warehouse]`
    pub warehouse: Warehouse,
    /// `[transform]`
    pub transform: Transform,
    /// `[notify.<name>]`, the enabled ones.
    pub notify: BTreeMap<String, Notify>,
    /// `[admin]`
    pub admin: Admin,
    /// `[log]`
    pub log: Log,
    /// `[shutdown] grace`
    pub shutdown_grace: Duration,
}

/// Amplitude's two data regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Region {
    /// `https://amplitude.com`
    #[default]
    Us,
    /// `https://analytics.eu.amplitude.com`
    Eu,
}

impl Region {
    /// The written name.
    pub fn as_str(self) -> &'static str {
        match self {
            Region::Us => "us",
            Region::Eu => "eu",
        }
    }

    /// The region's origin, without a trailing slash.
    pub fn origin(self) -> &'static str {
        match self {
            Region::Us => "https://amplitude.com",
            Region::Eu => "https://analytics.eu.amplitude.com",
        }
    }
}

/// One Amplitude project.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Which host is asked.
    pub region: Region,
    /// The project's API key.
    pub api_key: SecretString,
    /// The project's secret key.
    pub secret_key: SecretString,
    /// First hour to keep, when the configuration names one.
    pub start: Option<Hour>,
    /// Requests in flight, 1 to 4.
    pub max_parallel: usize,
    /// The origin to ask, without a trailing slash: the region's, or `base_url`.
    pub base_url: String,
}

/// When the daemon looks again by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Every {
    /// `every = "1h"`
    Interval(Duration),
    /// `cron = "5 * * * *"`, UTC, normalised to six fields.
    Cron(Box<Cron>),
}

impl Every {
    /// When the tick after this time comes.
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Interval(every) => time.checked_add_signed(TimeDelta::from_std(*every).ok()?),
            Self::Cron(cron) => cron.find_next_occurrence(&time, false).ok(),
        }
    }
}

/// `[schedule]`
#[derive(Clone, Debug)]
pub struct Schedule {
    /// `every` or `cron`.
    pub every: Every,
    /// Random delay of a tick, at most this.
    pub jitter: Duration,
}

/// `[window]`
#[derive(Clone, Debug)]
pub struct WindowSection {
    /// Most hours in one request, at least 1, at most 365 days.
    pub max_hours: u32,
    /// How long after its end an hour becomes due.
    pub settle_delay: Duration,
    /// The second asking of an empty hour comes at least this long after the hour became due.
    pub empty_confirm: Duration,
    /// Ask again this long after publishing; `None` for "off".
    pub recheck_after: Option<Duration>,
}

/// `[retry]`
#[derive(Clone, Debug)]
pub struct Retry {
    /// Attempts that failed for the hour itself before it is quarantined, at least 1.
    pub max_attempts: u32,
    /// First back-off.
    pub initial: Duration,
    /// Longest back-off.
    pub max: Duration,
    /// TCP and TLS.
    pub connect_timeout: Duration,
    /// Until the first byte of the answer.
    pub response_timeout: Duration,
    /// Between bytes of the body.
    pub idle_timeout: Duration,
}

/// What to do with an hour that has lines which are not UTF-8 JSON objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum InvalidRows {
    /// Land them as they are, count and report them.
    #[default]
    Keep,
    /// Quarantine the hour.
    Quarantine,
}

/// `[staging]`
#[derive(Clone, Debug)]
pub struct Staging {
    /// Where archives wait until their hours are published.
    pub dir: PathBuf,
    /// No capture starts, and none grows, above this.
    pub max_bytes: u64,
    /// Bytes that stay free on the disk.
    pub min_free: u64,
    /// Longest archive accepted.
    pub max_archive_bytes: u64,
    /// Decompressed bytes per compressed byte, judged above 64 MiB of a member's output.
    pub max_expansion: u64,
    /// What to do with invalid rows.
    pub invalid_rows: InvalidRows,
    /// Broken archives kept for a person, newest first.
    pub keep_quarantined: usize,
}

/// `[lake]`
#[derive(Clone, Debug)]
pub struct Lake {
    /// Where.
    pub place: LakePlace,
    /// How rows are packed.
    pub format: Format,
    /// Members are joined into parts up to this many bytes.
    pub part_target: u64,
    /// Objects in flight.
    pub max_parallel: usize,
    /// The store has no conditional writes, and one daemon only writes to it.
    pub single_writer: bool,
    /// Of two daemons one leads, for so long at a time; `None` for "off".
    pub lease: Option<Duration>,
    /// Longest time an unanswered manifest PUT may still land late, on a store without conditional writes.
    pub late_write: Duration,
}

/// The two kinds of lake.
#[derive(Clone, Debug)]
pub enum LakePlace {
    /// A plain directory.
    Directory {
        /// Its path.
        path: PathBuf,
    },
    /// An S3 bucket.
    S3(Box<S3>),
}

impl LakePlace {
    /// `local` or `s3`.
    pub fn kind(&self) -> &'static str {
        match self {
            LakePlace::Directory { .. } => "local",
            LakePlace::S3(_) => "s3",
        }
    }
}

/// What the store checks on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StoreChecksum {
    /// CRC-64/NVME.
    #[default]
    Crc64Nvme,
    /// CRC-32.
    Crc32,
    /// SHA-256.
    Sha256,
    /// Nothing.
    None,
}

/// An S3 bucket.
#[derive(Clone, Debug)]
pub struct S3 {
    /// Bucket.
    pub bucket: String,
    /// Prefix of every key, without slashes at its ends; may be empty.
    pub prefix: String,
    /// Region; `None` leaves it to the AWS chain.
    pub region: Option<String>,
    /// Another endpoint than AWS.
    pub endpoint: Option<String>,
    /// `endpoint/bucket/key` instead of `bucket.endpoint/key`.
    pub path_style: bool,
    /// What the store checks.
    pub checksum: StoreChecksum,
    /// Storage class of data objects.
    pub storage_class: Option<String>,
    /// `AES256` or `aws:kms`.
    pub sse: Option<String>,
    /// KMS key id for `aws:kms`.
    pub kms_key: Option<String>,
    /// Object tags of data objects.
    pub tags: BTreeMap<String, String>,
    /// Multipart parts, at least 5 MiB; smaller objects go in one PUT.
    pub part_size: u64,
    /// Key id and secret key of the seed's `AWS_ACCESS_KEY` and `AWS_SECRET_KEY`, or of `.env`, when the standard
    /// names are not set in the environment; `None` leaves it to the AWS chain.
    pub seed_credentials: Option<(SecretString, SecretString)>,
    /// `AWS_SESSION_TOKEN` of `.env`; only together with `seed_credentials`.
    pub seed_session_token: Option<SecretString>,
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The control socket.
    pub socket: PathBuf,
    /// Read-only TCP listener; `None` for "".
    pub http: Option<String>,
}

/// `[log] format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Text.
    Text,
    /// JSON lines.
    Json,
}

/// `[log]`
#[derive(Clone, Debug)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a `tracing` filter.
    pub level: String,
    /// How stderr reads.
    pub format: LogFormat,
    /// Where the per-phase streams go; `None` for "".
    pub dir: Option<PathBuf>,
    /// Files kept per phase.
    pub keep_files: usize,
}
