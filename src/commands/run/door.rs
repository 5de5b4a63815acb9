//! The admin server over the daemon's lives: it stays open while the engine behind it is exchanged.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, watch};

use super::Ticks;
use crate::admin::{AdminError, Context, Life, ReloadRequest, Server};
use crate::commands::observe::{self, About};
use crate::config::Admin;
use crate::engine::{Engine, Handle};
use crate::problem::Failure;
use crate::stage::Stage;
use crate::telemetry::{Line, Metrics, say};

/// Reloads that may wait.
const RELOADS_MAX: usize = 4;

/// The server, and where it leads.
pub struct Door {
    life: watch::Sender<Option<Life>>,
    reloads: mpsc::Receiver<ReloadRequest>,
    context: Context,
    server: Option<(Admin, Server)>,
}

impl Door {
    /// A door that is closed yet.
    pub fn new(started_at: DateTime<Utc>, metrics: Metrics) -> Self {
        let (life, leads_to) = watch::channel(None);
        let (reload, reloads) = mpsc::channel(RELOADS_MAX);
        let context = Context { life: leads_to, reload, started_at, metrics };
        Self { life, reloads, context, server: None }
    }

    /// Opens it where the configuration says. One that is open there already stays; when the new place cannot be had,
    /// it opens at the old one again.
    pub async fn open(&mut self, config: &Admin) -> Result<(), Failure> {
        let old = match self.server.take() {
            Some(same) if same.0 == *config => {
                self.server = Some(same);
                return Ok(());
            }
            // Closed first: only one of [admin]'s two doors may have changed.
            other => other.map(|(config, _)| config),
        };
        let Err(error) = self.start(config).await else { return Ok(()) };
        let Some(old) = old else { return Err(failure(&error)) };
        say(&Line::error(format!("[admin] is not taken over: {error}")));
        self.start(&old).await.map_err(|error| failure(&error))
    }

    async fn start(&mut self, config: &Admin) -> Result<(), AdminError> {
        let server = Server::start(config, self.context.clone()).await?;
        self.server = Some((config.clone(), server));
        Ok(())
    }

    /// From now on it leads to this engine.
    pub fn lead_to(&self, handle: Handle, about: About, stage: Stage, ticks: Ticks) {
        let next = ticks.clone();
        let report = move |engine: &Engine, now| observe::report(engine, &about, Some(&stage), next.next(), now);
        let tick_age = Arc::new(move || ticks.age());
        self.life.send_replace(Some(Life { handle, report: Arc::new(report), tick_age }));
    }

    /// The engine ended; who asks is told to ask again.
    pub fn lead_nowhere(&self) {
        self.life.send_replace(None);
    }

    /// Somebody asks for a reload.
    pub async fn asked_to_reload(&mut self) -> Option<ReloadRequest> {
        self.reloads.recv().await
    }
}

fn failure(error: &AdminError) -> Failure {
    Failure::new("E708", error.to_string())
}
