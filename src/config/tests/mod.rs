//! The configuration's promises. No test touches the process's environment.

mod broken;
mod environment;
mod file;
mod layers;
mod secrets;
mod shown;

use std::path::Path;

use chrono::{TimeZone, Utc};
use tempfile::TempDir;

use super::{Inputs, Loaded, Problems, load};

/// A secret that must appear nowhere.
const CANARY: &str = "CANARY-7f3a9b";

/// A source that is complete.
const SOURCE: &str = "[source.web]\napi_key = \"k\"\nsecret_key = \"s\"\n";

/// A working directory of its own, and the inputs that belong to it.
struct Case {
    dir: TempDir,
    inputs: Inputs,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let inputs = Inputs {
            env: [("HOME".to_owned(), "/home/anna".to_owned())].into(),
            cwd: dir.path().to_owned(),
            is_root: false,
            config_flag: None,
            overrides: Vec::new(),
            now: Utc.with_ymd_and_hms(2026, 11, 23, 9, 12, 5).unwrap(),
            system_file: dir.path().join("etc/ampd.toml"),
            with_secrets: true,
        };
        Self { dir, inputs }
    }

    /// With `./ampd.toml`.
    fn file(self, text: &str) -> Self {
        self.write("ampd.toml", text)
    }

    /// With any file, readable for its owner alone.
    fn write(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        mode(&path, 0o600);
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.inputs.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.inputs.overrides.push((key.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    #[track_caller]
    fn good(&self) -> Loaded {
        load(&self.inputs).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
    }

    #[track_caller]
    fn bad(&self) -> Problems {
        load(&self.inputs).expect_err("the configuration is accepted")
    }

    /// The codes, in order.
    #[track_caller]
    fn codes(&self) -> Vec<&'static str> {
        self.bad().list().iter().map(|problem| problem.code).collect()
    }
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
