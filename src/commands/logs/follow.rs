//! `-f`: what is in the streams, then what comes, also over a rotation at midnight.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::filter::Filter;
use super::phases;
use super::read::{LogLine, files};
use crate::problem::Failure;
use crate::telemetry::Phase;

/// The files are looked at this often.
const EVERY: Duration = Duration::from_millis(300);
/// Lines of the newest files that are shown first.
const BEFORE: usize = 20;

/// One phase's end.
struct Tail {
    phase: Phase,
    file: Option<PathBuf>,
    offset: u64,
    /// The beginning of a line whose end was not written yet.
    torn: Vec<u8>,
}

impl Tail {
    /// What was written since, in whole lines; first the rest of an old file, then the newer ones.
    fn fresh(&mut self, dir: &Path) -> Result<Vec<LogLine>, Failure> {
        let mut lines = self.rest();
        for newer in files(dir, self.phase)? {
            if self.file.as_ref().is_none_or(|file| newer > *file) {
                self.file = Some(newer);
                self.offset = 0;
                self.torn.clear();
                lines.extend(self.rest());
            }
        }
        Ok(lines)
    }

    fn rest(&mut self) -> Vec<LogLine> {
        let mut bytes = std::mem::take(&mut self.torn);
        let read = self.file.as_ref().and_then(|file| File::open(file).ok()).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.offset)).ok()?;
            file.read_to_end(&mut bytes).ok()
        });
        self.offset += read.unwrap_or(0) as u64;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.torn = bytes.split_off(whole);
        String::from_utf8_lossy(&bytes).lines().filter_map(LogLine::parse).collect()
    }
}

/// Shows lines until `show` says that it has enough, or the process ends.
pub fn each(dir: &Path, filter: &Filter, show: &mut dyn FnMut(&LogLine) -> bool) -> Result<(), Failure> {
    let mut tails = Vec::new();
    let mut first = Vec::new();
    for phase in phases(filter) {
        // Of what is there, only the newest file of each phase is read.
        let newest = files(dir, phase)?.pop();
        let mut tail = Tail { phase, file: newest, offset: 0, torn: Vec::new() };
        first.extend(tail.rest().into_iter().filter(|line| filter.takes(&line.value)));
        tails.push(tail);
    }
    first.sort_by(|a, b| a.time.cmp(&b.time));
    let skipped = first.len().saturating_sub(BEFORE);
    if !first.iter().skip(skipped).all(&mut *show) {
        return Ok(());
    }
    loop {
        std::thread::sleep(EVERY);
        let mut lines = Vec::new();
        for tail in &mut tails {
            lines.extend(tail.fresh(dir)?.into_iter().filter(|line| filter.takes(&line.value)));
        }
        lines.sort_by(|a, b| a.time.cmp(&b.time));
        if !lines.iter().all(&mut *show) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_torn_line_waits_for_its_end_and_a_rotation_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("s3_load");
        std::fs::create_dir_all(&place).unwrap();
        let append = |name: &str, text: &str| {
            let mut file = File::options().create(true).append(true).open(place.join(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        let mut tail = Tail { phase: Phase::S3Load, file: None, offset: 0, torn: Vec::new() };
        append("2026-11-22.s3_load.log", "{\"timestamp\":\"1\"}\n{\"timest");
        let mut times = || tail.fresh(dir.path()).unwrap().into_iter().map(|line| line.time).collect::<Vec<_>>();
        assert_eq!(times(), ["1"]);
        append("2026-11-22.s3_load.log", "amp\":\"2\"}\n{\"timestamp\":\"3\"}\n");
        append("2026-11-23.s3_load.log", "{\"timestamp\":\"4\"}\n");
        assert_eq!(times(), ["2", "3", "4"]);
        assert!(times().is_empty());
    }
}
