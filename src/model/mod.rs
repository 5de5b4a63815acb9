//! Pure decisions over plain values: no runtime, no file, no network, no clock, no log. The time is an argument.

pub mod calendar;
pub mod fault;
pub mod hour;
pub mod invariant;
pub mod layout;
pub mod lease;
pub mod ledger;
pub mod manifest;
pub mod names;
pub mod planner;
pub mod policy;
pub mod publish;
pub mod rebuild;
pub mod record;
pub mod report;
pub mod retry;
pub mod sweep;
pub mod window;

pub use fault::{Fault, FaultKind, Owner};
pub use hour::Hour;
pub use ledger::Ledger;
pub use manifest::{CaptureFacts, Content, Draft, HourState, Manifest, ManifestFacts, ManifestRef, Object};
pub use names::{CaptureId, ContentHash, Format, SourceName};
pub use policy::{Policy, Scope, SourcePolicy};
pub use record::{
    CaptureRecord, CaptureState, Change, HourRecord, LakeRecord, Phase, Snapshot, SourceRecord, Why, Work,
};
pub use retry::{Pause, Random, RetryPolicy};
pub use window::Window;
