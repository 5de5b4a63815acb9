//! An event, read out of `tracing` and written as text or JSON.

use std::fmt::{Debug, Write as _};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use tracing::field::{Field, Visit};

use super::keys;
use super::line::{OWN_KEYS, Phase};

/// One event with its fields.
#[derive(Debug, Default)]
pub(super) struct Record {
    message: String,
    fields: Vec<(String, Value)>,
}

/// What the layer knows besides the event's fields.
pub(super) struct Context<'a> {
    pub(super) time: DateTime<Utc>,
    pub(super) level: tracing::Level,
    pub(super) target: &'a str,
    pub(super) run_id: &'a str,
}

impl Record {
    /// Reads an event.
    pub(super) fn of(event: &tracing::Event<'_>) -> Self {
        let mut record = Self::default();
        event.record(&mut record);
        record
    }

    fn put(&mut self, key: &str, value: Value) {
        match (key, &value) {
            ("message", Value::String(text)) => text.clone_into(&mut self.message),
            // `say` packs what it has no field for into one JSON object.
            ("facts", Value::String(text)) => match serde_json::from_str(text) {
                Ok(Value::Object(map)) => self.fields.extend(map),
                _ => self.fields.push((key.to_owned(), value)),
            },
            // Of records from the `log` crate, only the text is of use.
            (other, _) if other.starts_with("log.") => {}
            _ => self.fields.push((key.to_owned(), value)),
        }
    }

    fn text_of(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.as_str())
    }

    /// The line as one JSON object, without a line end.
    pub(super) fn json(&self, context: &Context<'_>) -> String {
        let mut out = String::with_capacity(256);
        let time = context.time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let level = context.level.as_str().to_ascii_lowercase();
        member(&mut out, keys::TIMESTAMP, &Value::from(time));
        member(&mut out, keys::LEVEL, &Value::from(level));
        match Phase::of_target(context.target) {
            Some(phase) => member(&mut out, keys::PHASE, &Value::from(phase.as_str())),
            None => member(&mut out, keys::TARGET, &Value::from(context.target)),
        }
        member(&mut out, keys::RUN_ID, &Value::from(context.run_id));
        for key in OWN_KEYS {
            if let Some(text) = self.text_of(key) {
                member(&mut out, key, &Value::from(text));
            }
        }
        member(&mut out, keys::MESSAGE, &Value::from(self.message.as_str()));
        for (key, value) in self.more() {
            member(&mut out, key, value);
        }
        out.push('}');
        out
    }

    /// The fields that are not written before the message, each key once.
    fn more(&self) -> impl Iterator<Item = (&str, &Value)> {
        let taken = |key: &str| {
            OWN_KEYS.contains(&key)
                || [keys::TIMESTAMP, keys::LEVEL, keys::PHASE, keys::TARGET, keys::RUN_ID].contains(&key)
        };
        let first = |at: usize, key: &str| self.fields[..at].iter().all(|(earlier, _)| earlier != key);
        self.fields
            .iter()
            .enumerate()
            .filter(move |(at, (key, _))| !taken(key) && first(*at, key))
            .map(|(_, (key, value))| (key.as_str(), value))
    }

    /// The line for a person: time, level, what it is about, what happened; with `fields`, the facts after it.
    pub(super) fn text(&self, context: &Context<'_>, color: bool, fields: bool) -> String {
        let (name, paint) = match context.level {
            tracing::Level::ERROR => ("error", "31"),
            tracing::Level::WARN => ("warn ", "33"),
            tracing::Level::INFO => ("info ", "32"),
            tracing::Level::DEBUG => ("debug", "2"),
            tracing::Level::TRACE => ("trace", "2"),
        };
        let time = context.time.format("%H:%M:%S");
        let mut out = if color { format!("{time} \x1b[{paint}m{name}\x1b[0m ") } else { format!("{time} {name} ") };
        let about = [self.text_of(keys::SOURCE), self.text_of(keys::HOUR).or(self.text_of(keys::WINDOW))];
        let about: Vec<_> = about.into_iter().flatten().map(escape).collect();
        if !about.is_empty() {
            let _ = write!(out, "{}  ", about.join(" "));
        }
        out.push_str(&escape(&self.message));
        if fields {
            let facts: Vec<_> = self.more().map(|(key, value)| format!("{}={}", escape(key), plain(value))).collect();
            if !facts.is_empty() {
                let _ = write!(out, "  ({})", facts.join(" "));
            }
        }
        out
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escape(text),
        other => other.to_string(),
    }
}

fn member(out: &mut String, key: &str, value: &Value) {
    out.push(if out.is_empty() { '{' } else { ',' });
    let _ = write!(out, "{}:", Value::from(key));
    // JSON itself lets DEL, C1 controls and direction marks through; a terminal may obey them.
    for c in value.to_string().chars() {
        if is_hostile(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
}

fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every control character (line ends and escape sequences too) written out, so that what comes from
/// outside can neither forge a line nor command a terminal.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), Value::from(format!("{value:?}")));
    }
}
