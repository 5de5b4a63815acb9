//! Every key of the file, in the file's order.

/// What a key's value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Text that is not empty.
    Text,
    /// Text, or an integer that is kept as it is written.
    Id,
    /// A secret in one of its four forms.
    Secret,
    /// `true` or `false`.
    Bool,
    /// An integer in a range.
    Int(u64, u64),
    /// Bytes in a range.
    Size(u64, u64),
    /// A duration in a range of milliseconds.
    Duration(u64, u64),
    /// A duration in a range of milliseconds, or `off`.
    OffOrDuration(u64, u64),
    /// Whole hours, from 1 to 365 days.
    Hours,
    /// An hour, `2026-01-01T00`.
    Hour,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of strings, not empty; file only.
    List,
    /// A list of these words; file only.
    Words(&'static [&'static str]),
    /// A table of strings; file only.
    Tags,
    /// A cron expression.
    Cron,
    /// A file or directory.
    Path,
    /// A directory, or "" for none.
    PathOrNone,
    /// A Unix socket.
    Socket,
    /// `host:port`, or "" for none.
    Listen,
    /// An `http(s)` address without user, query and fragment.
    Url,
    /// A bucket's name.
    Bucket,
    /// A key prefix, which may be empty.
    Prefix,
    /// A log level or filter.
    Level,
    /// How rows are packed.
    Format,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its section; "" at the top.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Its default, as it is written; `None` when there is none or when it depends on the machine.
    pub default: Option<&'static str>,
    /// The values of the section's `type` with which it counts; empty for all.
    pub only: &'static [&'static str],
    /// It must be given where it counts.
    pub required: bool,
    /// What it is for.
    pub doc: &'static str,
}

const fn key(section: &'static str, name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { section, name, kind, default: Some(default), only: &[], required: false, doc }
}

const fn bare(section: &'static str, name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { section, name, kind, default: None, only: &[], required: false, doc }
}

impl Key {
    const fn only(mut self, types: &'static [&'static str]) -> Self {
        self.only = types;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

const DAY: u64 = 86_400_000;
const ANY: u64 = 365 * DAY;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MOST: u64 = i64::MAX as u64;
const S3: &[&str] = &["s3"];
const SNOWFLAKE: &[&str] = &["snowflake"];
const COMMAND: &[&str] = &["command"];
const DBT_PLATFORM: &[&str] = &["dbt_platform"];
const DBT: &[&str] = &["command", "dbt_platform"];
/// What `notify.*.on` may name.
pub(super) const EVENTS: &[&str] = &["quarantined", "auth_error", "lag", "recovered", "verify_mismatch"];

use Kind::{Bool, Bucket, Choice, Cron, Duration, Hour, Hours, Id, Int, Level, List, Listen, Url};
use Kind::{OffOrDuration, Path, PathOrNone, Prefix, Secret, Size, Socket, Tags, Text, Words};

/// The table.
#[rustfmt::skip]
pub(super) static KEYS: &[Key] = &[
    key("", "version", Int(1, 1), "1", "version of this file's form"),
    key("source", "region", Choice(&["us", "eu"]), "us", "Amplitude's data region: us | eu"),
    bare("source", "api_key", Secret, "the project's API key").required(),
    bare("source", "secret_key", Secret, "the project's secret key").required(),
    bare("source", "start", Hour, "first hour to keep; default: seven days before the first start"),
    key("source", "max_parallel", Int(1, 4), "1", "requests in flight for this project (1..4)"),
    bare("source", "base_url", Url, "another address than Amplitude's: a simulator or a proxy"),
    key("source", "allow_custom_base_url", Bool, "false", "send the keys to an address that is not Amplitude's"),
    key("schedule", "every", Duration(1_000, 31 * DAY), "1h", "how often to look again; or cron"),
    bare("schedule", "cron", Cron, "when to look again, UTC, 5 or 6 fields; or every"),
    key("schedule", "jitter", Duration(0, DAY), "0s", "random delay of a tick, at most this"),
    key("window", "max", Hours, "1d", "most hours in one request: hours, days or weeks"),
    key("window", "settle_delay", Duration(0, 30 * DAY), "2h", "how long after its end an hour becomes due"),
    key("window", "empty_confirm", Duration(0, 30 * DAY), "1h", "how long after it became due an empty hour is asked again"),
    key("window", "recheck_after", OffOrDuration(0, ANY), "24h", "ask once more this long after publishing; off to never"),
    key("retry", "max_attempts", Int(1, 1_000), "5", "attempts that failed for the hour itself before it is quarantined"),
    key("retry", "initial", Duration(1, DAY), "5s", "first back-off"),
    key("retry", "max", Duration(1, 7 * DAY), "15m", "longest back-off"),
    key("retry", "connect_timeout", Duration(1, DAY), "10s", "for TCP and TLS"),
    key("retry", "response_timeout", Duration(1, DAY), "10m", "until the first byte"),
    key("retry", "idle_timeout", Duration(1, DAY), "60s", "between bytes"),
    bare("staging", "dir", Path, "where archives wait until their hours are published"),
    key("staging", "max_bytes", Size(1, MOST), "20GiB", "no capture starts above this"),
    key("staging", "min_free", Size(0, MOST), "2GiB", "bytes that stay free on the disk"),
    key("staging", "max_archive_bytes", Size(1, MOST), "5GiB", "longest archive accepted"),
    key("staging", "max_expansion", Int(10, 1_000_000), "200", "decompressed bytes per compressed byte"),
    key("staging", "invalid_rows", Choice(&["keep", "quarantine"]), "keep", "lines that are not UTF-8 JSON objects"),
    key("staging", "keep_quarantined", Int(0, 100_000), "5", "broken archives kept for a person"),
    bare("state", "dir", Path, "the journal's directory"),
    key("lake", "type", Choice(&["local", "s3"]), "local", "a directory or an S3 bucket"),
    bare("lake", "path", Path, "the lake's directory").only(&["local"]),
    bare("lake", "bucket", Bucket, "the bucket").only(S3).required(),
    key("lake", "prefix", Prefix, "", "prefix of every key").only(S3),
    bare("lake", "region", Text, "the bucket's region; default: the AWS chain's").only(S3),
    bare("lake", "endpoint", Url, "another S3 than AWS").only(S3),
    key("lake", "path_style", Bool, "false", "endpoint/bucket/key instead of bucket.endpoint/key").only(S3),
    key("lake", "checksum", Choice(&["crc64nvme", "crc32", "sha256", "none"]), "crc64nvme", "what the store checks on arrival").only(S3),
    bare("lake", "storage_class", Text, "storage class of data objects").only(S3),
    bare("lake", "sse", Choice(&["AES256", "aws:kms"]), "server-side encryption").only(S3),
    bare("lake", "kms_key", Id, "KMS key of sse = \"aws:kms\"").only(S3),
    bare("lake", "tags", Tags, "object tags of data objects").only(S3),
    key("lake", "max_parallel", Int(1, 64), "4", "objects in flight"),
    key("lake", "part_size", Size(5 * MIB, 5 * GIB), "8MiB", "multipart parts; smaller objects go in one PUT").only(S3),
    key("lake", "single_writer", Bool, "false", "the store has no conditional writes and one daemon writes to it").only(S3),
    key("lake", "late_write", Duration(0, DAY), "15m", "how late an unanswered PUT may still land on such a store").only(S3),
    key("lake", "lease", OffOrDuration(3_000, 3_600_000), "60s", "of two daemons one leads, for so long at a time; off: both work"),
    key("lake", "format", Kind::Format, "json.gz", "json.gz | json | json.zst | parquet"),
    key("lake", "part_target", Size(MIB, 5 * GIB), "128MiB", "members of an hour are joined up to this size"),
    key("warehouse", "type", Choice(&["none", "snowflake"]), "none", "none | snowflake"),
    bare("warehouse", "account", Text, "Snowflake account").only(SNOWFLAKE).required(),
    bare("warehouse", "user", Text, "Snowflake user").only(SNOWFLAKE).required(),
    bare("warehouse", "role", Text, "Snowflake role").only(SNOWFLAKE),
    bare("warehouse", "warehouse", Text, "Snowflake warehouse").only(SNOWFLAKE).required(),
    bare("warehouse", "database", Text, "Snowflake database").only(SNOWFLAKE).required(),
    bare("warehouse", "schema", Text, "Snowflake schema").only(SNOWFLAKE).required(),
    bare("warehouse", "stage", Text, "Snowflake stage over the lake").only(SNOWFLAKE),
    bare("warehouse", "private_key", Secret, "the user's private key, PEM").only(SNOWFLAKE).required(),
    key("warehouse", "hours_per_transaction", Int(1, 10_000), "24", "hours loaded in one transaction").only(SNOWFLAKE),
    key("transform", "type", Choice(&["none", "command", "dbt_platform"]), "none", "none | command | dbt_platform"),
    bare("transform", "command", List, "the command and its arguments").only(COMMAND).required(),
    bare("transform", "dir", Path, "where the command runs").only(COMMAND),
    key("transform", "quiet_period", Duration(0, DAY), "10m", "one run per quiet period, not per hour").only(DBT),
    key("transform", "timeout", Duration(1, 7 * DAY), "1h", "longest run").only(DBT),
    bare("transform", "account_id", Id, "dbt Platform account").only(DBT_PLATFORM).required(),
    bare("transform", "job_id", Id, "dbt Platform job").only(DBT_PLATFORM).required(),
    bare("transform", "base_url", Url, "dbt Platform address").only(DBT_PLATFORM),
    bare("transform", "token", Secret, "dbt Platform token").only(DBT_PLATFORM).required(),
    key("transform", "wait", Choice(&["none", "status"]), "status", "follow the run: none | status").only(DBT_PLATFORM),
    key("transform", "on_failure", Choice(&["report", "rerun"]), "report", "report | rerun").only(DBT_PLATFORM),
    key("notify", "enabled", Bool, "false", "whether anything is sent"),
    key("notify", "type", Choice(&["webhook", "slack"]), "webhook", "webhook | slack"),
    bare("notify", "url", Secret, "where to send"),
    bare("notify", "on", Words(EVENTS), "what to tell; default: everything"),
    key("notify", "lag_over", Duration(60_000, ANY), "6h", "what counts as a lag"),
    bare("admin", "socket", Socket, "the control socket, mode 0600"),
    key("admin", "http", Listen, "", "read-only page, metrics and health; \"\" = off"),
    key("log", "level", Level, "info", "error | warn | info | debug | trace, or a filter"),
    key("log", "format", Choice(&["auto", "text", "json"]), "auto", "auto | text | json"),
    bare("log", "dir", PathOrNone, "the per-phase streams; \"\" = off"),
    key("log", "keep_files", Int(1, 100_000), "30", "files kept per phase"),
    key("shutdown", "grace", Duration(0, DAY), "30s", "how long a drain may take"),
];
