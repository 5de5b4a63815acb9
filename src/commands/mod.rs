//! One file per subcommand, and what they share: the session, ranges of hours, the output, the summary.

pub mod backfill;
pub mod configure;
pub mod daemon;
pub mod demo;
pub mod explain;
pub mod hand_over;
pub mod hour_view;
pub mod hours;
pub mod logs;
pub mod observe;
pub mod once;
pub mod one_shot;
pub mod output;
pub mod plan;
pub mod range;
pub mod run;
pub mod session;
pub mod shell;
pub mod sim;
pub mod state;
pub mod state_dir;
pub mod status;
pub mod stop;
pub mod summary;
pub mod verify;

use std::future::Future;

use crate::cli::{Cli, Command, HourCommand};
use crate::exit::Exit;
use crate::problem::Failure;
pub use crate::telemetry::figures;

/// Runs a command to its end.
pub fn run(cli: Cli) -> Result<Exit, Failure> {
    let global = cli.global;
    match cli.command {
        Command::Run(_) => on_runtime(run::run(&global)),
        Command::Once(args) => on_runtime(once::run(&global, args)),
        Command::Backfill(args) => on_runtime(backfill::run(&global, args)),
        Command::Hour(HourCommand::Ls(args)) => on_runtime(hour_view::list(&global, args)),
        Command::Hour(HourCommand::Show(args)) => on_runtime(hour_view::show(&global, args)),
        Command::Hour(HourCommand::Retry(args)) => on_runtime(hours::retry(&global, args)),
        Command::Hour(HourCommand::Skip(args)) => on_runtime(hours::skip(&global, args)),
        Command::Hour(HourCommand::Reexport(args)) => on_runtime(hours::reexport(&global, args)),
        Command::Verify(args) => on_runtime(verify::run(&global, args)),
        Command::Config(command) => configure::run(&global, &command),
        Command::State(command) => state::run(&global, &command),
        Command::Logs(args) => logs::run(&global, &args),
        Command::Completions(args) => shell::completions(&global, &args),
        Command::Man(args) => shell::man(&global, &args),
        Command::Status(args) => on_runtime(status::run(&global, &args)),
        Command::Pause => on_runtime(daemon::pause(&global)),
        Command::Resume => on_runtime(daemon::resume(&global)),
        Command::Trigger(args) => on_runtime(daemon::trigger(&global, args)),
        Command::Reload => on_runtime(daemon::reload(&global)),
        Command::Health(args) => on_runtime(daemon::health(&global, args)),
        Command::Plan(args) => on_runtime(plan::run(&global, &args)),
        Command::Explain(args) => explain::run(&global, &args),
        Command::Demo(args) => on_runtime(demo::run(&global, args)),
        Command::Sim(args) => on_runtime(sim::run(&global, args)),
        Command::Version => explain::version(&global),
    }
}

/// Two workers are plenty: what takes time is on the network or on blocking threads.
fn on_runtime(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("ampd-worker")
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .map_err(|error| Failure::new("E701", format!("no runtime: {error}")))?;
    let result = runtime.block_on(command);
    // Steps that were abandoned may still sit in a blocking call; nothing waits for them.
    runtime.shutdown_background();
    result
}
