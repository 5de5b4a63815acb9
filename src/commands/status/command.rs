//! Where the report comes from: the daemon; without one, the last one that was written, brought up to date.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{View, render};
use crate::admin::client::Client;
use crate::cli::{Global, StatusArgs};
use crate::clock;
use crate::commands::daemon::client_failure;
use crate::commands::output::{self, Output};
use crate::commands::session::{load_to_look, policy};
use crate::config::Config;
use crate::exit::Exit;
use crate::journal::SledJournal;
use crate::model::calendar::{CalendarDay, HourMark};
use crate::model::report::{SourceReport, StatusReport};
use crate::model::{Hour, Policy};
use crate::problem::Failure;

/// `--watch` looks again this often.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// Runs the command.
pub async fn run(global: &Global, args: &StatusArgs) -> Result<Exit, Failure> {
    let loaded = load_to_look(global)?;
    let config = &loaded.config;
    let output = Output::stdout(global.form());
    let client = Client::new(&config.admin.socket).map_err(|error| client_failure(&error))?;
    loop {
        let now = clock::now();
        let mut report = newest_report(&client, config, now).await?;
        if let Some(name) = &args.source {
            report.sources.retain(|source| source.name == *name);
            if report.sources.is_empty() {
                return Err(Failure::usage(format!("there is no source `{name}` in the last status")));
            }
        }
        let view = View {
            days: args.days,
            width: 80,
            ascii: global.ascii,
            color: output::use_color(global.color, std::io::stdout().is_terminal()),
            now,
            verbose: global.verbose > 0,
        };
        let clear = if args.watch && std::io::stdout().is_terminal() { "\x1b[H\x1b[2J" } else { "" };
        output.text(&format!("{clear}{}", render(&report, &view)));
        output.object(&report);
        if !args.watch || output.is_closed() {
            output.finish()?;
            return Ok(if args.check && !report.is_well() { Exit::Difference } else { Exit::Done });
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

/// The daemon knows best. One that does not answer is no reason to show nothing.
async fn newest_report(client: &Client, config: &Config, now: DateTime<Utc>) -> Result<StatusReport, Failure> {
    let error = match client.status().await {
        Ok(report) => return Ok(report),
        Err(error) => error,
    };
    let path = config.state_dir.join("status.json");
    let mut report = match read(&path) {
        Ok(report) => report,
        Err(_) if !error.is_no_daemon() => return Err(client_failure(&error)),
        Err(failure) => return Err(failure),
    };
    if error.is_no_daemon() {
        report.daemon.running = false;
        if SledJournal::refuse_held(&config.state_dir).is_ok() {
            at_rest(&mut report);
        }
    } else {
        output::note(&format!("{error}; this is the last status that was written"));
    }
    Ok(up_to_date(report, &policy(config), now))
}

fn read(path: &Path) -> Result<StatusReport, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| Failure::new("E506", format!("{}: {error}", path.display()));
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| unreadable(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::new("E506", format!("there is no status yet ({} is not there)", path.display()))
                .help("nothing has run with this state directory: `ampd once` or `ampd run`"))
        }
        Err(error) => Err(unreadable(&error)),
    }
}

/// What a process was doing that is gone, nobody does.
fn at_rest(report: &mut StatusReport) {
    let at_rest = |mark| if mark == HourMark::Working { HourMark::Missing } else { mark };
    for source in &mut report.sources {
        source.activity = None;
        for day in &mut source.calendar {
            let marks: Vec<HourMark> = day.marks().map(at_rest).collect();
            *day = CalendarDay::new(day.date, |hour| marks[hour.hour_of_day() as usize]);
        }
    }
}

/// Hours that became due since the report was written are missing: a daemon that died must not look well.
fn up_to_date(mut report: StatusReport, rules: &Policy, now: DateTime<Utc>) -> StatusReport {
    for source in &mut report.sources {
        let (Some(policy), Some(first)) = (rules.sources.get(&source.name), source.first_hour) else { continue };
        let due = policy.newest_due(now);
        let known = source.available_until.unwrap_or(first.previous());
        if due > known && due >= first {
            source.hours.missing += u64::try_from(due.index() - known.index()).unwrap_or(0);
            source.available_until = Some(due);
            source.lag_seconds = SourceReport::lag(first, source.watermark, Some(due));
            mark_missing(source, known, due, now);
        }
    }
    report
}

fn mark_missing(source: &mut SourceReport, known: Hour, due: Hour, now: DateTime<Utc>) {
    let today = Hour::containing(now).date();
    let Some(days) = u16::try_from(source.calendar.len()).ok().filter(|days| *days > 0) else { return };
    let old = std::mem::take(&mut source.calendar);
    let mark = |hour: Hour| {
        let day = old.iter().find(|day| day.date == hour.date());
        let seen = day.and_then(|day| day.marks().nth(hour.hour_of_day() as usize)).unwrap_or(HourMark::NotDue);
        if hour > known && hour <= due && seen == HourMark::NotDue { HourMark::Missing } else { seen }
    };
    let dates = (0..i64::from(days)).rev().map(|back| today - chrono::TimeDelta::days(back));
    source.calendar = dates.map(|date| CalendarDay::new(date, mark)).collect();
}
