//! What ampd says about itself: log lines on stderr and in four per-phase streams, and progress.
//!
//! Every line carries the run's id, and the source and the hour (or window) it is about as fields of its own, not as
//! span fields: a filter per stream would drop the span together with its fields. Nothing here ever blocks the
//! work: lines go through bounded queues, a full queue drops the line and counts it ([`dropped_lines`]).

pub mod figures;
mod init;
pub mod keys;
mod layer;
mod line;
pub mod metrics;
mod progress;
mod queue;
mod record;
mod render;

pub use init::{Guard, Options, dropped_lines, filter_is_valid, init};
pub use line::{Level, Line, Phase, Value, say};
pub use metrics::Metrics;
pub use progress::{Figures, Progress};
pub use record::escape;
pub use render::{ProgressMode, Renderer, Sink};
