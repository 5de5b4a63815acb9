//! Leading and following. A follower keeps its records, looks at the lake from time to time, and begins nothing but what
//! a person hands over to it. Who leads is decided outside, from the lease; no safety rests on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use super::state::{Attachment, SourceState, Turn};
use super::step::Order;
use super::{Engine, Event};
use crate::model::rebuild::RECHECK_WITHIN;
use crate::model::{Hour, SourceName, Why, Window};

/// A follower that is behind looks at the lake so often; else when the schedule ticks.
pub(super) const FOLLOWER_LOOKS: TimeDelta = TimeDelta::minutes(5);

/// Until when which source is led. Written by who holds the leases, read before every turn: a process that was stopped
/// meanwhile finds out before it does anything else.
#[derive(Clone, Debug, Default)]
pub struct Leadership(Arc<Mutex<BTreeMap<SourceName, Term>>>);

/// How long a source is led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Term {
    Always,
    /// By both clocks: the monotonic one stands still while a machine sleeps, the other may be set.
    Between {
        begun: (Instant, DateTime<Utc>),
        until: (Instant, DateTime<Utc>),
    },
}

impl Leadership {
    /// From `begun` on, for so long.
    pub fn lead(&self, source: &SourceName, begun: (Instant, DateTime<Utc>), span: TimeDelta) {
        let until = (begun.0 + span.to_std().unwrap_or_default(), begun.1 + span);
        self.put(source, Some(Term::Between { begun, until }));
    }

    /// Without an end: there is no lease.
    pub fn lead_always(&self, source: &SourceName) {
        self.put(source, Some(Term::Always));
    }

    /// No more.
    pub fn follow(&self, source: &SourceName) {
        self.put(source, None);
    }

    fn put(&self, source: &SourceName, term: Option<Term>) {
        let mut terms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match term {
            Some(term) => terms.insert(source.clone(), term),
            None => terms.remove(source),
        };
    }

    /// Whether the source is led now.
    pub fn leads(&self, source: &SourceName, now: (Instant, DateTime<Utc>)) -> bool {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).get(source) {
            None => false,
            Some(Term::Always) => true,
            Some(Term::Between { begun, until }) => now.0 < until.0 && (begun.1..until.1).contains(&now.1),
        }
    }

    /// What the engine does not know yet.
    pub(super) fn news(&self, engine: &Engine, now: (Instant, DateTime<Utc>)) -> Vec<Event> {
        let news = |(name, source): (&SourceName, &SourceState)| {
            let leads = self.leads(name, now);
            (leads != source.leads).then(|| Event::Lead(name.clone(), leads))
        };
        engine.sources.iter().filter_map(news).collect()
    }
}

impl SourceState {
    /// Whether anything may be done for an hour beyond looking.
    pub(super) fn may_work_on(&self, hour: Hour) -> bool {
        // A re-export is a person's wish, also after a restart.
        let by_a_person = || self.ledger.work(hour).is_some_and(|work| matches!(work.why, Why::Reexport { .. }));
        self.leads || self.wanted.contains(&hour) || by_a_person()
    }

    /// The lake is looked at again before anything else begins.
    fn look_again(&mut self) {
        self.attachment = match self.attachment {
            Attachment::No | Attachment::Yes => Attachment::No,
            Attachment::Asked | Attachment::Outdated => Attachment::Outdated,
        };
    }
}

impl Engine {
    /// Nothing is led from the beginning: for a daemon that waits for its leases.
    pub fn begin_following(&mut self) {
        self.sources.values_mut().for_each(|source| source.leads = false);
    }

    /// Whether this process leads the source.
    pub fn leads(&self, name: &SourceName) -> bool {
        self.sources.get(name).is_some_and(|source| source.leads)
    }

    /// Who takes the lease believes the lake over the journal: somebody else may have published meanwhile.
    pub(super) fn on_lead(&mut self, name: &SourceName, leads: bool) {
        let Some(source) = self.sources.get_mut(name) else { return };
        source.leads = leads;
        if leads {
            source.look_again();
        }
    }

    /// Followers stay warm: they look when the schedule ticks, and those that are behind every few minutes (`now`).
    pub(super) fn followers_look(&mut self, now: Option<DateTime<Utc>>) {
        let policies = &self.policy.sources;
        for (name, source) in self.sources.iter_mut().filter(|(_, source)| !source.leads) {
            let newest = now.zip(policies.get(name)).map(|(now, policy)| policy.newest_due(source.due_now(now)));
            let behind = newest.is_none_or(|due| source.ledger.watermark().is_none_or(|watermark| watermark < due));
            let rested = now.is_none_or(|now| source.looked.is_none_or(|pause| pause.is_over(now)));
            if behind && rested && source.attachment == Attachment::Yes {
                source.look_again();
            }
        }
    }

    /// What a person hands over is done whether this process leads or not. A follower looks at the lake first: the
    /// leader may have done it.
    pub(super) fn want(&mut self, order: &Order) {
        let (name, window) = match order {
            Order::Pause | Order::Resume => return,
            Order::Backfill(name, window) => (name, *window),
            Order::Retry(name, hour) | Order::Skip(name, hour, _) => (name, Window::of(*hour)),
            Order::Reexport { source, hour, .. } => (source, Window::of(*hour)),
        };
        let Some(source) = self.sources.get_mut(name) else { return };
        let unpublished = window.iter().filter(|hour| source.ledger.published(*hour).is_none());
        source.wanted.extend(unpublished);
        if !source.leads {
            source.look_again();
        }
    }

    /// Rechecks that have been due for long were the leader's to do: who takes over one day does not do them all.
    pub(super) fn leave_rechecks_to_the_leader(&mut self, turn: &mut Turn, name: &SourceName) {
        let Some(source) = self.sources.get(name).filter(|source| !source.leads) else { return };
        let old = source.ledger.rechecks().iter().take_while(|(due, _)| *due + RECHECK_WITHIN < turn.now);
        let hours: Vec<Hour> = old.map(|(_, hour)| *hour).collect();
        for hour in hours {
            let Some(mut record) = self.sources.get(name).map(|source| source.ledger.record(hour)) else { return };
            record.recheck_due = None;
            self.put(turn, name, hour, record);
        }
    }
}

#[cfg(test)]
#[path = "lead_tests.rs"]
mod tests;
