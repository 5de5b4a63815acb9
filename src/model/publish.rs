//! What to do right before a manifest is created, from the manifests that the hour has (rule 4).

use std::borrow::Borrow;

use super::manifest::{Draft, Manifest, ManifestRef, Object};
use super::names::CaptureId;

/// A manifest of the hour: its generation, and the capture it names (none for a skipped hour).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its generation.
    pub generation: u32,
    /// The capture it was published from.
    pub capture: Option<CaptureId>,
}

/// What a publish step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Check the objects, then create the manifest.
    Create,
    /// This capture published the hour already; the hour's newest generation is this one.
    Ours {
        /// The newest, which may be somebody else's by now.
        newest: u32,
    },
    /// The draft's generation is not one more than the newest, which is this one.
    Contested {
        /// The newest; none when the hour has no manifest.
        newest: Option<u32>,
    },
}

/// Whether the listed manifests must be read before [`decide`]: not when the hour has none, which is the rule.
pub fn must_read(generations: &[u32]) -> bool {
    !generations.is_empty()
}

/// Decides for a draft of `generation` taken from `capture`. `taken` holds every manifest of the hour, in any order.
pub fn decide(generation: u32, capture: Option<CaptureId>, taken: &[Taken]) -> Decision {
    let newest = taken.iter().map(|manifest| manifest.generation).max();
    let ours = capture.is_some() && taken.iter().any(|manifest| manifest.capture == capture);
    match newest {
        Some(newest) if ours => Decision::Ours { newest },
        _ if newest.unwrap_or(0).checked_add(1) == Some(generation) => Decision::Create,
        newest => Decision::Contested { newest },
    }
}

/// How a publish step ends by what is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// This capture published the hour; what the hour's newest manifest says.
    Ours(ManifestRef),
    /// Somebody else was there: the hour's newest manifest, not the one in the way.
    Contested(Option<ManifestRef>),
}

/// [`decide`] with what the manifests say; `None` when the manifest is to be created.
pub fn settled(generation: u32, capture: Option<CaptureId>, there: &[impl Borrow<Manifest>]) -> Option<Settled> {
    let there = || there.iter().map(Borrow::borrow);
    let taken: Vec<Taken> =
        there().map(|manifest| Taken { generation: manifest.generation, capture: manifest.capture.id }).collect();
    let says = |generation: u32| {
        there().find(|manifest: &&Manifest| manifest.generation == generation).map(Manifest::reference)
    };
    match decide(generation, capture, &taken) {
        Decision::Create => None,
        Decision::Ours { newest } => says(newest).map(Settled::Ours),
        Decision::Contested { newest } => Some(Settled::Contested(newest.and_then(says))),
    }
}

/// Whether the hour has objects (key and generation) that the draft's manifest will not name and no later one can: left
/// by a process that died with its journal, by a rival, or by the generation before. Asked before the manifest, so what is
/// written meanwhile is not seen: its writer will meet the manifest, and remember what it left.
pub fn leaves_others(objects: impl IntoIterator<Item = (String, u32)>, draft: &Draft) -> bool {
    let names = |key: &str| draft.objects.iter().any(|object| object.key == key);
    objects.into_iter().any(|(key, generation)| generation <= draft.generation && !names(&key))
}

/// What a store says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Length.
    pub bytes: u64,
    /// CRC-64/NVME, where the store keeps one.
    pub crc64nvme: Option<&'a str>,
    /// SHA-256, where the store keeps one.
    pub sha256: Option<&'a str>,
}

/// In what an object differs from what was uploaded; `None` when it agrees as far as the store says. Nothing that
/// differs is named by a manifest.
pub fn difference(object: &Object, found: Option<Found>) -> Option<String> {
    let key = &object.key;
    let Some(found) = found else { return Some(format!("{key} is not in the lake")) };
    if found.bytes != object.bytes {
        return Some(format!("{key} has {} bytes instead of {}", found.bytes, object.bytes));
    }
    let differs = |ours: &Option<String>, theirs: Option<&str>| {
        ours.as_deref().zip(theirs).is_some_and(|(ours, theirs)| ours != theirs)
    };
    if differs(&object.crc64nvme, found.crc64nvme) || differs(&object.sha256, found.sha256) {
        return Some(format!("{key} has another checksum than it was uploaded with"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Content, HourState};

    fn taken(generation: u32, capture: u64) -> Taken {
        Taken { generation, capture: Some(CaptureId::from_bits(capture)) }
    }

    fn ours() -> CaptureId {
        CaptureId::from_bits(1)
    }

    #[test]
    fn objects_that_nothing_names_are_seen_beside_the_draft_those_of_a_later_generation_are_not() {
        let object =
            |key: &str| Object { key: key.to_owned(), bytes: 1, rows: 1, sha256: None, crc64nvme: None, etag: None };
        let draft = Draft {
            generation: 2,
            state: HourState::Data,
            reason: None,
            project: None,
            content: Content::default(),
            objects: vec![object("ours")],
        };
        let there = |keys: &[(&str, u32)]| keys.iter().map(|(key, g)| ((*key).to_owned(), *g)).collect::<Vec<_>>();
        assert!(!leaves_others(there(&[]), &draft));
        assert!(!leaves_others(there(&[("ours", 2), ("a rival's next", 3)]), &draft));
        assert!(leaves_others(there(&[("ours", 2), ("of a lost journal", 2)]), &draft));
        assert!(leaves_others(there(&[("the generation before", 1)]), &draft));
    }

    #[test]
    fn the_next_generation_is_created() {
        assert_eq!(decide(1, Some(ours()), &[]), Decision::Create);
        assert_eq!(decide(3, Some(ours()), &[taken(2, 7), taken(1, 8)]), Decision::Create);
    }

    #[test]
    fn a_generation_taken_or_skipped_is_contested() {
        assert_eq!(decide(1, Some(ours()), &[taken(1, 7)]), Decision::Contested { newest: Some(1) });
        assert_eq!(decide(1, Some(ours()), &[taken(10, 7), taken(9, 8)]), Decision::Contested { newest: Some(10) });
        assert_eq!(decide(3, Some(ours()), &[taken(1, 7)]), Decision::Contested { newest: Some(1) });
        assert_eq!(decide(2, Some(ours()), &[]), Decision::Contested { newest: None });
    }

    #[test]
    fn a_capture_publishes_an_hour_at_most_once() {
        assert_eq!(decide(1, Some(ours()), &[taken(1, 1)]), Decision::Ours { newest: 1 });
        assert_eq!(decide(1, Some(ours()), &[taken(1, 1), taken(2, 7)]), Decision::Ours { newest: 2 });
        assert_eq!(decide(3, Some(ours()), &[taken(1, 1), taken(2, 7)]), Decision::Ours { newest: 2 });
    }

    #[test]
    fn a_skip_is_never_taken_for_another_skip() {
        let skip = Taken { generation: 1, capture: None };
        assert_eq!(decide(1, None, &[skip]), Decision::Contested { newest: Some(1) });
        assert_eq!(decide(1, None, &[]), Decision::Create);
    }
}
