//! What the journal remembers of an hour, a capture, a source and the lake. Finished work (`published`) and work in
//! progress (`work`) are two fields, so redoing an hour never un-finishes it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::hour::Hour;
use super::manifest::{CaptureFacts, Draft, ManifestRef};
use super::names::{CaptureId, Format, SourceName};
use super::retry::Pause;
use super::window::Window;

/// An hour's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HourRecord {
    /// The newest publication we know of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<ManifestRef>,
    /// What is being done for the hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Box<Work>>,
    /// When to ask again for late data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recheck_due: Option<DateTime<Utc>>,
    /// Objects that no manifest names may lie in the lake.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub leftovers: bool,
}

impl HourRecord {
    /// The generation the next publication gets.
    pub fn next_generation(&self) -> u32 {
        self.published.map_or(1, |published| published.generation.saturating_add(1))
    }

    /// Whether the record says nothing, so that it need not be kept.
    pub fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the hour is set aside and waits for a person.
    pub fn is_quarantined(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.phase == Phase::Quarantined)
    }
}

/// Why an hour is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was never published.
    First,
    /// Late data is looked for.
    Recheck,
    /// A person asked for a new generation.
    Reexport {
        /// Publish even when it has fewer rows than before.
        allow_shrink: bool,
    },
}

/// How far the work on an hour has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// To be asked for.
    Pending,
    /// Answered empty once, not yet believed.
    Provisional,
    /// Its capture is staged.
    Captured,
    /// Its objects are in the lake (none for an empty or skipped hour).
    Uploaded(Box<Draft>),
    /// Set aside; `last_fault` says why.
    Quarantined,
}

/// The work on an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Why.
    pub why: Why,
    /// How far.
    pub phase: Phase,
    /// The capture the hour is taken from, once it is staged (or answered 404).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<CaptureId>,
    /// When it was first answered empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_since: Option<DateTime<Utc>>,
    /// Attempts that failed for the hour itself.
    #[serde(default)]
    pub attempt: u32,
    /// Not asked again before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Pause>,
    /// What happened last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_fault: Option<Fault>,
    /// Most hours it may be asked together with (itself included); 0 for any number.
    #[serde(default)]
    pub together: u32,
    /// Faults of its window since `together` last changed.
    #[serde(default)]
    pub strikes: u32,
    /// Asked alone, the source failed: an attempt as soon as the source answers somebody else well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspect: bool,
    /// The capture whose manifest was asked for, on a store without conditional writes: it may still land.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_asked: Option<CaptureId>,
}

impl Work {
    /// Whether a person skips the hour: it is published without a capture.
    pub fn is_skip(&self) -> bool {
        self.capture.is_none() && matches!(self.phase, Phase::Uploaded(_))
    }

    /// Whether it waits for an answer of Amplitude.
    pub fn is_to_be_asked(&self) -> bool {
        matches!(self.phase, Phase::Pending | Phase::Provisional)
    }

    /// New work, nothing done.
    pub fn new(why: Why) -> Self {
        Self {
            why,
            phase: Phase::Pending,
            capture: None,
            empty_since: None,
            attempt: 0,
            not_before: None,
            last_fault: None,
            together: 0,
            strikes: 0,
            suspect: false,
            manifest_asked: None,
        }
    }
}

/// How far a capture has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureState {
    /// Recorded before the request is sent; worth nothing after a crash.
    Asked,
    /// On the disk, with this length and SHA-256 (hex).
    Staged {
        /// Length in bytes.
        bytes: u64,
        /// Hex.
        sha256: String,
    },
    /// Amplitude answered 404: no archive.
    Absent,
}

/// Whether a staged file is the one that was recorded. That it is there proves nothing: a crash may have torn it, and
/// others may have changed it; its length and its SHA-256 prove it.
pub fn is_recorded(recorded: (u64, &str), found: (u64, &str)) -> bool {
    recorded.0 == found.0 && recorded.1.eq_ignore_ascii_case(found.1)
}

/// One download of a window. What shapes its objects is recorded with it, so a changed configuration never mixes two
/// shapes in an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureRecord {
    /// Drawn anew for every request.
    pub id: CaptureId,
    /// The source that was asked.
    pub source: SourceName,
    /// The hours that were asked.
    pub window: Window,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// How its rows are packed.
    pub format: Format,
    /// Parts are made up to this many bytes.
    pub part_target: u64,
    /// How far it is.
    pub state: CaptureState,
}

impl CaptureRecord {
    /// What a manifest says of its capture.
    pub fn facts(&self) -> CaptureFacts {
        let (sha256, bytes) = match &self.state {
            CaptureState::Staged { bytes, sha256 } => (Some(sha256.clone()), *bytes),
            CaptureState::Asked | CaptureState::Absent => (None, 0),
        };
        CaptureFacts { id: Some(self.id), sha256, bytes, window: self.window }
    }
}

/// What outlives the process about a source: a restart forgets no back-off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceRecord {
    /// The first hour to keep; the lake's, once it was read.
    pub first_hour: Option<Hour>,
    /// The window that worked after one was too large; 0 for `window.max`.
    pub window_hours: u32,
    /// Whole windows of that size answered well since.
    pub window_successes: u32,
    /// Not asked before this.
    pub not_before: Option<Pause>,
    /// Faults of the source since its last good answer.
    pub faults_in_row: u32,
}

/// What the journal knows of the lake it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LakeRecord {
    /// The id in `lake.json`.
    pub id: Option<String>,
    /// This journal has seen every manifest that was ever asked for from this state directory: it created the lake, or
    /// a process lived for `lake.late_write` with it.
    pub settled: bool,
}

/// One change of the journal. A batch of them is committed whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Writes an hour's entry (a blank one removes it).
    Hour(SourceName, Hour, HourRecord),
    /// Writes a capture.
    Capture(CaptureRecord),
    /// Forgets a capture.
    CaptureGone(CaptureId),
    /// Writes a source.
    Source(SourceName, SourceRecord),
    /// Writes the lake.
    Lake(LakeRecord),
}

/// Everything the journal holds, as it is read at start. Hours are in order within a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The lake.
    pub lake: LakeRecord,
    /// The sources.
    pub sources: Vec<(SourceName, SourceRecord)>,
    /// The hours.
    pub hours: Vec<(SourceName, Hour, HourRecord)>,
    /// The captures.
    pub captures: Vec<CaptureRecord>,
}
