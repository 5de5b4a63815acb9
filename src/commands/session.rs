//! What every command that works needs: the configuration, the log, the run's id, and the opened world.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::output::{self, Output};
use super::state_dir::owner_before_root;
pub use super::state_dir::{NotOpened, journal_failure};
use crate::amplitude::Client;
use crate::archive::Limits;
use crate::cli::Global;
use crate::config::{self, Config, Inputs, InvalidRows, Loaded};
use crate::effects::{LiveEffects, World};
use crate::failpoints::{Point, around, around_blocking};
use crate::lake::{self, Lake};
use crate::model::{Policy, RetryPolicy, SourceName, SourcePolicy};
use crate::problem::Failure;
use crate::stage::{Stage, StageError};
use crate::telemetry::{self, Guard, Line, Metrics, Progress, say};

/// A command's surroundings.
pub struct Session {
    /// The configuration and where it came from.
    pub loaded: Loaded,
    /// Names this run in every log line: 16 lower-case hex digits.
    pub run_id: String,
    /// Where data goes.
    pub output: Arc<Output>,
    /// The global flags.
    pub global: Global,
    /// Why its secrets are empty: such a session can hand work over to a daemon, and not do it.
    lacks: Option<Failure>,
    log: Guard,
}

/// The configuration's inputs as the flags change them.
pub fn inputs(global: &Global) -> Inputs {
    let socket = global.socket.as_ref().map(|path| ("admin.socket".to_owned(), path.display().to_string()));
    Inputs::from_process(global.config.clone(), socket.into_iter().collect())
}

/// Loads the configuration, or says everything that is wrong with it.
pub fn load(global: &Global) -> Result<Loaded, Failure> {
    load_from(global, &inputs(global))
}

/// The same without secrets, for commands that ask Amplitude for nothing: they work for who may not see the keys.
pub fn load_to_look(global: &Global) -> Result<Loaded, Failure> {
    load_from(global, &Inputs { with_secrets: false, ..inputs(global) })
}

fn load_from(global: &Global, inputs: &Inputs) -> Result<Loaded, Failure> {
    config::load(inputs).map_err(|problems| {
        let color = output::use_color(global.color, std::io::stderr().is_terminal());
        Failure::of_problems(&problems, color)
    })
}

/// Random hex digits from the operating system.
pub fn random_hex(bytes: usize) -> Result<String, Failure> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::new("E701", format!("the system gives no random numbers: {error}")))?;
    Ok(hex::encode(random))
}

/// A seed from the operating system.
pub fn random_seed() -> Result<u64, Failure> {
    getrandom::u64().map_err(|error| Failure::new("E701", format!("the system gives no random numbers: {error}")))
}

impl Session {
    /// Loads the configuration and starts the log.
    pub fn open(global: &Global) -> Result<Self, Failure> {
        Ok(Self::with(global, load(global)?)?.warned())
    }

    /// As [`Session::open`], without secrets: see [`load_to_look`].
    pub fn open_to_look(global: &Global) -> Result<Self, Failure> {
        Self::with(global, load_to_look(global)?)
    }

    /// For work that a running daemon may be given instead: secrets that this process may not see are missed only
    /// when it has to do the work itself.
    pub fn open_to_work(global: &Global) -> Result<Self, Failure> {
        match load(global) {
            Ok(loaded) => Ok(Self::with(global, loaded)?.warned()),
            Err(failure) => {
                let loaded = load_to_look(global).map_err(|_| failure.clone())?;
                Ok(Self { lacks: Some(failure), ..Self::with(global, loaded)? })
            }
        }
    }

    fn with(global: &Global, loaded: Loaded) -> Result<Self, Failure> {
        let run_id = random_hex(8)?;
        let color = output::use_color(global.color, std::io::stderr().is_terminal());
        let options = telemetry::Options { run_id: &run_id, verbose: global.verbose, quiet: global.quiet, color };
        let mut log = loaded.config.log.clone();
        log.dir = log.dir.filter(|dir| owner_before_root(dir).is_none());
        let log = telemetry::init(&log, &options);
        let output = Arc::new(Output::stdout(global.form()));
        Ok(Self { loaded, run_id, output, global: global.clone(), lacks: None, log })
    }

    /// Takes over another configuration: the next life of the daemon works with it.
    pub fn replace(&mut self, loaded: Loaded) {
        self.log.set_level(&loaded.config.log.level);
        self.loaded = loaded;
        self.warn();
    }

    fn warned(self) -> Self {
        self.warn();
        self
    }

    /// What is doubtful about the configuration, for the log: `ampd config check` shows it with its place and help.
    fn warn(&self) {
        for warning in &self.loaded.warnings {
            say(&Line::warn(format!("{} ({}): `ampd config check`", warning.message, warning.code)));
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// Where the last status is kept.
    pub fn status_file(&self) -> PathBuf {
        self.config().state_dir.join("status.json")
    }

    /// Refuses work without its secrets where no daemon can have them: nothing is created for it.
    pub fn may_work(&self) -> Result<(), Failure> {
        let somebody_worked = self.config().state_dir.join("lock").exists();
        self.lacks.clone().filter(|_| !somebody_worked).map_or(Ok(()), Err)
    }

    /// Opens the lake.
    pub async fn open_lake(&self) -> Result<Arc<dyn Lake>, Failure> {
        around(Point::StartLake, |words| Failure::new("E401", words), async {
            lake::open(&self.config().lake).await.map_err(|error| Failure::of_fault(&error.fault()))
        })
        .await
    }

    /// Opens staging and everything else that steps need.
    pub async fn open_effects(&self, progress: Progress, metrics: Metrics) -> Result<LiveEffects, Failure> {
        if let Some(failure) = &self.lacks {
            return Err(failure.clone());
        }
        let config = self.config();
        let stage = || Stage::open(&config.staging).map_err(|error| stage_failure(&error));
        let stage = around_blocking(Point::StartStage, |words| Failure::new("E502", words), stage)?;
        let lake = self.open_lake().await?;
        let clients: BTreeMap<SourceName, Client> = config
            .sources
            .iter()
            .map(|(name, source)| {
                Ok((name.clone(), Client::new(source, &config.retry).map_err(|e| client_failure(name, &e))?))
            })
            .collect::<Result<_, Failure>>()?;
        let global = self.global.clone();
        let fresh_client = Box::new(move |name: &SourceName| {
            let loaded = config::load(&inputs(&global)).ok()?;
            Client::new(loaded.config.sources.get(name)?, &loaded.config.retry).ok()
        });
        Ok(LiveEffects::new(World {
            lake,
            stage,
            clients,
            fresh_client,
            limits: Limits::from(&config.staging),
            checksum: store_checksum(config),
            fresh_id: random_hex(16)?,
            progress,
            metrics,
        }))
    }
}

fn store_checksum(config: &Config) -> config::StoreChecksum {
    match &config.lake.place {
        config::LakePlace::S3(s3) => s3.checksum,
        config::LakePlace::Directory { .. } => config::StoreChecksum::Crc64Nvme,
    }
}

fn client_failure(name: &SourceName, error: &crate::amplitude::ClientError) -> Failure {
    let code = match error {
        crate::amplitude::ClientError::Start(_) => "E210",
        crate::amplitude::ClientError::BaseUrl(_) | crate::amplitude::ClientError::Colon => "E102",
    };
    Failure::new(code, format!("source.{name}: {error}"))
}

fn stage_failure(error: &StageError) -> Failure {
    match error {
        StageError::Locked { .. } => Failure::new("E504", error.to_string()),
        StageError::Io { .. } => Failure::new("E502", error.to_string()),
    }
}

/// The configuration as the decisions use it.
pub fn policy(config: &Config) -> Policy {
    let delta = |duration: Duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    let window = &config.window;
    let source = |source: &config::Source| SourcePolicy {
        start: source.start,
        max_parallel: source.max_parallel.max(1),
        window_max: window.max_hours.max(1),
        settle_delay: delta(window.settle_delay),
        empty_confirm: delta(window.empty_confirm),
        recheck_after: window.recheck_after.map(delta),
    };
    Policy {
        sources: config.sources.iter().map(|(name, section)| (name.clone(), source(section))).collect(),
        retry: RetryPolicy {
            max_attempts: config.retry.max_attempts.max(1),
            initial: delta(config.retry.initial),
            max: delta(config.retry.max),
        },
        format: config.lake.format,
        part_target: config.lake.part_target,
        quarantine_invalid: config.staging.invalid_rows == InvalidRows::Quarantine,
        single_writer: config.lake.single_writer,
        late_write: delta(config.lake.late_write),
        uploads_max: config.lake.max_parallel.max(1),
    }
}
