//! The lowest layer: the table's defaults, and the directories that depend on who runs ampd and where.

use std::path::PathBuf;

use super::inputs::Inputs;
use super::key_table::KEYS;
use super::keys::is_named;
use super::layers::{DEFAULTS, Layer, Layers, Origin};

/// Fills the lowest layer. The others are there already: they say which sources there are and which kind of lake.
pub(super) fn fill(layers: &mut Layers, inputs: &Inputs) {
    let mut layer = Layer::default();
    let directories = Directories::of(inputs);
    for key in KEYS {
        let tables =
            if is_named(key.section) { layers.names(key.section).into_iter().collect() } else { vec![String::new()] };
        for name in tables {
            let path = key.path(&name);
            let value = key.default.map(str::to_owned).or_else(|| directories.of_key(&path));
            if let Some(value) = value
                && counts(layers, key.section, key.only)
            {
                layer.set(path, value, Origin::Default);
            }
        }
    }
    layers.0[DEFAULTS] = layer;
}

fn counts(layers: &Layers, section: &str, only: &[&str]) -> bool {
    let default = KEYS.iter().find(|key| key.section == section && key.name == "type").and_then(|key| key.default);
    let kind = layers.top(&format!("{section}.type")).and_then(|(_, entry)| entry.value.as_str()).or(default);
    only.is_empty() || kind.is_some_and(|kind| only.contains(&kind))
}

/// The directories where none is configured.
struct Directories {
    state: PathBuf,
    cache: PathBuf,
    logs: PathBuf,
    socket: PathBuf,
}

impl Directories {
    fn of(inputs: &Inputs) -> Self {
        let home = inputs.directory("HOME").unwrap_or_else(|| inputs.cwd.clone());
        let place = |systemd: &str, root: &str, xdg: &str, below_home: &str| {
            inputs.directory(systemd).unwrap_or_else(|| {
                if inputs.is_root {
                    PathBuf::from(root)
                } else {
                    inputs.directory(xdg).unwrap_or_else(|| home.join(below_home)).join("ampd")
                }
            })
        };
        let state = place("STATE_DIRECTORY", "/var/lib/ampd", "XDG_STATE_HOME", ".local/state");
        let cache = place("CACHE_DIRECTORY", "/var/cache/ampd", "XDG_CACHE_HOME", ".cache");
        let logs = inputs
            .directory("LOGS_DIRECTORY")
            .unwrap_or_else(|| if inputs.is_root { PathBuf::from("/var/log/ampd") } else { state.join("logs") });
        let run = inputs.directory("RUNTIME_DIRECTORY").unwrap_or_else(|| match inputs.directory("XDG_RUNTIME_DIR") {
            _ if inputs.is_root => PathBuf::from("/run/ampd"),
            Some(run) => run.join("ampd"),
            None => state.clone(),
        });
        Self { cache, logs, socket: run.join("ampd.sock"), state }
    }

    fn of_key(&self, path: &str) -> Option<String> {
        let directory = match path {
            "staging.dir" => self.cache.clone(),
            "state.dir" => self.state.join("state"),
            "lake.path" => self.state.join("lake"),
            "log.dir" => self.logs.clone(),
            "admin.socket" => self.socket.clone(),
            _ => return None,
        };
        Some(directory.to_string_lossy().into_owned())
    }
}
