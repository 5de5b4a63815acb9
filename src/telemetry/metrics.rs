//! Counters for Prometheus, counted where things happen and read when somebody asks. What a report says (lag, hours,
//! staging) is no counter: it is made from the report when it is asked for. Never a label by hour.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Phase;
use crate::clock;
use crate::model::{FaultKind, SourceName};

/// Seconds a step takes: from a small file to an archive of many gigabytes.
const BUCKETS: [f64; 12] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 7200.0];

/// The counters, shared; a clone is the same counters. They outlive a reload.
#[derive(Clone)]
pub struct Metrics(Arc<Counters>);

struct Counters {
    registry: Registry,
    requests: Family<Request, Counter>,
    phases: Family<PhaseLabel, Histogram>,
    downloaded: Counter,
    uploaded: Counter,
    rows: Counter,
    retries: Family<Retry, Counter>,
    revised: Counter,
    moments: Mutex<Moments>,
}

#[derive(Clone, Copy, Default)]
struct Moments {
    beat: Option<Instant>,
    reload_failed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    source: String,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabel {
    phase: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Retry {
    phase: &'static str,
    reason: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All at nought.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("ampd");
        let requests = Family::default();
        let phases = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let (downloaded, uploaded, rows, revised) =
            (Counter::default(), Counter::default(), Counter::default(), Counter::default());
        let retries = Family::default();
        registry.register("export_requests", "Answers of the Export API by HTTP status", requests.clone());
        registry.register("phase_duration_seconds", "How long steps took, by phase", phases.clone());
        registry.register("downloaded_bytes", "Bytes taken from Amplitude", downloaded.clone());
        registry.register("uploaded_bytes", "Bytes put into the lake", uploaded.clone());
        registry.register("rows", "Rows published", rows.clone());
        registry.register("retries", "Steps that failed, by phase and fault", retries.clone());
        registry.register("hours_revised", "Hours published as a new generation", revised.clone());
        let moments = Mutex::default();
        Self(Arc::new(Counters { registry, requests, phases, downloaded, uploaded, rows, retries, revised, moments }))
    }

    /// The Export API answered; `None` when no status was read.
    pub fn request_answered(&self, source: &SourceName, status: Option<u16>) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.0.requests.get_or_create(&Request { source: source.to_string(), status }).inc();
    }

    /// A step of a phase ended.
    pub fn step_ended(&self, phase: Phase, took: Duration) {
        self.0.phases.get_or_create(&PhaseLabel { phase: phase.as_str() }).observe(took.as_secs_f64());
    }

    /// A step failed.
    pub fn step_failed(&self, phase: Phase, reason: FaultKind) {
        let word = serde_json::to_value(reason).ok().and_then(|value| value.as_str().map(str::to_owned));
        let label = Retry { phase: phase.as_str(), reason: word.unwrap_or_else(|| reason.code().to_owned()) };
        self.0.retries.get_or_create(&label).inc();
    }

    /// Bytes came from Amplitude.
    pub fn add_downloaded(&self, bytes: u64) {
        self.0.downloaded.inc_by(bytes);
    }

    /// Bytes went into the lake.
    pub fn add_uploaded(&self, bytes: u64) {
        self.0.uploaded.inc_by(bytes);
    }

    /// An hour was published.
    pub fn hour_published(&self, generation: u32, rows: u64) {
        self.0.rows.inc_by(rows);
        if generation > 1 {
            self.0.revised.inc();
        }
    }

    /// Bytes taken from Amplitude and put into the lake so far.
    pub fn bytes(&self) -> (u64, u64) {
        (self.0.downloaded.get(), self.0.uploaded.get())
    }

    /// The engine's loop turned, or waits for something that is not its fault.
    pub fn beat(&self) {
        self.moments(|moments| moments.beat = Some(clock::monotonic()));
    }

    /// How long ago that was; `None` before the first time.
    pub fn beat_age(&self) -> Option<Duration> {
        let beat = self.moments(|moments| moments.beat);
        beat.map(|beat| clock::monotonic().saturating_duration_since(beat))
    }

    /// The configuration was read again; `false` when it was not taken over.
    pub fn reloaded(&self, taken_over: bool) {
        self.moments(|moments| moments.reload_failed = !taken_over);
    }

    /// Whether the configuration on the disk was the one in use when it was read the last time.
    pub fn reload_was_good(&self) -> bool {
        !self.moments(|moments| moments.reload_failed)
    }

    fn moments<T>(&self, with: impl FnOnce(&mut Moments) -> T) -> T {
        with(&mut self.0.moments.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The counters in Prometheus' (`OpenMetrics`) text form, without the line that ends it.
    pub fn encode(&self, out: &mut String) -> fmt::Result {
        text::encode_registry(out, &self.0.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_written_with_their_documented_names() {
        let metrics = Metrics::new();
        metrics.request_answered(&"web".parse().unwrap(), Some(200));
        metrics.request_answered(&"web".parse().unwrap(), None);
        metrics.step_ended(Phase::ApiCall, Duration::from_secs(2));
        metrics.step_failed(Phase::ApiCall, FaultKind::RateLimited);
        metrics.add_downloaded(3);
        metrics.clone().add_uploaded(4);
        metrics.hour_published(2, 5);
        let mut text = String::new();
        metrics.encode(&mut text).unwrap();
        for line in [
            r#"ampd_export_requests_total{source="web",status="200"} 1"#,
            r#"ampd_export_requests_total{source="web",status="none"} 1"#,
            r#"ampd_phase_duration_seconds_bucket{le="5.0",phase="api_call"} 1"#,
            r#"ampd_retries_total{phase="api_call",reason="rate_limited"} 1"#,
            "ampd_downloaded_bytes_total 3",
            "ampd_uploaded_bytes_total 4",
            "ampd_rows_total 5",
            "ampd_hours_revised_total 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(metrics.bytes(), (3, 4));
    }

    #[test]
    fn moments_have_an_age_once_they_were() {
        let metrics = Metrics::new();
        assert_eq!((metrics.beat_age(), metrics.reload_was_good()), (None, true));
        metrics.beat();
        metrics.reloaded(false);
        assert!(metrics.beat_age().is_some() && !metrics.reload_was_good());
    }
}
