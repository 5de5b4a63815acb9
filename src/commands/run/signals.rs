//! TERM and INT drain, a second one ends at once; HUP reads the configuration again.

use futures_util::StreamExt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use tokio::sync::mpsc;

use crate::admin::ReloadRequest;
use crate::problem::Failure;

/// What a signal asks of the daemon.
#[derive(Debug)]
pub enum Wish {
    /// Drain, then end.
    Stop,
    /// End.
    StopNow,
    /// Take over the configuration as it is now; whoever asked is told whether it is valid.
    Reload(Option<ReloadRequest>),
}

/// Watches the signals for as long as the receiver lives.
pub fn watch() -> Result<mpsc::Receiver<Wish>, Failure> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| Failure::new("E701", format!("signals cannot be watched: {error}")))?;
    let (sender, wished) = mpsc::channel(8);
    tokio::spawn(async move {
        let mut stopping = false;
        while let Some(signal) = signals.next().await {
            let wish = match signal {
                SIGHUP => Wish::Reload(None),
                _ if std::mem::replace(&mut stopping, true) => Wish::StopNow,
                _ => Wish::Stop,
            };
            if sender.send(wish).await.is_err() {
                return;
            }
        }
    });
    Ok(wished)
}
