//! Listing a directory the way S3 lists a bucket: whole keys, ascending by their bytes, after a given one.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::LakeError;
use super::durable::trouble;
use super::place::{Place, absent, modified};
use crate::lake::{Listed, Page, keys};
use crate::model::layout;

/// What a directory holds: each name with a zero byte after it, and a slash before that when it is a directory.
pub(super) type Reading = Result<Arc<str>, LakeError>;

/// The first `limit` keys that begin with `prefix` and are greater than `after`.
pub(super) fn page(place: &Place, prefix: &str, after: &str, limit: usize) -> Result<Page, LakeError> {
    keys::check_prefix(prefix)?;
    let mut walk = Walk { place, prefix, after, limit, page: Page::default() };
    // Nothing above the prefix's deepest directory is of interest.
    let start = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
    walk.directory(start)?;
    Ok(walk.page)
}

struct Walk<'a> {
    place: &'a Place,
    prefix: &'a str,
    after: &'a str,
    limit: usize,
    page: Page,
}

impl Walk<'_> {
    /// Adds what lies under a directory; `directory` is empty or ends with a slash.
    fn directory(&mut self, directory: &str) -> Result<(), LakeError> {
        for name in self.names(directory)? {
            if self.page.more {
                return Ok(());
            }
            if name.ends_with('/') {
                self.directory(&name)?;
            } else {
                self.file(name)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, key: String) -> Result<(), LakeError> {
        let path = self.place.root.join(&key);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Ok(()),
            // Removed since the directory was read.
            Err(error) if absent(&error) => return Ok(()),
            Err(error) => return Err(trouble("look at", &path, &error)),
        };
        if self.page.objects.len() == self.limit {
            self.page.more = true;
            return Ok(());
        }
        self.page.objects.push(Listed { key, bytes: metadata.len(), modified: modified(&path, &metadata)? });
        Ok(())
    }

    /// The entries of a directory that may hold keys of the page, directories with a slash at their end: so they sort
    /// as their keys do (`a.b` before `a/c`, whatever a directory named `a` would say).
    fn names(&self, directory: &str) -> Result<Vec<String>, LakeError> {
        let path = self.place.root.join(directory);
        let entries = self.place.readings.run(&path, || read(&path))?;
        let (mut names, mut key) = (Vec::new(), directory.to_owned());
        for name in entries.split_terminator('\0') {
            key.truncate(directory.len());
            key.push_str(name);
            if self.wanted(&key) {
                names.push(key.clone());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn wanted(&self, name: &str) -> bool {
        if name.ends_with('/') {
            let on_the_way = name.starts_with(self.prefix) || self.prefix.starts_with(name);
            let not_passed = name > self.after || self.after.starts_with(name);
            on_the_way && not_passed && name.trim_end_matches('/') != layout::TMP_DIR
        } else {
            name.starts_with(self.prefix) && name > self.after
        }
    }
}

/// Reads a directory; one that is not there is empty.
fn read(path: &Path) -> Reading {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if absent(&error) => return Ok("".into()),
        Err(error) => return Err(trouble("list", path, &error)),
    };
    let mut names = String::new();
    for entry in entries {
        let entry = entry.map_err(|error| trouble("list", path, &error))?;
        let name = entry.file_name();
        // A name that is not UTF-8 is nobody's key.
        let Some(name) = name.to_str() else { continue };
        let kind = entry.file_type().map_err(|error| trouble("look at", &entry.path(), &error))?;
        if kind.is_symlink() && entry.path().is_dir() {
            let entry = entry.path();
            return Err(LakeError::Refused(format!(
                "{} is a symbolic link to a directory: what lies behind it would be missed or listed twice",
                entry.display()
            )));
        }
        names.push_str(name);
        names.push_str(if kind.is_dir() { "/\0" } else { "\0" });
    }
    Ok(names.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(page: &Page) -> Vec<&str> {
        page.objects.iter().map(|listed| listed.key.as_str()).collect()
    }

    #[test]
    fn whole_keys_are_compared_not_names() {
        let root = tempfile::tempdir().unwrap();
        for key in ["a/c", "a.b", "a0", "a.b-c/d", "a-/x", "_ampd/v1/tmp/1.0/x", "_ampd/v1/lake.json"] {
            let path = root.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        let place = Place::open(root.path().to_path_buf()).unwrap();
        let all = page(&place, "", "", 100).unwrap();
        assert_eq!(keys_of(&all), ["_ampd/v1/lake.json", "a-/x", "a.b", "a.b-c/d", "a/c", "a0"]);
        assert!(!all.more);
        let some = page(&place, "a", "a.b", 2).unwrap();
        assert_eq!(keys_of(&some), ["a.b-c/d", "a/c"]);
        assert!(some.more);
        assert_eq!(keys_of(&page(&place, "a/", "a/b", 5).unwrap()), ["a/c"]);
        assert!(page(&place, "nothing/here", "", 5).unwrap().objects.is_empty());
    }

    #[test]
    fn a_linked_directory_is_refused_rather_than_missed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", root.path().join("data")).unwrap();
        let place = Place::open(root.path().to_path_buf()).unwrap();
        assert!(matches!(page(&place, "", "", 5), Err(LakeError::Refused(_))));
    }
}
