//! Reads the streams of all phases together, in order of time. Memory does not depend on their length.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::filter::Filter;
use super::phases;
use crate::problem::Failure;
use crate::telemetry::{Phase, keys};

/// A line of a stream.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// As it is written; RFC 3339 in UTC sorts as text.
    pub time: String,
    /// All of it.
    pub value: Value,
}

impl LogLine {
    /// Reads a line; `None` for what is torn or no log line.
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text.trim()).ok()?;
        let time = value.get(keys::TIMESTAMP)?.as_str()?.to_owned();
        Some(Self { time, value })
    }
}

/// The files of a phase, oldest first: their names begin with the day.
pub fn files(dir: &Path, phase: Phase) -> Result<Vec<PathBuf>, Failure> {
    let place = dir.join(phase.as_str());
    let unreadable = |error| Failure::new("E506", format!("{} cannot be read: {error}", place.display()));
    let entries = match std::fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// One phase's lines, file after file.
struct Stream {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<BufReader<File>>,
    next: Option<LogLine>,
}

impl Stream {
    fn advance(&mut self, filter: &Filter) {
        self.next = None;
        let mut text = Vec::new();
        loop {
            let Some(reader) = &mut self.open else {
                let Some(file) = self.files.next() else { return };
                // A file that was rotated away meanwhile is gone, which is fine.
                self.open = File::open(file).ok().map(BufReader::new);
                continue;
            };
            text.clear();
            if reader.read_until(b'\n', &mut text).unwrap_or(0) == 0 {
                self.open = None;
                continue;
            }
            let line = LogLine::parse(&String::from_utf8_lossy(&text)).filter(|line| filter.takes(&line.value));
            if line.is_some() {
                self.next = line;
                return;
            }
        }
    }
}

/// Shows every line that the filter takes, in order of time, until `show` says that it has enough.
pub fn each(dir: &Path, filter: &Filter, show: &mut dyn FnMut(&LogLine) -> bool) -> Result<(), Failure> {
    let mut streams = Vec::new();
    for phase in phases(filter) {
        let mut stream = Stream { files: files(dir, phase)?.into_iter(), open: None, next: None };
        stream.advance(filter);
        streams.push(stream);
    }
    loop {
        let first = streams.iter_mut().filter(|stream| stream.next.is_some());
        let Some(stream) = first.min_by_key(|stream| stream.next.as_ref().map(|line| line.time.clone())) else {
            return Ok(());
        };
        if let Some(line) = stream.next.take()
            && !show(&line)
        {
            return Ok(());
        }
        stream.advance(filter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_are_joined_by_time_and_torn_lines_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let line = |time: &str| format!("{{\"timestamp\":\"2026-11-23T{time}Z\",\"message\":\"{time}\"}}\n");
        for (phase, file, text) in [
            ("api_call", "2026-11-23.api_call.log", line("09:00:01.000") + &line("11:00:00.000") + "{\"timest"),
            ("s3_load", "2026-11-23.s3_load.log", line("10:00:00.000")),
            ("s3_load", "2026-11-22.s3_load.log", line("08:00:00.000")),
        ] {
            std::fs::create_dir_all(dir.path().join(phase)).unwrap();
            std::fs::write(dir.path().join(phase).join(file), text).unwrap();
        }
        let mut shown = Vec::new();
        each(dir.path(), &Filter::default(), &mut |line| {
            shown.push(line.value["message"].as_str().unwrap().to_owned());
            true
        })
        .unwrap();
        assert_eq!(shown, ["08:00:00.000", "09:00:01.000", "10:00:00.000", "11:00:00.000"]);
    }
}
