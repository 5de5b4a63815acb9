//! The daemon and its control, and what is seen of it.

use clap::{Args, ValueEnum};

use crate::model::SourceName;

/// `ampd run`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Signals:\n  \
    TERM, INT   drain within shutdown.grace, exit 0; a second one exits at once\n  \
    HUP         read configuration and credentials again (as `ampd reload`)\n\n\
    Examples:\n  ampd run\n  ampd run -c /etc/ampd/ampd.toml -v")]
pub struct RunArgs {}

/// `ampd status`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    ampd status --days 14\n  \
    ampd status --watch                    # again every two seconds\n  \
    ampd status --check                    # exit 4 when an hour is missing or set aside\n  \
    ampd status --json | jq '.sources[].lag_seconds'\n\n\
    Works without a daemon, from the last status that was written.")]
pub struct StatusArgs {
    /// Days in the calendar
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: u16,
    /// Only this source
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
    /// Show again every two seconds
    #[arg(long)]
    pub watch: bool,
    /// Exit with 4 when there is a problem
    #[arg(long)]
    pub check: bool,
}

/// `ampd trigger`
#[derive(Clone, Debug, Args)]
pub struct TriggerArgs {
    /// Only this source
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
}

/// `ampd health`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example (Docker):\n  HEALTHCHECK CMD [\"ampd\", \"health\"]")]
pub struct HealthArgs {
    /// Ask whether it is ready for work, not only alive
    #[arg(long)]
    pub ready: bool,
}

/// A phase's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum PhaseArg {
    /// Which hours are due, in which windows
    DateRange,
    /// Asking Amplitude
    ApiCall,
    /// Reading the archive
    ZipFileExtract,
    /// Into the lake, and publishing
    S3Load,
}

impl From<PhaseArg> for crate::telemetry::Phase {
    fn from(phase: PhaseArg) -> Self {
        match phase {
            PhaseArg::DateRange => Self::DateRange,
            PhaseArg::ApiCall => Self::ApiCall,
            PhaseArg::ZipFileExtract => Self::ZipFileExtract,
            PhaseArg::S3Load => Self::S3Load,
        }
    }
}

/// `ampd logs`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    ampd logs -f\n  \
    ampd logs --hour 2026-11-22T07         # one hour through all four phases\n  \
    ampd logs --phase api_call -o jsonl")]
pub struct LogsArgs {
    /// Only this phase
    #[arg(long, value_name = "PHASE")]
    pub phase: Option<PhaseArg>,
    /// Only this hour (windows that contain it, too)
    #[arg(long, value_name = "HOUR", allow_hyphen_values = true)]
    pub hour: Option<String>,
    /// Only this source
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
    /// Only this run
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Wait for more
    #[arg(short, long)]
    pub follow: bool,
}
