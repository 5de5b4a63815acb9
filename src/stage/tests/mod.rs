//! The staging directory's promises, each with the side that must fail.

mod budget;
mod captures;
mod locking;
mod quarantining;
mod tailing;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::model::{Fault, FaultKind};

const MIB: u64 = 1024 * 1024;

fn id(bits: u64) -> CaptureId {
    CaptureId::from_bits(bits)
}

fn config(dir: &Path) -> config::Staging {
    config::Staging {
        dir: dir.join("stage"),
        max_bytes: 64 * MIB,
        min_free: 0,
        max_archive_bytes: 32 * MIB,
        max_expansion: 200,
        invalid_rows: config::InvalidRows::Keep,
        keep_quarantined: 2,
    }
}

/// A stage in a directory of its own.
fn stage() -> (Stage, TempDir) {
    stage_with(|_| {})
}

fn stage_with(change: impl FnOnce(&mut config::Staging)) -> (Stage, TempDir) {
    let dir = TempDir::new().unwrap();
    let mut config = config(dir.path());
    change(&mut config);
    (Stage::open(&config).unwrap(), dir)
}

/// `length` bytes that differ along the way.
fn body(length: u64) -> Vec<u8> {
    // A prime period, so that a piece out of its place shows.
    let period: Vec<u8> = (0..65_521_u64).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let length = usize::try_from(length).unwrap();
    let mut bytes = period.repeat(length / period.len() + 1);
    bytes.truncate(length);
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Writes and commits an archive.
async fn staged(stage: &Stage, capture: CaptureId, bytes: &[u8]) -> Result<Staged, Fault> {
    let mut file = stage.begin(capture)?;
    for chunk in bytes.chunks(300_000) {
        file.write(chunk).await?;
    }
    file.commit().await
}

/// The names in a directory, sorted, without the fixtures.
fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lock" && name != "quarantine")
        .collect();
    names.sort();
    names
}

fn path_of(stage: &Stage, name: &str) -> PathBuf {
    stage.inner.dir.join(name)
}

fn kind<T: std::fmt::Debug>(result: Result<T, Fault>) -> FaultKind {
    result.expect_err("a fault").kind
}
