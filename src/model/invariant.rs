//! What must always be true, by name. Checked in tests, in the simulation and in debug builds.

use super::hour::Hour;
use super::ledger::Ledger;
use super::record::{HourRecord, Phase, Why};

/// A broken invariant: its name and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name, which is its sentence.
    pub invariant: &'static str,
    /// The hour it is broken at.
    pub hour: Hour,
}

/// What one hour's record must say, whatever the others do.
pub fn record_violation(hour: Hour, record: &HourRecord) -> Option<Violation> {
    let broken = |invariant| Some(Violation { invariant, hour });
    let work = record.work.as_deref()?;
    match &work.phase {
        Phase::Captured if work.capture.is_none() => broken("a captured hour names its capture"),
        Phase::Uploaded(draft) if draft.generation > record.next_generation() => {
            broken("a draft's generation is never more than one above the newest manifest")
        }
        Phase::Quarantined if work.last_fault.is_none() => broken("a quarantined hour says why"),
        Phase::Pending | Phase::Provisional | Phase::Quarantined if work.capture.is_some() => {
            broken("an hour that is to be asked for holds no capture")
        }
        _ if work.why == Why::First && record.published.is_some() => {
            broken("a published hour is not worked on as if it never was")
        }
        _ => None,
    }
}

/// The watermark is the end of the longest published prefix.
pub fn watermark_violation(ledger: &Ledger) -> Option<Violation> {
    let broken = |invariant, hour| Some(Violation { invariant, hour });
    let first = ledger.first()?;
    let Some(watermark) = ledger.watermark() else {
        return ledger
            .published(first)
            .and_then(|_| broken("the watermark does not lag behind the published prefix", first));
    };
    let mut hour = first;
    while hour <= watermark {
        if ledger.published(hour).is_none() {
            return broken("the watermark passes only published hours", hour);
        }
        hour = hour.next();
    }
    ledger.published(hour).and_then(|_| broken("the watermark does not lag behind the published prefix", hour))
}

/// Every invariant of one source's ledger; the first that is broken.
pub fn ledger_violation(ledger: &Ledger) -> Option<Violation> {
    let records = ledger.range(..).find_map(|(hour, record)| record_violation(hour, record));
    records.or_else(|| watermark_violation(ledger))
}
