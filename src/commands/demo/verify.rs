//! The lake against the truth: every newest manifest, every object, every row, read without ampd's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::inventory::{Inventory, hour_of};
use super::world::written;
use crate::simulator::{Hour, HourTruth};

/// What should be in the lake.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Every good hour; none for one without rows.
    pub hours: BTreeMap<Hour, Option<HourTruth>>,
    /// The hours that were published again.
    pub second_generation: BTreeSet<Hour>,
}

/// What is there, and every difference in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Hours with rows, all of them as they should be.
    pub data: u64,
    /// Hours rightly published as empty.
    pub empty: u64,
    /// Rows that were read, hashed and found right.
    pub rows: u64,
    /// Objects that only an older generation's manifest names.
    pub superseded: u64,
    /// What is not as it should be.
    pub differences: Vec<String>,
}

/// Compares; an error only when the lake cannot be listed.
pub fn compare(lake: &Path, expected: &Expected) -> io::Result<Found> {
    let inventory = Inventory::take(lake)?;
    let mut found = Found::default();
    let mut newest: BTreeMap<Hour, u32> = BTreeMap::new();
    for (hour, generation) in inventory.manifests.keys() {
        newest.insert(*hour, *generation);
    }
    let mut named: BTreeMap<String, Hour> = BTreeMap::new();
    for ((hour, generation), path) in &inventory.manifests {
        let is_newest = newest.get(hour) == Some(generation);
        match read_manifest(path) {
            Err(error) => found.differences.push(format!("{}: its manifest cannot be read: {error}", written(*hour))),
            Ok(manifest) => {
                let keys = keys_of(&manifest);
                found.superseded += if is_newest { 0 } else { there(&inventory, &keys) };
                for key in &keys {
                    if hour_of(key) != Some(*hour) || named.insert(key.clone(), *hour).is_some() {
                        found.differences.push(format!("{key} is named twice, or by another hour's manifest"));
                    }
                }
                if is_newest {
                    judge(lake, expected, (*hour, *generation), &manifest, &keys, &mut found);
                }
            }
        }
    }
    let missing = expected.hours.keys().filter(|hour| !newest.contains_key(hour));
    found.differences.extend(missing.map(|hour| format!("{} was never published", written(*hour))));
    let stray = inventory.objects.keys().filter(|key| !named.contains_key(*key));
    found.differences.extend(stray.map(|key| format!("{key} is in no manifest")));
    found.differences.extend(inventory.strange.iter().map(|name| format!("{name} lies among the manifests")));
    Ok(found)
}

fn there(inventory: &Inventory, keys: &[String]) -> u64 {
    keys.iter().filter(|key| inventory.objects.contains_key(*key)).count() as u64
}

fn read_manifest(path: &Path) -> io::Result<Value> {
    serde_json::from_slice(&fs::read(path)?).map_err(io::Error::other)
}

fn keys_of(manifest: &Value) -> Vec<String> {
    let objects = manifest["objects"].as_array().map_or(&[][..], Vec::as_slice);
    objects.iter().filter_map(|object| object["key"].as_str()).map(str::to_owned).collect()
}

/// One hour's newest manifest and the rows behind it.
fn judge(
    lake: &Path,
    expected: &Expected,
    (hour, generation): (Hour, u32),
    manifest: &Value,
    keys: &[String],
    found: &mut Found,
) {
    let name = written(hour);
    let before = found.differences.len();
    let mut differs = |what: String| found.differences.push(format!("{name}: {what}"));
    let Some(truth) = expected.hours.get(&hour) else {
        return differs("published, and should not be".to_owned());
    };
    let wanted = if expected.second_generation.contains(&hour) { 2 } else { 1 };
    if generation != wanted {
        differs(format!("generation {generation} instead of {wanted}"));
    }
    let (state, rows) = truth.as_ref().map_or(("empty", 0), |truth| ("data", truth.rows));
    if manifest["state"] != state || manifest["hour"] != name.as_str() {
        differs(format!("its manifest says {} of {} instead of {state}", manifest["state"], manifest["hour"]));
    }
    if manifest["rows"] != rows {
        differs(format!("its manifest says {} rows, the truth {rows}", manifest["rows"]));
    }
    match read_rows(lake, keys) {
        Err(error) => differs(format!("its objects cannot be read: {error}")),
        Ok((read, hash)) => {
            if read != rows {
                differs(format!("{read} rows in the lake, {rows} in truth"));
            } else if truth.as_ref().is_some_and(|truth| truth.hash != hash) {
                differs("as many rows as in truth, but others".to_owned());
            }
        }
    }
    if found.differences.len() == before {
        found.rows += rows;
        if truth.is_some() { found.data += 1 } else { found.empty += 1 }
    }
}

/// The number of rows of an hour's objects, and the SHA-256 over them sorted, each with a newline.
fn read_rows(lake: &Path, keys: &[String]) -> io::Result<(u64, String)> {
    let mut text = Vec::new();
    for key in keys {
        MultiGzDecoder::new(File::open(lake.join(key))?).read_to_end(&mut text)?;
        // A last line without a newline is a line of its own all the same.
        text.push(b'\n');
    }
    let mut rows: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()).collect();
    rows.sort_unstable();
    let mut hash = Sha256::new();
    for row in &rows {
        hash.update(row);
        hash.update(b"\n");
    }
    Ok((rows.len() as u64, hex::encode(hash.finalize())))
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
