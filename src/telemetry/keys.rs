//! The keys of log lines: one name per thing, in every stream.

/// When, RFC 3339 UTC with milliseconds.
pub const TIMESTAMP: &str = "timestamp";
/// `error`, `warn`, `info`, `debug` or `trace`.
pub const LEVEL: &str = "level";
/// The phase: the stream the line belongs to.
pub const PHASE: &str = "phase";
/// The module, for lines that belong to no phase.
pub const TARGET: &str = "target";
/// The process's run.
pub const RUN_ID: &str = "run_id";
/// The Amplitude project.
pub const SOURCE: &str = "source";
/// The hour the line is about.
pub const HOUR: &str = "hour";
/// The hours the line is about, when there are several.
pub const WINDOW: &str = "window";
/// The download.
pub const CAPTURE: &str = "capture";
/// In words.
pub const MESSAGE: &str = "message";
/// Attempts that failed for the hour itself.
pub const ATTEMPT: &str = "attempt";
/// HTTP status.
pub const STATUS: &str = "status";
/// The code that `ampd explain` knows.
pub const CODE: &str = "code";
/// Bytes moved.
pub const BYTES: &str = "bytes";
/// Rows.
pub const ROWS: &str = "rows";
/// Lines that are no UTF-8 JSON object.
pub const ROWS_INVALID: &str = "rows_invalid";
/// Members of an archive.
pub const MEMBERS: &str = "members";
/// Objects in the lake.
pub const OBJECTS: &str = "objects";
/// The key of one object.
pub const KEY: &str = "key";
/// Number of an hour's publication.
pub const GENERATION: &str = "generation";
/// How long it took.
pub const ELAPSED_MS: &str = "elapsed_ms";
/// How long it will wait.
pub const WAIT_SECONDS: &str = "wait_seconds";
/// Hours in a window.
pub const HOURS: &str = "hours";
/// Why.
pub const REASON: &str = "reason";
