//! The demo's directory: what lies where, and ampd's configuration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::world::{World, written};
use crate::exit::Exit;
use crate::problem::Failure;
use crate::simulator::{API_KEY, SECRET_KEY};

/// Says that a directory is a demo's, so that the next demo may replace what is in it.
const MARK: &str = ".ampd-demo";
/// What a demo makes besides.
const PARTS: [&str; 5] = ["lake", "state", "staging", "logs", "runs"];
/// A Unix socket's path must be short.
const SOCKET_MAX: usize = 100;

/// The demo's directory.
#[derive(Clone, Debug)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// Takes a new temporary directory, or this one when it is empty or an earlier demo's.
    pub fn open(dir: Option<&Path>) -> Result<Self, Failure> {
        let Some(dir) = dir else {
            let made = tempfile::Builder::new().prefix("ampd-demo.").tempdir();
            let home = Self { dir: made.map_err(|error| failure("make a temporary directory", &error))?.keep() };
            return home.marked();
        };
        let cannot = |error: io::Error| failure(&format!("use {}", dir.display()), &error);
        fs::create_dir_all(dir).map_err(cannot)?;
        let home = Self { dir: fs::canonicalize(dir).map_err(cannot)? };
        let used = fs::read_dir(&home.dir).map_err(cannot)?.next().is_some();
        if used && !home.dir.join(MARK).exists() {
            return Err(Failure::usage(format!("{} is not empty, and not an earlier demo's", dir.display()))
                .help("name a directory that is empty or not there yet"));
        }
        home.marked()
    }

    fn marked(self) -> Result<Self, Failure> {
        fs::write(self.dir.join(MARK), "Made by `ampd demo`; the next demo in this directory replaces it.\n")
            .map_err(|error| failure("mark the directory", &error))?;
        Ok(self)
    }

    /// Removes what an earlier demo, or an attempt that came to nothing, left here.
    pub fn clear(&self) -> Result<(), Failure> {
        for part in PARTS {
            match fs::remove_dir_all(self.dir.join(part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failure(&format!("empty {}", self.dir.join(part).display()), &error));
                }
                _ => {}
            }
        }
        fs::create_dir_all(self.runs()).map_err(|error| failure("make a directory", &error))
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The lake.
    pub fn lake(&self) -> PathBuf {
        self.dir.join("lake")
    }

    /// Where archives are staged.
    pub fn staging(&self) -> PathBuf {
        self.dir.join("staging")
    }

    /// What each run of ampd wrote to stdout and stderr.
    pub fn runs(&self) -> PathBuf {
        self.dir.join("runs")
    }

    /// ampd's configuration.
    pub fn config(&self) -> PathBuf {
        self.dir.join("ampd.toml")
    }

    /// Writes the configuration for a simulator at `url`.
    pub fn write_config(&self, world: &World, url: &str, recheck_after: &str) -> Result<(), Failure> {
        let text = self.config_text(world, url, recheck_after);
        fs::write(self.config(), text).map_err(|error| failure("write ampd.toml", &error))
    }

    fn config_text(&self, world: &World, url: &str, recheck_after: &str) -> String {
        let path = |part: &str| quoted(&self.dir.join(part).display().to_string());
        let socket = self.dir.join("ampd.sock");
        let socket = if socket.as_os_str().len() <= SOCKET_MAX {
            socket
        } else {
            std::env::temp_dir().join(format!("ampd-demo-{}.sock", std::process::id()))
        };
        format!(
            "# Written by `ampd demo`: the simulator is the source, and everything lies in this directory.\n\
             version = 1\n\n\
             [source.demo]\nregion = \"us\"\napi_key = {}\nsecret_key = {}\nstart = {}\nbase_url = {}\n\
             allow_custom_base_url = true\n\n\
             [window]\nmax = \"1d\"\nsettle_delay = \"{}m\"\nempty_confirm = \"0s\"\n\
             recheck_after = \"{recheck_after}\"   # the demo shortens it when the late rows have come\n\n\
             [retry]\ninitial = \"50ms\"\nmax = \"1s\"\n\n\
             [staging]\ndir = {}\nmin_free = \"64MiB\"\n\n\
             [state]\ndir = {}\n\n\
             [lake]\ntype = \"local\"\npath = {}\n\n\
             [log]\ndir = {}\n\n\
             [admin]\nsocket = {}\n",
            quoted(API_KEY),
            quoted(SECRET_KEY),
            quoted(&written(world.first)),
            quoted(url),
            world.settle_minutes,
            path("staging"),
            path("state"),
            path("lake"),
            path("logs"),
            quoted(&socket.display().to_string()),
        )
    }
}

/// A string as TOML writes it: what JSON escapes, TOML reads the same.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Something that the demo itself cannot do.
pub fn failure(what: &str, error: &io::Error) -> Failure {
    Failure::new("E707", format!("the demo cannot {what}: {error}")).exit(Exit::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_other_peoples_files_is_refused_a_demos_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("new");
        let home = Home::open(Some(&dir)).unwrap();
        home.clear().unwrap();
        fs::create_dir_all(home.lake()).unwrap();
        Home::open(Some(&dir)).unwrap().clear().unwrap();
        assert!(!home.lake().exists() && home.runs().exists());
        let other = place.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("thesis.txt"), "precious").unwrap();
        assert_eq!(Home::open(Some(&other)).unwrap_err().exit, Exit::Usage);
        assert!(other.join("thesis.txt").exists());
    }

    #[test]
    fn the_configuration_is_toml_whatever_the_directory_is_called() {
        let place = tempfile::tempdir().unwrap();
        let home = Home::open(Some(&place.path().join("a \"b\" \\c"))).unwrap();
        let world = World::plan(24, 100, chrono::DateTime::from_timestamp(1_767_312_000, 0).unwrap());
        let text = home.config_text(&world, "http://127.0.0.1:1", "1h");
        let table = toml_edit::Document::parse(text.as_str()).unwrap();
        assert_eq!(table["lake"]["path"].as_str(), home.lake().to_str());
    }
}
