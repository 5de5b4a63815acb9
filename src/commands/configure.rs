//! `ampd config init`, `check`, `show` and `schema`.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::output::{self, Output};
use super::session::load;
use crate::cli::{ConfigCommand, Global, OutputForm};
use crate::clock;
use crate::config::{self, Every, Loaded, Schedule};
use crate::exit::Exit;
use crate::problem::Failure;

/// Ticks that `check` shows.
const TICKS: usize = 3;

/// Runs the command.
pub fn run(global: &Global, command: &ConfigCommand) -> Result<Exit, Failure> {
    let output = Output::stdout(global.form());
    match command {
        ConfigCommand::Init { file, force } => init(&output, file, *force)?,
        ConfigCommand::Check => check(global, &output)?,
        ConfigCommand::Show { origin } => {
            let text = config::show(&load(global)?, *origin);
            output.text(text.trim_start_matches('\n'));
            output.object(&json!({"toml": text}));
        }
        ConfigCommand::Schema => output.raw(&format!("{:#}", config::schema())),
    }
    output.finish()?;
    Ok(Exit::Done)
}

/// The annotated file, for its owner only: secrets may be written into it.
fn init(output: &Output, file: &Path, force: bool) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).mode(0o600);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(file).and_then(|mut file| file.write_all(config::ANNOTATED.as_bytes()));
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::usage(format!("{} is there already", file.display())).help("--force overwrites it"));
        }
        Err(error) => {
            let failure = Failure::new("E105", format!("{} cannot be written: {error}", file.display()));
            return Err(failure.help("name a file that you may write: ampd config init FILE"));
        }
    }
    output.text(&format!("{} written; then `ampd config check` and `ampd once`", file.display()));
    output.object(&json!({"file": file}));
    Ok(())
}

fn check(global: &Global, output: &Output) -> Result<(), Failure> {
    let loaded = load(global)?;
    // In JSON they are part of the object.
    if !matches!(output.form(), OutputForm::Json | OutputForm::Jsonl) {
        let color = output::use_color(global.color, std::io::stderr().is_terminal());
        for warning in &loaded.warnings {
            output::note(&warning.render_warning(color));
        }
    }
    let ticks = ticks(&loaded.config.schedule, clock::now());
    let shown: Vec<String> = ticks.iter().map(|tick| tick.format("%Y-%m-%d %H:%M:%SZ").to_string()).collect();
    output.text(&format!("ok: {}", read(&loaded)));
    output.text(&format!("{}: {}", schedule(&loaded.config.schedule), shown.join(", ")));
    output.object(&json!({
        "ok": true,
        "files": loaded.files,
        "sources": loaded.config.sources.keys().collect::<Vec<_>>(),
        "next_ticks": ticks,
        "warnings": loaded.warnings.iter().map(|warning| json!({
            "code": warning.code,
            "message": warning.message,
            "place": warning.place.as_ref().map(ToString::to_string),
            "help": warning.help,
        })).collect::<Vec<_>>(),
    }));
    Ok(())
}

fn read(loaded: &Loaded) -> String {
    let files: Vec<String> = loaded.files.iter().map(|file| file.display().to_string()).collect();
    let files = if files.is_empty() { "no file, the environment alone".to_owned() } else { files.join(", ") };
    let sources: Vec<&str> = loaded.config.sources.keys().map(crate::model::SourceName::as_str).collect();
    format!("{files}; sources: {}; lake: {}", sources.join(", "), loaded.config.lake.place.kind())
}

fn schedule(schedule: &Schedule) -> String {
    match &schedule.every {
        Every::Interval(every) => format!("every {}, if it were started now", humantime::format_duration(*every)),
        Every::Cron(cron) => format!("cron `{cron}` (UTC)"),
    }
}

/// When the daemon would look next, without the jitter.
fn ticks(schedule: &Schedule, now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let first = match &schedule.every {
        Every::Interval(_) => Some(now),
        Every::Cron(_) => schedule.every.after(now),
    };
    std::iter::successors(first, |tick| schedule.every.after(*tick)).take(TICKS).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;
    use crate::commands::output::tests::Shared;

    #[test]
    fn init_never_overwrites_unless_forced_and_writes_for_the_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ampd.toml");
        let output = Output::to(OutputForm::Human, Box::new(Shared::default()));
        init(&output, &file, false).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "mine").unwrap();
        assert_eq!(init(&output, &file, false).unwrap_err().exit, Exit::Usage);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
        init(&output, &file, true).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), config::ANNOTATED);
    }

    #[test]
    fn the_next_ticks_are_those_of_the_schedule() {
        let now = "2026-11-23T09:12:05Z".parse().unwrap();
        let shown = |every| {
            let schedule = Schedule { every, jitter: Duration::ZERO };
            ticks(&schedule, now).iter().map(|tick| tick.format("%H:%M:%S").to_string()).collect::<Vec<_>>()
        };
        let hourly = "0 5 * * * *".parse().unwrap();
        assert_eq!(shown(Every::Cron(Box::new(hourly))), ["10:05:00", "11:05:00", "12:05:00"]);
        assert_eq!(shown(Every::Interval(Duration::from_hours(1))), ["09:12:05", "10:12:05", "11:12:05"]);
    }
}
