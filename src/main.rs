//! Arguments, command, exit code. The one place that prints an error.

use std::io::IsTerminal;
use std::process::ExitCode;

use ampd::cli::Cli;
use ampd::commands::{self, output};
use clap::Parser;

fn main() -> ExitCode {
    keep_memory_private();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with 0, mistakes to stderr with 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let (form, color) = (cli.global.form(), output::use_color(cli.global.color, std::io::stderr().is_terminal()));
    match commands::run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::complain(&failure, form, color);
            failure.exit.into()
        }
    }
}

/// Keys are in this process's memory: no core dump is written of it, and nobody but root attaches to it.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
