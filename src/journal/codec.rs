//! Keys and values. A value is one byte of version, the record as JSON, and the CRC-32C (4 bytes, little endian) of
//! both and the key, so that a record under another's key is noticed too.
//!
//! `l` lake, `m` seal, `s/<source>`, `c/<capture>`, `h/<source>/<hour>` with the hour's index as 8 bytes, big endian,
//! sign flipped: hours are in order.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::model::{
    CaptureId, CaptureRecord, Change, Hour, HourRecord, LakeRecord, Snapshot, SourceName, SourceRecord,
};

/// The version of the values that this ampd writes, and the newest it reads.
const VERSION: u8 = 1;

/// The seal's key.
pub(super) const SEAL_KEY: &[u8] = b"m";
const LAKE_KEY: &[u8] = b"l";
const SIGN: u64 = 1 << 63;

/// Written with every commit: how many records there are and the sum of their checksums. A page that vanished, or came
/// back old, breaks it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seal {
    /// Commits so far.
    pub(super) commits: u64,
    /// Records, the seal not counted.
    pub(super) records: u64,
    /// The sum of their CRC-32Cs.
    pub(super) sum: u64,
    /// Everything is being replaced, and more batches follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unfinished: bool,
    /// The version of ampd that wrote last.
    pub(super) written_by: String,
}

impl Seal {
    /// Counts a value in.
    pub(super) fn add(&mut self, value: &[u8]) {
        self.records = self.records.wrapping_add(1);
        self.sum = self.sum.wrapping_add(checksum(value));
    }

    /// Counts a value out.
    pub(super) fn remove(&mut self, value: &[u8]) {
        self.records = self.records.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(checksum(value));
    }

    /// Whether the other seal counts the same records.
    pub(super) fn same_records(&self, other: &Self) -> bool {
        (self.records, self.sum) == (other.records, other.sum)
    }
}

fn checksum(value: &[u8]) -> u64 {
    value.last_chunk().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)))
}

/// What a change writes: its key, and the value or `None` to remove it.
pub(super) fn write(change: &Change) -> Result<(Vec<u8>, Option<Vec<u8>>), JournalError> {
    let (key, value) = match change {
        Change::Lake(lake) => (LAKE_KEY.to_vec(), Some(json(lake)?)),
        Change::Source(name, record) => (format!("s/{name}").into_bytes(), Some(json(record)?)),
        Change::Capture(record) => (capture_key(record.id), Some(json(record)?)),
        Change::CaptureGone(id) => (capture_key(*id), None),
        Change::Hour(name, hour, record) if record.is_blank() => (hour_key(name, *hour), None),
        Change::Hour(name, hour, record) => (hour_key(name, *hour), Some(json(record)?)),
    };
    let value = value.map(|body| envelope(&key, VERSION, &body));
    Ok((key, value))
}

/// The seal's value.
pub(super) fn write_seal(seal: &Seal) -> Result<Vec<u8>, JournalError> {
    Ok(envelope(SEAL_KEY, VERSION, &json(seal)?))
}

fn json<T: Serialize>(record: &T) -> Result<Vec<u8>, JournalError> {
    serde_json::to_vec(record).map_err(|error| JournalError::Io(format!("a record cannot be written as JSON: {error}")))
}

fn capture_key(id: CaptureId) -> Vec<u8> {
    format!("c/{id}").into_bytes()
}

fn hour_key(source: &SourceName, hour: Hour) -> Vec<u8> {
    let mut key = format!("h/{source}/").into_bytes();
    key.extend_from_slice(&(hour.index().cast_unsigned() ^ SIGN).to_be_bytes());
    key
}

/// Version, body and checksum.
pub(super) fn envelope(key: &[u8], version: u8, body: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(body.len() + 5);
    value.push(version);
    value.extend_from_slice(body);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&value), key);
    value.extend_from_slice(&sum.to_le_bytes());
    value
}

/// Adds a stored record to the snapshot.
pub(super) fn read(key: &[u8], value: &[u8], into: &mut Snapshot) -> Result<(), JournalError> {
    match (key.first(), key) {
        (_, LAKE_KEY) => into.lake = body::<LakeRecord>(key, value)?,
        (Some(b's'), _) => {
            let record = body::<SourceRecord>(key, value)?;
            into.sources.push((source_of(key)?, record));
        }
        (Some(b'c'), _) => into.captures.push(body::<CaptureRecord>(key, value)?),
        (Some(b'h'), _) => {
            let (prefix, index) = key.split_last_chunk::<8>().ok_or_else(|| damaged(key, "its key is too short"))?;
            let name = prefix.strip_suffix(b"/").unwrap_or_default();
            let record = body::<HourRecord>(key, value)?;
            // The hours of a source follow each other: its name is read once, not for each of them.
            let source = match into.hours.last() {
                Some((last, ..)) if name.get(2..) == Some(last.as_str().as_bytes()) => last.clone(),
                _ => source_of(name)?,
            };
            let hour = Hour::from_index((u64::from_be_bytes(*index) ^ SIGN).cast_signed());
            into.hours.push((source, hour, record));
        }
        _ => {
            return body::<serde_json::Value>(key, value).and_then(|_| Err(newer(format!("the key `{}`", shown(key)))));
        }
    }
    Ok(())
}

/// The stored seal. A newer version's is read too, to say who wrote it.
pub(super) fn read_seal(value: &[u8]) -> Result<Seal, JournalError> {
    let (_, body) = open(SEAL_KEY, value)?;
    serde_json::from_slice(body).map_err(|error| newer(format!("its seal: {error}")))
}

/// The name after `s/` or `h/` in a key whose checksum was right.
fn source_of(key: &[u8]) -> Result<SourceName, JournalError> {
    let text = key.get(2..).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
    text.parse().map_err(|_| newer(format!("the key `{}`", shown(key))))
}

/// The version and the body of a value whose checksum is right.
fn open<'a>(key: &[u8], value: &'a [u8]) -> Result<(u8, &'a [u8]), JournalError> {
    let (content, sum) = value.split_last_chunk::<4>().ok_or_else(|| damaged(key, "it is too short"))?;
    if crc32c::crc32c_append(crc32c::crc32c(content), key).to_le_bytes() != *sum {
        return Err(damaged(key, "its checksum is wrong"));
    }
    let (version, body) = content.split_first().ok_or_else(|| damaged(key, "it is empty"))?;
    Ok((*version, body))
}

/// A record that is whole but cannot be read is another version's, not damage.
fn body<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, JournalError> {
    let (version, body) = open(key, value)?;
    if version != VERSION {
        return Err(newer(format!("record `{}` has version {version}, this ampd reads {VERSION}", shown(key))));
    }
    serde_json::from_slice(body).map_err(|error| newer(format!("record `{}`: {error}", shown(key))))
}

fn newer(found: String) -> JournalError {
    JournalError::Newer { written_by: "version unknown".to_owned(), found }
}

fn damaged(key: &[u8], why: &str) -> JournalError {
    JournalError::Corrupt(format!("record `{}`: {why}", shown(key)))
}

fn shown(key: &[u8]) -> String {
    key.iter().take(80).flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect()
}
