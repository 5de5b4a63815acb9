//! The hours of one source: their records, and the indexes that answer "what is there to do" without a scan.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

use chrono::{DateTime, Utc};

use super::hour::Hour;
use super::manifest::ManifestRef;
use super::record::{HourRecord, Work};

/// The hours of one source. Every record is written by [`Ledger::put`], which keeps the indexes true.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    records: BTreeMap<Hour, HourRecord>,
    first: Option<Hour>,
    horizon: Option<Hour>,
    watermark: Option<Hour>,
    open: BTreeSet<Hour>,
    worked: BTreeSet<Hour>,
    rechecks: BTreeSet<(DateTime<Utc>, Hour)>,
    unread: BTreeSet<Hour>,
    leftovers: BTreeSet<Hour>,
    skips: BTreeSet<Hour>,
}

impl Ledger {
    /// 40 years of hours.
    pub const HOURS_MAX: i64 = 40 * 8766;

    /// The entry of an hour, if it has one.
    pub fn get(&self, hour: Hour) -> Option<&HourRecord> {
        self.records.get(&hour)
    }

    /// The entry of an hour, blank when it has none.
    pub fn record(&self, hour: Hour) -> HourRecord {
        self.records.get(&hour).cloned().unwrap_or_default()
    }

    /// The work on an hour.
    pub fn work(&self, hour: Hour) -> Option<&Work> {
        self.records.get(&hour)?.work.as_deref()
    }

    /// The newest publication of an hour that we know of.
    pub fn published(&self, hour: Hour) -> Option<ManifestRef> {
        self.records.get(&hour)?.published
    }

    /// The entries in order.
    pub fn range(&self, hours: impl RangeBounds<Hour>) -> impl DoubleEndedIterator<Item = (Hour, &HourRecord)> {
        self.records.range(hours).map(|(hour, record)| (*hour, record))
    }

    /// The first hour to keep.
    pub fn first(&self) -> Option<Hour> {
        self.first
    }

    /// The newest hour that was found due.
    pub fn horizon(&self) -> Option<Hour> {
        self.horizon
    }

    /// The longest published prefix's last hour: computed, never guessed.
    pub fn watermark(&self) -> Option<Hour> {
        self.watermark
    }

    /// Hours that are due and unpublished, and hours with work, in order.
    pub fn open(&self) -> &BTreeSet<Hour> {
        &self.open
    }

    /// Hours with work, in order: those of the open ones that anything is known of.
    pub fn worked(&self) -> &BTreeSet<Hour> {
        &self.worked
    }

    /// Published hours to be asked again, by when.
    pub fn rechecks(&self) -> &BTreeSet<(DateTime<Utc>, Hour)> {
        &self.rechecks
    }

    /// Published hours whose manifest was not read yet.
    pub fn unread(&self) -> &BTreeSet<Hour> {
        &self.unread
    }

    /// Hours of which objects without a manifest may lie in the lake.
    pub fn leftovers(&self) -> &BTreeSet<Hour> {
        &self.leftovers
    }

    /// Hours that a person skips and that are not published yet.
    pub fn skips(&self) -> &BTreeSet<Hour> {
        &self.skips
    }

    /// Sets the first hour to keep. An earlier one opens the hours between; a later one is ignored.
    pub fn keep_from(&mut self, first: Hour) {
        let Some(old) = self.first else {
            self.first = Some(first);
            self.open_range(first, self.horizon);
            self.advance_watermark();
            return;
        };
        if first < old {
            self.first = Some(first);
            self.open_range(first, Some(old.previous()));
            self.watermark = None;
            self.advance_watermark();
        }
    }

    /// Makes every hour up to `newest` part of the ledger's business, at most [`Ledger::HOURS_MAX`] of them: a clock in
    /// the far future must not fill the memory.
    pub fn extend_to(&mut self, newest: Hour) {
        let newest = self.first.map_or(newest, |first| newest.min(first.plus(Self::HOURS_MAX)));
        if self.horizon.is_some_and(|horizon| horizon >= newest) {
            return;
        }
        let from = self.horizon.map_or(self.first, |horizon| Some(horizon.next()));
        self.horizon = Some(newest);
        if let (Some(from), Some(first)) = (from, self.first) {
            self.open_range(from.max(first), Some(newest));
        }
    }

    /// Opens the unpublished hours of a window, whether they lie after the first hour or not: somebody asked for them.
    pub fn open_window(&mut self, window: super::window::Window) {
        self.open_range(window.first(), Some(window.last()));
    }

    fn open_range(&mut self, from: Hour, to: Option<Hour>) {
        let Some(to) = to else { return };
        for index in from.index()..=to.index() {
            let hour = Hour::from_index(index);
            if self.published(hour).is_none() {
                self.open.insert(hour);
            }
        }
    }

    /// Writes an hour's entry and keeps every index true.
    pub fn put(&mut self, hour: Hour, record: HourRecord) {
        if let Some(due) = self.records.get(&hour).and_then(|old| old.recheck_due) {
            self.rechecks.remove(&(due, hour));
        }
        if let Some(due) = record.recheck_due {
            self.rechecks.insert((due, hour));
        }
        let in_business = self.first.is_some_and(|first| first <= hour) && self.horizon.is_some_and(|h| hour <= h);
        set(&mut self.open, hour, record.work.is_some() || (record.published.is_none() && in_business));
        set(&mut self.worked, hour, record.work.is_some());
        set(&mut self.unread, hour, record.published.is_some_and(|published| published.facts.is_none()));
        set(&mut self.leftovers, hour, record.leftovers);
        set(&mut self.skips, hour, record.work.as_deref().is_some_and(Work::is_skip));
        let unpublished = record.published.is_none();
        if record.is_blank() {
            self.records.remove(&hour);
        } else {
            self.records.insert(hour, record);
        }
        if unpublished && self.watermark.is_some_and(|watermark| hour <= watermark) {
            self.watermark = None;
        }
        self.advance_watermark();
    }

    /// The watermark passes an hour only when the hour is published.
    fn advance_watermark(&mut self) {
        let Some(mut next) = self.watermark.map_or(self.first, |watermark| Some(watermark.next())) else { return };
        while self.published(next).is_some() {
            self.watermark = Some(next);
            next = next.next();
        }
    }
}

fn set(index: &mut BTreeSet<Hour>, hour: Hour, member: bool) {
    if member {
        index.insert(hour);
    } else {
        index.remove(&hour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Why;

    fn hour(index: i64) -> Hour {
        Hour::from_index(490_000 + index)
    }

    fn published() -> HourRecord {
        let published = ManifestRef { generation: 1, published_at: DateTime::UNIX_EPOCH, facts: None };
        HourRecord { published: Some(published), ..HourRecord::default() }
    }

    #[test]
    fn watermark_never_passes_an_unpublished_hour() {
        let mut ledger = Ledger::default();
        ledger.keep_from(hour(0));
        ledger.extend_to(hour(5));
        for index in [1, 2, 4] {
            ledger.put(hour(index), published());
        }
        assert_eq!(ledger.watermark(), None);
        ledger.put(hour(0), published());
        assert_eq!(ledger.watermark(), Some(hour(2)));
        assert_eq!(ledger.open().iter().copied().collect::<Vec<_>>(), [hour(3), hour(5)]);
    }

    #[test]
    fn redoing_an_hour_never_moves_the_watermark_back() {
        let mut ledger = Ledger::default();
        ledger.keep_from(hour(0));
        ledger.extend_to(hour(1));
        ledger.put(hour(0), published());
        ledger.put(hour(1), published());
        let mut record = ledger.record(hour(0));
        record.work = Some(Box::new(Work::new(Why::Recheck)));
        ledger.put(hour(0), record);
        assert_eq!(ledger.watermark(), Some(hour(1)));
        assert!(ledger.open().contains(&hour(0)));
        assert_eq!(ledger.worked().iter().copied().collect::<Vec<_>>(), [hour(0)]);
        ledger.put(hour(0), published());
        assert!(ledger.open().is_empty() && ledger.worked().is_empty());
    }

    #[test]
    fn an_earlier_first_hour_opens_the_hours_between() {
        let mut ledger = Ledger::default();
        ledger.keep_from(hour(3));
        ledger.extend_to(hour(4));
        ledger.put(hour(3), published());
        assert_eq!(ledger.watermark(), Some(hour(3)));
        ledger.keep_from(hour(1));
        assert_eq!(ledger.watermark(), None);
        assert_eq!(ledger.open().iter().copied().collect::<Vec<_>>(), [hour(1), hour(2), hour(4)]);
        ledger.keep_from(hour(2));
        assert_eq!(ledger.first(), Some(hour(1)));
    }
}
