//! A person's commands. What cannot be done is refused by the command before it gets here; here it is ignored.

use super::Engine;
use super::state::{Attachment, Turn};
use super::step::Order;
use crate::model::{Draft, Hour, HourRecord, HourState, Phase, SourceName, Why, Work};

impl Engine {
    /// Orders that are carried out as soon as the lake was compared with the journal, before anything is asked.
    pub fn give(&mut self, orders: Vec<Order>) {
        self.orders.extend(orders);
    }

    /// An engine that follows a paused one is paused from the beginning.
    pub fn begin_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Orders that could not be carried out, and why.
    pub fn refusals(&self) -> &[(Order, String)] {
        &self.refusals
    }

    /// Whether orders still wait.
    pub(super) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    pub(super) fn carry_out_orders(&mut self, turn: &mut Turn) {
        if self.orders.is_empty() || self.sources.values().any(|source| source.attachment != Attachment::Yes) {
            return;
        }
        for order in std::mem::take(&mut self.orders) {
            match self.refuses(&order) {
                Some(why) => self.refusals.push((order, why)),
                None => self.on_order(turn, order),
            }
        }
    }

    pub(super) fn on_order(&mut self, turn: &mut Turn, order: Order) {
        self.want(&order);
        match order {
            Order::Pause => self.paused = true,
            Order::Resume => self.paused = false,
            Order::Backfill(source, window) => {
                if let Some(state) = self.sources.get_mut(&source) {
                    state.ledger.open_window(window);
                }
            }
            Order::Retry(source, hour) => self.retry_hour(turn, &source, hour),
            Order::Skip(source, hour, reason) => self.skip_hour(turn, &source, hour, reason),
            Order::Reexport { source, hour, allow_shrink } => self.reexport_hour(turn, &source, hour, allow_shrink),
        }
    }

    /// Why an order about an hour cannot be carried out, in words; `None` when it can.
    pub fn refuses(&self, order: &Order) -> Option<String> {
        let (source, hour) = match order {
            Order::Pause | Order::Resume => return None,
            Order::Backfill(source, _) if self.sources.contains_key(source) => return None,
            Order::Backfill(source, _) => return Some(format!("there is no source `{source}`")),
            Order::Retry(source, hour) | Order::Skip(source, hour, _) | Order::Reexport { source, hour, .. } => {
                (source, *hour)
            }
        };
        let Some(state) = self.sources.get(source) else { return Some(format!("there is no source `{source}`")) };
        let record = state.ledger.record(hour);
        match order {
            Order::Retry(..) if !record.is_quarantined() => Some(format!("{hour} is not quarantined")),
            Order::Skip(..) if record.published.is_some() => {
                Some(format!("{hour} is published; `ampd hour reexport` makes a new generation"))
            }
            Order::Reexport { .. } if record.published.is_none() && !record.is_quarantined() => {
                Some(format!("{hour} is not published yet; it is exported without being asked"))
            }
            _ => None,
        }
    }

    fn retry_hour(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour) {
        let Some(mut record) = self.sources.get(name).map(|source| source.ledger.record(hour)) else { return };
        let Some(work) = record.work.as_mut().filter(|work| work.phase == Phase::Quarantined) else { return };
        work.phase = if work.empty_since.is_some() { Phase::Provisional } else { Phase::Pending };
        work.attempt = 0;
        work.strikes = 0;
        work.not_before = None;
        self.put(turn, name, hour, record);
    }

    fn skip_hour(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, reason: String) {
        let Some(mut record) = self.sources.get(name).map(|source| source.ledger.record(hour)) else { return };
        if record.published.is_some() {
            return;
        }
        let generation = record.next_generation();
        let mut work = succeeding(&record, Why::First);
        self.drop_work(turn, name, hour, &mut record);
        work.phase = Phase::Uploaded(Box::new(Draft::without_rows(generation, HourState::Skipped, Some(reason))));
        record.work = Some(Box::new(work));
        self.put(turn, name, hour, record);
    }

    fn reexport_hour(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, allow_shrink: bool) {
        let Some(mut record) = self.sources.get(name).map(|source| source.ledger.record(hour)) else { return };
        if record.published.is_none() {
            self.retry_hour(turn, name, hour);
            return;
        }
        let work = succeeding(&record, Why::Reexport { allow_shrink });
        self.drop_work(turn, name, hour, &mut record);
        record.work = Some(Box::new(work));
        self.put(turn, name, hour, record);
    }
}

/// New work in the place of other work, whose manifest may still land on a store without conditional writes.
fn succeeding(record: &HourRecord, why: Why) -> Work {
    let manifest_asked = record.work.as_ref().and_then(|work| work.manifest_asked);
    Work { manifest_asked, ..Work::new(why) }
}
