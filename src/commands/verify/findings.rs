//! What was found in one source, and in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::NaiveDate;

use super::check::Checked;
use super::hours::{Class, Difference, Kind, Unnamed};
use crate::model::policy::windows_of;
use crate::model::{Hour, HourState, SourceName};
use crate::telemetry::figures;

/// Lines of one kind that a person is shown.
const SHOWN: usize = 50;

/// One source.
#[derive(Debug)]
pub struct SourceFindings {
    /// Its name.
    pub source: SourceName,
    /// Days with hours.
    days: BTreeSet<NaiveDate>,
    /// Hours with data, empty, skipped.
    pub(super) counts: [u64; 3],
    /// Due hours without a manifest, in order.
    pub missing: Vec<Hour>,
    /// Hours without a manifest that the last status says are set aside.
    pub quarantined: Vec<Hour>,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// All differences.
    pub differences: Vec<Difference>,
    /// All objects that no manifest names, with their hours (none for foreign ones).
    pub unnamed: Vec<(Option<Hour>, Unnamed)>,
    /// What `--repair` did.
    pub repaired: Vec<String>,
}

impl SourceFindings {
    /// Nothing found yet.
    pub fn new(source: SourceName) -> Self {
        Self {
            source,
            days: BTreeSet::new(),
            counts: [0; 3],
            missing: Vec::new(),
            quarantined: Vec::new(),
            objects: 0,
            bytes: 0,
            rows: 0,
            differences: Vec::new(),
            unnamed: Vec::new(),
            repaired: Vec::new(),
        }
    }

    /// Counts an hour.
    pub fn add(&mut self, checked: Checked) {
        let Checked { hour, manifest, published, differences, unnamed } = checked;
        if published {
            self.days.insert(hour.date());
        }
        if let Some(summary) = manifest {
            let index = match summary.state {
                HourState::Data => 0,
                HourState::Empty => 1,
                HourState::Skipped => 2,
            };
            self.counts[index] += 1;
            self.objects += summary.objects;
            self.bytes += summary.bytes;
            self.rows += summary.rows;
        }
        self.differences.extend(differences);
        self.unnamed.extend(unnamed.into_iter().map(|object| (Some(hour), object)));
    }

    /// Due hours that have no manifest: those that are set aside are told apart, the others are a difference.
    pub fn add_gaps(&mut self, hours: Vec<Hour>, set_aside: &BTreeSet<Hour>) {
        self.days.extend(hours.iter().map(|hour| hour.date()));
        let (quarantined, missing): (Vec<Hour>, Vec<Hour>) = hours.into_iter().partition(|h| set_aside.contains(h));
        for window in windows_of(&missing) {
            self.differences.push(Difference {
                kind: Kind::Gap,
                source: self.source.clone(),
                hour: window.first(),
                last: Some(window.last()),
                key: None,
                message: format!("no manifest for {window}, {}", figures::hours(u64::from(window.hours()))),
            });
        }
        self.missing = missing;
        self.quarantined = quarantined;
    }

    /// Hours that a new export repairs.
    pub fn damaged(&self) -> BTreeSet<Hour> {
        self.differences.iter().filter(|found| found.kind.is_damage()).map(|found| found.hour).collect()
    }

    pub(super) fn hours(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.missing.len() as u64 + self.quarantined.len() as u64
    }

    /// `7 days, 168 hours: 160 data, 6 empty, 1 skipped, 1 quarantined; 163 objects, 1.2 GiB; 0 differences`
    pub(super) fn sentence(&self) -> String {
        let [data, empty, skipped] = self.counts;
        let (missing, quarantined) = (self.missing.len() as u64, self.quarantined.len() as u64);
        let counts = [
            (data, "data"),
            (empty, "empty"),
            (skipped, "skipped"),
            (missing, "missing"),
            (quarantined, "quarantined"),
        ];
        let counts = counts.iter().filter(|(count, word)| *count > 0 || *word == "data");
        let counts: Vec<String> = counts.map(|(count, word)| format!("{count} {word}")).collect();
        let unnamed = match self.unnamed.len() as u64 {
            0 => String::new(),
            count => format!("; {} without a manifest", figures::plural(count, "object")),
        };
        format!(
            "{}, {}: {}; {}, {}{unnamed}; {}",
            figures::plural(self.days.len() as u64, "day"),
            figures::hours(self.hours()),
            counts.join(", "),
            figures::plural(self.objects, "object"),
            figures::bytes(self.bytes),
            figures::plural(self.differences.len() as u64, "difference")
        )
    }

    pub(super) fn lines(&self, deep: bool) -> Vec<String> {
        let mut lines: Vec<String> =
            self.differences.iter().take(SHOWN).map(|found| difference_line(found, deep)).collect();
        more(&mut lines, self.differences.len(), "difference");
        let unnamed =
            self.unnamed.iter().take(SHOWN).map(|(_, object)| format!("  {}  {}", object.key, reason(object)));
        lines.extend(unnamed);
        more(&mut lines, self.unnamed.len(), "object");
        let quarantined = windows_of(&self.quarantined);
        lines.extend(quarantined.iter().take(SHOWN).map(|window| {
            let source = &self.source;
            format!("  {source} {window}  set aside\n      -> ampd hour retry {window} --source {source}")
        }));
        lines.extend(self.repaired.iter().map(|text| format!("  {text}")));
        lines
    }
}

fn more(lines: &mut Vec<String>, all: usize, word: &str) {
    if all > SHOWN {
        lines.push(format!("  ... {} more; `-o json` has them all", figures::plural((all - SHOWN) as u64, word)));
    }
}

/// What the deep look found only the deep look finds again.
pub(super) fn repair_command(deep: bool) -> &'static str {
    if deep { "ampd verify --deep --repair" } else { "ampd verify --repair" }
}

fn difference_line(found: &Difference, deep: bool) -> String {
    let Difference { kind, source, hour, last, key, message } = found;
    let mut line = format!("! {source} {hour}  {message}");
    if let Some(key) = key {
        let _ = write!(line, "\n      {key}");
    }
    let fix = match kind {
        Kind::Gap => Some(format!("ampd backfill --from {hour} --to {} --source {source}", last.unwrap_or(*hour))),
        kind if kind.is_damage() => Some(format!("{} --source {source}", repair_command(deep))),
        _ => None,
    };
    if let Some(fix) = fix {
        let _ = write!(line, "\n      -> {fix}");
    }
    line
}

fn reason(object: &Unnamed) -> &'static str {
    match object.class {
        Class::Dead => "no manifest can ever name it: it will be swept",
        Class::Replaced => "replaced; readers may still be at work",
        Class::Waiting => "no manifest names it yet",
        Class::Foreign => "not written by ampd; left alone",
    }
}
