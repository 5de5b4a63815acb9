//! `ampd sim`: the Amplitude simulator alone.

use std::net::SocketAddr;

use super::observe::write_atomically;
use super::output::{self, Output};
use crate::cli::{Global, SimArgs};
use crate::clock;
use crate::exit::Exit;
use crate::problem::Failure;
use crate::simulator::{Options, Simulator};

/// Listens until a signal comes.
pub async fn run(global: &Global, args: SimArgs) -> Result<Exit, Failure> {
    let mut options = match &global.config {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::new("E105", format!("cannot read {}: {error}", path.display())))?;
            toml_edit::de::from_str::<Options>(&text)
                .map_err(|error| Failure::new("E102", format!("{}: {error}", path.display())))?
        }
        None => Options::default(),
    };
    options.clock = clock::now;
    options.seed = args.seed.unwrap_or(options.seed);
    let listen: SocketAddr = args
        .listen
        .parse()
        .map_err(|_| Failure::usage(format!("`{}` is no address: write 127.0.0.1:8099", args.listen)))?;
    let keys: Vec<String> = options.projects.iter().map(|project| format!("{project:?}")).collect();
    let running = Simulator::start(options, listen).await.map_err(|error| {
        Failure::new("E707", format!("the simulator cannot listen on {listen}: {error}")).exit(Exit::Failed)
    })?;
    if let Some(path) = &args.port_file {
        write_atomically(path, running.addr.port().to_string().as_bytes())
            .map_err(|error| Failure::new("E707", format!("{}: {error}", path.display())).exit(Exit::Failed))?;
    }
    let output = Output::stdout(global.form());
    output.text(&format!("the simulator listens on {}", running.url()));
    output.object(&serde_json::json!({"url": running.url()}));
    if !global.quiet {
        for project in &keys {
            output::note(project);
        }
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| Failure::new("E701", format!("signals cannot be watched: {error}")))?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    running.shutdown().await;
    output.finish()?;
    Ok(Exit::Done)
}
