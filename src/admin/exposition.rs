//! `/metrics`: the counters, and what the report says at this moment.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::refusal::Refusal;
use super::usage::{self, Usage};
use super::{Context, Life};
use crate::model::report::{HourCounts, SourceReport, StatusReport};
use crate::telemetry;

/// `OpenMetrics`, which Prometheus reads by this name.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /metrics`
pub(super) async fn metrics(State(context): State<Context>) -> Result<Response, Refusal> {
    let (report, tick_age) = match context.life() {
        Ok(Life { handle, report, tick_age }) => {
            let seen = handle.look(move |engine, now| report(engine, now)).await.ok();
            (seen, tick_age().map(|age| age.as_secs_f64()))
        }
        Err(_) => (None, None),
    };
    let mut registry = Registry::default();
    always(&mut registry, &context);
    if let Some(report) = &report {
        of_report(&mut registry, report);
    }
    if let Some(age) = tick_age {
        gauge(&mut registry, "ampd_scheduler_tick_age_seconds", "Since the schedule ticked", age);
    }
    if let Some(figures) = usage::read() {
        of_process(&mut registry, figures, context.started_at);
    }
    let mut out = String::new();
    let written = context.metrics.encode(&mut out).and_then(|()| text::encode(&mut out, &registry));
    written.map_err(|_| Refusal::not_now())?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], out).into_response())
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    registry.register(name, help, ConstGauge::new(value));
}

fn always(registry: &mut Registry, context: &Context) {
    registry.register("ampd_build", "The version", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    let good = f64::from(u8::from(context.metrics.reload_was_good()));
    gauge(
        registry,
        "ampd_config_reload_successful",
        "Whether the configuration was taken over at the last reload",
        good,
    );
    let dropped = ConstCounter::new(telemetry::dropped_lines());
    registry.register("ampd_log_lines_dropped", "Log lines dropped because a sink was too slow", dropped);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    source: String,
    state: &'static str,
}

type SourceGauges = Family<OfSource, Gauge<f64, AtomicU64>>;

fn of_report(registry: &mut Registry, report: &StatusReport) {
    let (lag, watermark, next) = (SourceGauges::default(), SourceGauges::default(), SourceGauges::default());
    let leading = SourceGauges::default();
    let hours = Family::<OfState, Gauge<f64, AtomicU64>>::default();
    for source in &report.sources {
        let label = OfSource { source: source.name.to_string() };
        lag.get_or_create(&label).set(source.lag_seconds as f64);
        let leads = source.lease.as_ref().is_none_or(|lease| lease.leads);
        leading.get_or_create(&label).set(f64::from(u8::from(leads)));
        if let Some(hour) = source.watermark {
            watermark.get_or_create(&label).set(seconds(hour.start()));
        }
        if let Some(time) = source.next_tick_at {
            next.get_or_create(&label).set(seconds(time));
        }
        count_hours(&hours, source);
    }
    registry.register("ampd_lag_seconds", "The newest due hour minus the watermark", lag);
    registry.register("ampd_watermark_timestamp_seconds", "Start of the last hour before the first gap", watermark);
    registry.register("ampd_next_tick_timestamp_seconds", "When the schedule ticks next", next);
    registry.register("ampd_source_leading", "Whether this daemon leads the source", leading);
    registry.register("ampd_hours", "Due hours by state", hours);
    gauge(registry, "ampd_staging_bytes", "Bytes in the staging directory", report.staging.used_bytes as f64);
    gauge(registry, "ampd_staging_limit_bytes", "staging.max_bytes", report.staging.limit_bytes as f64);
    gauge(registry, "ampd_paused", "Whether a person paused it", f64::from(u8::from(report.daemon.paused)));
}

fn count_hours(hours: &Family<OfState, Gauge<f64, AtomicU64>>, source: &SourceReport) {
    let HourCounts { published, empty, skipped, missing, retrying, quarantined, provisional } = source.hours;
    let states = [
        ("published", published),
        ("empty", empty),
        ("skipped", skipped),
        ("missing", missing),
        ("retrying", retrying),
        ("quarantined", quarantined),
        ("provisional", provisional),
    ];
    for (state, number) in states {
        hours.get_or_create(&OfState { source: source.name.to_string(), state }).set(number as f64);
    }
}

fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

fn of_process(registry: &mut Registry, figures: Usage, started_at: DateTime<Utc>) {
    let cpu = ConstCounter::new(figures.cpu_seconds);
    registry.register("process_cpu_seconds", "Processor time", cpu);
    gauge(registry, "process_resident_memory_bytes", "Resident memory", figures.resident_bytes as f64);
    gauge(registry, "process_virtual_memory_bytes", "Virtual memory", figures.virtual_bytes as f64);
    gauge(registry, "process_open_fds", "Open file descriptors", figures.open_fds as f64);
    gauge(registry, "process_max_fds", "Most file descriptors", figures.max_fds as f64);
    gauge(registry, "process_threads", "Threads", figures.threads as f64);
    gauge(registry, "process_start_time_seconds", "When it started", seconds(started_at));
}
