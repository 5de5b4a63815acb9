//! Commands that export, look at and repair hours.

use clap::{Args, Subcommand, ValueEnum};

use crate::model::SourceName;

/// Options shared by commands that work until they are through.
#[derive(Clone, Debug, Default, Args)]
pub struct OneShotArgs {
    /// Exit with N when every hour was empty or already there (99 makes Airflow skip)
    #[arg(long, value_name = "N")]
    pub exit_code_no_data: Option<u8>,
}

/// A range of hours, both ends included; what it means is said by `commands::range`.
#[derive(Clone, Debug, Default, Args)]
pub struct RangeArgs {
    /// First hour: 2026-11-01T00, 2026-11-01 (its first hour), -24h, yesterday
    #[arg(long, value_name = "HOUR", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Last hour, included: 2026-11-07T23, 2026-11-07 (its last hour), now
    #[arg(long, value_name = "HOUR", allow_hyphen_values = true)]
    pub to: Option<String>,
}

/// `ampd once`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    ampd once                              # all sources\n  \
    ampd once --source web -o json         # ends with one JSON object\n  \
    5 * * * * ampd once -q                 # as a cron job: silent when all went well\n\n\
    Waits for back-offs up to retry.max and ends when each hour that is due is published, empty, provisional, \
    skipped or quarantined. Running it again continues where it stopped; nothing is exported twice.")]
pub struct OnceArgs {
    /// Only this source
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
    /// Options of one-shot commands.
    #[command(flatten)]
    pub one_shot: OneShotArgs,
}

/// `ampd plan`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  ampd plan\n  ampd plan --from 2026-11-01 --to 2026-11-02T11")]
pub struct PlanArgs {
    /// The hours; without it, all that is due.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Only this source
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
}

/// `ampd backfill`
#[derive(Clone, Debug, Args)]
#[command(
    group(clap::ArgGroup::new("range").args(["from", "last"]).required(true)),
    after_help = "Examples:\n  \
    ampd backfill --from 2026-10-01 --to 2026-10-31\n  \
    ampd backfill --last 2w --parallel 2\n  \
    ampd backfill --from -48h --source web -o jsonl\n\n\
    Hours that are published already are kept. Ctrl-C stops after the hours in flight; the same command goes on \
    from there. Beside a running daemon the work is handed over to it and followed."
)]
pub struct BackfillArgs {
    /// The hours.
    #[command(flatten)]
    pub range: RangeArgs,
    /// The newest hours up to now: 24h, 3d, 2w
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["from", "to"])]
    pub last: Option<String>,
    /// Only this source
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
    /// Requests in flight per source [default: the source's `max_parallel`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub parallel: Option<u8>,
    /// Options of one-shot commands.
    #[command(flatten)]
    pub one_shot: OneShotArgs,
}

/// `ampd hour`
#[derive(Clone, Debug, Subcommand)]
pub enum HourCommand {
    /// List hours by state
    Ls(HourLsArgs),
    /// Show one hour's life: captures, attempts, faults, objects
    Show(HoursArgs),
    /// Ask again for quarantined hours
    #[command(after_help = "Example:\n  ampd hour retry 2026-11-22T07 --source web")]
    Retry(HourWorkArgs),
    /// Leave hours out for good, with a reason; the watermark passes them
    #[command(after_help = "Example:\n  ampd hour skip 2026-11-22T07 --reason \"lost at Amplitude, ticket 4711\"")]
    Skip(HourSkipArgs),
    /// Export published hours again, as a new generation
    #[command(after_help = "Examples:\n  \
        ampd hour reexport 2026-11-22T07\n  \
        ampd hour reexport 2026-11-22 --allow-shrink   # a day, even where fewer rows come back")]
    Reexport(HourReexportArgs),
}

/// The state of an hour, to list by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HourStateArg {
    /// In the lake, with data
    Published,
    /// In the lake, confirmed empty
    Empty,
    /// Left out by a person
    Skipped,
    /// Due, but not there
    Missing,
    /// Failed, will be asked again
    Retrying,
    /// Set aside, waits for a person
    Quarantined,
    /// Answered empty once
    Provisional,
    /// Being worked on
    Working,
}

/// `ampd hour ls`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  ampd hour ls --state quarantined\n  ampd hour ls --from -24h -o jsonl")]
pub struct HourLsArgs {
    /// Only hours in this state
    #[arg(long, value_name = "STATE")]
    pub state: Option<HourStateArg>,
    /// The hours.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Only this source
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
}

/// Which hours of which source.
#[derive(Clone, Debug, Args)]
pub struct HoursArgs {
    /// Hours: 2026-11-21T07, a day 2026-11-21, or a window 2026-11-20T00..T23
    #[arg(required = true, value_name = "HOUR")]
    pub hours: Vec<String>,
    /// The source; may be left out when there is only one
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
}

/// `ampd hour retry`
#[derive(Clone, Debug, Args)]
pub struct HourWorkArgs {
    /// Which hours.
    #[command(flatten)]
    pub which: HoursArgs,
    /// Options of one-shot commands.
    #[command(flatten)]
    pub one_shot: OneShotArgs,
}

/// `ampd hour skip`
#[derive(Clone, Debug, Args)]
pub struct HourSkipArgs {
    /// Which hours.
    #[command(flatten)]
    pub which: HoursArgs,
    /// Why; kept in the manifest
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `ampd hour reexport`
#[derive(Clone, Debug, Args)]
pub struct HourReexportArgs {
    /// Which hours.
    #[command(flatten)]
    pub which: HoursArgs,
    /// Publish even when fewer rows come back than are there
    #[arg(long)]
    pub allow_shrink: bool,
    /// Options of one-shot commands.
    #[command(flatten)]
    pub one_shot: OneShotArgs,
}

/// `ampd verify`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    ampd verify                            # lengths, and the checksums that a store lists\n  \
    ampd verify --deep --from -2w          # download, recount and rehash every row\n  \
    ampd verify --deep --repair            # export again what is damaged, remove what is left over\n\n\
    Exit code 4 when something differs.")]
pub struct VerifyArgs {
    /// The hours; without it, all.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Only this source
    #[arg(short, long, value_name = "NAME")]
    pub source: Option<SourceName>,
    /// Download the objects, recount and rehash the rows
    #[arg(long)]
    pub deep: bool,
    /// Export damaged hours again; remove what no manifest can name, or named for a week
    #[arg(long)]
    pub repair: bool,
}
