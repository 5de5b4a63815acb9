//! The command line: types only. What an hour or a range means is `commands::range`'s to say, with the clock.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod control;
mod export;
mod setup;

pub use control::*;
pub use export::*;
pub use setup::*;

/// The whole command line.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "ampd",
    version,
    about = "Keeps a complete, verified copy of an Amplitude project's raw events in a lake",
    long_about = "Keeps a complete, verified copy of an Amplitude project's raw events in a lake: every hour, exactly \
                  once, whatever crashes.",
    after_help = "Begin:\n  \
        ampd demo                    the whole pipeline on this machine, no account needed\n  \
        ampd once                    export everything that is due (keys from .env), then exit\n  \
        ampd status                  which hours are there, and what to do about those that are not\n\n\
        Hours are 2026-11-21T07, 2026-11-21 (a day), -24h, -2w, yesterday or now, all UTC; ranges include both ends.\n\
        Exit codes: 0 done, 2 usage, 3 partial, 4 difference, 69 no daemon, 73 cannot write, 75 try again, \
        77 keys refused, 78 configuration. `ampd explain CODE` explains every error.",
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = false,
    max_term_width = 100
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Configuration file [default: `./ampd.toml`, `$XDG_CONFIG_HOME/ampd/ampd.toml`, `/etc/ampd/ampd.toml`]
    #[arg(short, long, global = true, value_name = "FILE", env = "AMPD_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// The daemon's control socket [default: admin.socket]
    #[arg(long, global = true, value_name = "PATH", env = "AMPD_SOCKET", hide_env_values = true)]
    pub socket: Option<PathBuf>,
    /// How data is written to stdout
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORM",
        env = "AMPD_OUTPUT",
        hide_env_values = true,
        default_value = "human"
    )]
    pub output: OutputForm,
    /// Short for --output json, and stronger
    #[arg(long, global = true)]
    pub json: bool,
    /// Colours (`NO_COLOR` is honoured)
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "AMPD_COLOR",
        hide_env_values = true,
        default_value = "auto"
    )]
    pub color: ColorWhen,
    /// Only ASCII characters
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Nothing on stderr when all goes well
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More on stderr (-vv: still more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How progress is shown on stderr
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub progress: ProgressHow,
    /// Answer every question with yes
    #[arg(short, long, global = true)]
    pub yes: bool,
}

impl Global {
    /// The form of the output, `--json` counted in.
    pub fn form(&self) -> OutputForm {
        if self.json { OutputForm::Json } else { self.output }
    }
}

/// How data is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// For people
    #[default]
    Human,
    /// One single-line object at the end
    Json,
    /// Objects as things happen, the last one as with json
    Jsonl,
    /// Kestra's outputs and metrics
    Kestra,
    /// Nothing
    None,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is dumb
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressHow {
    /// A bar on a terminal, else nothing
    #[default]
    Auto,
    /// A bar
    Bar,
    /// One line every ten seconds
    Plain,
    /// Nothing
    None,
}

/// Every command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the daemon in the foreground (systemd, Docker)
    Run(RunArgs),
    /// Export everything that is due now, then exit (cron, Kestra, Airflow)
    Once(OnceArgs),
    /// Show which hours are there, the lag, and what to do about problems
    Status(StatusArgs),
    /// Show what would be asked, in which windows; touches no network
    Plan(PlanArgs),
    /// Export a range; resumable
    Backfill(BackfillArgs),
    /// Look at hours and repair them
    #[command(subcommand)]
    Hour(HourCommand),
    /// Compare the lake with its manifests
    Verify(VerifyArgs),
    /// Write, check and show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Pause the daemon: nothing new is asked; what is staged is published
    Pause,
    /// Let a paused daemon go on
    Resume,
    /// Let the daemon look for due hours now
    Trigger(TriggerArgs),
    /// Let the daemon read its configuration and credentials again
    Reload,
    /// Answer by exit code whether the daemon is well; silent
    Health(HealthArgs),
    /// Export, import or rebuild the journal
    #[command(subcommand)]
    State(StateCommand),
    /// Read the per-phase logs, joined
    Logs(LogsArgs),
    /// See the whole pipeline at work on this machine, with no account
    Demo(DemoArgs),
    /// Run the Amplitude simulator alone
    Sim(SimArgs),
    /// Explain an error code
    Explain(ExplainArgs),
    /// Write a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
    /// Show the version and what was built in
    Version,
}

#[cfg(test)]
#[path = "cli/tests.rs"]
mod tests;
