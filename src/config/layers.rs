//! The layers of the configuration, low to high, merged by figment; and what each merged value came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::problem::Place;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The default.
    Default,
    /// A file.
    File {
        /// The key's place.
        key: Place,
        /// The value's place.
        value: Place,
    },
    /// A variable.
    Variable {
        /// Its name.
        name: String,
        /// The `.env` file, when it comes from there.
        dotenv: Option<PathBuf>,
    },
    /// A flag of the command line.
    Flag,
}

impl Origin {
    /// The value's place, when it came from a file.
    pub fn place(&self) -> Option<Place> {
        match self {
            Origin::File { value, .. } => Some(value.clone()),
            _ => None,
        }
    }

    /// Whether the value is text that is read by its key's own type.
    pub(super) fn is_written(&self) -> bool {
        !matches!(self, Origin::File { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { key, .. } => write!(f, "from {}:{}", key.file.display(), key.line),
            Origin::Variable { name, dotenv: None } => write!(f, "from env {name}"),
            Origin::Variable { name, dotenv: Some(file) } => write!(f, "from {} {name}", file.display()),
            Origin::Flag => f.write_str("from the command line"),
        }
    }
}

/// A value of a layer.
#[derive(Clone)]
pub(super) struct Entry {
    pub value: Value,
    pub origin: Origin,
}

/// One layer: dotted keys and their values. Every key is one of the table's.
#[derive(Default)]
pub(super) struct Layer {
    pub entries: BTreeMap<String, Entry>,
    /// Tables that are written, with their place: an empty `[source.web]` is a source, too.
    pub tables: BTreeMap<String, Place>,
}

impl Layer {
    pub fn set(&mut self, path: impl Into<String>, value: impl Into<Value>, origin: Origin) {
        self.entries.insert(path.into(), Entry { value: value.into(), origin });
    }
}

/// The layers by rank: defaults, seeds, file, variables, flags.
pub(super) struct Layers(pub [Layer; 5]);

/// Ranks.
pub(super) const DEFAULTS: usize = 0;
pub(super) const SEEDS: usize = 1;
pub(super) const FILE: usize = 2;
pub(super) const VARIABLES: usize = 3;
pub(super) const FLAGS: usize = 4;

/// A layer as figment sees it. Its metadata's name is the rank, which leads back from a merged value to its origin.
struct Ranked<'a>(usize, &'a Layer);

impl Provider for Ranked<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut root = Dict::new();
        for (path, entry) in &self.1.entries {
            insert(&mut root, path, entry.value.clone());
        }
        Ok(Profile::Default.collect(root))
    }
}

fn insert(dict: &mut Dict, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(dict.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = dict.entry(first.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// A merged value.
pub(super) struct Merged {
    pub value: Value,
    pub origin: Origin,
    pub rank: usize,
}

impl Layers {
    /// The names used in a named section, by any layer.
    pub fn names(&self, section: &str) -> BTreeSet<String> {
        let name = |path: &str| {
            let rest = path.strip_prefix(section)?.strip_prefix('.')?;
            Some(rest.split('.').next().unwrap_or(rest).to_owned())
        };
        let paths = self.0.iter().flat_map(|layer| layer.entries.keys().chain(layer.tables.keys()));
        paths.filter_map(|path| name(path)).collect()
    }

    /// The highest layer that sets `path`.
    pub fn top(&self, path: &str) -> Option<(usize, &Entry)> {
        self.0.iter().enumerate().rev().find_map(|(rank, layer)| Some((rank, layer.entries.get(path)?)))
    }

    /// The header of a table in the file.
    pub fn header(&self, table: &str) -> Option<Place> {
        self.0[FILE].tables.get(table).cloned()
    }

    /// Of two keys that exclude each other, the one of the higher layer stays. Both in one layer stay, to be reported.
    pub fn exclude(&mut self, one: &str, other: &str) {
        let rank = |path| self.top(path).map(|(rank, _)| rank);
        let (Some(first), Some(second)) = (rank(one), rank(other)) else { return };
        if first != second {
            let loser = if first < second { one } else { other };
            for layer in &mut self.0 {
                layer.entries.remove(loser);
            }
        }
    }

    /// Everything merged, each value with its origin.
    pub fn merge(&self) -> BTreeMap<String, Merged> {
        let ranked = self.0.iter().enumerate().map(|(rank, layer)| Ranked(rank, layer));
        let figment = ranked.fold(Figment::new(), |figment, layer| figment.merge(layer));
        let paths: BTreeSet<&String> = self.0.iter().flat_map(|layer| layer.entries.keys()).collect();
        let merged = paths.into_iter().filter_map(|path| {
            let value = figment.find_value(path).ok()?;
            let rank: usize = figment.get_metadata(value.tag())?.name.parse().ok()?;
            let origin = self.0.get(rank)?.entries.get(path)?.origin.clone();
            Some((path.clone(), Merged { value, origin, rank }))
        });
        merged.collect()
    }
}

/// A path relative to `base`.
pub(super) fn resolve(base: &Path, path: &Path) -> PathBuf {
    base.join(path).components().collect()
}
