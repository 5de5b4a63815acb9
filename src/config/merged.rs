//! The merged values, read by their kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::value::Value;

use crate::model::{Format, Hour};

use super::file;
use super::inputs::Environment;
use super::keys::{self, Key, called, table_of};
use super::layers::{DEFAULTS, Layers, Merged, Origin, resolve};
use super::problem::{Place, Problem, Report};
use super::secret_form::Spec;
use super::source_text::SourceText;
use super::values::{Parsed, parse};

/// Every value with its origin. What was refused has been reported and reads as its default.
pub(super) struct Values<'a> {
    pub environment: &'a Environment<'a>,
    pub layers: &'a Layers,
    pub source: Option<&'a SourceText>,
    merged: BTreeMap<String, (Merged, Option<Parsed>)>,
}

/// Looks at every value of every layer, also at those that a higher layer hides.
pub(super) fn check(layers: &Layers, report: &mut Report) {
    for (path, entry) in layers.0.iter().flat_map(|layer| &layer.entries) {
        let Some(key) = keys::find(path) else { continue };
        let Err(complaint) = parse(key.kind, &entry.value, entry.origin.is_written()) else { continue };
        let from = match &entry.origin {
            Origin::Variable { name, .. } => format!("{name}: "),
            Origin::Flag => "on the command line: ".to_owned(),
            _ => String::new(),
        };
        let mut problem = Problem::new("E102", format!("{from}{} {}", called(path), complaint.message));
        problem.help = complaint.help;
        report.error(problem.at(entry.origin.place()));
    }
}

impl<'a> Values<'a> {
    pub fn new(environment: &'a Environment<'a>, layers: &'a Layers, source: Option<&'a SourceText>) -> Self {
        let read = |(path, merged): (String, Merged)| {
            let key = keys::find(&path)?;
            let parsed = parse(key.kind, &merged.value, merged.origin.is_written()).ok();
            Some((path, (merged, parsed)))
        };
        let merged = layers.merge().into_iter().filter_map(read).collect();
        Self { environment, layers, source, merged }
    }

    fn get(&self, path: &str) -> Option<Parsed> {
        if let Some((_, Some(parsed))) = self.merged.get(path) {
            return Some(parsed.clone());
        }
        let key = keys::find(path)?;
        parse(key.kind, &Value::from(key.default?), true).ok()
    }

    /// Whether a value was written and refused.
    pub fn is_refused(&self, path: &str) -> bool {
        self.merged.get(path).is_some_and(|(_, parsed)| parsed.is_none())
    }

    /// Whether anything is there, a default included.
    pub fn has(&self, path: &str) -> bool {
        self.merged.contains_key(path)
    }

    /// Whether somebody wrote it.
    pub fn is_given(&self, path: &str) -> bool {
        self.merged.get(path).is_some_and(|(merged, _)| merged.rank != DEFAULTS)
    }

    pub fn origin(&self, path: &str) -> Option<&Origin> {
        self.merged.get(path).map(|(merged, _)| &merged.origin)
    }

    /// The merged values in their written form.
    pub fn written(&self, path: &str) -> Option<&Value> {
        self.merged.get(path).map(|(merged, _)| &merged.value)
    }

    pub fn rank(&self, path: &str) -> usize {
        self.merged.get(path).map_or(DEFAULTS, |(merged, _)| merged.rank)
    }

    /// The names of a named section.
    pub fn names(&self, section: &str) -> BTreeSet<String> {
        self.layers.names(section)
    }

    /// Where to point when a key of `table` is missing.
    pub fn header(&self, table: &str) -> Option<Place> {
        self.layers.header(table).or_else(|| {
            let kind = self.origin(&format!("{table}.type"));
            kind.and_then(Origin::place)
        })
    }

    /// "not set" for a message about a key that is in no file.
    pub fn not_in_file(&self) -> String {
        self.source.map_or_else(
            || "in the file (there is none)".to_owned(),
            |source| format!("in {} (not set)", source.file.display()),
        )
    }

    /// Whether the key counts with the `type` of its section.
    pub fn counts(&self, key: &Key, table: &str) -> bool {
        key.only.is_empty() || self.text(&format!("{table}.type")).is_some_and(|kind| key.only.contains(&kind.as_str()))
    }

    /// The directory that a relative path starts from.
    pub fn base(&self, path: &str) -> &Path {
        let cwd = &self.environment.inputs.cwd;
        self.origin(path).map_or(cwd.as_path(), |origin| file::base(origin, cwd))
    }

    pub fn text(&self, path: &str) -> Option<String> {
        match self.get(path)? {
            Parsed::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn path(&self, path: &str) -> Option<PathBuf> {
        self.text(path).filter(|text| !text.is_empty()).map(|text| resolve(self.base(path), text.as_ref()))
    }

    pub fn number(&self, path: &str) -> u64 {
        match self.get(path) {
            Some(Parsed::Number(number)) => number,
            _ => 0,
        }
    }

    pub fn small(&self, path: &str) -> u32 {
        u32::try_from(self.number(path)).unwrap_or(u32::MAX)
    }

    pub fn count(&self, path: &str) -> usize {
        usize::try_from(self.number(path)).unwrap_or(usize::MAX)
    }

    pub fn flag(&self, path: &str) -> bool {
        matches!(self.get(path), Some(Parsed::Flag(true)))
    }

    pub fn time(&self, path: &str) -> Duration {
        self.maybe_time(path).unwrap_or_default()
    }

    /// `None` for "off".
    pub fn maybe_time(&self, path: &str) -> Option<Duration> {
        match self.get(path)? {
            Parsed::Time(time) => Some(time),
            _ => None,
        }
    }

    pub fn hour(&self, path: &str) -> Option<Hour> {
        match self.get(path)? {
            Parsed::Hour(hour) => Some(hour),
            _ => None,
        }
    }

    pub fn list(&self, path: &str) -> Option<Vec<String>> {
        match self.get(path)? {
            Parsed::List(list) => Some(list),
            _ => None,
        }
    }

    pub fn tags(&self, path: &str) -> BTreeMap<String, String> {
        match self.get(path) {
            Some(Parsed::Tags(tags)) => tags,
            _ => BTreeMap::new(),
        }
    }

    pub fn format(&self, path: &str) -> Format {
        match self.get(path) {
            Some(Parsed::Format(format)) => format,
            _ => Format::default(),
        }
    }

    pub fn spec(&self, path: &str) -> Option<Spec> {
        match self.get(path)? {
            Parsed::Secret(spec) => Some(spec),
            _ => None,
        }
    }

    /// A problem at a key's value, or at its table's header when nobody wrote it.
    pub fn problem(&self, code: &'static str, path: &str, message: String) -> Problem {
        let place = self.origin(path).and_then(Origin::place).or_else(|| self.header(table_of(path)));
        let from = match self.origin(path) {
            Some(Origin::Variable { name, .. }) => format!(" (from {name})"),
            _ => String::new(),
        };
        Problem::new(code, message + &from).at(place)
    }
}
