//! One log line: what it says and what it is about.

use crate::model::{CaptureId, Hour, SourceName, Window};

pub use serde_json::Value;

use super::keys;

/// The phase of an hour's way that a line belongs to; each has a stream of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Which hours are due, in which windows.
    DateRange,
    /// Asking Amplitude.
    ApiCall,
    /// Reading the archive.
    ZipFileExtract,
    /// Into the lake, and publishing (whatever kind of lake it is).
    S3Load,
}

impl Phase {
    /// All of them, in the order in which an hour passes through them.
    pub const ALL: [Phase; 4] = [Phase::DateRange, Phase::ApiCall, Phase::ZipFileExtract, Phase::S3Load];

    /// The name of the stream and of its directory.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::DateRange => "date_range",
            Phase::ApiCall => "api_call",
            Phase::ZipFileExtract => "zip_file_extract",
            Phase::S3Load => "s3_load",
        }
    }

    /// The `tracing` target of the stream.
    pub const fn target(self) -> &'static str {
        match self {
            Phase::DateRange => "ampd::date_range",
            Phase::ApiCall => "ampd::api_call",
            Phase::ZipFileExtract => "ampd::zip_file_extract",
            Phase::S3Load => "ampd::s3_load",
        }
    }

    /// The phase with this target.
    pub fn of_target(target: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.target() == target)
    }
}

/// How much a line matters. `-q` shows the first two, so a fault that ampd will get over by itself is `Info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It failed, and ampd cannot go on with it.
    Error,
    /// A person should look: an hour set aside, keys refused, a lake that does not answer for long.
    Warn,
    /// What was done, and what will be tried again.
    Info,
    /// How.
    Debug,
}

/// A line. Build it with [`Line::info`] and its sisters, then [`say`] it.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The stream; `None` for what belongs to no phase (the daemon itself, its configuration).
    pub phase: Option<Phase>,
    /// How much it matters.
    pub level: Level,
    /// The Amplitude project.
    pub source: Option<&'a SourceName>,
    /// The hours it is about.
    pub window: Option<Window>,
    /// The download.
    pub capture: Option<CaptureId>,
    /// In words: lower case, no full stop.
    pub message: String,
    /// More facts, keyed by [`keys`].
    pub fields: Vec<(&'static str, Value)>,
}

impl<'a> Line<'a> {
    /// A line of this level.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { phase: None, level, source: None, window: None, capture: None, message, fields: Vec::new() }
    }

    /// It failed.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Level::Error, message)
    }

    /// A person should look.
    pub fn warn(message: impl Into<String>) -> Self {
        Self::new(Level::Warn, message)
    }

    /// What was done.
    pub fn info(message: impl Into<String>) -> Self {
        Self::new(Level::Info, message)
    }

    /// How it was done.
    pub fn debug(message: impl Into<String>) -> Self {
        Self::new(Level::Debug, message)
    }

    /// In this phase's stream.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Self {
        self.phase = Some(phase);
        self
    }

    /// About this source.
    #[must_use]
    pub fn source(mut self, source: &'a SourceName) -> Self {
        self.source = Some(source);
        self
    }

    /// About this hour.
    #[must_use]
    pub fn hour(self, hour: Hour) -> Self {
        self.window(Window::of(hour))
    }

    /// About these hours.
    #[must_use]
    pub fn window(mut self, window: Window) -> Self {
        self.window = Some(window);
        self
    }

    /// About this download.
    #[must_use]
    pub fn capture(mut self, capture: CaptureId) -> Self {
        self.capture = Some(capture);
        self
    }

    /// One more fact.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((key, value.into()));
        self
    }
}

/// Emits one event: `tracing` wants target and level to be constants of the place that emits.
macro_rules! emit {
    ($line:expr, $facts:expr, $target:expr) => {
        match $line.level {
            Level::Error => emit!(@ $line, $facts, $target, tracing::Level::ERROR),
            Level::Warn => emit!(@ $line, $facts, $target, tracing::Level::WARN),
            Level::Info => emit!(@ $line, $facts, $target, tracing::Level::INFO),
            Level::Debug => emit!(@ $line, $facts, $target, tracing::Level::DEBUG),
        }
    };
    (@ $line:expr, $facts:expr, $target:expr, $level:expr) => {
        tracing::event!(
            target: $target,
            $level,
            source = $line.source.map(SourceName::as_str),
            hour = $facts.hour,
            window = $facts.window,
            capture = $facts.capture,
            facts = $facts.more,
            "{}",
            $line.message
        )
    };
}

/// The written forms of what a line is about.
struct Facts {
    hour: Option<String>,
    window: Option<String>,
    capture: Option<String>,
    more: Option<String>,
}

/// Says it: on stderr, and in the phase's stream. Never blocks, never fails.
pub fn say(line: &Line<'_>) {
    let one = line.window.filter(|window| window.hours() == 1);
    let fields: serde_json::Map<_, _> =
        line.fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let facts = Facts {
        hour: one.map(|window| window.to_string()),
        window: line.window.filter(|_| one.is_none()).map(|window| window.to_string()),
        capture: line.capture.map(|capture| capture.to_string()),
        more: (!fields.is_empty()).then(|| Value::Object(fields).to_string()),
    };
    match line.phase {
        None => emit!(line, facts, "ampd"),
        Some(Phase::DateRange) => emit!(line, facts, "ampd::date_range"),
        Some(Phase::ApiCall) => emit!(line, facts, "ampd::api_call"),
        Some(Phase::ZipFileExtract) => emit!(line, facts, "ampd::zip_file_extract"),
        Some(Phase::S3Load) => emit!(line, facts, "ampd::s3_load"),
    }
}

/// The keys that a line's own fields fill, in the order in which they are written.
pub(super) const OWN_KEYS: [&str; 4] = [keys::SOURCE, keys::HOUR, keys::WINDOW, keys::CAPTURE];
