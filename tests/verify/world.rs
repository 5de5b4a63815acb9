//! The world of these tests: a simulator, a directory lake, the real binary.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ampd::model::Hour;
use ampd::simulator::{API_KEY, Options, Project, Running, SECRET_KEY, Simulator};
use chrono::TimeDelta;
use serde_json::Value;

const HOURS: i64 = 6;

pub struct World {
    pub dir: tempfile::TempDir,
    pub simulator: Running,
    pub first: Hour,
}

impl World {
    /// A simulator, and a lake with six hours of it, of which the second is empty.
    pub async fn exported() -> Self {
        Self::exported_as("json.gz").await
    }

    /// The same in another format.
    pub async fn exported_as(format: &str) -> Self {
        let first = Hour::containing(ampd::clock::now() - TimeDelta::hours(2)).plus(-HOURS - 2);
        let empty_hours = vec![first.next().hour_of_day()];
        let project = Project { events_per_hour: 30, empty_hours, ..Project::default() };
        let options = Options { projects: vec![project], clock: ampd::clock::now, ..Options::default() };
        let simulator = Simulator::start(options, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let world = Self { dir: tempfile::tempdir().unwrap(), simulator, first };
        fs::write(world.path("ampd.toml"), world.config(format)).unwrap();
        fs::set_permissions(world.path("ampd.toml"), fs::Permissions::from_mode(0o600)).unwrap();
        world.ok(&["once", "-q"]).await;
        world
    }

    fn config(&self, format: &str) -> String {
        let (url, first) = (self.simulator.url(), self.first);
        format!(
            "version = 1\n[source.web]\napi_key = \"{API_KEY}\"\nsecret_key = \"{SECRET_KEY}\"\nstart = \"{first}\"\n\
             base_url = \"{url}\"\nallow_custom_base_url = true\n[staging]\ndir = \"stage\"\nmin_free = \"1MiB\"\n\
             [state]\ndir = \"state\"\n[lake]\ntype = \"local\"\npath = \"lake\"\nformat = \"{format}\"\n[log]\ndir = \"logs\"\n"
        )
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub async fn ampd(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ampd"));
        command.env_clear().current_dir(self.dir.path()).args(["-c", "ampd.toml"]).args(args);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    pub async fn ok(&self, args: &[&str]) -> String {
        let output = self.ampd(args).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {} {stderr}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The exit code and the one object of `verify -o json`.
    pub async fn verify(&self, more: &[&str]) -> (i32, Value) {
        let output = self.ampd(&[&["verify", "-q", "-o", "json"], more].concat()).await;
        let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
        });
        (output.status.code().unwrap(), object)
    }

    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.path("lake").join(below), &mut found);
        found.sort();
        found
    }
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}
