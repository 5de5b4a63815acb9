//! How far a scope of hours is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::SourceEnd;
use crate::model::{Fault, Hour, SourceName, Window};

/// `POST /v1/progress`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRequest {
    /// The sources, each with its windows; without any, all its hours.
    pub sources: BTreeMap<SourceName, Vec<Window>>,
    /// What was published from then on is counted apart from what was there before; without it, all was there.
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
}

/// How far a scope is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// When it was looked at.
    pub at: DateTime<Utc>,
    /// When the daemon started: another one has other counters.
    pub started_at: DateTime<Utc>,
    /// Nothing is asked of Amplitude.
    pub paused: bool,
    /// Bytes taken from Amplitude since the daemon started.
    pub downloaded_bytes: u64,
    /// Bytes put into the lake since then.
    pub uploaded_bytes: u64,
    /// The sources.
    pub sources: BTreeMap<SourceName, SourceProgress>,
}

/// How far one source is; the counts are those of [`crate::engine::Following`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceProgress {
    /// Due hours in the scope.
    pub total: u64,
    /// Hours that are not through.
    pub left: u64,
    /// Those that have to be ordered.
    pub unopened: u64,
    /// Something is in flight for the scope.
    pub busy: bool,
    /// Set aside.
    pub quarantined: u64,
    /// Answered empty once.
    pub provisional: u64,
    /// Published with data since.
    pub published: u64,
    /// Published as empty since.
    pub empty: u64,
    /// Published as skipped since.
    pub skipped: u64,
    /// Published before.
    pub already_there: u64,
    /// Rows published since.
    pub rows: u64,
    /// The source's watermark.
    pub watermark: Option<Hour>,
    /// What is being done now.
    pub activity: Option<String>,
    /// Faults in a row of the source, the lake or staging.
    pub faults_in_row: u32,
    /// Why it does not go on.
    pub stuck: Option<Stuck>,
}

/// Why a source does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// Whose fault.
    pub end: StuckEnd,
    /// What happened last.
    pub fault: Fault,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StuckEnd {
    /// 401 or 403.
    KeysRefused,
    /// The request is wrong.
    RequestRefused,
    /// The source is down.
    SourceDown,
    /// The lake or staging cannot be written.
    StoreDown,
}

impl Stuck {
    /// From the engine's verdict.
    pub fn of(end: SourceEnd) -> Option<Self> {
        let (end, fault) = match end {
            SourceEnd::Finished => return None,
            SourceEnd::KeysRefused(fault) => (StuckEnd::KeysRefused, fault),
            SourceEnd::RequestRefused(fault) => (StuckEnd::RequestRefused, fault),
            SourceEnd::SourceDown(fault) => (StuckEnd::SourceDown, fault),
            SourceEnd::StoreDown(fault) => (StuckEnd::StoreDown, fault),
        };
        Some(Self { end, fault })
    }

    /// The engine's verdict.
    pub fn end(self) -> SourceEnd {
        match self.end {
            StuckEnd::KeysRefused => SourceEnd::KeysRefused(self.fault),
            StuckEnd::RequestRefused => SourceEnd::RequestRefused(self.fault),
            StuckEnd::SourceDown => SourceEnd::SourceDown(self.fault),
            StuckEnd::StoreDown => SourceEnd::StoreDown(self.fault),
        }
    }
}
