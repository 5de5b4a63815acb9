//! Any bytes as a manifest in the lake, and any text as a key of the lake: what is read names only what it may, and is
//! the same when it is written and read again.

use ampd::lake::{LakeError, manifest_of};
use ampd::model::{Hour, SourceName, layout};

pub fn run(input: &[u8]) {
    let source: SourceName = "web".parse().unwrap();
    let hour: Hour = "2026-01-15T03".parse().unwrap();
    match manifest_of(&source, hour, 1, input) {
        Ok(manifest) => {
            let written = serde_json::to_vec(&manifest).expect("a manifest is JSON");
            assert_eq!(manifest_of(&source, hour, 1, &written).expect("what was read can be read again"), manifest);
        }
        Err(LakeError::Refused(why)) => assert!(!why.is_empty()),
        Err(other) => panic!("bytes that are there are no outage: {other}"),
    }
    if let Ok(key) = std::str::from_utf8(input)
        && let Some((hour, generation)) = layout::parse_manifest_key(&source, key)
    {
        assert_eq!(layout::manifest_key(&source, hour, generation), key, "a key has one spelling");
    }
}
