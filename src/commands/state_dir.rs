//! Opening the journal, to work or only to look; and root in a directory where somebody else works.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::session::Session;
use crate::failpoints::{Point, around_blocking};
use crate::journal::{JournalError, Opened, SledJournal};
use crate::problem::Failure;
use crate::telemetry::{Line, say};

/// Opening the journal takes at most this long before a hung database is set aside.
const JOURNAL_DEADLINE: Duration = Duration::from_secs(30);

impl Session {
    /// Opens the journal to work; the lock on the state directory is held as long as it lives. Root is refused where
    /// somebody else works, unless the work can be handed to a daemon: files that root writes into the daemon's
    /// directories are closed to the daemon, which would wait for them for ever.
    pub fn open_journal(&self) -> Result<Opened, NotOpened> {
        let config = self.config();
        let dirs = [Some(&config.state_dir), Some(&config.staging.dir), config.log.dir.as_ref()];
        if let Some((dir, owner)) = dirs.into_iter().flatten().find_map(|dir| Some((dir, owner_before_root(dir)?))) {
            SledJournal::refuse_held(&config.state_dir)?;
            let message = format!("{} belongs to the user {owner}, who could not read what root writes", dir.display());
            let failure = Failure::new("E505", message);
            return Err(NotOpened::Failed(failure.help(format!("run it as that user: `sudo -u '#{owner}' ampd ...`"))));
        }
        let open = || SledJournal::open(&config.state_dir, JOURNAL_DEADLINE);
        Ok(noted(around_blocking(Point::StartJournal, JournalError::Io, open)?))
    }

    /// Opens the journal to look at it; root looks at a copy where somebody else works.
    pub fn look_at_journal(&self) -> Result<Opened, NotOpened> {
        let dir = &self.config().state_dir;
        let opened = match owner_before_root(dir) {
            Some(_) => SledJournal::open_copy(dir, JOURNAL_DEADLINE)?,
            None => SledJournal::open(dir, JOURNAL_DEADLINE)?,
        };
        Ok(noted(opened))
    }
}

/// Why a journal is not open.
#[derive(Debug)]
pub enum NotOpened {
    /// Somebody else works with it: the process, as far as it is known.
    Held(Option<u32>),
    /// For another reason.
    Failed(Failure),
}

impl From<JournalError> for NotOpened {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Locked { pid } => Self::Held(pid),
            error => Self::Failed(journal_failure(&error)),
        }
    }
}

impl From<NotOpened> for Failure {
    fn from(not: NotOpened) -> Self {
        match not {
            NotOpened::Held(pid) => journal_failure(&JournalError::Locked { pid }),
            NotOpened::Failed(failure) => failure,
        }
    }
}

fn noted(opened: Opened) -> Opened {
    for note in &opened.notes {
        say(&Line::warn(note.clone()));
    }
    opened
}

/// Whose directory it is, where this process is root and somebody else's is there.
pub(super) fn owner_before_root(dir: &Path) -> Option<u32> {
    let owner = std::fs::metadata(dir).ok()?.uid();
    (owner != 0 && rustix::process::geteuid().is_root()).then_some(owner)
}

/// The journal's error as the end of a command.
pub fn journal_failure(error: &JournalError) -> Failure {
    Failure::new(error.code(), error.to_string())
}
