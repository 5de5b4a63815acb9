//! What the simulator's request log says: how much was asked, and whether a captured archive was asked for again.

use std::collections::{BTreeMap, BTreeSet};

use super::world::written;
use crate::simulator::{Hour, RequestEntry};

/// Faults that leave a whole archive: its hours count as captured.
const HARMLESS: [&str; 2] = ["late_delivery", "slow"];

/// Answers by their status.
pub fn by_status(requests: &[RequestEntry]) -> BTreeMap<u16, u64> {
    let mut counts = BTreeMap::new();
    for status in requests.iter().filter_map(|entry| entry.status) {
        *counts.entry(status).or_insert(0) += 1;
    }
    counts
}

/// The hours that were captured when a process was killed: something of them was in the lake, and the last answer that
/// held them was a whole and good archive.
pub fn captured(requests: &[RequestEntry], begun: &BTreeSet<Hour>) -> BTreeSet<Hour> {
    let last = |hour: &Hour| requests.iter().rfind(|entry| entry.status == Some(200) && holds(entry, *hour));
    begun.iter().filter(|hour| last(hour).is_some_and(is_good)).copied().collect()
}

fn is_good(entry: &RequestEntry) -> bool {
    let faults = entry.fault.as_deref().unwrap_or_default();
    entry.completed && faults.split(',').filter(|name| !name.is_empty()).all(|name| HARMLESS.contains(&name))
}

/// Requests that asked for one of these hours, in words.
pub fn asked_again(requests: &[RequestEntry], hours: &BTreeSet<Hour>) -> Vec<String> {
    let again = |entry: &RequestEntry| {
        let hour = hours.iter().find(|hour| holds(entry, **hour))?;
        Some(format!("request {} asked for {} again, which was captured before the kill", entry.n, written(*hour)))
    };
    requests.iter().filter_map(again).collect()
}

fn holds(entry: &RequestEntry, hour: Hour) -> bool {
    let bound = |text: &Option<String>| text.as_deref().and_then(Hour::parse);
    matches!((bound(&entry.start), bound(&entry.end)), (Some(first), Some(last)) if first <= hour && hour <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(n: u64, window: (&str, &str), status: u16, fault: Option<&str>) -> RequestEntry {
        RequestEntry {
            n,
            start: Some(window.0.to_owned()),
            end: Some(window.1.to_owned()),
            status: Some(status),
            completed: true,
            fault: fault.map(str::to_owned),
            ..RequestEntry::default()
        }
    }

    #[test]
    fn only_what_was_captured_well_must_not_be_asked_for_again() {
        let hour = |text: &str| Hour::parse(text).unwrap();
        let before = [
            request(1, ("20260101T00", "20260101T03"), 504, Some("status")),
            request(2, ("20260101T00", "20260101T01"), 200, Some("late_delivery")),
            request(3, ("20260101T02", "20260101T03"), 200, Some("corrupt_member")),
        ];
        let begun: BTreeSet<Hour> = hour("20260101T00").through(hour("20260101T03")).collect();
        let captured = captured(&before, &begun);
        assert_eq!(captured, hour("20260101T00").through(hour("20260101T01")).collect());
        let after = [
            request(4, ("20260101T02", "20260101T02"), 200, None),
            request(5, ("20260101T01", "20260101T04"), 200, None),
        ];
        let again = asked_again(&after, &captured);
        assert_eq!(again, ["request 5 asked for 2026-01-01T01 again, which was captured before the kill"]);
        assert_eq!(by_status(&before), [(200, 2), (504, 1)].into());
    }
}
