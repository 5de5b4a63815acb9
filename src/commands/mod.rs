//! One file per subcommand, and what they share: ranges of hours, the output, the summary.

pub mod observe;
pub mod output;
pub mod range;
pub mod session;
pub mod status;
pub mod summary;

pub use crate::telemetry::figures;
