//! Where things lie in the lake, relative to its prefix. The only place that writes or reads a key.

use super::hour::Hour;
use super::names::{CaptureId, Format, SourceName};

/// The lake's identity.
pub const LAKE_JSON: &str = "_ampd/v1/lake.json";
/// Where a directory lake keeps unfinished files.
pub const TMP_DIR: &str = "_ampd/v1/tmp";

/// `_ampd/v1/source=<name>/manifests/`
pub fn manifests_prefix(source: &SourceName) -> String {
    format!("_ampd/v1/source={source}/manifests/")
}

/// `_ampd/v1/source=<name>/manifests/<YYYYMMDDTHH>.`: the manifests of one hour.
pub fn hour_manifests_prefix(source: &SourceName, hour: Hour) -> String {
    format!("{}{}.", manifests_prefix(source), hour.compact())
}

/// `_ampd/v1/source=<name>/manifests/<YYYYMMDDTHH>.g<generation>.json`
pub fn manifest_key(source: &SourceName, hour: Hour, generation: u32) -> String {
    format!("{}{}.g{generation}.json", manifests_prefix(source), hour.compact())
}

/// Reads a manifest's key: its hour and generation. `None` for anything that is not exactly one of ours.
pub fn parse_manifest_key(source: &SourceName, key: &str) -> Option<(Hour, u32)> {
    let name = key.strip_prefix(manifests_prefix(source).as_str())?;
    let (hour, generation) = name.strip_suffix(".json")?.split_once(".g")?;
    let (hour, generation) = (hour.parse().ok()?, generation.parse().ok()?);
    (manifest_key(source, hour, generation) == key).then_some((hour, generation))
}

/// A key after which the manifests of `hour` and later begin, and before which every earlier one lies: for `StartAfter`.
pub fn manifests_from(source: &SourceName, hour: Hour) -> String {
    format!("{}{}", manifests_prefix(source), hour.compact())
}

/// `_ampd/v1/source=<name>/source.json`
pub fn source_key(source: &SourceName) -> String {
    format!("_ampd/v1/source={source}/source.json")
}

/// `_ampd/v1/source=<name>/lease.json`
pub fn lease_key(source: &SourceName) -> String {
    format!("_ampd/v1/source={source}/lease.json")
}

/// `data/source=<name>/`
pub fn data_prefix(source: &SourceName) -> String {
    format!("data/source={source}/")
}

/// `data/source=<name>/date=YYYY-MM-DD/`
pub fn date_prefix(source: &SourceName, hour: Hour) -> String {
    format!("{}date={}/", data_prefix(source), hour.date())
}

/// `data/source=<name>/date=YYYY-MM-DD/hour=HH/`
pub fn hour_prefix(source: &SourceName, hour: Hour) -> String {
    format!("{}hour={:02}/", date_prefix(source, hour), hour.hour_of_day())
}

/// What an object's key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectId {
    /// The hour.
    pub hour: Hour,
    /// The generation it was uploaded for.
    pub generation: u32,
    /// The capture it came from.
    pub capture: CaptureId,
    /// From 0 through the hour.
    pub part: u32,
}

/// The key of an hour's part. `project` must be decimal digits (a parsed number), see [`is_project`].
pub fn object_key(source: &SourceName, project: &str, object: ObjectId, format: Format) -> String {
    let ObjectId { hour, generation, capture, part } = object;
    format!(
        "{}{project}_{}_{:02}.g{generation}.{capture}.p{part}.{}",
        hour_prefix(source, hour),
        hour.date(),
        hour.hour_of_day(),
        format.extension()
    )
}

/// Whether a text may stand for a project in a key: 1 to 20 decimal digits.
pub fn is_project(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Reads an object's key. `None` for anything that is not exactly one of ours, which is then never touched.
pub fn parse_object_key(source: &SourceName, key: &str) -> Option<ObjectId> {
    let rest = key.strip_prefix(data_prefix(source).as_str())?.strip_prefix("date=")?;
    let (date, rest) = rest.split_once("/hour=")?;
    let (hour_of_day, name) = rest.split_once('/')?;
    let hour: Hour = format!("{date}T{hour_of_day}").parse().ok()?;
    let mut fields = name.split('.');
    let project = fields.next()?.split('_').next().filter(|text| is_project(text))?;
    let generation = fields.next()?.strip_prefix('g')?.parse().ok()?;
    let capture = fields.next()?.parse().ok()?;
    let part = fields.next()?.strip_prefix('p')?.parse().ok()?;
    let format = fields.collect::<Vec<_>>().join(".").parse().ok()?;
    let object = ObjectId { hour, generation, capture, part };
    (object_key(source, project, object, format) == key).then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web() -> SourceName {
        "web".parse().unwrap()
    }

    #[test]
    fn keys_read_back_as_what_they_were_written_from() {
        let hour: Hour = "20261121T07".parse().unwrap();
        let object = ObjectId { hour, generation: 3, capture: CaptureId::from_bits(0xabc), part: 12 };
        let key = object_key(&web(), "187520", object, Format::JsonGz);
        assert_eq!(key, "data/source=web/date=2026-11-21/hour=07/187520_2026-11-21_07.g3.000000000abc.p12.json.gz");
        assert_eq!(parse_object_key(&web(), &key), Some(object));
        let key = manifest_key(&web(), hour, 10);
        assert_eq!(key, "_ampd/v1/source=web/manifests/20261121T07.g10.json");
        assert_eq!(parse_manifest_key(&web(), &key), Some((hour, 10)));
        assert!(
            manifests_from(&web(), hour) < key
                && manifests_from(&web(), hour) > manifest_key(&web(), hour.previous(), 99)
        );
    }

    #[test]
    fn a_foreign_key_is_nobodys_object() {
        for key in [
            "data/source=web/date=2026-11-21/hour=07/readme.txt",
            "data/source=web/date=2026-11-21/hour=7/187520_2026-11-21_07.g3.000000000abc.p12.json.gz",
            "data/source=web/date=2026-11-21/hour=07/187520_2026-11-21_08.g3.000000000abc.p12.json.gz",
            "data/source=web/date=2026-11-21/hour=07/187520_2026-11-21_07.g03.000000000abc.p12.json.gz",
            "data/source=web/date=2026-11-21/hour=07/187520_2026-11-21_07.g3.000000000ABC.p12.json.gz",
            "data/source=webb/date=2026-11-21/hour=07/187520_2026-11-21_07.g3.000000000abc.p12.json.gz",
        ] {
            assert_eq!(parse_object_key(&web(), key), None, "{key}");
        }
        assert_eq!(parse_manifest_key(&web(), "_ampd/v1/source=web/manifests/20261121T07.g1.json.bak"), None);
    }
}
