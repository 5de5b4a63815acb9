//! The journal as JSON lines, one [`Change`] each, for `ampd state export` and `ampd state import`.

use serde::{Deserialize, Serialize};

use crate::model::{Change, Snapshot};

/// The version of the form that is written, and the newest that is read.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    ampd_state: u32,
    /// How many lines follow, so that a file that was cut is noticed.
    changes: Option<u64>,
}

/// Why lines are no exported state. Line numbers begin at 1.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The first line is something else.
    #[error("line 1: this is no exported state: it begins with {{\"ampd_state\":1}}")]
    NoHeader,
    /// Another version's form.
    #[error("line 1: the state has form {found}, this ampd reads {VERSION}: import it with the ampd that wrote it")]
    Version {
        /// The form's number.
        found: u32,
    },
    /// A line that cannot be read.
    #[error("line {line}: {why}")]
    Line {
        /// Which.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Lines are missing, or too many.
    #[error("the state was cut or changed: it announces {announced} records and has {found}")]
    Count {
        /// What the header says.
        announced: u64,
        /// What follows.
        found: u64,
    },
}

/// The lines of a snapshot, without line ends: a header, then the lake, sources, captures and hours.
pub fn export(snapshot: &Snapshot) -> impl Iterator<Item = String> + '_ {
    let count = 1 + snapshot.sources.len() + snapshot.captures.len() + snapshot.hours.len();
    let header = Header { ampd_state: VERSION, changes: Some(count as u64) };
    let changes = std::iter::once_with(|| Change::Lake(snapshot.lake.clone()))
        .chain(snapshot.sources.iter().map(|(name, record)| Change::Source(name.clone(), record.clone())))
        .chain(snapshot.captures.iter().map(|capture| Change::Capture(capture.clone())))
        .chain(snapshot.hours.iter().map(|(name, hour, record)| Change::Hour(name.clone(), *hour, record.clone())));
    std::iter::once(line(&header)).chain(changes.map(|change| line(&change)))
}

/// Plain records always serialize; were one not to, its empty line would fail the import's count.
fn line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The changes that exported lines stand for; blank lines are skipped. Commit them with
/// [`SledJournal::replace`](super::SledJournal::replace).
pub fn import<I, S>(lines: I) -> Result<Vec<Change>, ImportError>
where
    I: IntoIterator<Item = S>,
    S: AsRef<str>,
{
    let mut lines = lines.into_iter();
    let first = lines.next().ok_or(ImportError::NoHeader)?;
    let header: Header = serde_json::from_str(first.as_ref().trim()).map_err(|_| ImportError::NoHeader)?;
    if header.ampd_state != VERSION {
        return Err(ImportError::Version { found: header.ampd_state });
    }
    let mut changes = Vec::new();
    for (index, text) in lines.enumerate() {
        let text = text.as_ref().trim();
        if text.is_empty() {
            continue;
        }
        let change = serde_json::from_str(text);
        changes.push(change.map_err(|error| ImportError::Line { line: index + 2, why: error.to_string() })?);
    }
    let found = changes.len() as u64;
    match header.changes {
        Some(announced) if announced != found => Err(ImportError::Count { announced, found }),
        _ => Ok(changes),
    }
}
