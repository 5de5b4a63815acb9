//! `ampd hour show`: everything about single hours.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Entry, Look, text};
use crate::admin::wire::RangeQuery;
use crate::cli::{Global, HoursArgs};
use crate::clock;
use crate::commands::one_shot::one_source;
use crate::commands::session::Session;
use crate::commands::{logs, range};
use crate::exit::Exit;
use crate::lake::{self, Lake, LakeError};
use crate::model::{CaptureRecord, Hour, HourRecord, Manifest, SourceName};
use crate::problem::Failure;
use crate::stage;
use crate::telemetry::{Line, say};

/// Log lines shown of an hour.
const LOG_LINES: usize = 20;

/// Everything about one hour.
#[derive(Debug, Serialize)]
pub(super) struct Life {
    #[serde(flatten)]
    pub entry: Entry,
    /// What the journal holds.
    pub record: HourRecord,
    /// The download it is taken from.
    pub capture: Option<CaptureRecord>,
    /// Broken archives that are kept for a look.
    pub kept: Vec<PathBuf>,
    /// All generations, oldest first; null when the lake does not answer.
    pub manifests: Option<Vec<Manifest>>,
    /// The newest lines of the streams.
    pub log: Vec<Value>,
}

/// Runs the command.
pub async fn show(global: &Global, args: HoursArgs) -> Result<Exit, Failure> {
    let session = Session::open_to_look(global)?;
    let source = one_source(&session, args.source.as_ref())?;
    let hours = range::hours(&args.hours, clock::now())?;
    let (from, to) = (hours.iter().min().copied(), hours.iter().max().copied());
    let asked = RangeQuery { source: Some(source.clone()), from, to, state: None };
    let look = Look::at(&session, asked).await?;
    let lake = match session.open_lake().await {
        Ok(lake) => Some(lake),
        Err(failure) => {
            say(&Line::warn(format!("only the journal is shown: {}", failure.message)));
            None
        }
    };
    let mut lives = Vec::new();
    for hour in hours {
        let manifests = match &lake {
            Some(lake) => manifests(&**lake, &source, hour).await,
            None => None,
        };
        let record = look.record(&source, hour);
        let capture = record.work.as_ref().and_then(|work| work.capture);
        let life = Life {
            entry: look.entry(&source, hour),
            capture: capture.and_then(|id| look.captures.iter().find(|capture| capture.id == id)).cloned(),
            record,
            kept: stage::kept(&session.config().staging.dir, &source, hour),
            manifests,
            log: logs::of_hour(session.config(), &source, hour, LOG_LINES),
        };
        session.output.text(&text::of(&life));
        session.output.event(&life);
        lives.push(life);
    }
    session.output.object(&json!({"schema": "ampd.hours/1", "hours": lives}));
    session.output.finish()?;
    Ok(Exit::Done)
}

/// The hour's manifests; `None`, and said, when they cannot be read.
async fn manifests(lake: &dyn Lake, source: &SourceName, hour: Hour) -> Option<Vec<Manifest>> {
    match read(lake, source, hour).await {
        Ok(manifests) => Some(manifests),
        Err(error) => {
            say(&Line::warn(format!("its manifests cannot be read: {error}")).source(source).hour(hour));
            None
        }
    }
}

async fn read(lake: &dyn Lake, source: &SourceName, hour: Hour) -> Result<Vec<Manifest>, LakeError> {
    let mut manifests = Vec::new();
    for entry in lake::hour_manifests(lake, source, hour).await? {
        manifests.extend(lake::read_manifest(lake, source, hour, entry.generation).await?);
    }
    Ok(manifests)
}
