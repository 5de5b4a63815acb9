//! Configuration, state, demonstration, help.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `ampd config`
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write an annotated configuration file
    #[command(after_help = "Examples:\n  ampd config init\n  ampd config init /etc/ampd/ampd.toml")]
    Init {
        /// Where
        #[arg(value_name = "FILE", default_value = "ampd.toml")]
        file: PathBuf,
        /// Overwrite a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Report every problem of the configuration at once
    Check,
    /// Show the configuration in force; secrets are never shown
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// List every key, as a JSON schema
    Schema,
}

/// `ampd state`
#[derive(Clone, Debug, Subcommand)]
pub enum StateCommand {
    /// Write the journal as JSON lines
    #[command(after_help = "Example:\n  ampd state export > journal.jsonl")]
    Export {
        /// Where [default: stdout]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Read a journal written by `export` into an empty state directory
    #[command(after_help = "Example:\n  ampd state import journal.jsonl")]
    Import {
        /// From where (`-` for stdin)
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make the journal anew from the lake's manifests; the old one is set aside
    Rebuild,
}

/// `ampd demo`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    ampd demo                              # 24 hours, in a temporary directory\n  \
    ampd demo --hours 240 --dir /tmp/d     # ten days, kept\n\n\
    No account and no network: a simulator with planted faults, ampd in a process of its own that is killed in the \
    middle of an upload and started again, and a comparison of the lake with the truth. Exit 0 exactly when \
    every row of every good hour arrived once.")]
pub struct DemoArgs {
    /// Where simulator, state and lake are put [default: a new temporary directory]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How many hours
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(6..=2400))]
    pub hours: u32,
    /// Keep simulator and daemon running afterwards
    #[arg(long)]
    pub serve: bool,
}

/// `ampd sim`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    ampd sim\n  \
    ampd sim --listen 127.0.0.1:0 --port-file /tmp/port\n  \
    curl -o a.zip -u sim-api-key:sim-secret-key \\\n    \
    'http://127.0.0.1:8099/api/2/export?start=20261120T00&end=20261120T23'\n\n\
    Here --config names the simulator's own configuration, described in docs/simulator.md.")]
pub struct SimArgs {
    /// Address; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8099")]
    pub listen: String,
    /// Same seed, same data
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write the port here once it listens
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
}

/// `ampd explain`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  ampd explain E203\n  ampd explain            # all codes, one line each")]
pub struct ExplainArgs {
    /// The code, as it stands in the error
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// `ampd completions`
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  ampd completions bash > /etc/bash_completion.d/ampd")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `ampd man`
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  ampd man | man -l -\n  ampd man --dir /usr/share/man/man1   # one page per command"
)]
pub struct ManArgs {
    /// Write one page per command here [default: the main page to stdout]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
