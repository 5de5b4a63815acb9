//! One source's lease: a turn looks or renews, and tells who has to know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::lease::Ground;
use crate::clock;
use crate::lake::{self, LakeError, LeaseSeen, Replaced, Version};
use crate::model::SourceName;
use crate::model::lease::{self, Because, Decision, Found, Known, Lease, interval, relied_on};
use crate::model::report::LeaseReport;
use crate::telemetry::{Line, say};

/// How it stands with a lease.
#[derive(Clone, Debug)]
enum Standing {
    /// Nothing was seen yet, or it ran out and the lake does not answer.
    Unknown,
    /// It is ours.
    Leads(Held),
    /// Somebody else's, or nothing that can be read; when it runs out, by our monotonic clock.
    Follows { until: Option<Instant> },
    /// No lease can be kept in this lake.
    WithoutLease,
}

#[derive(Clone, Debug)]
struct Held {
    version: Version,
    taken_at: DateTime<Utc>,
    /// It is relied on until then.
    until: Instant,
}

/// One source's lease.
pub struct Keeper {
    ground: Arc<Ground>,
    source: SourceName,
    standing: Standing,
    /// This process has neither led nor followed yet.
    fresh: bool,
    /// The store is known to compare versions.
    proven: bool,
    /// What was seen last, and since when it is the same.
    watched: Option<(Option<Version>, Instant)>,
    /// A time by the store's clock, and when it was ours.
    store_clock: Option<(DateTime<Utc>, Instant)>,
    /// What was said last: nothing is said twice in a row.
    said: String,
}

impl Keeper {
    /// Knows nothing yet.
    pub fn new(ground: Arc<Ground>, source: SourceName) -> Self {
        let (standing, said) = (Standing::Unknown, String::new());
        let report = LeaseReport { leads: false, holder: None, until: None };
        ground.leases.note(&source, Some(report));
        Self { ground, source, standing, fresh: true, proven: false, watched: None, store_clock: None, said }
    }

    /// Whether there is nothing to keep.
    pub fn needs_no_lease(&self) -> bool {
        matches!(self.standing, Standing::WithoutLease)
    }

    fn leads(&self) -> bool {
        matches!(self.standing, Standing::Leads(_) | Standing::WithoutLease)
    }

    /// How long until the next turn.
    pub fn rest(&self) -> Duration {
        let third = interval(self.ground.term).to_std().unwrap_or_default();
        let until = match &self.standing {
            Standing::Leads(held) => Some(held.until),
            Standing::Follows { until } => *until,
            Standing::Unknown | Standing::WithoutLease => None,
        };
        // Not at once again, should the store's clock and ours disagree by a little.
        let left = until.map_or(third, |until| until.saturating_duration_since(clock::monotonic()).max(third / 8));
        left.min(third)
    }

    /// Renews the lease, or looks who holds it. Answers whether leading began or ended.
    pub async fn turn(&mut self) -> bool {
        let led = self.leads();
        match self.standing.clone() {
            Standing::WithoutLease => {}
            Standing::Leads(held) => match self.write(held.taken_at, Some(&held.version)).await {
                Ok(written) => self.on_renewed(&held, written).await,
                Err(error) => self.on_silence(&error),
            },
            Standing::Unknown | Standing::Follows { .. } => self.look().await,
        }
        led != self.leads()
    }

    async fn on_renewed(&mut self, held: &Held, written: Written) {
        match written.answer {
            Replaced::Replaced { version, store_time } => {
                self.hold(version, held.taken_at, store_time, written.begun);
            }
            // Somebody took it; or it was our own write, whose answer got lost.
            Replaced::Changed => self.look().await,
            Replaced::Unsupported => self.lead_without_lease(),
        }
    }

    async fn look(&mut self) {
        let begun = clock::monotonic();
        let looking = lake::look_at_lease(&*self.ground.lake, &self.source);
        let seen = match self.in_time(looking).await {
            Ok(seen) => seen,
            Err(error) => return self.on_silence(&error),
        };
        self.store_clock = Some((seen.store_time, begun));
        let since = match &self.watched {
            Some((version, since)) if *version == seen.version => *since,
            _ => begun,
        };
        self.watched = Some((seen.version.clone(), since));
        let unchanged = TimeDelta::from_std(begun.saturating_duration_since(since)).unwrap_or(TimeDelta::MAX);
        let known = Known { fresh: self.fresh, store_time: seen.store_time, unchanged, term: self.ground.term };
        match lease::decide(&seen.found, &self.ground.us, known) {
            Decision::Follow => self.follow(&seen, begun),
            Decision::Lead(because) => self.take(&seen, because).await,
        }
        self.fresh = false;
    }

    /// Writes our lease over what was seen.
    async fn take(&mut self, seen: &LeaseSeen, because: Because) {
        let taken_at = match &seen.found {
            Found::Held(lease) if because == Because::Ours => lease.taken_at,
            _ => seen.store_time,
        };
        let written = match self.write(taken_at, seen.version.as_ref()).await {
            Ok(written) => written,
            Err(error) => return self.on_silence(&error),
        };
        match written.answer {
            Replaced::Replaced { version, store_time } => {
                if !self.proven {
                    let lease = self.lease(taken_at, store_time);
                    match self.in_time(lake::compares_versions(&*self.ground.lake, &lease)).await {
                        Ok(true) => self.proven = true,
                        Ok(false) => return self.lead_without_lease(),
                        Err(error) => return self.on_silence(&error),
                    }
                }
                let line = taken_words(because, &seen.found);
                self.hold(version, taken_at, store_time, written.begun);
                self.say(&Line::info(line));
            }
            // A rival was faster: the next look says who.
            Replaced::Changed => self.stop_leading(Standing::Follows { until: Some(clock::monotonic()) }),
            Replaced::Unsupported => self.lead_without_lease(),
        }
    }

    fn hold(
        &mut self,
        version: Version,
        taken_at: DateTime<Utc>,
        store_time: DateTime<Utc>,
        begun: (Instant, DateTime<Utc>),
    ) {
        self.store_clock = Some((store_time, begun.0));
        let span = relied_on(self.ground.term);
        self.ground.leadership.lead(&self.source, begun, span);
        let until = begun.0 + span.to_std().unwrap_or_default();
        self.standing = Standing::Leads(Held { version, taken_at, until });
        let (holder, until) = (Some(self.ground.us.clone()), Some(store_time + self.ground.term));
        self.note(LeaseReport { leads: true, holder, until });
    }

    fn follow(&mut self, seen: &LeaseSeen, now: Instant) {
        let led = self.leads();
        let (holder, expires_at) = match &seen.found {
            Found::Held(lease) => (Some(lease.holder.clone()), Some(lease.expires_at)),
            Found::Free | Found::Strange(_) => (None, None),
        };
        let left = expires_at.and_then(|expires_at| (expires_at - seen.store_time).to_std().ok());
        self.stop_leading(Standing::Follows { until: left.and_then(|left| now.checked_add(left)) });
        let line = match (&seen.found, &holder) {
            (Found::Strange(why), _) => {
                let term = self.ground.term.num_seconds();
                Line::warn(format!("the lease is not trusted: {why}; replaced when nobody writes it for {term} s"))
            }
            (_, Some(holder)) if led => {
                Line::warn(format!("the lease is lost, nothing more is begun: {} leads", holder.words()))
            }
            (_, Some(holder)) => Line::info(format!("follows: {} leads", holder.words())),
            _ => return,
        };
        self.say(&line);
        self.note(LeaseReport { leads: false, holder, until: expires_at });
    }

    /// The lake does not answer. What is held is relied on until its time is over, and no longer.
    fn on_silence(&mut self, error: &LakeError) {
        match &self.standing {
            Standing::Leads(held) if clock::monotonic() < held.until => {}
            Standing::Leads(_) => {
                self.stop_leading(Standing::Unknown);
                self.say(&Line::warn(format!("the lease was not renewed in time, nothing more is begun: {error}")));
            }
            _ => {
                self.stop_leading(Standing::Unknown);
                self.say(&Line::warn(format!("it is not known who leads: {error}")));
            }
        }
    }

    fn stop_leading(&mut self, standing: Standing) {
        self.standing = standing;
        self.ground.leadership.follow(&self.source);
        self.note(LeaseReport { leads: false, holder: None, until: None });
    }

    /// For a store that compares no versions.
    pub fn lead_without_lease(&mut self) {
        self.standing = Standing::WithoutLease;
        self.ground.leadership.lead_always(&self.source);
        self.ground.leases.note(&self.source, None);
        self.say(&Line::info("leads without a lease: the lake has no conditional writes to keep one"));
    }

    /// Lets it run out now.
    pub async fn give_back(&mut self) {
        let Standing::Leads(held) = self.standing.clone() else { return };
        self.stop_leading(Standing::Unknown);
        let now = self.store_time(clock::monotonic());
        let lease = Lease { expires_at: now, ..self.lease(held.taken_at, now) };
        let given = lake::write_lease(&*self.ground.lake, &lease, Some(&held.version)).await;
        let words = given.map_or_else(|error| format!("not given back: {error}"), |_| "given back".to_owned());
        self.say(&Line::debug(format!("the lease is {words}")));
    }

    async fn write(&mut self, taken_at: DateTime<Utc>, seen: Option<&Version>) -> Result<Written, LakeError> {
        let begun = (clock::monotonic(), clock::now());
        let lease = self.lease(taken_at, self.store_time(begun.0));
        let answer = self.in_time(lake::write_lease(&*self.ground.lake, &lease, seen)).await?;
        Ok(Written { begun, answer })
    }

    fn lease(&self, taken_at: DateTime<Utc>, now: DateTime<Utc>) -> Lease {
        let term = self.ground.term;
        Lease {
            schema: lease::SCHEMA.to_owned(),
            source: self.source.clone(),
            holder: self.ground.us.clone(),
            taken_at: taken_at.trunc_subsecs(3),
            expires_at: (now + term).trunc_subsecs(3),
            term_seconds: u32::try_from(term.num_seconds()).unwrap_or(u32::MAX),
            ampd_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// What time it is by the store's clock, from its last answer and our monotonic clock.
    fn store_time(&self, now: Instant) -> DateTime<Utc> {
        let Some((time, then)) = self.store_clock else { return clock::now() };
        time + TimeDelta::from_std(now.saturating_duration_since(then)).unwrap_or_default()
    }

    /// An answer that comes later than the next turn is none; nor is one after the end of what is held.
    async fn in_time<T>(&self, asking: impl Future<Output = Result<T, LakeError>>) -> Result<T, LakeError> {
        let third = interval(self.ground.term).to_std().unwrap_or_default();
        let late = || LakeError::Unavailable(format!("the lake did not answer within {:.1} s", third.as_secs_f64()));
        tokio::time::timeout(third, asking).await.unwrap_or_else(|_| Err(late()))
    }

    fn note(&self, report: LeaseReport) {
        self.ground.leases.note(&self.source, Some(report));
    }

    fn say(&mut self, line: &Line<'_>) {
        if self.said != line.message {
            line.message.clone_into(&mut self.said);
            say(&line.clone().source(&self.source));
        }
    }
}

/// A write, and when it began by both clocks: the lease counts from then on.
struct Written {
    begun: (Instant, DateTime<Utc>),
    answer: Replaced,
}

fn taken_words(because: Because, found: &Found) -> String {
    let Found::Held(lease) = found else {
        let strange = matches!(found, Found::Strange(_));
        let words = if strange { "replaced what was no lease" } else { "nobody held the lease" };
        return format!("leads: {words}");
    };
    let before = lease.holder.words();
    match because {
        Because::Free | Because::Ours => "leads: the lease is still ours".to_owned(),
        Because::Restarted => format!("leads: retook the lease of its state directory from {before}, which is gone"),
        Because::Expired => format!("leads: took the lease over, that of {before} ran out"),
        Because::Silent => format!("leads: took the lease over, {before} did not renew it for a whole term"),
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
