//! What the service manager hears (systemd's `sd_notify`): ready, words a person reads, the watchdog. Without one,
//! nothing.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sd_notify::NotifyState;

use crate::clock;
use crate::commands::observe::Watch;
use crate::engine::{Engine, Notice, Observer};
use crate::model::report::SourceReport;
use crate::telemetry::{Metrics, figures};

/// `STATUS=` is said at most this often.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Says something to the service manager. Nobody listening is fine.
pub fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

/// Half the watchdog's patience: a turn of the engine at least this often keeps it quiet.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2)
}

/// Watches the engine for the logs and the status file, and tells the service manager that its loop turns.
pub struct ServiceWatch {
    inner: Watch,
    said: Option<Instant>,
    watchdog: bool,
    metrics: Metrics,
}

impl ServiceWatch {
    /// Around the observer of every process that works.
    pub fn new(inner: Watch, metrics: Metrics) -> Self {
        Self { inner, said: None, watchdog: watchdog_interval().is_some(), metrics }
    }

    /// The loop turns.
    fn alive(&mut self) {
        self.metrics.beat();
        if self.watchdog {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

impl Observer for ServiceWatch {
    fn notice(&mut self, notice: &Notice) {
        self.inner.notice(notice);
    }

    fn turn(&mut self, engine: &Engine, now: DateTime<Utc>) {
        self.inner.turn(engine, now);
        self.alive();
        // The last turn of a piece of work is always told: the next one may be half an hour away.
        if engine.is_idle()
            || self.said.is_none_or(|said| clock::monotonic().saturating_duration_since(said) >= STATUS_EVERY)
        {
            tell(&[NotifyState::Status(&in_words(&self.inner.sources(engine, now)))]);
            self.said = Some(clock::monotonic());
        }
    }

    fn end(&mut self, engine: &Engine, now: DateTime<Utc>) {
        self.inner.end(engine, now);
    }
}

/// `web 2026-11-24T05, lag 0h00m; ios_eu ...: 1 problem`
fn in_words(sources: &[SourceReport]) -> String {
    let one = |source: &SourceReport| {
        let watermark = source.watermark.map_or_else(|| "nothing yet".to_owned(), |hour| hour.to_string());
        let doing = source.activity.as_ref().map_or_else(String::new, |activity| format!(", {activity}"));
        let problems = match source.problems.len() {
            0 => String::new(),
            count => format!(", {}", figures::plural(count as u64, "problem")),
        };
        format!("{} {watermark}, lag {}{doing}{problems}", source.name, figures::span(source.lag_seconds))
    };
    sources.iter().map(one).collect::<Vec<_>>().join("; ")
}
