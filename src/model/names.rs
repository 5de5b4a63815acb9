//! Small values with one written form: source names, capture ids, content hashes, formats.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a source: `[a-z][a-z0-9_]*`, no `__`, at most 64 characters. Part of keys, so it is checked once, here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceName(String);

/// Why a text is no such value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseNameError(&'static str);

impl SourceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceName {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let rest = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if first && rest && text.len() <= 64 && !text.contains("__") {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseNameError("a source's name is [a-z][a-z0-9_]* without `__`, at most 64 characters"))
        }
    }
}

/// The identity of one download: 12 lower-case hex digits, drawn anew for every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaptureId(u64);

impl CaptureId {
    /// The id made of the low 48 bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & 0xFFFF_FFFF_FFFF)
    }
}

impl fmt::Display for CaptureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

impl FromStr for CaptureId {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let wrong = ParseNameError("a capture id is 12 lower-case hex digits");
        if hex { u64::from_str_radix(text, 16).map(Self).map_err(|_| wrong) } else { Err(wrong) }
    }
}

/// The sum modulo 2^128 of the XXH3-128 of every line that is not blank: equal hashes mean equal rows, whatever
/// their order and packing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContentHash(pub u128);

impl ContentHash {
    /// Adds one line's hash.
    pub fn add(&mut self, line: u128) {
        self.0 = self.0.wrapping_add(line);
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ContentHash {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = ParseNameError("a content hash is 32 hex digits");
        if text.len() == 32 { u128::from_str_radix(text, 16).map(Self).map_err(|_| wrong) } else { Err(wrong) }
    }
}

/// How an hour's rows are packed in the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Amplitude's own gzip members, untouched, joined up to the part target.
    #[default]
    JsonGz,
    /// The plain lines.
    Json,
    /// The plain lines, compressed with zstd.
    JsonZst,
    /// Typed columns.
    Parquet,
}

impl Format {
    /// Every format, the default first.
    pub const ALL: [Format; 4] = [Format::JsonGz, Format::Json, Format::JsonZst, Format::Parquet];

    /// The formats that this build can write and read.
    pub fn built() -> impl Iterator<Item = Format> {
        Self::ALL.into_iter().filter(|format| *format != Format::Parquet || cfg!(feature = "parquet"))
    }

    /// The file name extension of the format's objects, which is also its written name.
    pub fn extension(self) -> &'static str {
        match self {
            Format::JsonGz => "json.gz",
            Format::Json => "json",
            Format::JsonZst => "json.zst",
            Format::Parquet => "parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for Format {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Format::ALL.into_iter().find(|format| format.extension() == text);
        found.ok_or(ParseNameError("the formats are `json.gz`, `json`, `json.zst` and `parquet`"))
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
as_text!(SourceName, CaptureId, ContentHash, Format);
