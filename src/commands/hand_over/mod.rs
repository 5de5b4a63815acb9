//! Work for a state directory that a daemon holds: it is handed over through the socket and followed, with the same
//! progress, summary and exit codes as if this process did it. Ctrl-C stops the following, not the work.

mod follow;

use std::time::Duration;

use super::daemon::client_failure;
use super::one_shot::{self, Work};
use super::session::Session;
use super::{output, stop};
use crate::admin::client::{Client, ClientError};
use crate::admin::wire::{Accepted, OrderRequest, ProgressRequest, TriggerRequest};
use crate::clock;
use crate::engine::Order;
use crate::exit::Exit;
use crate::problem::Failure;
use crate::telemetry::{Progress, Renderer};
use follow::Follower;

/// A daemon that starts, or exchanges its engine, is given this long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(500);

/// Hands the work to the daemon that holds the state directory's lock (`holder`, as far as it is known).
pub async fn run(session: &Session, work: Work, holder: Option<u32>) -> Result<Exit, Failure> {
    let client = Client::new(&session.config().admin.socket).map_err(|error| client_failure(&error))?;
    let pid = daemon(session, &client, holder).await?;
    let started = clock::monotonic();
    let tasks = tasks(&work);
    let request = ProgressRequest { sources: work.scope.sources.clone(), since: None };
    let before = patiently(|| client.progress(&request)).await.map_err(|error| client_failure(&error))?;
    let progress = Progress::new();
    let mut follower = Follower::new(&client, &tasks, &before, session.config().retry.max, progress.clone());
    let result = match give(&client, &tasks).await {
        Err(error) => Err(client_failure(&error)),
        Ok(accepted) => {
            if !session.global.quiet {
                output::note(&format!("handed over to the daemon{}; Ctrl-C stops only this view of it", by_pid(pid)));
            }
            let bar = Renderer::start(&progress, output::progress_mode(&session.global, &session.output));
            let request = ProgressRequest { since: Some(accepted.at), ..request };
            let ended = tokio::select! {
                ended = follower.run(request) => ended,
                signal = stop::first() => Ok(signal.exit()),
            };
            drop(bar);
            ended
        }
    };
    let mut summary = follower.summary(&session.run_id);
    summary.elapsed_seconds = clock::since(started).as_secs();
    one_shot::finish(session, summary, result, work.no_data)
}

/// The daemon's pid, when it is the one that holds this state directory.
pub(super) async fn daemon(session: &Session, client: &Client, holder: Option<u32>) -> Result<Option<u32>, Failure> {
    let held = || {
        let dir = session.config().state_dir.display();
        Failure::new("E504", format!("another ampd works with the state directory {dir}{}", by_pid(holder)))
    };
    let report = match patiently(|| client.status()).await {
        Ok(report) => report,
        Err(error @ ClientError::NoDaemon { .. }) => return Err(held().context(error.to_string())),
        Err(error) => return Err(client_failure(&error)),
    };
    let pid = report.daemon.pid;
    if let (Some(holder), Some(pid)) = (holder, pid)
        && holder != pid
    {
        let socket = client.socket().display();
        return Err(held().context(format!("the daemon on {socket} is another one (pid {pid})")));
    }
    Ok(pid)
}

fn by_pid(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

/// What the daemon is asked to do.
pub(super) enum Task {
    /// Look for due hours.
    Trigger(TriggerRequest),
    /// These orders.
    Orders {
        /// As they are sent.
        orders: Vec<OrderRequest>,
        /// They live in the daemon's memory only, and are given again to one that was restarted.
        forgettable: bool,
    },
}

/// Orders where there are some; else the windows of the scope; else what is due.
fn tasks(work: &Work) -> Vec<Task> {
    if !work.orders.is_empty() {
        return vec![Task::Orders { orders: OrderRequest::of(&work.orders), forgettable: false }];
    }
    let mut tasks = Vec::new();
    let mut backfills = Vec::new();
    for (name, windows) in &work.scope.sources {
        if windows.is_empty() {
            tasks.push(Task::Trigger(TriggerRequest { source: Some(name.clone()) }));
        }
        backfills.extend(windows.iter().map(|window| Order::Backfill(name.clone(), *window)));
    }
    if !backfills.is_empty() {
        tasks.push(Task::Orders { orders: OrderRequest::of(&backfills), forgettable: true });
    }
    tasks
}

/// Gives every task; what the first one's answer says of the time counts for all.
async fn give(client: &Client, tasks: &[Task]) -> Result<Accepted, ClientError> {
    let mut first = None;
    for task in tasks {
        let accepted = match task {
            Task::Trigger(request) => patiently(|| client.trigger(request)).await?,
            Task::Orders { orders, .. } => patiently(|| client.orders(orders)).await?,
        };
        first.get_or_insert(accepted);
    }
    first.ok_or_else(|| ClientError::NotNow("there is nothing to do".to_owned()))
}

/// Asks again while the daemon says "not now".
pub(super) async fn patiently<T, F: Future<Output = Result<T, ClientError>>>(
    ask: impl Fn() -> F,
) -> Result<T, ClientError> {
    let started = clock::monotonic();
    loop {
        match ask().await {
            Err(ClientError::NotNow(_)) if clock::since(started) < PATIENCE => tokio::time::sleep(AGAIN).await,
            answer => return answer,
        }
    }
}
