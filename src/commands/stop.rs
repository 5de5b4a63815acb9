//! SIGINT and SIGTERM: the first one drains, the second one ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::{Handle, Signals};
use tokio::sync::mpsc;

use super::output;
use crate::engine::Control;
use crate::exit::Exit;
use crate::telemetry::{Line, say};

/// Which one came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, systemd, Docker.
    Terminate,
}

impl Signal {
    /// How a one-shot command ends after it.
    pub fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

/// The watch over the signals; dropped, it ends.
pub struct StopWatch {
    seen: Arc<AtomicI32>,
    handle: Option<Handle>,
}

impl StopWatch {
    /// The first signal that came.
    pub fn received(&self) -> Option<Signal> {
        match self.seen.load(Ordering::Relaxed) {
            SIGINT => Some(Signal::Interrupt),
            SIGTERM => Some(Signal::Terminate),
            _ => None,
        }
    }
}

impl Drop for StopWatch {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.close();
        }
    }
}

/// The first signal that comes, for a command that has nothing to finish; never, when they cannot be registered.
pub async fn first() -> Signal {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return std::future::pending().await };
    match signals.next().await {
        Some(SIGTERM) => Signal::Terminate,
        Some(_) => Signal::Interrupt,
        None => std::future::pending().await,
    }
}

/// Turns signals into controls of the driver. Without signals (they cannot be registered) the default stays: death,
/// which loses nothing.
pub fn watch(control: mpsc::Sender<Control>, grace: Duration) -> StopWatch {
    let seen = Arc::new(AtomicI32::new(0));
    let signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            say(&Line::warn(format!("signals are not watched: {error}")));
            return StopWatch { seen, handle: None };
        }
    };
    let handle = signals.handle();
    let first = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut signals = signals;
        while let Some(signal) = signals.next().await {
            if first.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                output::note(
                    "stopping after the uploads in flight (again to abandon them); the same command goes on from here",
                );
                let _ = control.send(Control::Drain(grace)).await;
            } else {
                let _ = control.send(Control::Abandon).await;
            }
        }
    });
    StopWatch { seen, handle: Some(handle) }
}
