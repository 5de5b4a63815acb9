//! What goes into the engine and what comes out of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{
    CaptureFacts, CaptureId, CaptureRecord, Change, Content, Draft, Fault, Hour, ManifestRef, SourceName, Window,
};

/// Names a step in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u64);

/// One effect. Each may run twice with the same content and give the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Deletes staged files that the journal does not know.
    SweepStage {
        /// The captures it knows.
        known: Vec<CaptureId>,
    },
    /// Reads (or once creates) the lake's identity and finds out whether it honours conditional writes.
    Identify,
    /// Reads (or once creates) the source's first hour, and lists its manifests from `from` on.
    Attach {
        /// The source.
        source: SourceName,
        /// Manifests of earlier hours are believed to be as the journal says; `None` lists all.
        from: Option<Hour>,
        /// The first hour the configuration names: an earlier one than the lake's replaces it.
        wanted: Option<Hour>,
        /// The first hour when neither says one.
        fallback: Hour,
    },
    /// Reads manifests that are known from a listing only.
    ReadManifests {
        /// The source.
        source: SourceName,
        /// Hours with their newest generation.
        hours: Vec<(Hour, u32)>,
    },
    /// Asks Amplitude for the capture's window and stages the answer.
    Capture {
        /// The capture.
        capture: CaptureRecord,
        /// Hours without a manifest, with the generation their keys would carry: their parts may be uploaded while the
        /// answer arrives.
        early: BTreeMap<Hour, u32>,
    },
    /// Opens a staged archive and says which hours have members.
    Inspect(CaptureRecord),
    /// Reads an hour of a staged archive to its end, without uploading.
    Measure {
        /// The capture.
        capture: CaptureRecord,
        /// The hour.
        hour: Hour,
    },
    /// Reads an hour of a staged archive to its end and uploads its parts.
    Upload {
        /// The capture.
        capture: CaptureRecord,
        /// The hour.
        hour: Hour,
        /// The generation its keys carry.
        generation: u32,
    },
    /// Checks the hour's manifests and every object, then creates the manifest: the commit point.
    Publish {
        /// The source.
        source: SourceName,
        /// The hour.
        hour: Hour,
        /// What the manifest says.
        draft: Box<Draft>,
        /// The download it comes from.
        capture: CaptureFacts,
    },
    /// Removes a staged archive.
    Discard {
        /// The capture.
        capture: CaptureId,
    },
    /// Moves a staged archive to quarantine.
    SetAside {
        /// The capture.
        capture: CaptureId,
        /// The source.
        source: SourceName,
        /// The hour it is kept for.
        hour: Hour,
        /// Why, for the person who looks at it.
        reason: String,
    },
    /// Deletes objects that can never be named again (rule 5).
    Sweep {
        /// The source.
        source: SourceName,
        /// Hours of one day.
        hours: Vec<Hour>,
    },
}

/// What the answer's `Date` header said, and how far the local clock was ahead of it when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerClock {
    /// The header.
    pub date: DateTime<Utc>,
    /// Local clock minus `date`; negative when the local clock is behind.
    pub ahead: TimeDelta,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to tell.
    Done,
    /// [`Step::Identify`]
    Identified {
        /// The id in `lake.json`.
        lake: String,
        /// Whether a create-once PUT is refused the second time.
        conditional_writes: bool,
        /// This call created it.
        created: bool,
    },
    /// [`Step::Attach`]
    Attached {
        /// The lake's first hour of the source.
        first_hour: Hour,
        /// Hour, generation and Last-Modified of each manifest listed.
        manifests: Vec<(Hour, u32, DateTime<Utc>)>,
    },
    /// [`Step::ReadManifests`]: those that could be read.
    ManifestsRead(Vec<(Hour, ManifestRef)>),
    /// [`Step::Capture`]: an archive is staged.
    Captured {
        /// Length in bytes.
        bytes: u64,
        /// Hex.
        sha256: String,
        /// The second clock.
        clock: Option<ServerClock>,
    },
    /// [`Step::Capture`]: 404.
    NotFound {
        /// The second clock.
        clock: Option<ServerClock>,
    },
    /// [`Step::Inspect`]: the hours that have members.
    Inspected(Vec<Hour>),
    /// [`Step::Measure`]
    Measured(Box<Content>),
    /// [`Step::Upload`]
    Uploaded(Box<Draft>),
    /// [`Step::Publish`]: the hour's manifest is in the lake, by this call or an earlier one with the same capture.
    Published {
        /// What the hour's newest manifest says.
        newest: ManifestRef,
        /// Objects that no manifest names, or an old one, may lie beside it.
        leftovers: bool,
    },
    /// [`Step::Publish`]: the hour's newest manifest is not the one before the draft's generation.
    Contested(Option<ManifestRef>),
    /// [`Step::Publish`]: an object that the manifest would name is not there, or not as it was uploaded.
    ObjectsMissing(String),
    /// [`Step::Sweep`]: hours of which something stays until readers are done.
    Swept {
        /// Those hours.
        waiting: Vec<Hour>,
    },
    /// It failed.
    Failed {
        /// Why.
        fault: Fault,
        /// The second clock.
        clock: Option<ServerClock>,
    },
}

/// What wakes the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The process has started; the journal is loaded.
    Started,
    /// The schedule says "look", or a person does: hours that became due are taken up.
    Tick,
    /// A time has come that the engine asked for, or nothing happened for a while.
    Wake,
    /// The wall clock jumped against the monotonic one: what was learnt of it is void.
    ClockJumped,
    /// A step ended.
    Done(StepId, Outcome),
    /// A person's command.
    Order(Order),
    /// From now on this process leads the source, or does not.
    Lead(SourceName, bool),
    /// No new steps from now on; those in flight end.
    Drain,
}

/// What a person can tell the engine about hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Try a quarantined hour again.
    Retry(SourceName, Hour),
    /// Publish the hour as skipped.
    Skip(SourceName, Hour, String),
    /// Publish a new generation of a published hour.
    Reexport {
        /// The source.
        source: SourceName,
        /// The hour.
        hour: Hour,
        /// Even with fewer rows.
        allow_shrink: bool,
    },
    /// Ask for these hours too, those that are not published; they may lie before the first hour.
    Backfill(SourceName, Window),
    /// No new captures until resumed.
    Pause,
    /// Go on.
    Resume,
}

impl Order {
    /// The order in words, as its command is written.
    pub fn words(&self) -> String {
        match self {
            Self::Retry(source, hour) => format!("retry {hour} of `{source}`"),
            Self::Skip(source, hour, _) => format!("skip {hour} of `{source}`"),
            Self::Reexport { source, hour, .. } => format!("reexport {hour} of `{source}`"),
            Self::Backfill(source, window) => format!("backfill {window} of `{source}`"),
            Self::Pause => "pause".to_owned(),
            Self::Resume => "resume".to_owned(),
        }
    }
}

/// What the engine wants done, in this order: the changes are committed before any step of the same batch starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// One transaction of the journal.
    Record(Vec<Change>),
    /// Start a step.
    Run(StepId, Step),
    /// Tell people.
    Say(Notice),
}

/// How loud a notice is: warn = unexpected, nothing lost, recovered; error = somebody must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loudness {
    /// As it should be.
    Info,
    /// Unexpected, nothing lost.
    Warn,
    /// Somebody must act.
    Error,
}

/// Which part of an hour's way a notice is about: the four streams of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Which hours are asked.
    DateRange,
    /// The Export API.
    ApiCall,
    /// The archive.
    ZipFileExtract,
    /// The lake.
    LakeLoad,
}

/// A line for people: reads well alone, and carries what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How loud.
    pub loudness: Loudness,
    /// About which part of the way.
    pub stage: Stage,
    /// The source.
    pub source: Option<SourceName>,
    /// The hours it is about.
    pub hours: Option<Window>,
    /// The words.
    pub text: String,
}
