//! Which of an hour's objects can never be named again (rule 5).

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

/// How long readers of a replaced manifest may still be at work.
pub const READERS: TimeDelta = TimeDelta::hours(1);

/// A manifest of the hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its generation.
    pub generation: u32,
    /// Last-Modified, by the store's clock.
    pub modified: DateTime<Utc>,
    /// The keys it names.
    pub keys: BTreeSet<String>,
}

/// What a sweep of one hour does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Keys to delete.
    pub delete: Vec<String>,
    /// Something can be deleted later, when readers of a replaced manifest are done.
    pub waiting: bool,
}

/// Decides over one hour's objects (key and generation) and all its manifests, by the store's own clock. Objects of a
/// generation without a manifest are left: their manifest may be on its way.
pub fn decide(objects: &[(String, u32)], manifests: &[Published], store_time: DateTime<Utc>) -> Sweep {
    let mut sweep = Sweep::default();
    let Some(newest) = manifests.iter().max_by_key(|manifest| manifest.generation) else { return sweep };
    for (key, generation) in objects {
        if *generation > newest.generation || newest.keys.contains(key) {
            continue;
        }
        let last_named = manifests.iter().filter(|manifest| manifest.keys.contains(key)).map(|m| m.generation).max();
        let replaced_at = last_named.and_then(|named| {
            let later = manifests.iter().filter(|manifest| manifest.generation > named);
            later.min_by_key(|manifest| manifest.generation).map(|manifest| manifest.modified)
        });
        if replaced_at.is_none_or(|replaced| store_time - replaced > READERS) {
            sweep.delete.push(key.clone());
        } else {
            sweep.waiting = true;
        }
    }
    sweep
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn manifest(generation: u32, minutes: i64, keys: &[&str]) -> Published {
        Published { generation, modified: at(minutes), keys: keys.iter().map(|&key| key.to_owned()).collect() }
    }

    fn objects(keys: &[(&str, u32)]) -> Vec<(String, u32)> {
        keys.iter().map(|(key, generation)| ((*key).to_owned(), *generation)).collect()
    }

    #[test]
    fn what_a_manifest_may_still_name_is_left() {
        let all = objects(&[("named", 1), ("next", 2)]);
        assert_eq!(decide(&all, &[], at(10_000)), Sweep::default());
        assert_eq!(decide(&all, &[manifest(1, 0, &["named"])], at(10_000)), Sweep::default());
    }

    #[test]
    fn what_was_never_named_and_never_will_be_goes_at_once() {
        let sweep = decide(&objects(&[("named", 1), ("rival", 1)]), &[manifest(1, 0, &["named"])], at(0));
        assert_eq!(sweep, Sweep { delete: vec!["rival".to_owned()], waiting: false });
    }

    #[test]
    fn what_was_replaced_stays_for_an_hour_after_it_was_replaced() {
        let manifests = [manifest(1, 0, &["old"]), manifest(2, 100, &["new"]), manifest(10, 300, &["newest"])];
        let all = objects(&[("old", 1), ("new", 2), ("newest", 10)]);
        let keys = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(decide(&all, &manifests, at(160)), Sweep { delete: keys(&[]), waiting: true });
        assert_eq!(decide(&all, &manifests, at(161)), Sweep { delete: keys(&["old"]), waiting: true });
        assert_eq!(decide(&all, &manifests, at(361)), Sweep { delete: keys(&["old", "new"]), waiting: false });
    }
}
