//! Watches the engine: its notices go to the logs, its state to `status.json`, its counts to the progress bar.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::clock;
use crate::commands::run::{Leases, Ticks};
use crate::config::Config;
use crate::engine::{Engine, Loudness, Notice, Observer, Stage as Part};
use crate::model::report::{DaemonReport, LakeReport, SourceReport, StageReport, StagingReport, StatusReport};
use crate::model::{Scope, SourceName};
use crate::stage::Stage;
use crate::telemetry::{Level, Line, Phase, Progress, say};

/// `status.json` is written at most this often.
pub const STATUS_EVERY: Duration = Duration::from_secs(1);
/// Days in its calendar.
const CALENDAR_DAYS: u16 = 31;

/// What does not change about this process's reports.
#[derive(Clone)]
pub struct About {
    /// `us` or `eu` by source.
    pub regions: BTreeMap<SourceName, &'static str>,
    /// The lake as it is configured.
    pub lake: LakeReport,
    /// The daemon; `running` is false for a one-shot command.
    pub daemon: DaemonReport,
    /// Who leads; empty for a one-shot command.
    pub leases: Leases,
}

impl About {
    /// From the configuration.
    pub fn new(config: &Config, lake_place: String, daemon: DaemonReport) -> Self {
        Self {
            regions: config.sources.values().map(|source| (source.name.clone(), source.region.as_str())).collect(),
            lake: LakeReport {
                kind: config.lake.place.kind().to_owned(),
                conditional_writes: None,
                single_writer: config.lake.single_writer,
                place: Some(lake_place),
            },
            daemon,
            leases: Leases::default(),
        }
    }

    /// The sources as a report shows them.
    fn sources(
        &self,
        engine: &Engine,
        days: u16,
        next_tick_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Vec<SourceReport> {
        let mut sources = engine.reports(now, days, &self.regions, next_tick_at);
        for source in &mut sources {
            source.lease = self.leases.of(&source.name);
        }
        sources
    }
}

/// The whole report.
pub fn report(
    engine: &Engine,
    about: &About,
    stage: Option<&Stage>,
    next_tick_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> StatusReport {
    let staging = stage.map(Stage::usage).map_or_else(StagingReport::default, |usage| StagingReport {
        used_bytes: usage.used_bytes,
        limit_bytes: usage.limit_bytes,
    });
    StatusReport {
        schema: StatusReport::SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        generated_at: now,
        daemon: DaemonReport { paused: engine.is_paused(), ..about.daemon.clone() },
        sources: about.sources(engine, CALENDAR_DAYS, next_tick_at, now),
        staging,
        lake: LakeReport { conditional_writes: engine.conditional_writes(), ..about.lake.clone() },
        warehouse: StageReport::default(),
        transform: StageReport::default(),
    }
}

/// Writes a file so that a reader sees the old one or the new one, never a part, even after a power cut.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = path.with_extension("tmp");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    std::fs::File::open(dir)?.sync_all()
}

/// The observer of every process that works.
pub struct Watch {
    about: About,
    stage: Stage,
    status_file: PathBuf,
    written: Option<Instant>,
    progress: Progress,
    scope: Option<Scope>,
    total: u64,
    ticks: Option<Ticks>,
}

impl Watch {
    /// `scope` is what a one-shot command counts its progress in.
    pub fn new(about: About, stage: Stage, status_file: PathBuf, progress: Progress, scope: Option<Scope>) -> Self {
        Self { about, stage, status_file, written: None, progress, scope, total: 0, ticks: None }
    }

    /// For the daemon: reports say when the schedule ticks next.
    #[must_use]
    pub fn ticking(mut self, ticks: Ticks) -> Self {
        self.ticks = Some(ticks);
        self
    }

    /// The sources as a report shows them.
    pub fn sources(&self, engine: &Engine, now: DateTime<Utc>) -> Vec<SourceReport> {
        self.about.sources(engine, 0, self.next_tick(), now)
    }

    fn next_tick(&self) -> Option<DateTime<Utc>> {
        self.ticks.as_ref().and_then(Ticks::next)
    }

    /// Writes `status.json` now.
    pub fn write_status(&mut self, engine: &Engine, now: DateTime<Utc>) {
        let report = report(engine, &self.about, Some(&self.stage), self.next_tick(), now);
        let written = serde_json::to_vec(&report)
            .map_err(std::io::Error::other)
            .and_then(|bytes| write_atomically(&self.status_file, &bytes));
        if let Err(error) = written {
            say(&Line::warn(format!("{} was not written: {error}", self.status_file.display())));
        }
        self.written = Some(clock::monotonic());
    }

    fn count(&mut self, engine: &Engine, now: DateTime<Utc>) {
        let Some(scope) = &self.scope else { return };
        let left: u64 = scope.sources.iter().map(|(name, windows)| engine.hours_left(name, windows, now)).sum();
        self.total = self.total.max(left);
        self.progress.set_hours(self.total - left, self.total);
    }
}

impl Observer for Watch {
    fn notice(&mut self, notice: &Notice) {
        let level = match notice.loudness {
            Loudness::Info => Level::Info,
            Loudness::Warn => Level::Warn,
            Loudness::Error => Level::Error,
        };
        let phase = match notice.stage {
            Part::DateRange => Phase::DateRange,
            Part::ApiCall => Phase::ApiCall,
            Part::ZipFileExtract => Phase::ZipFileExtract,
            Part::LakeLoad => Phase::S3Load,
        };
        let mut line = Line::new(level, notice.text.clone()).phase(phase);
        if let Some(source) = &notice.source {
            line = line.source(source);
        }
        if let Some(hours) = notice.hours {
            line = line.window(hours);
        }
        say(&line);
    }

    fn turn(&mut self, engine: &Engine, now: DateTime<Utc>) {
        let due =
            self.written.is_none_or(|written| clock::monotonic().saturating_duration_since(written) >= STATUS_EVERY);
        if due {
            self.count(engine, now);
            self.write_status(engine, now);
        }
    }

    fn end(&mut self, engine: &Engine, now: DateTime<Utc>) {
        self.count(engine, now);
        self.write_status(engine, now);
    }
}
