//! `ampd logs`: the per-phase streams, joined by time.

mod filter;
mod follow;
mod read;

use std::path::Path;

use serde_json::{Value, json};

use super::output::Output;
use super::session::load_to_look;
use crate::cli::{Global, LogsArgs, OutputForm};
use crate::clock;
use crate::config::Config;
use crate::exit::Exit;
use crate::model::{Hour, SourceName, Window};
use crate::problem::Failure;
use crate::telemetry::{Phase, escape, keys};
pub use filter::Filter;

/// Runs the command.
pub fn run(global: &Global, args: &LogsArgs) -> Result<Exit, Failure> {
    let loaded = load_to_look(global)?;
    let dir = loaded.config.log.dir.as_deref().ok_or_else(|| {
        Failure::new("E706", "no streams are written: log.dir is \"\"").help("set log.dir, e.g. /var/log/ampd")
    })?;
    let filter = Filter::of(args, clock::now())?;
    let output = Output::stdout(global.form());
    if global.form() == OutputForm::Json {
        if args.follow {
            return Err(Failure::usage("json is one object at the end, and -f has no end").help("use -o jsonl"));
        }
        let mut lines: Vec<Value> = Vec::new();
        read::each(dir, &filter, &mut |line| {
            lines.push(line.value.clone());
            true
        })?;
        output.object(&json!({"schema": "ampd.logs/1", "lines": lines}));
    } else {
        let mut show = |line: &read::LogLine| {
            write(&output, line);
            !output.is_closed()
        };
        if args.follow {
            follow::each(dir, &filter, &mut show)?;
        } else {
            read::each(dir, &filter, &mut show)?;
        }
    }
    output.finish()?;
    Ok(Exit::Done)
}

fn write(output: &Output, line: &read::LogLine) {
    match output.form() {
        OutputForm::Human => output.text(&text(&line.value)),
        _ => output.event(&line.value),
    }
}

/// `2026-11-23 09:12:05.123 info  s3_load  web 2026-11-22T07  published, 12 rows  (run_id=...)`
pub fn text(line: &Value) -> String {
    let word = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
    let time = word(keys::TIMESTAMP).replacen('T', " ", 1);
    let about = [word(keys::SOURCE), word(keys::HOUR), word(keys::WINDOW)];
    let about: Vec<&str> = about.into_iter().filter(|text| !text.is_empty()).collect();
    let written = [
        keys::TIMESTAMP,
        keys::LEVEL,
        keys::PHASE,
        keys::SOURCE,
        keys::HOUR,
        keys::WINDOW,
        keys::MESSAGE,
        keys::RUN_ID,
    ];
    let more = line.as_object().into_iter().flatten().filter(|(key, _)| !written.contains(&key.as_str()));
    let more: Vec<String> = more
        .map(|(key, value)| format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let more = if more.is_empty() { String::new() } else { format!("  ({})", more.join(" ")) };
    let text = format!(
        "{} {:5} {:16} {}  {}{more}",
        time.trim_end_matches('Z'),
        word(keys::LEVEL),
        word(keys::PHASE),
        about.join(" "),
        word(keys::MESSAGE)
    );
    escape(&text)
}

/// The newest lines about an hour, for `ampd hour show`; none when there are no streams.
pub fn of_hour(config: &Config, source: &SourceName, hour: Hour, most: usize) -> Vec<Value> {
    let Some(dir) = config.log.dir.as_deref() else { return Vec::new() };
    last(dir, &Filter::of_hour(source, Window::of(hour)), most)
}

fn last(dir: &Path, filter: &Filter, most: usize) -> Vec<Value> {
    let mut lines = std::collections::VecDeque::new();
    let read = read::each(dir, filter, &mut |line| {
        lines.push_back(line.value.clone());
        if lines.len() > most {
            lines.pop_front();
        }
        true
    });
    if read.is_ok() { lines.into() } else { Vec::new() }
}

/// The phases that are read.
fn phases(filter: &Filter) -> Vec<Phase> {
    filter.phase.map_or_else(|| Phase::ALL.to_vec(), |phase| vec![phase])
}
