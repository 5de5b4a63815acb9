//! What the simulator can be told, in code or in TOML. Every field has a default.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    faults::Fault,
    hour::Hour,
    switches::{Archive, Limits},
};

/// The id of the default project.
pub const PROJECT_ID: u64 = 187_520;
/// The API key of the default project.
pub const API_KEY: &str = "sim-api-key";
/// The secret key of the default project.
pub const SECRET_KEY: &str = "sim-secret-key";

/// Everything that a simulator is started with.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The projects; without any there is the default one.
    pub projects: Vec<Project>,
    /// The seed of all rows: the same seed, project and hour give the same rows, whatever is asked.
    pub seed: u64,
    /// The virtual time to stand at; none means that the virtual clock runs with `clock`.
    pub now: Option<DateTime<Utc>>,
    /// The clock that the virtual clock is derived from. The simulator reads no clock itself, so the default stands
    /// still.
    #[serde(skip)]
    pub clock: fn() -> DateTime<Utc>,
    /// The region that this listener serves; a project of the other one is refused with 403.
    pub region: Region,
    /// How long after its end an hour becomes visible, in minutes.
    pub latency_minutes: u32,
    /// The shape of rows.
    pub rows: Rows,
    /// The shape of archives and of the answers that carry them.
    pub archive: Archive,
    /// What is refused, and how.
    pub limits: Limits,
    /// Faults planted from the start.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            projects: vec![Project::default()],
            seed: 1,
            now: None,
            clock: standing_clock,
            region: Region::Us,
            latency_minutes: 120,
            rows: Rows::default(),
            archive: Archive::default(),
            limits: Limits::default(),
            faults: Vec::new(),
        }
    }
}

/// 2026-01-02T00:00:00Z for ever.
fn standing_clock() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_312_000, 0).unwrap_or_default()
}

/// One Amplitude project.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Project {
    /// Its number; part of every member's name.
    pub id: u64,
    /// For people.
    pub name: String,
    /// The user of HTTP Basic.
    pub api_key: String,
    /// The password of HTTP Basic.
    pub secret_key: String,
    /// Where its data lives.
    pub region: Region,
    /// Rows of an ordinary hour, before `jitter`.
    pub events_per_hour: u64,
    /// How far an hour may be off `events_per_hour`, as a share of it.
    pub jitter: f64,
    /// Hours of the day (UTC) without rows.
    pub empty_hours: Vec<u32>,
    /// Exact rows of single hours; wins over everything else here.
    pub hours: BTreeMap<Hour, u64>,
    /// No data before this hour.
    pub first_hour: Option<Hour>,
    /// No data after this hour.
    pub last_hour: Option<Hour>,
    /// Members an hour when `part_ids` is empty; the ids are then drawn (`0` for one part).
    pub parts: u32,
    /// The part ids of every hour, such as `[70, 627]`.
    pub part_ids: Vec<u32>,
    /// Share of rows uploaded late by their client: event time minutes to 45 days before the upload hour.
    pub late_share: f64,
    /// Share of rows that are a second ingest of the row before: other uuid, same event.
    pub duplicate_share: f64,
    /// Share of rows with a lone surrogate or a number beyond a double: legal JSON that many parsers refuse.
    pub hostile_share: f64,
}

impl Default for Project {
    fn default() -> Self {
        Self {
            id: PROJECT_ID,
            name: "sim".into(),
            api_key: API_KEY.into(),
            secret_key: SECRET_KEY.into(),
            region: Region::Us,
            events_per_hour: 200,
            jitter: 0.2,
            empty_hours: Vec::new(),
            hours: BTreeMap::new(),
            first_hour: None,
            last_hour: None,
            parts: 1,
            part_ids: Vec::new(),
            late_share: 0.1,
            duplicate_share: 0.005,
            hostile_share: 0.0,
        }
    }
}

/// Without the keys, so that no log can show them.
impl fmt::Debug for Project {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Project");
        shown.field("id", &self.id).field("name", &self.name).field("region", &self.region);
        shown.field("events_per_hour", &self.events_per_hour).finish_non_exhaustive()
    }
}

/// Amplitude's two data centres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// United States.
    #[default]
    Us,
    /// European Union.
    Eu,
}

/// The shape of rows.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rows {
    /// Which years' rows.
    pub profile: Profile,
    /// Short nested objects: 1.4 kB a row instead of a realistic 2.3 kB.
    pub compact: bool,
}

/// The form of rows has changed over the years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Profile {
    /// All 55 columns in byte order, `$schema` null, v4 uuids.
    #[default]
    #[serde(rename = "2025")]
    Y2025,
    /// 49 columns in random order, `$schema` 12, v1 uuids.
    #[serde(rename = "2020")]
    Y2020,
}
