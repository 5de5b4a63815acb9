//! What the journal believes of an hour that it learns from the lake alone: after it was lost, or made anew.

use chrono::{DateTime, TimeDelta, Utc};

use super::manifest::{HourState, ManifestRef};
use super::record::HourRecord;

/// Hours published within the recheck delay and this are rechecked: who knows whether that was done.
pub const RECHECK_WITHIN: TimeDelta = TimeDelta::weeks(1);

/// When an hour that somebody else published is to be rechecked; one that is known to be skipped never is.
pub fn recheck_due(
    published: ManifestRef,
    recheck_after: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let skipped = published.facts.is_some_and(|facts| facts.state == HourState::Skipped);
    let after = recheck_after.filter(|_| !skipped)?;
    (now - published.published_at <= after + RECHECK_WITHIN).then_some(published.published_at + after)
}

/// The record of an hour whose newest manifest is this one. Objects without a manifest may be left of it.
pub fn record(published: ManifestRef, recheck_after: Option<TimeDelta>, now: DateTime<Utc>) -> HourRecord {
    let recheck_due = recheck_due(published, recheck_after, now);
    HourRecord { published: Some(published), work: None, recheck_due, leftovers: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_published_lately_is_rechecked_after_a_rebuild() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1000);
        let due = |ago: TimeDelta, after: Option<TimeDelta>| {
            record(ManifestRef { generation: 1, published_at: now - ago, facts: None }, after, now).recheck_due
        };
        let day = Some(TimeDelta::days(1));
        assert_eq!(due(TimeDelta::days(8), day), Some(now - TimeDelta::days(7)));
        assert_eq!(due(TimeDelta::days(9), day), None);
        assert_eq!(due(TimeDelta::zero(), None), None);
    }
}
