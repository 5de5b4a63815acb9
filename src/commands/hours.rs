//! `ampd hour retry`, `skip` and `reexport`: repairs, through the same engine as everything else.

use super::one_shot::{self, Work};
use super::range;
use super::session::{Session, policy};
use crate::cli::{Global, HourReexportArgs, HourSkipArgs, HourWorkArgs, HoursArgs};
use crate::clock;
use crate::engine::Order;
use crate::exit::Exit;
use crate::model::policy::windows_of;
use crate::model::{Hour, Scope, SourceName};
use crate::problem::Failure;

/// `ampd hour retry`
pub async fn retry(global: &Global, args: HourWorkArgs) -> Result<Exit, Failure> {
    let session = Session::open_to_work(global)?;
    work(&session, &args.which, args.one_shot.exit_code_no_data, Order::Retry).await
}

/// `ampd hour skip`
pub async fn skip(global: &Global, args: HourSkipArgs) -> Result<Exit, Failure> {
    if args.reason.trim().is_empty() {
        return Err(Failure::usage("a skipped hour needs a reason").help("--reason \"lost at Amplitude, ticket 4711\""));
    }
    let session = Session::open_to_work(global)?;
    are_due(&session, &args.which)?;
    work(&session, &args.which, None, |source, hour| Order::Skip(source, hour, args.reason.clone())).await
}

/// Nobody knows yet what comes in an hour that is not due: skipped, it would never be asked for.
fn are_due(session: &Session, which: &HoursArgs) -> Result<(), Failure> {
    let (now, source) = (clock::now(), one_shot::one_source(session, which.source.as_ref())?);
    let rules = policy(session.config());
    let Some(newest_due) = rules.sources.get(&source).map(|rules| rules.newest_due(now)) else { return Ok(()) };
    match range::hours(&which.hours, now)?.into_iter().find(|hour| *hour > newest_due) {
        Some(hour) => {
            Err(Failure::new("E705", format!("{hour} is not due yet: only an hour that is due can be skipped"))
                .context(format!("the newest hour that Amplitude has ready is {newest_due}; nothing was changed"))
                .help("skip it when it is due, if it is still to be skipped then"))
        }
        None => Ok(()),
    }
}

/// `ampd hour reexport`
pub async fn reexport(global: &Global, args: HourReexportArgs) -> Result<Exit, Failure> {
    let session = Session::open_to_work(global)?;
    let allow_shrink = args.allow_shrink;
    let order = |source, hour| Order::Reexport { source, hour, allow_shrink };
    work(&session, &args.which, args.one_shot.exit_code_no_data, order).await
}

async fn work(
    session: &Session,
    which: &HoursArgs,
    no_data: Option<u8>,
    order: impl Fn(SourceName, Hour) -> Order,
) -> Result<Exit, Failure> {
    let source = one_shot::one_source(session, which.source.as_ref())?;
    let hours = range::hours(&which.hours, clock::now())?;
    let scope = Scope { sources: [(source.clone(), windows_of(&hours))].into() };
    let orders = hours.into_iter().map(|hour| order(source.clone(), hour)).collect();
    one_shot::run(session, Work { scope, orders, parallel: None, no_data }).await
}
