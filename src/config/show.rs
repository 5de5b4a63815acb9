//! The effective configuration as the file would say it, with secrets blotted out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use figment::value::Value;

use super::Loaded;
use super::key_table::{KEYS, Kind};
use super::keys::{Key, in_section, is_named, sections};
use super::layers::Origin;
use super::merged::Values;

/// What each value is, as it is written, and where it came from.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    entries: BTreeMap<String, (String, Origin)>,
    names: BTreeMap<String, Vec<String>>,
}

impl Origins {
    /// Where the value of a dotted key came from; `None` when it has none.
    pub fn get(&self, path: &str) -> Option<&Origin> {
        self.entries.get(path).map(|(_, origin)| origin)
    }

    pub(super) fn of(values: &Values<'_>) -> Self {
        let mut origins = Self::default();
        for key in KEYS {
            let names = if is_named(key.section) {
                values.names(key.section).into_iter().collect()
            } else {
                vec![String::new()]
            };
            for name in &names {
                let path = key.path(name);
                let table = super::keys::table_of(&path);
                if let (Some(value), Some(origin), true) =
                    (values.written(&path), values.origin(&path), values.counts(key, table))
                {
                    let text = match values.path(&path) {
                        Some(path) if matches!(key.kind, Kind::Path | Kind::PathOrNone | Kind::Socket) => {
                            quoted(&path.to_string_lossy())
                        }
                        _ => written(key, value),
                    };
                    origins.entries.insert(path, (text, origin.clone()));
                }
            }
            origins.names.insert(key.section.to_owned(), names);
        }
        origins
    }
}

/// The effective configuration as TOML, secrets as `"<secret>"`; with `origin`, each line says where it came from.
pub fn show(loaded: &Loaded, origin: bool) -> String {
    let mut out = String::new();
    let mut shown: Option<String> = None;
    for section in std::iter::once("").chain(sections()) {
        for name in loaded.origins.names.get(section).into_iter().flatten() {
            for key in in_section(section) {
                let path = key.path(name);
                let Some((text, from)) = loaded.origins.entries.get(&path) else { continue };
                let table = super::keys::table_of(&path).to_owned();
                if shown.as_ref() != Some(&table) && !table.is_empty() {
                    let _ = writeln!(out, "\n[{table}]");
                }
                shown = Some(table);
                let line = format!("{} = {text}", key.name);
                let _ = if origin { writeln!(out, "{line:<40} # {from}") } else { writeln!(out, "{line}") };
            }
        }
    }
    out
}

fn written(key: &Key, value: &Value) -> String {
    if key.is_secret() {
        return quoted("<secret>");
    }
    match (key.kind, value) {
        // Text of a default, a variable or a flag that is a number or a boolean in the file.
        (Kind::Bool | Kind::Int(..), Value::String(_, text)) => text.clone(),
        (_, value) => toml(value),
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::String(_, text) => quoted(text),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number.to_i128().map_or_else(String::new, |number| number.to_string()),
        Value::Array(_, items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Dict(_, table) => {
            let pairs = table.iter().map(|(name, value)| format!("{} = {}", quoted(name), toml(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        _ => quoted(""),
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
