//! Hours and their records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::calendar::HourMark;
use crate::model::{CaptureRecord, Hour, HourRecord, SourceName, SourceRecord};

/// `GET /v1/progress` and `GET /v1/hours`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RangeQuery {
    /// Only this source.
    pub source: Option<SourceName>,
    /// From this hour on.
    pub from: Option<Hour>,
    /// Up to this hour, included.
    pub to: Option<Hour>,
    /// `hours`: only those in this state.
    pub state: Option<StateName>,
}

/// `GET /v1/hour`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HourQuery {
    /// The source.
    pub source: SourceName,
    /// The hour.
    pub hour: Hour,
}

/// The state of an hour, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// In the lake, with data.
    Published,
    /// In the lake, confirmed empty.
    Empty,
    /// Left out by a person.
    Skipped,
    /// Answered empty once.
    Provisional,
    /// Failed, will be asked again.
    Retrying,
    /// Due, not there.
    Missing,
    /// Set aside.
    Quarantined,
    /// At work.
    Working,
    /// Not due.
    NotDue,
    /// Before the first hour.
    Before,
}

impl From<HourMark> for StateName {
    fn from(mark: HourMark) -> Self {
        match mark {
            HourMark::Published => Self::Published,
            HourMark::Empty => Self::Empty,
            HourMark::Skipped => Self::Skipped,
            HourMark::Provisional => Self::Provisional,
            HourMark::Retrying => Self::Retrying,
            HourMark::Missing => Self::Missing,
            HourMark::Quarantined => Self::Quarantined,
            HourMark::Working => Self::Working,
            HourMark::NotDue => Self::NotDue,
            HourMark::Before => Self::Before,
        }
    }
}

impl From<StateName> for HourMark {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Published => Self::Published,
            StateName::Empty => Self::Empty,
            StateName::Skipped => Self::Skipped,
            StateName::Provisional => Self::Provisional,
            StateName::Retrying => Self::Retrying,
            StateName::Missing => Self::Missing,
            StateName::Quarantined => Self::Quarantined,
            StateName::Working => Self::Working,
            StateName::NotDue => Self::NotDue,
            StateName::Before => Self::Before,
        }
    }
}

/// An hour as the journal has it: an entry of `GET /v1/hours`, the answer of `GET /v1/hour`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourEntry {
    /// Its source.
    pub source: SourceName,
    /// The hour.
    pub hour: Hour,
    /// Its state.
    pub state: StateName,
    /// Everything else.
    pub record: HourRecord,
}

/// `GET /v1/hours`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// In order of source and hour.
    pub hours: Vec<HourEntry>,
    /// What is known of their sources.
    #[serde(default)]
    pub sources: BTreeMap<SourceName, SourceRecord>,
    /// The downloads that hours wait for.
    #[serde(default)]
    pub captures: Vec<CaptureRecord>,
    /// There are more: ask for a smaller range.
    pub truncated: bool,
}
