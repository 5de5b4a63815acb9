//! The simulated project: how many rows, and what goes wrong where.

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use crate::clock;
use crate::simulator::{Fault, FaultKind, Hour, Limits, Options, Project, TruncatedEnd};

/// Longest window that the simulator serves; of fewer hours than a day, half of them.
const WINDOW_MAX: u64 = 12;
/// Requests that are answered with 504, by their numbers.
const TIMED_OUT: [u64; 2] = [2, 3];
/// How often the truncated archive arrives truncated.
const TRUNCATIONS: u64 = 2;
/// The share of the late hour's rows that is late.
const LATE_SHARE: f64 = 0.3;
/// The virtual clock is moved past this when the late rows arrive.
const LATE_BY: TimeDelta = TimeDelta::minutes(30);
/// The night without rows, hours of the day in UTC.
const NIGHT: std::ops::RangeInclusive<u32> = 2..=4;

/// Which hours there are and what is wrong with them.
#[derive(Clone, Debug)]
pub struct World {
    /// The first hour.
    pub first: Hour,
    /// The last hour.
    pub last: Hour,
    /// Hours without rows.
    pub empty: Vec<Hour>,
    /// Its archive arrives truncated, then whole.
    pub truncated: Hour,
    /// Its archive is corrupt for good.
    pub corrupt: Hour,
    /// Part of its rows come late.
    pub late: Hour,
    /// When they do.
    pub late_at: DateTime<Utc>,
    /// Rows of an ordinary hour.
    pub rows_per_hour: u64,
    /// `window.settle_delay` in minutes.
    pub settle_minutes: i64,
}

impl World {
    /// The newest `hours` hours that are due at `now`.
    pub fn plan(hours: u32, rows_per_hour: u64, now: DateTime<Utc>) -> Self {
        // Close to the next full hour another hour would become due while the demo runs: half an hour more delay.
        let settle_minutes = if now.minute() < 40 { 120 } else { 150 };
        let last = Hour::containing(now - TimeDelta::minutes(settle_minutes)).plus(-1);
        let first = last.plus(1 - i64::from(hours));
        let mut empty: Vec<Hour> = first.through(last).filter(|hour| NIGHT.contains(&hour.of_day())).collect();
        if empty.is_empty() {
            empty.push(first.plus(i64::from(hours / 2)));
        }
        let full: Vec<Hour> = first.through(last).filter(|hour| !empty.contains(hour)).collect();
        let at = |quarters: usize| full[full.len() * quarters / 4];
        let (truncated, corrupt, late) = (at(1), at(2), at(3));
        Self { first, last, empty, truncated, corrupt, late, late_at: now + LATE_BY, rows_per_hour, settle_minutes }
    }

    /// All hours, in order.
    pub fn hours(&self) -> impl Iterator<Item = Hour> {
        self.first.through(self.last)
    }

    /// How many there are.
    pub fn count(&self) -> i64 {
        self.last.number() - self.first.number() + 1
    }

    /// A window of more hours is refused.
    fn window_max(&self) -> u64 {
        WINDOW_MAX.min(self.count().unsigned_abs() / 2)
    }

    /// What the simulator is started with.
    pub fn options(&self) -> Options {
        let project = Project {
            name: "demo".into(),
            events_per_hour: self.rows_per_hour,
            hours: self.empty.iter().map(|hour| (*hour, 0)).collect(),
            first_hour: Some(self.first),
            ..Project::default()
        };
        Options {
            projects: vec![project],
            clock: clock::now,
            limits: Limits { max_hours: Some(self.window_max()), ..Limits::default() },
            faults: self.faults(),
            ..Options::default()
        }
    }

    fn faults(&self) -> Vec<Fault> {
        let time_out = || FaultKind::Status { code: 504, retry_after: None, body: None };
        let burst = TIMED_OUT.map(|request| Fault { request: Some(request), ..Fault::new(time_out()) });
        let truncate = FaultKind::Truncate { fraction: 0.6, end: TruncatedEnd::Honest };
        let late = FaultKind::LateDelivery { share: LATE_SHARE, after: Some(self.late_at), after_minutes: None };
        let content = [
            Fault::new(truncate).on(self.truncated).times(TRUNCATIONS),
            Fault::new(FaultKind::CorruptMember).on(self.corrupt),
            Fault::new(late).on(self.late),
        ];
        burst.into_iter().chain(content).collect()
    }

    /// What was planted: a name, and a sentence for people.
    pub fn planted(&self) -> Vec<(&'static str, String)> {
        let hour = |hour: Hour| written(hour);
        let mut nights: Vec<(Hour, Hour)> = Vec::new();
        for hour in &self.empty {
            match nights.last_mut() {
                Some((_, last)) if last.plus(1) == *hour => *last = *hour,
                _ => nights.push((*hour, *hour)),
            }
        }
        let (from, to) = nights[0];
        let more = if nights.len() > 1 { format!(", and {} more", nights.len() - 1) } else { String::new() };
        vec![
            ("too_large", format!("a window too large: more than {} hours are refused (400)", self.window_max())),
            ("timeouts", format!("a burst of {} time-outs (504)", TIMED_OUT.len())),
            ("empty", format!("an empty night: {} to T{:02} (404){more}", hour(from), to.of_day())),
            ("truncated", format!("a truncated archive: {}, {TRUNCATIONS} times, then whole", hour(self.truncated))),
            ("corrupt", format!("a corrupt hour: {}, for good", hour(self.corrupt))),
            ("late", format!("a late hour: {} lacks a third of its rows at first", hour(self.late))),
        ]
    }
}

/// An hour as ampd writes it: `2026-01-01T05`.
pub fn written(hour: Hour) -> String {
    hour.start().format("%Y-%m-%dT%H").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_hours_at_any_time_has_room_for_every_fault() {
        for minute in 0..(24 * 60) {
            let now = DateTime::from_timestamp(1_767_312_000 + minute * 60, 0).unwrap();
            for hours in [6, 7, 24, 100] {
                let world = World::plan(hours, 100, now);
                assert_eq!(world.count(), i64::from(hours));
                let planted = [world.truncated, world.corrupt, world.late];
                assert!(planted.iter().all(|hour| !world.empty.contains(hour)), "{world:?}");
                assert!(planted.windows(2).all(|pair| pair[0] < pair[1]), "{world:?}");
                let due = world.last.end() + TimeDelta::minutes(world.settle_minutes);
                let next = due + TimeDelta::hours(1);
                assert!(due <= now && next - now >= TimeDelta::minutes(19), "{world:?}");
            }
        }
    }

    #[test]
    fn what_is_planted_fits_a_terminal() {
        let now = DateTime::from_timestamp(1_767_312_000, 0).unwrap();
        for (name, text) in World::plan(240, 100, now).planted() {
            assert!(text.len() <= 76, "{name}: {text}");
        }
    }
}
