//! `ampd state export`, `import` and `rebuild`: the journal as JSON lines, and anew from the lake. No network but the
//! lake's is touched, and Amplitude is never asked.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::observe::write_atomically;
use super::one_shot::stopped;
use super::output::Output;
use super::session::{Session, journal_failure, policy, random_hex};
use super::{figures, output};
use crate::cli::{Global, OutputForm, StateCommand};
use crate::clock;
use crate::engine::Stop;
use crate::exit::Exit;
use crate::journal::{self, Journal, Opened};
use crate::lake::{self, Lake, LakeError, ManifestEntry};
use crate::model::{
    Change, Hour, HourRecord, LakeRecord, Ledger, ManifestRef, Policy, Snapshot, SourceName, SourceRecord, rebuild,
};
use crate::problem::Failure;
use crate::telemetry::{Line, Progress, Renderer, say};

/// Lines written at a time.
const LINES: usize = 1000;
/// Manifests read in parallel.
const READS: usize = 16;

/// Runs `export` and `import`; `rebuild` needs a runtime.
pub fn run(global: &Global, command: &StateCommand) -> Result<Exit, Failure> {
    match command {
        StateCommand::Export { file } => export(global, file.as_deref()),
        StateCommand::Import { file } => import(global, file),
        StateCommand::Rebuild => super::on_runtime(rebuild(global)),
    }
}

fn load(opened: &mut Opened) -> Result<Snapshot, Failure> {
    opened.journal.load().map_err(|error| journal_failure(&error))
}

fn export(global: &Global, file: Option<&Path>) -> Result<Exit, Failure> {
    let session = Session::open_to_look(global)?;
    let snapshot = load(&mut session.look_at_journal()?)?;
    if let Some(file) = file.filter(|file| *file != Path::new("-")) {
        write(&snapshot, file)?;
        session.output.text(&format!("{} written to {}", held(&snapshot), file.display()));
        session.output.object(&serde_json::json!({"schema": "ampd.state/1", "hours": snapshot.hours.len()}));
    } else {
        // The lines are the data, whatever the form.
        let lines: Vec<String> = journal::export(&snapshot).collect();
        lines.chunks(LINES).for_each(|lines| session.output.raw(&lines.join("\n")));
    }
    session.output.finish()?;
    Ok(Exit::Done)
}

fn write(snapshot: &Snapshot, file: &Path) -> Result<(), Failure> {
    let mut text = String::new();
    for line in journal::export(snapshot) {
        text.push_str(&line);
        text.push('\n');
    }
    write_atomically(file, text.as_bytes())
        .map_err(|error| Failure::new("E506", format!("{} cannot be written: {error}", file.display())))
}

fn held(snapshot: &Snapshot) -> String {
    let (hours, sources) = (snapshot.hours.len() as u64, snapshot.sources.len() as u64);
    format!("{} of {}", figures::hours(hours), figures::plural(sources, "source"))
}

fn import(global: &Global, file: &Path) -> Result<Exit, Failure> {
    let session = Session::open_to_look(global)?;
    let mut changes = read(file)?;
    changes.iter_mut().for_each(unsettled);
    let mut opened = session.open_journal()?;
    if !opened.fresh {
        let dir = session.config().state_dir.display();
        return Err(Failure::usage(format!("{dir} holds a journal already")).help(
            "import into an empty state directory (AMPD_STATE__DIR=...), or make this one anew: `ampd state rebuild`",
        ));
    }
    opened.journal.replace(&changes).map_err(|error| journal_failure(&error))?;
    let snapshot = load(&mut opened)?;
    session.output.text(&format!("{} imported; the lake is compared with it at the next start", held(&snapshot)));
    session.output.object(&serde_json::json!({"schema": "ampd.state/1", "hours": snapshot.hours.len()}));
    session.output.finish()?;
    Ok(Exit::Done)
}

/// Who exported it may have gone on since: on a store without conditional writes, what it asked for then may still land.
fn unsettled(change: &mut Change) {
    if let Change::Lake(record) = change {
        record.settled = false;
    }
}

fn read(file: &Path) -> Result<Vec<Change>, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| Failure::new("E506", format!("{}: {error}", file.display()));
    let reader: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(file).map_err(|error| unreadable(&error))?))
    };
    let mut broken = None;
    let lines = reader.lines().map_while(|line| line.map_err(|error| broken = Some(error)).ok());
    let changes = journal::import(lines);
    match broken {
        Some(error) => Err(unreadable(&error)),
        None => changes.map_err(|error| unreadable(&error)),
    }
}

async fn rebuild(global: &Global) -> Result<Exit, Failure> {
    let session = Session::open_to_look(global)?;
    let mut opened = session.open_journal()?;
    let old = load(&mut opened)?;
    let lake = session.open_lake().await?;
    let now = clock::now();
    let failed = |error: LakeError| Failure::of_fault(&error.fault());
    let identity = lake::identify(&*lake, &random_hex(16)?, now).await.map_err(failed)?;
    let rules = policy(session.config());
    if !identity.conditional_writes && !rules.single_writer {
        return Err(stopped(&session, &Stop::NoConditionalWrites, &lake.describe()));
    }
    let settled = identity.conditional_writes || identity.created_by_us;
    let mut changes = vec![Change::Lake(LakeRecord { id: Some(identity.id), settled })];
    let progress = Progress::new();
    let bar = Renderer::start(&progress, output::progress_mode(global, &session.output));
    let mut found = Vec::new();
    for name in rules.sources.keys() {
        let source = source(&*lake, name, &rules, now, &progress).await.map_err(failed)?;
        changes.extend(source.changes);
        found.push(source.found);
    }
    drop(bar);
    let kept = keep(&session, &old, now)?;
    opened.journal.replace(&changes).map_err(|error| journal_failure(&error))?;
    tell(&session.output, &found, kept.as_deref());
    session.output.finish()?;
    Ok(Exit::Done)
}

/// The old journal, set aside as the lines that `import` reads.
fn keep(session: &Session, old: &Snapshot, now: DateTime<Utc>) -> Result<Option<PathBuf>, Failure> {
    if *old == Snapshot::default() {
        return Ok(None);
    }
    let file = session.config().state_dir.join(format!("journal-{}.jsonl", now.format("%Y%m%dT%H%M%SZ")));
    write(old, &file)?;
    Ok(Some(file))
}

struct Rebuilt {
    changes: Vec<Change>,
    found: Found,
}

#[derive(serde::Serialize)]
struct Found {
    source: SourceName,
    hours: u64,
    first_hour: Option<Hour>,
    watermark: Option<Hour>,
}

/// The records of a source, from the newest manifest of each hour.
async fn source(
    lake: &dyn Lake,
    name: &SourceName,
    rules: &Policy,
    now: DateTime<Utc>,
    progress: &Progress,
) -> Result<Rebuilt, LakeError> {
    let first_hour = lake::read_first_hour(lake, name).await?;
    let newest = newest(lake::list_manifests(lake, name, None).await?);
    let figures = progress.figures();
    progress.set_hours(figures.done, figures.total + newest.len() as u64);
    let after = rules.sources.get(name).and_then(|policy| policy.recheck_after);
    let records: Vec<(Hour, HourRecord)> = stream::iter(newest)
        .map(|entry| async move {
            let published = reference(lake, name, entry).await?;
            progress.hour_done();
            Ok::<_, LakeError>((entry.hour, rebuild::record(published, after, now)))
        })
        .buffered(READS)
        .try_collect()
        .await?;
    let mut ledger = Ledger::default();
    if let Some(first) = first_hour {
        ledger.keep_from(first);
    }
    for (hour, record) in &records {
        ledger.put(*hour, record.clone());
    }
    let (source, hours) = (name.clone(), records.len() as u64);
    let found = Found { source, hours, first_hour, watermark: ledger.watermark() };
    let mut changes: Vec<Change> =
        records.into_iter().map(|(hour, record)| Change::Hour(name.clone(), hour, record)).collect();
    // Without a first hour the source was never attached: the next start does it.
    if first_hour.is_some() {
        changes.push(Change::Source(name.clone(), SourceRecord { first_hour, ..SourceRecord::default() }));
    }
    Ok(Rebuilt { changes, found })
}

/// The last entry of each hour; they are in order.
fn newest(entries: Vec<ManifestEntry>) -> Vec<ManifestEntry> {
    let mut newest: Vec<ManifestEntry> = Vec::new();
    for entry in entries {
        match newest.last_mut().filter(|last| last.hour == entry.hour) {
            Some(last) => *last = entry,
            None => newest.push(entry),
        }
    }
    newest
}

/// What the journal keeps of a manifest. One that is not what ampd wrote counts by its listing: the hour is taken.
async fn reference(lake: &dyn Lake, name: &SourceName, entry: ManifestEntry) -> Result<ManifestRef, LakeError> {
    let ManifestEntry { hour, generation, modified } = entry;
    let listed = ManifestRef { generation, published_at: modified, facts: None };
    match lake::read_manifest(lake, name, hour, generation).await {
        Ok(Some(manifest)) => {
            Ok(ManifestRef { generation, published_at: manifest.published_at, facts: Some(manifest.facts()) })
        }
        Ok(None) => Ok(listed),
        Err(LakeError::Refused(text)) => {
            say(&Line::warn(format!("the manifest counts by its name only: {text}")).source(name).hour(hour));
            Ok(listed)
        }
        Err(error) => Err(error),
    }
}

fn tell(output: &Output, found: &[Found], kept: Option<&Path>) {
    let word = |hour: Option<Hour>| hour.map_or_else(|| "none".to_owned(), |hour| hour.to_string());
    for Found { source, hours, first_hour, watermark } in found {
        let (first, watermark) = (word(*first_hour), word(*watermark));
        output.text(&format!("{source}: {}, first hour {first}, watermark {watermark}", figures::hours(*hours)));
    }
    if let Some(kept) = kept {
        output.text(&format!("the old journal is kept as {}", kept.display()));
    }
    if matches!(output.form(), OutputForm::Json | OutputForm::Jsonl) {
        output.object(&serde_json::json!({"schema": "ampd.rebuild/1", "sources": found, "old_journal": kept}));
    }
}
