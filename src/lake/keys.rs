//! Which keys a lake takes.

use super::error::LakeError;

/// Longest key: S3's limit is 1024 bytes, and the lake's prefix needs room.
const KEY_MAX: usize = 800;

/// Longest name between two slashes: what file systems take.
const NAME_MAX: usize = 255;

/// Refuses a key that could leave the lake or that one of the stores cannot hold: empty, absolute, with `.` or `..` or
/// an empty name in it, with control characters, too long.
pub(super) fn check(key: &str) -> Result<(), LakeError> {
    let names = key.split('/').all(|name| !matches!(name, "" | "." | "..") && name.len() <= NAME_MAX);
    if names && key.len() <= KEY_MAX && !key.chars().any(|c| c.is_control() || c == '\\') {
        return Ok(());
    }
    let shown: String = key.chars().take(100).collect();
    Err(LakeError::Refused(format!("`{}` is no key of a lake", shown.escape_debug())))
}

/// Like [`check`] for what keys may begin with: empty, or a key's beginning up to any character.
pub(super) fn check_prefix(prefix: &str) -> Result<(), LakeError> {
    let whole = prefix.strip_suffix('/').unwrap_or(prefix);
    if whole.is_empty() && prefix.is_empty() { Ok(()) } else { check(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_leave_the_lake_are_refused() {
        for key in ["", "/", "/etc/passwd", "a//b", "a/../b", "..", "a/.", "a/", "a\0b", "a\nb", "a\\b"] {
            assert!(check(key).is_err(), "{key:?}");
        }
        assert!(check(&"a".repeat(256)).is_err() && check(&"a/".repeat(500)).is_err());
    }

    #[test]
    fn keys_of_ours_are_taken() {
        for key in ["data/source=web/date=2026-11-21/hour=07/1_2.g1.abc.p0.json.gz", "a+b c/é=1", "_ampd/v1/lake.json"]
        {
            check(key).unwrap();
        }
        for prefix in ["", "data/", "data/source=w", "_ampd/v1/source=web/manifests/2026"] {
            check_prefix(prefix).unwrap();
        }
        assert!(check_prefix("/").is_err() && check_prefix("../").is_err());
    }
}
