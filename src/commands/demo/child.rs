//! ampd in a process of its own: this same executable, started, watched, killed.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::home::{Home, failure};
use crate::clock;
use crate::exit::Exit;
use crate::problem::Failure;

/// How often a running ampd is looked at before it is killed.
const LOOK: Duration = Duration::from_millis(1);
/// A run that takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(600);
/// The environment that ampd gets: nothing that configures it.
const KEPT: [&str; 5] = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL"];
/// What kill -9 sends.
const SIGKILL: i32 = 9;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Exited(i32),
    /// By our SIGKILL.
    Killed,
}

/// Starts ampd on the demo's configuration.
#[derive(Clone, Debug)]
pub struct Ampd {
    executable: PathBuf,
    home: Home,
}

impl Ampd {
    /// This executable.
    pub fn new(home: &Home) -> Result<Self, Failure> {
        let executable = std::env::current_exe().map_err(|error| failure("find its own executable", &error))?;
        Ok(Self { executable, home: home.clone() })
    }

    /// Runs `once`. When `strike` says so, the process gets SIGKILL.
    pub async fn once(&self, number: u32, strike: impl FnMut() -> bool + Send + 'static) -> Result<Ended, Failure> {
        let (stdout, stderr) = self.outputs(number);
        let mut command = self.command(&["-o", "json", "--progress", "none", "once"]);
        let run = move || {
            command.stdout(File::create(stdout)?).stderr(File::create(stderr)?);
            watch(Running(command.spawn()?), strike)
        };
        let ended = tokio::task::spawn_blocking(run).await.map_err(std::io::Error::other).and_then(|ended| ended);
        ended.map_err(|error| failure("run ampd", &error))
    }

    /// Where a run's stdout and stderr go.
    pub fn outputs(&self, number: u32) -> (PathBuf, PathBuf) {
        let runs = self.home.runs();
        (runs.join(format!("{number}.json")), runs.join(format!("{number}.log")))
    }

    /// What `status` prints, for people.
    pub async fn status(&self) -> Result<String, Failure> {
        self.ask(&["--color", "never", "status"]).await
    }

    /// What `status --json` answers.
    pub async fn status_json(&self) -> Result<Value, Failure> {
        let text = self.ask(&["--json", "status"]).await?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::new("E707", format!("`ampd status --json` is no JSON: {error}")).exit(Exit::Failed)
        })
    }

    async fn ask(&self, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.stderr(Stdio::null()).output()).await;
        let output = output.map_err(std::io::Error::other).and_then(|output| output);
        output
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .map_err(|error| failure("run ampd", &error))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command.arg("-c").arg(self.home.config()).args(arguments).current_dir(self.home.dir()).stdin(Stdio::null());
        command.env_clear().envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command
    }
}

/// A child that does not outlive us, whatever goes wrong.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // After the child was waited for, both do nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn watch(mut running: Running, mut strike: impl FnMut() -> bool) -> std::io::Result<Ended> {
    let started = clock::monotonic();
    loop {
        if let Some(status) = running.0.try_wait()? {
            return Ok(Ended::Exited(status.code().unwrap_or(-1)));
        }
        let hung = clock::since(started) > PATIENCE;
        if hung || strike() {
            running.0.kill()?;
            let status = running.0.wait()?;
            if hung {
                return Err(std::io::Error::other("it had not ended after ten minutes"));
            }
            // It may have ended by itself a moment before.
            let killed = status.signal() == Some(SIGKILL);
            return Ok(if killed { Ended::Killed } else { Ended::Exited(status.code().unwrap_or(-1)) });
        }
        std::thread::sleep(LOOK);
    }
}

/// Bytes of the archives whose download is under way.
pub fn downloading(staging: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(staging) else { return 0 };
    let parts = entries.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "part"));
    parts.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}
