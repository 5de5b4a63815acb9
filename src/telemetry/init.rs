//! Starting and ending the log.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::{Log, LogFormat};

use super::layer::{Form, PhaseLayer, StderrLayer};
use super::line::{Level, Line, Phase, say};
use super::queue::{Queue, QueueGuard};
use super::render::suspend_bar;

/// What the command line says about the log.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// 16 lower-case characters.
    pub run_id: &'a str,
    /// Times `-v` was given.
    pub verbose: u8,
    /// `-q`: only what a person should look at.
    pub quiet: bool,
    /// Colours, already decided (`--color`, `NO_COLOR`, terminal).
    pub color: bool,
}

/// Keeps the log alive; dropped at the end of `main`, it writes what is still queued and waits at most a moment.
pub struct Guard {
    filter: Option<reload::Handle<EnvFilter, Registry>>,
    verbose: u8,
    quiet: bool,
    _queues: Vec<QueueGuard>,
}

static DROPPED: OnceLock<Vec<Arc<AtomicU64>>> = OnceLock::new();

/// Log lines that were dropped because a sink was too slow.
pub fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |counters| counters.iter().map(|counter| counter.load(Ordering::Relaxed)).sum())
}

impl Guard {
    /// Takes over another `log.level` (a reload). Answers false, and changes nothing, when it is no filter.
    pub fn set_level(&self, level: &str) -> bool {
        let Some(filter) = filter(level, self.verbose, self.quiet) else { return false };
        self.filter.as_ref().is_some_and(|handle| handle.reload(filter).is_ok())
    }
}

/// Whether `log.level` can be understood: a level's name or a `tracing` filter.
pub fn filter_is_valid(level: &str) -> bool {
    filter(level, 0, false).is_some()
}

/// `log.level` with the flags applied. The libraries below us are heard from `warn` on.
fn filter(level: &str, verbose: u8, quiet: bool) -> Option<EnvFilter> {
    let level = level.trim();
    if level.contains(['=', ',', '[']) {
        let directives = level.to_owned();
        return EnvFilter::try_new(if quiet { "warn".to_owned() } else { directives }).ok();
    }
    let known = ["error", "warn", "info", "debug", "trace", "off"].contains(&level);
    let (libraries, ours) = match (quiet, verbose) {
        (true, _) => ("error", if level == "error" || level == "off" { level } else { "warn" }),
        (false, 0) if level == "error" || level == "off" => (level, level),
        (false, 0) => ("warn", level),
        (false, 1) => ("warn", "debug"),
        (false, _) => ("info", "trace"),
    };
    known.then(|| EnvFilter::try_new(format!("{libraries},ampd={ours}")).ok()).flatten()
}

/// Starts the log: stderr, and one stream per phase where a directory is configured. A directory that cannot be
/// written costs the streams and is said, nothing more. The guard belongs into `main`.
pub fn init(log: &Log, options: &Options<'_>) -> Guard {
    let (subscriber, guard, problem) = build(log, options, Box::new(Stderr));
    // Refused when there is one already, as in a test; the first one stays.
    let _ = subscriber.try_init();
    if let Some(problem) = problem {
        say(&Line::new(Level::Warn, problem));
    }
    guard
}

type Parts = (Box<dyn tracing::Subscriber + Send + Sync>, Guard, Option<String>);

/// The subscriber, its guard, and what is to be said as its first line.
fn build(log: &Log, options: &Options<'_>, stderr: Box<dyn Write + Send>) -> Parts {
    let run_id: Arc<str> = options.run_id.into();
    let (mut queues, mut counters, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let chosen = filter(&log.level, options.verbose, options.quiet).unwrap_or_else(|| {
        problems.push(format!("log.level = \"{}\" is no level and no filter; info is used", log.level));
        filter("info", options.verbose, options.quiet).unwrap_or_default()
    });
    let (chosen, handle) = reload::Layer::new(chosen);
    let stderr = Queue::start("ampd-stderr", vec![stderr]).ok().map(|(queue, guard)| {
        queues.push(guard);
        counters.push(queue.dropped());
        StderrLayer { run_id: Arc::clone(&run_id), form: form(log.format, options), queue }.with_filter(chosen)
    });
    let phases = log.dir.as_deref().and_then(|dir| match streams(dir, log.keep_files) {
        Ok((queue, guard)) => {
            queues.push(guard);
            counters.push(queue.dropped());
            let detailed = log.level.contains("debug") || log.level.contains("trace");
            let level = if detailed { tracing::Level::DEBUG } else { tracing::Level::INFO };
            Some(PhaseLayer { run_id, queue, level })
        }
        Err(error) => {
            problems.push(format!("no log files: {} cannot be written ({error})", dir.display()));
            None
        }
    });
    let _ = DROPPED.set(counters);
    let filter = stderr.is_some().then_some(handle);
    let guard = Guard { filter, verbose: options.verbose, quiet: options.quiet, _queues: queues };
    let problem = (!problems.is_empty()).then(|| problems.join("; "));
    (Box::new(Registry::default().with(stderr).with(phases)), guard, problem)
}

fn form(format: LogFormat, options: &Options<'_>) -> Form {
    let text = match format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    if text { Form::Text { color: options.color, fields: options.verbose > 0 } } else { Form::Json }
}

/// One daily file per phase, `<dir>/<phase>/<date>.<phase>.log`.
fn streams(dir: &Path, keep: usize) -> std::io::Result<(Queue, QueueGuard)> {
    let mut writers: Vec<Box<dyn Write + Send>> = Vec::new();
    for phase in Phase::ALL {
        let place = dir.join(phase.as_str());
        // Before the appender looks for old files: it would complain on stderr.
        std::fs::create_dir_all(&place)?;
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_suffix(format!("{}.log", phase.as_str()))
            .max_log_files(keep.max(1))
            .build(&place)
            .map_err(std::io::Error::other)?;
        writers.push(Box::new(appender));
    }
    Queue::start("ampd-log", writers)
}

/// Standard error; a progress bar steps aside while a line is written.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        suspend_bar(|| std::io::stderr().lock().write(buf))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
