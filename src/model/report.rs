//! What `ampd status` shows: `ampd.status/1`, answered by the daemon, written to `status.json`, printed by `--json`.
//! Fields may be added; readers ignore those that they do not know.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::calendar::CalendarDay;
use super::hour::Hour;
use super::lease::Holder;
use super::names::SourceName;

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// [`StatusReport::SCHEMA`].
    pub schema: String,
    /// The version of the ampd that wrote it.
    pub version: String,
    /// When it was written.
    pub generated_at: DateTime<Utc>,
    /// The daemon.
    pub daemon: DaemonReport,
    /// The sources, in order of their names.
    pub sources: Vec<SourceReport>,
    /// Staging.
    pub staging: StagingReport,
    /// The lake.
    pub lake: LakeReport,
    /// The warehouse.
    #[serde(default)]
    pub warehouse: StageReport,
    /// The transformation.
    #[serde(default)]
    pub transform: StageReport,
}

impl StatusReport {
    /// The name and version of this form.
    pub const SCHEMA: &'static str = "ampd.status/1";

    /// Whether a person has nothing to do: no problem, no hour missing or set aside, and no source of which nothing is
    /// known yet.
    pub fn is_well(&self) -> bool {
        let is_well = |source: &SourceReport| {
            let hours = source.hours;
            source.first_hour.is_some() && source.problems.is_empty() && hours.missing == 0 && hours.quarantined == 0
        };
        self.sources.iter().all(is_well)
    }
}

/// The daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonReport {
    /// Whether it ran when the report was written (a one-shot command is no daemon).
    pub running: bool,
    /// Its process.
    pub pid: Option<u32>,
    /// Since when.
    pub started_at: Option<DateTime<Utc>>,
    /// Paused by a person.
    pub paused: bool,
    /// The configuration file it read.
    #[serde(default)]
    pub config: Option<String>,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Its name.
    pub name: SourceName,
    /// `us` or `eu`.
    pub region: String,
    /// The last hour of the longest published prefix; none when not even the first hour is published.
    pub watermark: Option<Hour>,
    /// The newest hour that is due; none when not even the first hour is.
    pub available_until: Option<Hour>,
    /// The newest due hour minus the watermark, in seconds; 0 when all that is due is published.
    pub lag_seconds: u64,
    /// Hours by state.
    pub hours: HourCounts,
    /// Rows of the 24 newest due hours.
    pub rows_24h: u64,
    /// Bytes of these hours in the lake.
    pub bytes_24h: u64,
    /// Published hours among them whose manifest was not read yet, so whose rows are not counted.
    #[serde(default)]
    pub unread_24h: u64,
    /// When the daemon looks again.
    pub next_tick_at: Option<DateTime<Utc>>,
    /// What a person should know, the worst first.
    pub problems: Vec<Problem>,
    /// Who leads; none where no lease is kept (a one-shot command, `lake.lease = "off"`).
    #[serde(default)]
    pub lease: Option<LeaseReport>,
    /// The first hour to keep.
    #[serde(default)]
    pub first_hour: Option<Hour>,
    /// What is being done now (`downloading T08`, `waiting until 10:05Z`).
    #[serde(default)]
    pub activity: Option<String>,
    /// The newest days, in order.
    #[serde(default)]
    pub calendar: Vec<CalendarDay>,
}

/// A source's lease, as the daemon saw it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseReport {
    /// This daemon leads.
    pub leads: bool,
    /// Who leads; none while that is not known.
    pub holder: Option<Holder>,
    /// Until when, if it is not renewed, by the store's clock.
    pub until: Option<DateTime<Utc>>,
}

impl SourceReport {
    /// The lag: from the watermark (or the hour before the first one) to the newest due hour.
    pub fn lag(first: Hour, watermark: Option<Hour>, newest_due: Option<Hour>) -> u64 {
        let behind = newest_due.map_or(0, |due| due.index() - watermark.unwrap_or(first.previous()).index());
        u64::try_from(behind).unwrap_or(0).saturating_mul(3600)
    }
}

/// Hours by state, from the first hour to the newest due one. Provisional hours and hours at work count as missing only
/// once they are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HourCounts {
    /// In the lake, with data.
    pub published: u64,
    /// In the lake, confirmed empty.
    pub empty: u64,
    /// Left out by a person, with a reason.
    pub skipped: u64,
    /// Due and not there, and nothing is known to be wrong.
    pub missing: u64,
    /// Failed, will be asked again.
    pub retrying: u64,
    /// Set aside.
    pub quarantined: u64,
    /// Answered empty once, not yet believed.
    pub provisional: u64,
}

/// What a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `ampd explain CODE`.
    pub code: String,
    /// The hour, when it is one hour's problem.
    pub hour: Option<Hour>,
    /// Attempts that failed for the hour itself.
    pub attempts: u32,
    /// In words; lower case, no full stop.
    pub message: String,
    /// The command that repairs it; none when ampd gets over it by itself.
    pub fix: Option<String>,
}

/// Staging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagingReport {
    /// Bytes in it.
    pub used_bytes: u64,
    /// `staging.max_bytes`.
    pub limit_bytes: u64,
}

/// The lake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeReport {
    /// `local` or `s3`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the store honours create-once writes; none while it was not asked.
    pub conditional_writes: Option<bool>,
    /// `lake.single_writer`
    pub single_writer: bool,
    /// Where: `s3://acme-lake/amplitude` or a path.
    #[serde(default)]
    pub place: Option<String>,
}

/// A stage behind the lake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// `none`, or what it is.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Default for StageReport {
    fn default() -> Self {
        Self { kind: "none".to_owned() }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub(crate) mod tests;
