//! The names of our files. What bears another name is not ours and is never touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::CaptureId;

/// What a file in the directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `<capture>.zip.part`
    Part(CaptureId),
    /// `<capture>.zip`
    Archive(CaptureId),
    /// The lock and the quarantine directory.
    Fixture,
    /// Not ours.
    Foreign,
}

/// A file and its length.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// Its length; 0 for what is no file.
    pub bytes: u64,
}

/// The path of a whole archive.
pub fn archive(dir: &Path, capture: CaptureId) -> PathBuf {
    dir.join(format!("{capture}.zip"))
}

/// The path of a download under way.
pub fn part(dir: &Path, capture: CaptureId) -> PathBuf {
    dir.join(format!("{capture}.zip.part"))
}

/// What lies in the directory.
pub fn entries(dir: &Path) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let kind = match entry.file_name().to_str() {
            Some("lock" | "quarantine") => Kind::Fixture,
            Some(name) if metadata.is_file() => kind_of(name),
            _ => Kind::Foreign,
        };
        found.push(Entry { kind, path: entry.path(), bytes: if metadata.is_file() { metadata.len() } else { 0 } });
    }
    Ok(found)
}

fn kind_of(name: &str) -> Kind {
    let capture = |end| name.strip_suffix(end).and_then(|stem| stem.parse::<CaptureId>().ok());
    match (capture(".zip.part"), capture(".zip")) {
        (Some(capture), _) => Kind::Part(capture),
        (_, Some(capture)) => Kind::Archive(capture),
        _ => Kind::Foreign,
    }
}
