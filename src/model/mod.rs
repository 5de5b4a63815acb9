//! Pure decisions over plain values: no runtime, no file, no network, no clock, no log. The time is an argument.

pub mod fault;
pub mod hour;
pub mod layout;
pub mod manifest;
pub mod names;
pub mod window;

pub use fault::{Fault, FaultKind, Owner};
pub use hour::Hour;
pub use manifest::{CaptureFacts, Content, Draft, HourState, Manifest, ManifestFacts, ManifestRef, Object};
pub use names::{CaptureId, ContentHash, Format, SourceName};
pub use window::Window;
