//! What can go wrong with the journal, and how sled's errors and panics are told apart: only damage is damage.

use std::any::Any;
use std::io;
use std::path::Path;

/// Why the journal cannot be used. Only [`JournalError::Corrupt`] is ever a reason to set a database aside.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process works in the state directory.
    #[error("{}", locked(*pid))]
    Locked {
        /// The process that holds the lock, when it could be read.
        pid: Option<u32>,
    },
    /// No room on the disk. Nothing is lost; the next commit tries again.
    #[error("no room left for the journal: {0}; free space or move `state.dir`, it goes on by itself")]
    Full(String),
    /// The file system or its permissions do not allow it.
    #[error("the journal may not be written: {0}; check the owner, the mode and the mount of the state directory")]
    Refused(String),
    /// A newer ampd wrote the journal. Nothing was changed.
    #[error(
        "the journal was written by a newer ampd ({written_by}): {found}; run that version, \
         or remove the state directory's `sled` to rebuild it from the lake"
    )]
    Newer {
        /// The version that wrote last, or `version unknown`.
        written_by: String,
        /// What this version cannot read.
        found: String,
    },
    /// The files are damaged.
    #[error("the journal is damaged: {0}; a restart sets it aside and rebuilds it from the lake")]
    Corrupt(String),
    /// Any other error of the operating system.
    #[error("the journal cannot be read or written: {0}")]
    Io(String),
}

fn locked(pid: Option<u32>) -> String {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    format!("{who} works in this state directory; stop it, or give this one its own `state.dir`")
}

impl JournalError {
    /// `ampd explain CODE`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "E504",
            Self::Full(_) => "E501",
            Self::Refused(_) | Self::Io(_) | Self::Newer { .. } | Self::Corrupt(_) => "E505",
        }
    }

    /// From an error of the operating system on `path`.
    pub(super) fn from_io(path: &Path, error: &io::Error) -> Self {
        Self::judge(error.kind(), error.raw_os_error(), format!("{}: {error}", path.display()))
    }

    /// From an error of sled.
    pub(super) fn from_sled(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) if error.to_string().contains(SLED_LOCK) => Self::Locked { pid: None },
            sled::Error::Io(error) => Self::judge(error.kind(), error.raw_os_error(), error.to_string()),
            other => Self::Corrupt(other.to_string()),
        }
    }

    /// From a panic inside sled, which unwraps some errors of the operating system.
    pub(super) fn from_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without words");
        let text: String = text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let names = |any: &[&str]| any.iter().any(|name| text.contains(name));
        if names(&["StorageFull", "QuotaExceeded", "No space left"]) {
            Self::Full(io::Error::from(io::ErrorKind::StorageFull).to_string())
        } else if names(&["PermissionDenied", "ReadOnlyFilesystem"]) {
            Self::Refused(text)
        } else {
            Self::Corrupt(format!("sled panicked: {text}"))
        }
    }

    fn judge(kind: io::ErrorKind, code: Option<i32>, text: String) -> Self {
        use io::ErrorKind as Kind;
        match kind {
            Kind::StorageFull | Kind::QuotaExceeded => Self::Full(text),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Self::Refused(text),
            // Offsets and lengths read from a damaged file lead past its end, or nowhere.
            Kind::UnexpectedEof
            | Kind::InvalidData
            | Kind::InvalidInput
            | Kind::FileTooLarge
            | Kind::NotFound
            | Kind::IsADirectory
            | Kind::NotADirectory => Self::Corrupt(text),
            // sled's own complaints are errors without a number.
            Kind::Other if code.is_none() => Self::Corrupt(text),
            _ => Self::Io(text),
        }
    }
}

/// How sled says that its file is locked (`Config::try_lock`).
const SLED_LOCK: &str = "could not acquire lock";

#[cfg(test)]
mod tests {
    use super::*;

    fn os(code: i32) -> sled::Error {
        sled::Error::Io(io::Error::from_raw_os_error(code))
    }

    #[test]
    fn a_full_disk_a_held_lock_and_a_permission_error_are_not_corruption() {
        for (code, wanted) in [(28, "Full"), (122, "Full"), (13, "Refused"), (30, "Refused"), (5, "Io"), (24, "Io")] {
            assert!(format!("{:?}", JournalError::from_sled(os(code))).starts_with(wanted), "{code}");
        }
        let lock = io::Error::other("could not acquire lock on \"x/db\": WouldBlock");
        assert!(matches!(JournalError::from_sled(sled::Error::Io(lock)), JournalError::Locked { pid: None }));
        let panic: Box<dyn Any + Send> = Box::new("called unwrap: Os { code: 28, kind: StorageFull }".to_owned());
        assert!(matches!(JournalError::from_panic(&*panic), JournalError::Full(_)));
    }

    #[test]
    fn damage_is_told_as_damage() {
        let short = sled::Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof));
        let torn = sled::Error::Corruption { at: None, bt: () };
        for error in [short, torn, os(22), sled::Error::ReportableBug("x".to_owned())] {
            assert!(matches!(JournalError::from_sled(error), JournalError::Corrupt(_)));
        }
    }

    #[test]
    fn every_error_says_what_to_do() {
        assert!(JournalError::Locked { pid: Some(7) }.to_string().starts_with("process 7 works"));
        assert!(JournalError::Full("disk".to_owned()).to_string().contains("free space"));
    }
}
