//! What is true, told without an archive: rows, bytes and a hash of the sorted lines.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{archive::HourPlan, options::Options, options::Project, rows::HourRows};

/// Bytes of a line that decide its place as a rule; they reach past `$insert_id`. Ties are decided by the whole lines.
const KEY_BYTES: usize = 48;

/// The rows of a window, and of each of its hours that has any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Rows of all hours.
    pub rows: u64,
    /// Bytes of all lines, each with its newline.
    pub bytes: u64,
    /// SHA-256 (hex) over the sorted lines, each with a newline.
    pub hash: String,
    /// The same for each hour with rows.
    pub per_hour: BTreeMap<String, HourTruth>,
}

/// The rows of one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HourTruth {
    /// Rows.
    pub rows: u64,
    /// Bytes of its lines, each with its newline.
    pub bytes: u64,
    /// SHA-256 (hex) over its sorted lines, each with a newline.
    pub hash: String,
}

/// A line's place: its beginning, and where it can be written from again.
type Place = ([u8; KEY_BYTES], usize, u64);

/// Tells the truth of these hours. Lines are written twice instead of kept: a window of any size fits.
pub fn tell(options: &Options, project: &Project, plans: &[HourPlan]) -> Truth {
    let hours: Vec<HourRows<'_>> = plans.iter().map(|plan| HourRows::new(options, project, plan.hour)).collect();
    let mut truth = Truth { rows: 0, bytes: 0, hash: String::new(), per_hour: BTreeMap::new() };
    let mut all: Vec<Place> = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        let mut places = places_of(&hours, number, plan.withheld);
        if places.is_empty() {
            continue;
        }
        let (hash, bytes) = hash_sorted(&hours, &mut places);
        let rows = places.len() as u64;
        truth.rows += rows;
        truth.bytes += bytes;
        truth.per_hour.insert(plan.hour.to_string(), HourTruth { rows, bytes, hash });
        all.append(&mut places);
    }
    truth.hash = match truth.per_hour.len() {
        1 => truth.per_hour.values().map(|hour| hour.hash.clone()).collect(),
        _ => hash_sorted(&hours, &mut all).0,
    };
    truth
}

fn places_of(hours: &[HourRows<'_>], number: usize, withheld: f64) -> Vec<Place> {
    let rows = &hours[number];
    let mut line = Vec::new();
    let mut places = Vec::new();
    for index in (0..rows.total).filter(|index| rows.has_arrived(*index, withheld)) {
        line.clear();
        rows.write(index, &mut line);
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&line[..KEY_BYTES]);
        places.push((key, number, index));
    }
    places
}

fn hash_sorted(hours: &[HourRows<'_>], places: &mut [Place]) -> (String, u64) {
    let (mut left_line, mut right_line) = (Vec::new(), Vec::new());
    places.sort_unstable_by(|left, right| match left.0.cmp(&right.0) {
        Ordering::Equal => {
            left_line.clear();
            right_line.clear();
            hours[left.1].write(left.2, &mut left_line);
            hours[right.1].write(right.2, &mut right_line);
            left_line.cmp(&right_line)
        }
        decided => decided,
    });
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut line = Vec::new();
    for (_, number, index) in places.iter() {
        line.clear();
        hours[*number].write(*index, &mut line);
        line.push(b'\n');
        hash.update(&line);
        bytes += line.len() as u64;
    }
    (hex::encode(hash.finalize()), bytes)
}
