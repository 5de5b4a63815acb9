//! An hour's life for people.

use chrono::{DateTime, Utc};

use super::show::Life;
use crate::commands::logs;
use crate::explain;
use crate::model::{CaptureRecord, CaptureState, Manifest, Phase, Work};
use crate::telemetry::{escape, figures};

pub(super) fn of(life: &Life) -> String {
    let entry = &life.entry;
    let mut lines = vec![format!("{} {}: {}", entry.source, entry.hour, entry.state)];
    if let Some(work) = life.record.work.as_deref() {
        lines.extend(of_work(work));
    }
    lines.extend(life.capture.as_ref().map(|capture| fact("capture", &of_capture(capture))));
    lines.extend(life.record.recheck_due.map(|due| fact("recheck due", &time(due))));
    lines.extend(life.kept.iter().map(|path| fact("kept archive", &path.display().to_string())));
    if life.record.leftovers {
        lines.push(fact("leftovers", "objects that no manifest names may lie in the lake; they are swept"));
    }
    match &life.manifests {
        None => lines.push(fact("lake", "not reachable")),
        Some(manifests) if manifests.is_empty() => lines.push(fact("lake", "no manifest")),
        Some(manifests) => manifests.iter().rev().for_each(|manifest| lines.extend(of_manifest(manifest))),
    }
    if let Some(fix) = &entry.fix {
        lines.push(format!("  -> {fix}"));
    }
    if !life.log.is_empty() {
        lines.push("  log:".to_owned());
        lines.extend(life.log.iter().map(|line| format!("    {}", logs::text(line))));
    }
    lines.join("\n")
}

fn fact(name: &str, value: &str) -> String {
    let wrapped = explain::wrapped(&escape(value), &format!("  {name:13}  "), &" ".repeat(17));
    wrapped.trim_end().to_owned()
}

fn time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn of_work(work: &Work) -> Vec<String> {
    let why = match work.why {
        crate::model::Why::First => "first export",
        crate::model::Why::Recheck => "recheck for late data",
        crate::model::Why::Reexport { .. } => "re-export, asked for by a person",
    };
    let phase = match &work.phase {
        Phase::Pending => "to be asked for",
        Phase::Provisional => "answered empty once",
        Phase::Captured => "downloaded",
        Phase::Uploaded(_) => "uploaded, to be published",
        Phase::Quarantined => "set aside",
    };
    let mut lines = vec![fact("work", &format!("{why}: {phase}")), fact("attempts", &work.attempt.to_string())];
    let fault = work.last_fault.as_ref();
    lines.extend(fault.map(|fault| fact("last fault", &format!("{} {}", fault.kind.code(), fault.detail))));
    lines.extend(work.empty_since.map(|since| fact("empty since", &time(since))));
    lines
}

fn of_capture(capture: &CaptureRecord) -> String {
    let state = match &capture.state {
        CaptureState::Asked => "asked".to_owned(),
        CaptureState::Staged { bytes, sha256 } => format!("staged, {}, sha256 {sha256}", figures::bytes(*bytes)),
        CaptureState::Absent => "answered 404".to_owned(),
    };
    format!("{} of {}, asked {}: {state}", capture.id, capture.window, time(capture.asked_at))
}

fn of_manifest(manifest: &Manifest) -> Vec<String> {
    let state = format!("{:?}", manifest.state).to_lowercase();
    let reason = manifest.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let capture = manifest.capture.id.map(|id| format!(", capture {id} of {}", manifest.capture.window));
    let invalid = match manifest.rows_invalid {
        0 => String::new(),
        rows => format!(" ({rows} of them no JSON object)"),
    };
    let text = format!(
        "{state}{reason}, {}{invalid}, {}, published {}{}",
        figures::plural(manifest.rows, "row"),
        figures::bytes(manifest.bytes()),
        time(manifest.published_at),
        capture.unwrap_or_default()
    );
    let mut lines = vec![fact(&format!("generation {}", manifest.generation), &text)];
    for object in &manifest.objects {
        let sums = [("crc64nvme", &object.crc64nvme), ("sha256", &object.sha256)];
        let sums = sums.iter().filter_map(|(name, sum)| Some(format!("      {name} {}", escape(sum.as_ref()?))));
        let (rows, bytes) = (figures::plural(object.rows, "row"), figures::bytes(object.bytes));
        lines.push(format!("    {}", escape(&object.key)));
        lines.push(format!("      {rows}, {bytes}"));
        lines.extend(sums);
    }
    lines
}
