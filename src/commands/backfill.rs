//! `ampd backfill`: a range of hours; what is published already is kept.

use chrono::{DateTime, Utc};

use super::one_shot::{self, Work};
use super::session::{Session, policy};
use super::{output, range};
use crate::cli::{BackfillArgs, Global};
use crate::clock;
use crate::exit::Exit;
use crate::model::{Hour, Window};
use crate::problem::Failure;

/// Runs the command.
pub async fn run(global: &Global, args: BackfillArgs) -> Result<Exit, Failure> {
    let session = Session::open_to_work(global)?;
    let now = clock::now();
    let newest_due = newest_due(&session, now);
    let asked = asked(&args, now, newest_due)?;
    if !global.quiet {
        output::note(&format!("backfill {}", range::echo(asked)));
    }
    let mut scope = one_shot::scope_of(&session, args.source.as_ref())?;
    let due = Window::new(asked.first(), asked.last().min(newest_due));
    let undue = u64::from(asked.hours()) - due.map_or(0, |due| u64::from(due.hours()));
    let Some(due) = due else { return Err(not_due(undue, newest_due)) };
    scope.sources.values_mut().for_each(|windows| *windows = vec![due]);
    let work = Work {
        scope,
        orders: Vec::new(),
        parallel: args.parallel.map(usize::from),
        no_data: args.one_shot.exit_code_no_data,
    };
    let exit = one_shot::run(&session, work).await?;
    // An orchestrator that asked for an hour must not take it for done before it was there to be had.
    if undue > 0 && args.last.is_none() { Err(not_due(undue, newest_due)) } else { Ok(exit) }
}

fn newest_due(session: &Session, now: DateTime<Utc>) -> Hour {
    let rules = policy(session.config());
    rules.sources.values().map(|source| source.newest_due(now)).max().unwrap_or(Hour::containing(now))
}

fn asked(args: &BackfillArgs, now: DateTime<Utc>, newest_due: Hour) -> Result<Window, Failure> {
    if let Some(last) = &args.last {
        let window = range::last(last, now)?;
        return Ok(Window::new(window.first(), window.last().min(newest_due)).unwrap_or(window));
    }
    let bounds = range::bounds(&args.range, now)?;
    bounds.within(newest_due, newest_due.max(bounds.from.unwrap_or(newest_due)))
}

fn not_due(hours: u64, newest_due: Hour) -> Failure {
    Failure::new("E705", format!("{} of the range are not due yet", super::figures::hours(hours)))
        .context(format!("the newest hour that Amplitude has ready is {newest_due}"))
        .help("run the same command later; what is published is kept")
        .exit(Exit::Temporary)
}
