//! Which hours to ask for next, and in which window. Backfill, retry, second askings and rechecks are all just hours
//! that are ready.

use std::ops::Bound;

use chrono::{DateTime, Utc};

use super::hour::Hour;
use super::ledger::Ledger;
use super::policy::SourcePolicy;
use super::record::{Phase, SourceRecord, Why};
use super::retry::is_over;
use super::window::Window;

/// Hours of different kinds are never asked together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    First,
    Confirm,
    Recheck,
    Reexport,
    /// Asked alone, and last: the source failed on it before.
    Suspect,
}

/// What the planner looks at.
pub struct Plan<'a> {
    /// The source's hours.
    pub ledger: &'a Ledger,
    /// Its configuration.
    pub policy: &'a SourcePolicy,
    /// What is remembered of it.
    pub record: &'a SourceRecord,
    /// The local clock.
    pub now: DateTime<Utc>,
    /// The earlier of the local clock and Amplitude's: judges what is due.
    pub due_now: DateTime<Utc>,
    /// No hour outside is free: of a long backlog only these are looked at. Everything without.
    pub span: Option<Window>,
    /// Whether an hour may be asked for: in scope and not in work.
    pub free: &'a dyn Fn(Hour) -> bool,
}

impl Plan<'_> {
    /// The next window to ask for: the oldest hours that are ready, then rechecks, then hours the source failed on.
    pub fn next(&self) -> Option<Window> {
        let open = || self.open();
        let suspects = || self.ledger.worked().iter().copied();
        let rechecks = || self.due_rechecks();
        self.first_run(open(), |kind| kind != Kind::Suspect)
            .or_else(|| self.first_run(rechecks(), |kind| kind == Kind::Recheck))
            .or_else(|| self.first_run(suspects(), |kind| kind == Kind::Suspect))
    }

    /// Whether anything waits to be asked, now or after a pause (provisional hours whose time has not come and
    /// quarantined ones do not).
    pub fn has_work(&self) -> bool {
        let waits = |hour: Hour| {
            self.due_now >= self.policy.due_at(hour)
                && match self.ledger.work(hour) {
                    None => true,
                    Some(work) => match work.phase {
                        Phase::Pending => true,
                        Phase::Provisional => self.due_now >= self.policy.empty_at(hour),
                        Phase::Captured | Phase::Uploaded(_) | Phase::Quarantined => false,
                    },
                }
        };
        self.open().any(|hour| (self.free)(hour) && waits(hour)) || self.due_rechecks().any(|hour| (self.free)(hour))
    }

    /// When something that waits becomes ready, if nothing else happens.
    pub fn next_time(&self) -> Option<DateTime<Utc>> {
        let ahead = self.now - self.due_now;
        let hour_time = |hour: &Hour| {
            let work = self.ledger.work(*hour);
            let pause = work.and_then(|work| work.not_before).and_then(|pause| pause.ends(self.now));
            match work.map(|work| &work.phase) {
                None | Some(Phase::Pending) => pause,
                Some(Phase::Provisional) => Some(self.policy.empty_at(*hour) + ahead).max(pause),
                Some(Phase::Captured | Phase::Uploaded(_) | Phase::Quarantined) => None,
            }
        };
        // An hour without work waits for nothing.
        let work = self.ledger.worked().iter().filter(|hour| (self.free)(**hour)).filter_map(hour_time).min();
        let recheck = self.policy.recheck_after.and(self.ledger.rechecks().first()).map(|(due, _)| *due + ahead);
        let next_hour = self.policy.due_at(self.policy.newest_due(self.due_now).next()) + ahead;
        [work, recheck, Some(next_hour)].into_iter().flatten().filter(|time| *time > self.now).min()
    }

    /// The open hours that may be free.
    fn open(&self) -> impl Iterator<Item = Hour> {
        let (from, to) = match self.span {
            Some(span) => (Bound::Included(span.first()), Bound::Included(span.last())),
            None => (Bound::Unbounded, Bound::Unbounded),
        };
        self.ledger.open().range((from, to)).copied()
    }

    fn due_rechecks(&self) -> impl Iterator<Item = Hour> {
        let mut hours: Vec<Hour> = match self.policy.recheck_after {
            Some(_) => self
                .ledger
                .rechecks()
                .iter()
                .filter(|(due, _)| self.policy.recheck_is_due(*due, self.due_now, self.now))
                .map(|(_, hour)| *hour)
                .filter(|hour| self.ledger.work(*hour).is_none())
                .collect(),
            None => Vec::new(),
        };
        hours.sort_unstable();
        hours.into_iter()
    }

    /// The kind an hour would be asked as now; `None` when it is not ready.
    fn ready(&self, hour: Hour) -> Option<Kind> {
        if self.due_now < self.policy.due_at(hour) || !(self.free)(hour) {
            return None;
        }
        let facts_known = !self.ledger.unread().contains(&hour);
        let Some(work) = self.ledger.work(hour) else {
            return match self.ledger.published(hour) {
                None => Some(Kind::First),
                Some(_) => facts_known.then_some(Kind::Recheck),
            };
        };
        if !is_over(work.not_before, self.now) {
            return None;
        }
        match (&work.phase, work.why) {
            (Phase::Pending, _) if work.suspect => Some(Kind::Suspect),
            (Phase::Pending, Why::First) => Some(Kind::First),
            (Phase::Pending, Why::Recheck) => facts_known.then_some(Kind::Recheck),
            (Phase::Pending, Why::Reexport { .. }) => facts_known.then_some(Kind::Reexport),
            (Phase::Provisional, _) => (self.due_now >= self.policy.empty_at(hour)).then_some(Kind::Confirm),
            (Phase::Captured | Phase::Uploaded(_) | Phase::Quarantined, _) => None,
        }
    }

    /// The first run of contiguous ready hours of one kind, no longer than any of them allows.
    fn first_run(&self, hours: impl Iterator<Item = Hour>, wanted: impl Fn(Kind) -> bool) -> Option<Window> {
        let remembered = if self.record.window_hours == 0 { u32::MAX } else { self.record.window_hours };
        let mut cap = self.policy.window_max.min(remembered).max(1);
        let mut run: Option<(Window, Kind)> = None;
        for hour in hours {
            let kind = self.ready(hour).filter(|kind| wanted(*kind));
            let Some((window, first_kind)) = run else {
                if let Some(kind) = kind {
                    cap = cap.min(self.together(hour, kind));
                    run = Some((Window::of(hour), kind));
                }
                continue;
            };
            let fits = window.hours() < cap.min(self.together(hour, first_kind));
            if kind != Some(first_kind) || hour != window.last().next() || !fits {
                break;
            }
            cap = cap.min(self.together(hour, first_kind));
            run = Window::new(window.first(), hour).map(|window| (window, first_kind));
        }
        run.map(|(window, _)| window)
    }

    /// Most hours this one may be asked together with.
    fn together(&self, hour: Hour, kind: Kind) -> u32 {
        let limit = self.ledger.work(hour).map_or(0, |work| work.together);
        match (kind, limit) {
            (Kind::Suspect, _) => 1,
            (_, 0) => u32::MAX,
            (_, limit) => limit,
        }
    }
}
