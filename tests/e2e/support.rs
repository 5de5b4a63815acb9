//! A simulator, a directory with a configuration, and the binary as a child process.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ampd::simulator::{Fault, FaultKind, Hour, Options, RequestEntry, Running, Simulator};
use chrono::{TimeDelta, Utc};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::lake::Lake;

/// One simulator and one installation of ampd that knows nothing but it.
pub struct World {
    /// Everything that ampd writes is in here.
    pub dir: TempDir,
    /// The other side.
    pub sim: Running,
    /// The first hour to keep.
    pub first: Hour,
    /// The newest hour that is due.
    pub last: Hour,
    /// `section.key` and its value as TOML.
    pub settings: BTreeMap<String, String>,
    _runtime: Runtime,
}

/// How a command ended.
pub struct Ended {
    /// The exit code; minus the signal when it was killed.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl World {
    /// So many hours are due, from midnight three days ago on; some 20 rows each.
    pub fn new(hours: i64) -> Self {
        Self::with(hours, |_| ())
    }

    /// The same, with another simulator.
    pub fn with(hours: i64, change: impl FnOnce(&mut Options)) -> Self {
        let now = Utc::now();
        let midnight = (now - TimeDelta::days(3)).date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
        let first = Hour::containing(midnight);
        let last = first.plus(hours - 1);
        let mut options = Options { now: Some(now), ..Options::default() };
        options.projects[0].events_per_hour = 20;
        options.rows.compact = true;
        change(&mut options);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sim = runtime.block_on(Simulator::start(options, "127.0.0.1:0".parse().unwrap())).unwrap();
        // The hour after the last becomes due in half an hour, whenever the test runs.
        let settle = (now - TimeDelta::minutes(30) - last.end()).num_seconds();
        let settings = [
            ("source.web.api_key", "\"sim-api-key\"".to_owned()),
            ("source.web.secret_key", "\"sim-secret-key\"".to_owned()),
            ("source.web.base_url", format!("\"{}\"", sim.url())),
            ("source.web.allow_custom_base_url", "true".to_owned()),
            ("source.web.start", format!("\"{}\"", dashed(first))),
            ("window.settle_delay", format!("\"{settle}s\"")),
            ("window.empty_confirm", "\"0s\"".to_owned()),
            ("window.recheck_after", "\"off\"".to_owned()),
            ("retry.initial", "\"10ms\"".to_owned()),
            ("retry.max", "\"2s\"".to_owned()),
            ("retry.max_attempts", "3".to_owned()),
            ("lake.type", "\"local\"".to_owned()),
            ("lake.path", "\"lake\"".to_owned()),
            ("staging.dir", "\"stage\"".to_owned()),
            ("staging.min_free", "\"1MiB\"".to_owned()),
            ("state.dir", "\"state\"".to_owned()),
            ("log.dir", "\"logs\"".to_owned()),
            ("admin.socket", "\"ampd.sock\"".to_owned()),
        ];
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { dir: tempfile::tempdir().unwrap(), sim, first, last, settings, _runtime: runtime }
    }

    /// Changes the configuration: `value` is TOML.
    pub fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The n-th hour, from 0.
    pub fn hour(&self, n: i64) -> Hour {
        self.first.plus(n)
    }

    /// Plants a fault.
    pub fn plant(&self, fault: Fault) {
        self.sim.plant(fault).unwrap();
    }

    /// Plants a fault for one hour.
    pub fn plant_on(&self, n: i64, kind: FaultKind) {
        self.plant(Fault::new(kind).on(self.hour(n)));
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<RequestEntry> {
        self.sim.requests()
    }

    /// The windows that were asked for, as `first..last` numbers of hours.
    pub fn windows(&self) -> Vec<(i64, i64)> {
        let number =
            |text: &Option<String>| Hour::parse(text.as_ref().unwrap()).unwrap().number() - self.first.number();
        self.requests().iter().map(|one| (number(&one.start), number(&one.end))).collect()
    }

    /// The configuration file's text.
    pub fn config_text(&self) -> String {
        let mut text = String::from("version = 1\n");
        let mut section = "";
        for (key, value) in &self.settings {
            let (table, name) = key.rsplit_once('.').unwrap();
            if table != section {
                writeln!(text, "[{table}]").unwrap();
                section = table;
            }
            writeln!(text, "{name} = {value}").unwrap();
        }
        text
    }

    /// The binary with these arguments, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let (file, text) = (self.path("ampd.toml"), self.config_text());
        // A process that is just starting must not find it half written.
        if fs::read_to_string(&file).is_ok_and(|there| there == text) {
            return self.bare(arguments);
        }
        fs::write(&file, text).unwrap();
        // It holds keys.
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        self.bare(arguments)
    }

    /// The same without writing the configuration anew.
    pub fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ampd"));
        command.args(arguments).current_dir(self.dir.path()).env_clear().env("HOME", self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.start(arguments))
    }

    /// Runs it, and expects this exit code.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, code, "ampd {arguments:?}\n{ended}requests: {:#?}", self.tail());
        ended
    }

    fn tail(&self) -> Vec<String> {
        let requests = self.requests();
        let short = |one: &RequestEntry| format!("{:?}..{:?} {:?} {:?}", one.start, one.end, one.status, one.fault);
        requests.iter().rev().take(8).rev().map(short).collect()
    }

    /// Runs it with `-o json`, expects this exit code, and answers the summary.
    pub fn summary(&self, code: i32, arguments: &[&str]) -> Value {
        let with_json: Vec<&str> = arguments.iter().copied().chain(["-o", "json"]).collect();
        let ended = self.expect(code, &with_json);
        ended.last_object()
    }

    /// The status as JSON.
    pub fn status(&self) -> Value {
        let ended = self.run(&["status", "--json"]);
        ended.last_object()
    }

    /// What `status` says about an hour.
    pub fn problem_of(&self, n: i64) -> Option<Value> {
        let hour = dashed(self.hour(n));
        let status = self.status();
        let problems = status["sources"][0]["problems"].as_array().cloned().unwrap_or_default();
        problems.into_iter().find(|problem| problem["hour"] == hour.as_str())
    }

    /// The lake as it is.
    pub fn lake(&self) -> Lake {
        Lake::read(&self.path("lake"), "web")
    }

    /// The lake holds these hours exactly as the simulator knows them, and no other hours with data.
    pub fn assert_truth(&self, hours: impl IntoIterator<Item = i64>) {
        let lake = self.lake();
        let truth = self.sim.truth(None, self.first, self.last).unwrap();
        let mut expected: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for n in hours {
            let hour = self.hour(n).to_string();
            assert!(lake.newest(&hour).is_some(), "hour {n} ({hour}) is not published");
            if let Some(told) = truth.per_hour.get(&hour) {
                expected.insert(hour, (told.rows, told.hash.clone()));
            }
        }
        let found: BTreeMap<String, (u64, String)> = lake
            .hours()
            .filter(|hour| lake.newest(hour).unwrap()["state"] == "data")
            .map(|hour| (hour.to_owned(), lake.content(hour)))
            .collect();
        assert_eq!(found, expected);
    }

    /// All hours are there, equal to the truth, and nothing lies in the lake that no manifest names.
    pub fn assert_complete(&self) {
        self.assert_truth(0..=self.last.number() - self.first.number());
        assert_eq!(self.lake().unnamed(), Vec::<String>::new());
    }

    /// The archives that were kept in quarantine.
    pub fn quarantined_archives(&self) -> Vec<String> {
        files_below(&self.path("stage/quarantine"))
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "zip"))
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    /// Every file that ampd wrote, except the lake's and the configuration.
    pub fn own_files(&self) -> Vec<PathBuf> {
        ["state", "stage", "logs"].iter().flat_map(|name| files_below(&self.path(name))).collect()
    }
}

impl Ended {
    /// The last line of the standard output as JSON.
    pub fn last_object(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_else(|| panic!("nothing on stdout\n{self}"));
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// Whether either stream says it.
    pub fn says(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// Waits for a child; a minute is more than any test needs.
pub fn ended(mut child: Child) -> Ended {
    let stdout = reader(child.stdout.take().unwrap());
    let stderr = reader(child.stderr.take().unwrap());
    let deadline = Instant::now() + Duration::from_mins(1);
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("hangs\n{}\n{}", stdout.join().unwrap(), stderr.join().unwrap());
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    let code = status.code().unwrap_or_else(|| -signal.unwrap());
    Ended { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn reader(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    })
}

/// Every file below a directory.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// `2026-11-21T07`, ampd's own form.
pub fn dashed(hour: Hour) -> String {
    hour.start().format("%Y-%m-%dT%H").to_string()
}

/// A status fault.
pub fn status(code: u16) -> FaultKind {
    FaultKind::Status { code, retry_after: None, body: None }
}
