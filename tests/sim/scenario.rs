//! What kind of schedule a seed makes: the configuration, the processes, and how much goes wrong.

use std::collections::BTreeMap;

use ampd::model::{FaultKind, Format, Hour, Policy, Random, RetryPolicy, SourcePolicy, Window};
use chrono::{DateTime, TimeDelta};

use crate::world::{Time, source};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Daemon,
    /// `once` and `backfill`, over these hours or all; started again and again.
    OneShot(Option<Window>),
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub begins: Time,
    pub chaos: TimeDelta,
    pub first: Hour,
    pub policy: Policy,
    pub processes: Vec<Kind>,
    pub conditional: bool,
    pub date_header: bool,
    pub store_ahead: TimeDelta,
    pub wrong_clocks: bool,
    /// Per ten thousand.
    pub crash: u64,
    pub source_noise: u64,
    pub lake_noise: u64,
    pub late_puts: u64,
    pub disk_noise: u64,
    pub mischief: bool,
    pub journal_loss: bool,
    /// Windows of more hours than this time out at the gateway.
    pub slow_above: u32,
    /// More rows than this are too much for one request.
    pub too_large_above: usize,
    /// Who says so: Amplitude, or our own limit.
    pub too_large: FaultKind,
    /// Per hundred hours, each.
    pub troubled: u64,
    pub empty: u64,
    pub late: u64,
}

/// One of these.
pub fn pick<T: Copy>(random: &mut Random, of: &[T]) -> T {
    of[usize::try_from(random.below(of.len() as u64)).unwrap_or(0)]
}

impl Scenario {
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let r = &mut random;
        let begins = DateTime::UNIX_EPOCH + TimeDelta::days(20_500) + TimeDelta::minutes(r.below(1440) as i64);
        let settle = TimeDelta::minutes(pick(r, &[5, 20, 135]));
        let first = Hour::containing(begins - settle).plus(-pick(r, &[1, 2, 4, 8]));
        let conditional = r.below(6) != 0;
        let processes = Self::processes(r, conditional, first);
        let date_header = r.below(4) != 0;
        let quiet = r.below(12) == 0;
        let mut level = |of: &[u64]| if quiet { 0 } else { pick(r, of) };
        let (crash, source_noise) = (level(&[0, 30, 130, 400]), level(&[0, 200, 1500]));
        let (lake_noise, late_puts) = (level(&[0, 100, 500]), level(&[0, 0, 300]));
        // Where a manifest may land late and overwrite, that is what is tried.
        let late_puts = if conditional || quiet { late_puts } else { 300 + 300 * (seed % 5) };
        let disk_noise = level(&[0, 0, 200]);
        let mischief = level(&[0, 1, 1]) == 1;
        let troubled = level(&[0, 0, 15, 40]);
        Self {
            begins,
            chaos: TimeDelta::minutes(pick(r, &[20, 60, 180, 400])),
            first,
            policy: Self::policy(r, settle, first, conditional),
            processes,
            conditional,
            date_header,
            store_ahead: TimeDelta::minutes(pick(r, &[0, 0, -90, 90])),
            wrong_clocks: date_header && !quiet && r.below(3) == 0,
            crash,
            source_noise,
            lake_noise,
            late_puts,
            disk_noise,
            mischief,
            journal_loss: mischief && (!conditional || r.below(2) == 0),
            slow_above: pick(r, &[1, 2, 4, 99, 99]),
            too_large_above: pick(r, &[4, 8, 999, 999]),
            too_large: pick(r, &[FaultKind::TooLarge, FaultKind::OverArchiveLimit]),
            troubled,
            empty: pick(r, &[0, 15, 50]),
            late: pick(r, &[0, 20, 60]),
        }
    }

    fn processes(r: &mut Random, conditional: bool, first: Hour) -> Vec<Kind> {
        let one = |r: &mut Random| match r.below(4) {
            0 => Kind::OneShot(None),
            1 => Kind::OneShot(Window::new(first.plus(r.below(3) as i64), first.plus(3 + r.below(5) as i64))),
            _ => Kind::Daemon,
        };
        let count = if conditional { pick(r, &[1, 1, 2, 2, 3]) } else { 1 };
        (0..count).map(|_| one(r)).collect()
    }

    fn policy(r: &mut Random, settle: TimeDelta, first: Hour, conditional: bool) -> Policy {
        let source_policy = SourcePolicy {
            start: (r.below(4) != 0).then_some(first),
            max_parallel: pick(r, &[1, 1, 2, 4]),
            window_max: pick(r, &[1, 2, 6, 24]),
            settle_delay: settle,
            empty_confirm: TimeDelta::minutes(pick(r, &[0, 30, 120])),
            recheck_after: pick(r, &[None, Some(60), Some(240)]).map(TimeDelta::minutes),
        };
        Policy {
            sources: BTreeMap::from([(source().clone(), source_policy)]),
            retry: RetryPolicy {
                max_attempts: pick(r, &[2, 3, 5]),
                initial: TimeDelta::seconds(5),
                max: TimeDelta::minutes(15),
            },
            format: Format::JsonGz,
            part_target: pick(r, &[100, 200, 1_000]),
            quarantine_invalid: r.below(2) == 0,
            single_writer: !conditional,
            late_write: TimeDelta::minutes(15),
            uploads_max: pick(r, &[1, 2, 8]),
        }
    }

    pub fn source_policy(&self) -> &SourcePolicy {
        &self.policy.sources[source()]
    }
}
