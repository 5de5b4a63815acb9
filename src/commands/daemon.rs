//! Commands that only speak with the running daemon: `pause`, `resume`, `trigger`, `reload`, `health`.

use std::path::PathBuf;

use super::hand_over::patiently;
use super::output::Output;
use super::session;
use crate::admin::client::{Client, ClientError};
use crate::admin::wire::TriggerRequest;
use crate::cli::{Global, HealthArgs, TriggerArgs};
use crate::config;
use crate::exit::Exit;
use crate::explain;
use crate::problem::Failure;

/// Where the daemon listens. Nothing else of the configuration has to be right for that, and no secret is needed.
pub fn socket(global: &Global) -> PathBuf {
    match &global.socket {
        Some(socket) => socket.clone(),
        None => config::admin_socket(&session::inputs(global)),
    }
}

fn client(global: &Global) -> Result<Client, Failure> {
    Client::new(&socket(global)).map_err(|error| client_failure(&error))
}

/// The client's error as the end of a command.
pub fn client_failure(error: &ClientError) -> Failure {
    match error {
        ClientError::Refused(trouble) => {
            let code = explain::find(&trouble.code).map_or("E702", |entry| entry.code);
            let mut failure = Failure::new(code, trouble.message.clone());
            (failure.context, failure.help) = (trouble.context.clone(), trouble.help.clone());
            // The message is the first one's reason.
            let others = trouble.refused.iter().skip(1);
            others.fold(failure, |failure, one| failure.context(format!("{}: {}", one.order, one.why)))
        }
        ClientError::Forbidden(_) => Failure::new("E702", error.to_string())
            .help("run the command as the daemon's user: `sudo -u ampd ampd ...`"),
        ClientError::NoDaemon { .. } => Failure::new("E702", error.to_string())
            .help("`systemctl status ampd`, or start it: `ampd run`; --socket names another place"),
        ClientError::NotNow(_) | ClientError::Silent(_) => {
            Failure::new("E702", error.to_string()).exit(Exit::Temporary).help("run the command again")
        }
        ClientError::Garbled { .. } => Failure::new("E702", error.to_string()).help("is the daemon of this version?"),
    }
}

/// `ampd pause`
pub async fn pause(global: &Global) -> Result<Exit, Failure> {
    let client = client(global)?;
    patiently(|| client.pause()).await.map_err(|error| client_failure(&error))?;
    said(global, "paused: nothing more is asked of Amplitude until `ampd resume`; what is staged is published")
}

/// `ampd resume`
pub async fn resume(global: &Global) -> Result<Exit, Failure> {
    let client = client(global)?;
    patiently(|| client.resume()).await.map_err(|error| client_failure(&error))?;
    said(global, "resumed")
}

/// `ampd trigger`
pub async fn trigger(global: &Global, args: TriggerArgs) -> Result<Exit, Failure> {
    let request = TriggerRequest { source: args.source };
    let client = client(global)?;
    let accepted = patiently(|| client.trigger(&request)).await.map_err(|error| client_failure(&error))?;
    let words =
        if accepted.paused { "triggered; it is paused, so nothing is asked until `ampd resume`" } else { "triggered" };
    said(global, words)
}

/// `ampd reload`
pub async fn reload(global: &Global) -> Result<Exit, Failure> {
    client(global)?.reload().await.map_err(|error| client_failure(&error))?;
    said(global, "the configuration is valid and taken over")
}

/// `ampd health`: silent, whatever is wrong; the exit code is the answer.
pub async fn health(global: &Global, args: HealthArgs) -> Result<Exit, Failure> {
    let Ok(client) = Client::new(&socket(global)) else { return Ok(Exit::Failed) };
    let answer = if args.ready { client.ready().await } else { client.health().await };
    Ok(if answer.is_ok() { Exit::Done } else { Exit::Failed })
}

fn said(global: &Global, words: &str) -> Result<Exit, Failure> {
    let output = Output::stdout(global.form());
    if !global.quiet {
        output.text(words);
    }
    output.object(&serde_json::json!({ "type": "done", "message": words }));
    output.finish()?;
    Ok(Exit::Done)
}
