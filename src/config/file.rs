//! The file: where it is looked for, and its keys with their lines and columns.

use std::ops::Range;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Empty, Tag, Value};
use toml_edit::{Document, Item, TableLike};

use crate::model::SourceName;

use super::inputs::Inputs;
use super::keys::{self, Kind};
use super::layers::{Layer, Origin};
use super::problem::{Problem, Problems, Report, nearest};
use super::source_text::SourceText;

/// The files that are looked for, in order; the first that is there is the one.
pub(super) fn search_path(inputs: &Inputs) -> Vec<PathBuf> {
    let flag = inputs
        .config_flag
        .clone()
        .or_else(|| inputs.env.get("AMPD_CONFIG").filter(|f| !f.is_empty()).map(PathBuf::from));
    if let Some(file) = flag {
        return vec![inputs.cwd.join(file)];
    }
    let xdg = inputs.directory("XDG_CONFIG_HOME").or_else(|| Some(inputs.directory("HOME")?.join(".config")));
    let mut files = vec![inputs.cwd.join("ampd.toml")];
    files.extend(xdg.map(|directory| directory.join("ampd/ampd.toml")));
    files.push(inputs.system_file.clone());
    files
}

/// Reads the file that counts. `Ok(None)` when there is none and none was named.
pub(super) fn read(inputs: &Inputs) -> Result<Option<SourceText>, Problems> {
    let named = inputs.config_flag.is_some() || inputs.env.get("AMPD_CONFIG").is_some_and(|file| !file.is_empty());
    for file in search_path(inputs) {
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if !named && absent(&error) => continue,
            Err(error) => {
                let why = if absent(&error) { "there is no such file".to_owned() } else { error.kind().to_string() };
                let help = if named {
                    "give the file's path with -c, or write one with `ampd config init`"
                } else {
                    "make the file readable for the user that runs ampd, or remove it"
                };
                return Err(Problem::new("E105", format!("{} cannot be read: {why}", file.display()))
                    .help(help)
                    .into());
            }
        };
        return match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(SourceText { file, text })),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let place = SourceText { file, text }.bare_place(&(good..good));
                Err(Problem::new("E104", "the file is not UTF-8").at(Some(place)).help("save it as UTF-8").into())
            }
        };
    }
    Ok(None)
}

fn absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// The file's layer. A file that does not parse is one problem; otherwise every key is looked at.
pub(super) fn layer(source: &SourceText, report: &mut Report) -> Layer {
    let document = match Document::parse(source.text.as_str()) {
        Ok(document) => document,
        Err(error) => {
            let place = source.bare_place(&error.span().unwrap_or(0..0));
            report.error(syntax(error.message()).at(Some(place)));
            return Layer::default();
        }
    };
    let mut walk = Walk { source, report, layer: Layer::default() };
    walk.root(document.as_table());
    walk.layer
}

/// The parser's message, unless it could repeat what is written.
fn syntax(message: &str) -> Problem {
    let first = message.lines().next().unwrap_or_default();
    // Between back quotes it says what it expected, a character or two; anything longer is the file's own text.
    let harmless =
        |(at, part): (usize, &str)| if at % 2 == 1 { part.chars().count() <= 2 } else { !part.contains('"') };
    let plain = first.split('`').enumerate().all(harmless);
    let what = if plain && !first.is_empty() { first } else { "something is missing or too much here" };
    Problem::new("E104", format!("the file is no TOML: {what}"))
        .help("strings are quoted, each key is written once; the line is not shown because it may hold a secret")
}

struct Walk<'a> {
    source: &'a SourceText,
    report: &'a mut Report,
    layer: Layer,
}

impl Walk<'_> {
    fn root(&mut self, root: &dyn TableLike) {
        let sections = keys::sections();
        for (name, item) in root.iter() {
            let span = key_span(root, name);
            if keys::find(name).is_some() {
                self.leaf(name, item, &span);
            } else if !sections.contains(&name) {
                let known = sections.iter().copied().chain(["version"]);
                self.unknown(&format!("`{name}`"), name, known, &span);
            } else if let Some(table) = self.table(name, item, &span) {
                if keys::is_named(name) {
                    self.named(name, table);
                } else {
                    self.section(name, name, table);
                }
            }
        }
    }

    fn named(&mut self, section: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let span = key_span(table, name);
            let path = format!("{section}.{name}");
            if item.is_value() && !item.is_inline_table() && keys::in_section(section).any(|key| key.name == name) {
                let message = format!("`{name}` needs a name above it: [{section}] holds one table per name");
                self.refuse("E101", message, format!("write [{section}.web] above it"), &span);
            } else if name.parse::<SourceName>().is_err() {
                let message =
                    format!("`{name}` is no name for a {section}: [a-z][a-z0-9_]* without `__`, at most 64 characters");
                self.refuse("E102", message, format!("write [{section}.web] or [{section}.ios_prod]"), &span);
            } else if let Some(table) = self.table(&path, item, &span) {
                self.section(section, &path, table);
            }
        }
    }

    fn section(&mut self, section: &str, path: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let span = key_span(table, name);
            if keys::in_section(section).any(|key| key.name == name) {
                self.leaf(&format!("{path}.{name}"), item, &span);
            } else {
                let known = keys::in_section(section).map(|key| key.name);
                self.unknown(&format!("`{name}` in [{path}]"), name, known, &span);
            }
        }
    }

    fn leaf(&mut self, path: &str, item: &Item, span: &Range<usize>) {
        let value_span = if item.is_value() { item.span() } else { None }.unwrap_or_else(|| span.clone());
        let origin = Origin::File { key: self.source.place(span), value: self.source.place(&value_span) };
        let mut value = value(item);
        if keys::find(path).is_some_and(|key| key.kind == Kind::Secret) {
            value = pair(value);
        }
        self.layer.set(path, value, origin);
    }

    fn table<'t>(&mut self, path: &str, item: &'t Item, span: &Range<usize>) -> Option<&'t dyn TableLike> {
        if let Some(table) = item.as_table_like() {
            let header = item.as_table().and_then(toml_edit::Table::span).unwrap_or_else(|| span.clone());
            self.layer.tables.insert(path.to_owned(), self.source.place(&header));
            return Some(table);
        }
        let named = if keys::is_named(path) { ".web" } else { "" };
        let found = if item.is_array_of_tables() { "a list of tables" } else { super::values::type_name(&value(item)) };
        self.refuse("E102", format!("`{path}` must be a table, found {found}"), format!("write [{path}{named}]"), span);
        None
    }

    fn unknown<'k>(&mut self, called: &str, name: &str, known: impl Iterator<Item = &'k str>, span: &Range<usize>) {
        let known: Vec<&str> = known.collect();
        let elsewhere =
            keys::sections().into_iter().find(|section| keys::in_section(section).any(|key| key.name == name));
        let help = match (nearest(name, known.iter().copied()), elsewhere) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(section)) => format!("`{name}` belongs to [{section}]"),
            (None, None) => format!("known here: {}", known.join(", ")),
        };
        self.refuse("E101", format!("unknown key {called}"), help, span);
    }

    fn refuse(&mut self, code: &'static str, message: String, help: String, span: &Range<usize>) {
        self.report.error(Problem::new(code, message).at(Some(self.source.place(span))).help(help));
    }
}

fn key_span(table: &dyn TableLike, name: &str) -> Range<usize> {
    table.key(name).and_then(toml_edit::Key::span).unwrap_or(0..0)
}

/// A secret's table of one form as a pair, so that no two layers' forms ever mix.
fn pair(value: Value) -> Value {
    match &value {
        Value::Dict(_, forms) if forms.len() == 1 => {
            let pair = forms.iter().flat_map(|(form, name)| [Value::from(form.as_str()), name.clone()]);
            Value::from(pair.collect::<Vec<Value>>())
        }
        _ => value,
    }
}

fn value(item: &Item) -> Value {
    match item {
        Item::Value(value) => from_toml(value),
        Item::Table(table) => table_value(table),
        Item::ArrayOfTables(tables) => Value::from(tables.iter().map(|table| table_value(table)).collect::<Vec<_>>()),
        Item::None => nothing(),
    }
}

fn table_value(table: &dyn TableLike) -> Value {
    Value::from(table.iter().map(|(name, item)| (name.to_owned(), value(item))).collect::<Dict>())
}

fn from_toml(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::from(text.value().as_str()),
        toml_edit::Value::Integer(number) => Value::from(*number.value()),
        toml_edit::Value::Float(number) => Value::from(*number.value()),
        toml_edit::Value::Boolean(flag) => Value::from(*flag.value()),
        toml_edit::Value::Datetime(_) => nothing(),
        toml_edit::Value::Array(items) => Value::from(items.iter().map(from_toml).collect::<Vec<_>>()),
        toml_edit::Value::InlineTable(table) => table_value(table),
    }
}

fn nothing() -> Value {
    Value::Empty(Tag::Default, Empty::Unit)
}

/// The directory that relative paths of `origin` start from.
pub(super) fn base<'a>(origin: &'a Origin, cwd: &'a Path) -> &'a Path {
    match origin {
        Origin::File { key, .. } => key.file.parent().unwrap_or(cwd),
        _ => cwd,
    }
}
