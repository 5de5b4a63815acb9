//! Amplitude: what it knows of each hour, and how it answers a request.

use std::collections::{BTreeMap, BTreeSet};

use ampd::model::{CaptureId, Content, ContentHash, FaultKind, Hour, Random, Window};
use chrono::TimeDelta;

use crate::scenario::{Scenario, pick};
use crate::world::Time;

/// An event: visible from some time on, and seldom not for ever.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub id: u64,
    pub from: Time,
    pub until: Option<Time>,
}

/// What is wrong with an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The archive's directory is broken.
    Directory,
    /// A member's checksum is wrong.
    Member,
    /// A page instead of an archive.
    NotAnArchive,
    /// 3xx.
    Redirected,
    /// A line that is no JSON object.
    Invalid,
    /// It always times out.
    Slow,
}

#[derive(Clone, Debug)]
pub struct Truth {
    pub rows: Vec<Row>,
    pub trouble: Option<Trouble>,
    /// The trouble never ends.
    pub for_ever: bool,
    /// Faults seen when it was asked alone while nothing was wrong with it: noise, and outages, each once.
    pub unlucky: u32,
    /// The last outage that it met.
    pub met: u64,
}

/// A staged archive.
#[derive(Clone, Debug)]
pub struct Archive {
    pub sampled: Time,
    /// Hours with members; a member may be without rows.
    pub hours: BTreeMap<Hour, Vec<u64>>,
    pub broken: Option<(Hour, Trouble)>,
    /// Hours of which a line is no JSON object.
    pub invalid: BTreeSet<Hour>,
    /// Differs with every download.
    pub salt: u64,
}

impl Archive {
    pub fn sha(&self) -> String {
        format!("{:016x}", self.salt)
    }

    pub fn bytes(&self) -> u64 {
        22 + self.salt % 1000
    }

    /// What is counted and hashed of an hour.
    pub fn content(&self, hour: Hour) -> Content {
        let rows = self.rows(hour);
        let invalid = !rows.is_empty() && self.invalid.contains(&hour);
        Content { rows_invalid: u64::from(invalid), ..content(rows) }
    }

    pub fn rows(&self, hour: Hour) -> &[u64] {
        self.hours.get(&hour).map_or(&[], Vec::as_slice)
    }
}

pub enum Reply {
    Archive(Archive),
    NotFound,
    Fault(FaultKind, Option<u64>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    Source(FaultKind),
    Keys,
    /// The request is said to be wrong: asking stops until somebody starts the process again.
    Request,
}

pub struct Amplitude {
    seed: u64,
    hours: BTreeMap<Hour, Truth>,
    pub outage: Option<Outage>,
    pub outages: u64,
    pub healed: bool,
    scenario: Scenario,
}

/// The order-independent sum of the rows' hashes, as in production.
fn content(rows: &[u64]) -> Content {
    let mut hash = ContentHash::default();
    for row in rows {
        hash.add(u128::from(Random::new(*row).bits()) << 64 | u128::from(*row));
    }
    Content { rows: rows.len() as u64, content_hash: hash, ..Content::default() }
}

impl Amplitude {
    pub fn new(seed: u64, scenario: &Scenario) -> Self {
        Self { seed, hours: BTreeMap::new(), outage: None, outages: 0, healed: false, scenario: scenario.clone() }
    }

    /// An hour's truth is made the first time somebody looks, from the seed and the hour alone.
    pub fn truth(&mut self, hour: Hour) -> &mut Truth {
        let (seed, scenario) = (self.seed, &self.scenario);
        self.hours.entry(hour).or_insert_with(|| {
            let mut random = Random::new(seed.rotate_left(17) ^ hour.index().unsigned_abs());
            made(&mut random, hour, scenario)
        })
    }

    pub fn trouble(&mut self, hour: Hour) -> Option<Trouble> {
        let healed = self.healed;
        let truth = self.truth(hour);
        truth.trouble.filter(|_| truth.for_ever || !healed)
    }

    /// The rows that Amplitude knows of the hour at a time.
    pub fn visible(&mut self, hour: Hour, now: Time) -> Vec<u64> {
        let is_visible = |row: &&Row| row.from <= now && row.until.is_none_or(|until| now < until);
        self.truth(hour).rows.iter().filter(is_visible).map(|row| row.id).collect()
    }

    /// Whether a person must not expect this hour: it is broken for good, or too large alone.
    pub fn hopeless(&mut self, hour: Hour) -> bool {
        let (limit, harmless) = (self.scenario.too_large_above, self.harmless());
        let truth = self.truth(hour);
        (truth.trouble.is_some_and(|trouble| Some(trouble) != harmless) && truth.for_ever) || truth.rows.len() > limit
    }

    /// Whether something is or was wrong with the hour itself.
    pub fn suspicious(&mut self, hour: Hour) -> bool {
        let (limit, harmless) = (self.scenario.too_large_above, self.harmless());
        let truth = self.truth(hour);
        truth.trouble.is_some_and(|trouble| Some(trouble) != harmless) || truth.rows.len() > limit
    }

    /// Lines that are no JSON objects are kept and counted, unless the configuration says otherwise.
    fn harmless(&self) -> Option<Trouble> {
        (!self.scenario.policy.quarantine_invalid).then_some(Trouble::Invalid)
    }

    /// Answers a request with these `start` and `end`, both included.
    pub fn answer(&mut self, bounds: (String, String), now: Time, random: &mut Random, calm: bool) -> Reply {
        let hour = |text: String| text.parse().expect("an hour");
        let window = Window::new(hour(bounds.0), hour(bounds.1)).expect("a window");
        let alone = window.first() == window.last();
        if let Some(outage) = self.outage {
            return match outage {
                Outage::Keys => Reply::Fault(FaultKind::KeysRefused, None),
                Outage::Request => Reply::Fault(FaultKind::RequestRefused, None),
                Outage::Source(kind) => self.unlucky(window, kind, self.outages),
            };
        }
        if !calm && random.below(10_000) < self.scenario.source_noise {
            return self.noise(window, random);
        }
        let mut hours: BTreeMap<Hour, Vec<u64>> = BTreeMap::new();
        let (mut broken, mut invalid) = (None, BTreeSet::new());
        for index in window.first().index()..=window.last().index() {
            let hour = Hour::from_index(index);
            match self.trouble(hour) {
                Some(Trouble::Slow) => return Reply::Fault(FaultKind::GatewayTimeout, None),
                Some(Trouble::NotAnArchive) => return Reply::Fault(FaultKind::NotAnArchive, None),
                Some(Trouble::Redirected) => return Reply::Fault(FaultKind::Redirected, None),
                Some(Trouble::Invalid) => drop(invalid.insert(hour)),
                Some(trouble) => broken = Some((hour, trouble)),
                None => {}
            }
            let rows = self.visible(hour, now);
            if !rows.is_empty() {
                hours.insert(hour, rows);
            }
        }
        if hours.values().map(Vec::len).sum::<usize>() > self.scenario.too_large_above {
            return Reply::Fault(self.scenario.too_large, None);
        }
        if !alone && window.last().index() - window.first().index() >= i64::from(self.scenario.slow_above) {
            return Reply::Fault(FaultKind::GatewayTimeout, None);
        }
        if !hours.is_empty() && random.below(4) == 0 {
            // A member without a row.
            hours.entry(window.first()).or_default();
        }
        if hours.is_empty() && broken.is_none() && random.below(3) != 0 {
            return Reply::NotFound;
        }
        if let Some((hour, _)) = broken {
            hours.entry(hour).or_default();
        }
        Reply::Archive(Archive { sampled: now, hours, broken, invalid, salt: random.bits() })
    }

    fn noise(&mut self, window: Window, random: &mut Random) -> Reply {
        use FaultKind::{BodyReset, BodyShort, BodyStalled, Connect, NoFirstByte, RateLimited, Unavailable};
        let kind = pick(random, &[RateLimited, Connect, NoFirstByte, Unavailable, BodyReset, BodyShort, BodyStalled]);
        let retry_after = (kind == RateLimited && random.below(2) == 0).then(|| random.below(900));
        match self.unlucky(window, kind, 0) {
            Reply::Fault(kind, _) => Reply::Fault(kind, retry_after),
            other => other,
        }
    }

    /// An hour's attempts may count each noise, and an outage once: when it was over and others were answered. An answer
    /// that is the hour's own fault is counted each time.
    pub fn unlucky(&mut self, window: Window, kind: FaultKind, outage: u64) -> Reply {
        let blames_hours = !matches!(kind, FaultKind::Connect | FaultKind::RateLimited);
        if window.first() != window.last() || !blames_hours {
            return Reply::Fault(kind, None);
        }
        let truth = self.truth(window.first());
        let own = kind.owner(1) == ampd::model::Owner::Hour;
        if outage == 0 || own || truth.met != outage {
            truth.met = outage;
            truth.unlucky += 1;
        }
        Reply::Fault(kind, None)
    }
}

fn made(random: &mut Random, hour: Hour, scenario: &Scenario) -> Truth {
    use Trouble::{Directory, Invalid, Member, NotAnArchive, Redirected, Slow};
    let count = if random.below(100) < scenario.empty { 0 } else { 1 + random.below(5) };
    let settle = scenario.source_policy().settle_delay;
    let due = hour.due_at(settle);
    let minutes = |random: &mut Random, most: u64| TimeDelta::minutes(i64::try_from(random.below(most)).unwrap_or(0));
    let row = |random: &mut Random, from: Time| Row { id: random.bits() >> 8, from, until: None };
    let mut rows: Vec<Row> = (0..count)
        .map(|_| {
            let from = hour.start() + minutes(random, 60);
            row(random, from)
        })
        .collect();
    if random.below(100) < scenario.late {
        for _ in 0..=random.below(2) {
            let from = due + minutes(random, 300);
            rows.push(row(random, from));
        }
    }
    if random.below(100) < scenario.late / 4 && !rows.is_empty() {
        rows[0].until = Some(due + minutes(random, 300));
    }
    let troubled = random.below(100) < scenario.troubled;
    let trouble = pick(random, &[Directory, Member, NotAnArchive, Redirected, Invalid, Slow]);
    let for_ever = random.below(3) == 0;
    Truth { rows, trouble: troubled.then_some(trouble), for_ever, unlucky: 0, met: 0 }
}

/// The parts an hour's rows are packed into: a function of the archive and the recorded shape alone.
pub fn parts(archive: &Archive, hour: Hour, part_target: u64) -> Vec<Vec<u64>> {
    let per_part = usize::try_from(part_target / 100).unwrap_or(1).max(1);
    let mut rows = archive.rows(hour).to_vec();
    let turn = usize::try_from(archive.salt % 7).unwrap_or(0) % rows.len().max(1);
    rows.rotate_left(turn);
    rows.chunks(per_part).map(<[u64]>::to_vec).collect()
}

/// The length and hash of a part's bytes.
pub fn packed(archive: &Archive, id: CaptureId, rows: &[u64]) -> (u64, String) {
    let sum = rows.iter().fold(archive.salt, |sum, row| Random::new(sum ^ row).bits());
    (rows.len() as u64 * 100 + archive.salt % 13, format!("{id}{sum:016x}"))
}
