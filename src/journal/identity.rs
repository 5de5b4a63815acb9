//! `id`: which state directory this is, drawn at random when it was made. The lease names it, so that a daemon that
//! died retakes its lease at once. A path would not do: two machines may use the same one.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::JournalError;
use super::lock::{io_error, sync_dir};

/// Hex digits in it.
const LENGTH: usize = 16;

/// The state directory's id: the one that is there, or else `fresh`, which is kept. One that is damaged is replaced:
/// all that depends on it is how long a lease is waited for.
pub(super) fn of(dir: &Path, fresh: &str) -> Result<String, JournalError> {
    let path = dir.join("id");
    let failed = |error: std::io::Error| io_error(&path, &error);
    let is_id = |text: &str| text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match fs::read_to_string(&path) {
        Ok(text) if is_id(text.trim_end()) => return Ok(text.trim_end().to_owned()),
        Ok(_) => {}
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::InvalidData) => {}
        Err(error) => return Err(failed(error)),
    }
    let temporary = dir.join("id.tmp");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary);
    let written = file.and_then(|mut file| writeln!(file, "{fresh}").and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&temporary, &path)).map_err(failed)?;
    sync_dir(dir)?;
    Ok(fresh.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_directory_keeps_its_id_and_gets_another_when_it_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = ("0123456789abcdef", "fedcba9876543210");
        assert_eq!(of(dir.path(), first).unwrap(), first);
        assert_eq!(of(dir.path(), second).unwrap(), first);
        for damage in [&b""[..], b"0123", b"\xff\xfe", b"0123456789abcdeg"] {
            fs::write(dir.path().join("id"), damage).unwrap();
            assert_eq!(of(dir.path(), second).unwrap(), second);
        }
        fs::remove_file(dir.path().join("id")).unwrap();
        fs::create_dir(dir.path().join("id")).unwrap();
        assert!(of(dir.path(), first).is_err());
    }
}
