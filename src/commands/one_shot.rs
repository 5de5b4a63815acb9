//! Works through everything in a scope, then ends: `once`, `backfill`, and the repairs of hours.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::observe::{About, STATUS_EVERY, Watch};
use super::session::{NotOpened, Session, journal_failure, policy, random_seed};
use super::stop::{self, Signal};
use super::summary::{RunSummary, SourceWatermark};
use super::{hand_over, output};
use crate::clock;
use crate::engine::{Driver, Ended, Engine, Order, SourceEnd, Stop};
use crate::exit::Exit;
use crate::journal::Journal;
use crate::lake::LakeFacts;
use crate::model::report::DaemonReport;
use crate::model::{Fault, Scope, SourceName, Window};
use crate::problem::Failure;
use crate::telemetry::{Metrics, Progress, Renderer};

/// What a one-shot command does.
pub struct Work {
    /// The hours.
    pub scope: Scope,
    /// Orders about them, carried out first.
    pub orders: Vec<Order>,
    /// Requests in flight per source, instead of the configuration's.
    pub parallel: Option<usize>,
    /// `--exit-code-no-data`
    pub no_data: Option<u8>,
}

/// Does it, and writes the summary.
pub async fn run(session: &Session, work: Work) -> Result<Exit, Failure> {
    let started = clock::monotonic();
    session.may_work()?;
    let mut opened = match session.open_journal() {
        Ok(opened) => opened,
        Err(NotOpened::Held(pid)) => return hand_over::run(session, work, pid).await,
        Err(NotOpened::Failed(failure)) => return Err(failure),
    };
    let snapshot = opened.journal.load().map_err(|error| journal_failure(&error))?;
    let progress = Progress::new();
    let effects = session.open_effects(progress.clone(), Metrics::new()).await?;
    let (stage, place) = (effects.stage().clone(), effects.place());
    let mut rules = policy(session.config());
    if let Some(parallel) = work.parallel {
        rules.sources.values_mut().for_each(|source| source.max_parallel = parallel);
    }
    let mut engine = Engine::new(rules, Some(work.scope.clone()), snapshot, random_seed()?, clock::now());
    engine.give(work.orders);
    let about = About::new(session.config(), place.location.clone(), DaemonReport::default());
    let watch = Watch::new(about, stage, session.status_file(), progress.clone(), Some(work.scope.clone()));
    let driver = Driver::new(engine, Box::new(opened.journal), Arc::new(effects), Box::new(watch), true);
    // A download takes minutes in which nothing else happens: status and bar are of the last second all the same.
    let driver = driver.waking_every(STATUS_EVERY);
    let (control, orders) = mpsc::channel(16);
    let signals = stop::watch(control, session.config().shutdown_grace);
    let bar = Renderer::start(&progress, output::progress_mode(&session.global, &session.output));
    let (driver, ended) = driver.run_beside_its_steps(orders).await;
    drop(bar);
    let result = verdict(session, driver.engine(), &work.scope, &place, ended, signals.received());
    let mut summary = summary(session, driver.engine(), &work.scope);
    let figures = progress.figures();
    summary.downloaded_bytes = figures.downloaded;
    summary.uploaded_bytes = figures.uploaded;
    summary.elapsed_seconds = clock::since(started).as_secs();
    finish(session, summary, result, work.no_data)
}

/// Writes the summary and ends the command.
pub fn finish(
    session: &Session,
    summary: RunSummary,
    result: Result<Exit, Failure>,
    no_data: Option<u8>,
) -> Result<Exit, Failure> {
    let (exit, failure) = match result {
        Ok(exit) => (exit, None),
        Err(failure) => (failure.exit, Some(failure)),
    };
    let (summary, exit) = summary.settle(exit, no_data);
    // An order that was refused is no run: the error says it all to a person.
    summary.write(&session.output, failure.is_none() || !summary.did_nothing());
    session.output.finish()?;
    failure.map_or(Ok(exit), Err)
}

fn summary(session: &Session, engine: &Engine, scope: &Scope) -> RunSummary {
    let tally = engine.tally();
    let mut summary = RunSummary::new(&session.run_id);
    summary.published = tally.published;
    summary.empty = tally.empty;
    summary.skipped = tally.skipped;
    summary.already_there = tally.adopted;
    summary.rows = tally.rows;
    for (name, windows) in &scope.sources {
        let counts = engine.scope_counts(name, windows);
        summary.quarantined += counts.quarantined;
        summary.provisional += counts.provisional;
        let watermark = engine.ledger(name).and_then(crate::model::Ledger::watermark);
        summary.watermarks.push(SourceWatermark { source: name.clone(), watermark });
    }
    summary
}

fn verdict(
    session: &Session,
    engine: &Engine,
    scope: &Scope,
    place: &LakeFacts,
    ended: Ended,
    signal: Option<Signal>,
) -> Result<Exit, Failure> {
    match ended {
        Ended::Journal(error) => return Err(journal_failure(&error)),
        Ended::Drained => return Ok(signal.map_or(Exit::Interrupted, Signal::exit)),
        Ended::Finished => {}
    }
    if let Some(stop) = engine.stop() {
        return Err(stopped(session, stop, place));
    }
    if let Some((order, why)) = engine.refusals().first() {
        return Err(Failure::new("E705", why.clone()).context(format!("the order was {}", order.words())));
    }
    let ends = engine.ends(clock::now()).unwrap_or_default();
    let quarantined = scope.sources.iter().any(|(name, windows)| engine.scope_counts(name, windows).quarantined > 0);
    judge(&ends, quarantined)
}

/// How a command ends whose sources ended so.
pub fn judge(ends: &BTreeMap<SourceName, SourceEnd>, quarantined: bool) -> Result<Exit, Failure> {
    let failed: Vec<(&SourceName, &SourceEnd)> = ends.iter().filter(|(_, end)| **end != SourceEnd::Finished).collect();
    match failed.first() {
        None if quarantined => Ok(Exit::Partial),
        None => Ok(Exit::Done),
        Some((name, end)) => {
            let failure = source_failure(name, end);
            let better = failed.len() < ends.len();
            Err(if better { failure.exit(Exit::Partial) } else { failure })
        }
    }
}

/// The text for an engine that can do nothing with this lake.
pub fn stopped(session: &Session, stop: &Stop, place: &LakeFacts) -> Failure {
    let location = &place.location;
    match stop {
        Stop::WrongLake { expected, found } => {
            let state = session.config().state_dir.display();
            Failure::new("E404", format!("the state directory {state} belongs to another lake"))
                .context(format!("it was made for lake {expected}; {location} is lake {found}"))
                .help("give this lake a state.dir of its own (an empty one is rebuilt from the lake)")
        }
        Stop::NoConditionalWrites => {
            Failure::new("E403", format!("{location} ignores `If-None-Match`: two writers could overwrite each other"))
                .help("if this is its only writer, say so: lake.single_writer = true")
        }
    }
}

fn source_failure(name: &SourceName, end: &SourceEnd) -> Failure {
    let (fault, what): (&Fault, &str) = match end {
        SourceEnd::Finished => return Failure::new("E701", format!("source `{name}` ended without a reason")),
        SourceEnd::KeysRefused(fault) => (fault, "refused the credentials of"),
        SourceEnd::RequestRefused(fault) => (fault, "refused the request of"),
        SourceEnd::SourceDown(fault) => (fault, "did not serve"),
        SourceEnd::StoreDown(fault) => {
            return Failure::of_fault(fault)
                .exit(Exit::CannotWrite)
                .context(format!("source `{name}` waits; nothing is lost"));
        }
    };
    let exit = match end {
        SourceEnd::KeysRefused(_) => Exit::Refused,
        SourceEnd::RequestRefused(_) => Exit::Failed,
        _ => Exit::Temporary,
    };
    let mut failure = Failure::of_fault(fault).exit(exit).context(format!("Amplitude {what} source `{name}`"));
    failure.message.clone_from(&fault.detail);
    failure
}

/// Every source of the configuration, or the one that was named; each with all its hours.
pub fn scope_of(session: &Session, source: Option<&SourceName>) -> Result<Scope, Failure> {
    let all = &session.config().sources;
    let sources: BTreeMap<SourceName, Vec<Window>> = match source {
        None => all.keys().map(|name| (name.clone(), Vec::new())).collect(),
        Some(name) if all.contains_key(name) => [(name.clone(), Vec::new())].into(),
        Some(name) => return Err(unknown_source(session, name)),
    };
    Ok(Scope { sources })
}

/// The source that was named, or the only one.
pub fn one_source(session: &Session, source: Option<&SourceName>) -> Result<SourceName, Failure> {
    let all = &session.config().sources;
    match source {
        Some(name) if all.contains_key(name) => Ok(name.clone()),
        Some(name) => Err(unknown_source(session, name)),
        None => match all.keys().next().filter(|_| all.len() == 1) {
            Some(name) => Ok(name.clone()),
            None => {
                Err(Failure::usage("there are several sources").help(format!("say which: --source {}", names(session))))
            }
        },
    }
}

fn unknown_source(session: &Session, name: &SourceName) -> Failure {
    Failure::usage(format!("there is no source `{name}`")).help(format!("configured: {}", names(session)))
}

fn names(session: &Session) -> String {
    session.config().sources.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
