//! What every lake must do, whatever it is made of. `contract_stores.rs` runs this on each store.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use tokio::io::AsyncReadExt as _;

use super::{Created, LOOK_MAX, Lake, LakeError, Piece, Replaced, Stored, Sums, Version, list_all};

/// A store under test.
pub(super) struct Store {
    pub(super) lake: Arc<dyn Lake>,
    /// The part size it was opened with.
    pub(super) part_size: usize,
    /// Of rival create-once PUTs, and of rival replacements, exactly one wins.
    pub(super) atomic_create: bool,
}

const DATA: &str = "data/source=web/date=2026-11-21/hour=07";

/// Everything, in one go; each part uses keys of its own.
pub(super) async fn holds(store: &Store) {
    let lake = &*store.lake;
    small_objects(lake).await;
    odd_keys(lake).await;
    hostile_keys(lake).await;
    listing(lake).await;
    created_once(lake).await;
    replaced_by_who_saw_it(lake).await;
    if store.atomic_create {
        one_of_many_creates(&store.lake).await;
        one_of_many_replaces(&store.lake).await;
    }
    let part = store.part_size;
    written(lake, &[0, 1, part - 1, part, 2 * part, 2 * part + 1]).await;
    given_up(lake, store.part_size).await;
    wrong_sums(lake, store.part_size).await;
    nothing_after_the_last(lake).await;
    side_by_side(&store.lake, store.part_size).await;
    let skew = lake.store_time().await.unwrap() - crate::clock::now();
    assert!(skew.abs() <= TimeDelta::seconds(2), "{skew}");
    assert!(!lake.describe().location.is_empty());
}

fn body(length: usize) -> Bytes {
    (0..length).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect::<Vec<u8>>().into()
}

/// Writes an object piece by piece.
pub(super) async fn write(lake: &dyn Lake, key: &str, body: &Bytes, sums: Sums) -> Result<Stored, LakeError> {
    let mut writer = lake.writer(key).await?;
    for piece in pieces(lake, body) {
        writer.write(piece).await?;
    }
    writer.finish(sums).await
}

fn pieces(lake: &dyn Lake, body: &Bytes) -> impl Iterator<Item = Piece> {
    let room = lake.buffers().room();
    (0..body.len()).step_by(room).map(move |start| Piece::of(body.slice(start..body.len().min(start + room))))
}

async fn small_objects(lake: &dyn Lake) {
    let key = "_ampd/v1/source=web/lease.json";
    assert_eq!(lake.get(key).await.unwrap(), None);
    assert_eq!(lake.head(key).await.unwrap(), None);
    assert!(lake.read(key).await.unwrap().is_none());
    lake.delete(key).await.unwrap();
    for text in ["first", "second, longer", "", "first"] {
        lake.put(key, Bytes::from(text)).await.unwrap();
        assert_eq!(lake.get(key).await.unwrap().unwrap(), text);
        assert_eq!(lake.head(key).await.unwrap().unwrap().bytes, text.len() as u64);
    }
    let modified = lake.head(key).await.unwrap().unwrap().modified;
    assert!((modified - lake.store_time().await.unwrap()).abs() < TimeDelta::seconds(60), "{modified}");
    lake.delete(key).await.unwrap();
    lake.delete(key).await.unwrap();
    assert_eq!(lake.get(key).await.unwrap(), None);
}

async fn odd_keys(lake: &dyn Lake) {
    for key in ["odd/a=b/c+d e/é (1)~%41&x;y,z'!*@$.json", "odd/a=b/c+d", "odd/a=b.c/d"] {
        lake.put(key, Bytes::from(key)).await.unwrap();
        assert_eq!(lake.get(key).await.unwrap().unwrap(), key);
        let listed = list_all(lake, key, None, 5).await.unwrap();
        assert!(listed.iter().any(|listed| listed.key == key), "{key}: {listed:?}");
        lake.delete(key).await.unwrap();
        assert_eq!(lake.get(key).await.unwrap(), None);
    }
    assert!(list_all(lake, "odd/", None, 5).await.unwrap().is_empty());
}

async fn hostile_keys(lake: &dyn Lake) {
    for key in ["", "/etc/passwd", "../outside", "data/../../outside", "a//b", "a/"] {
        assert!(matches!(lake.get(key).await, Err(LakeError::Refused(_))), "{key}");
        assert!(lake.put(key, Bytes::new()).await.is_err());
        assert!(lake.create(key, Bytes::new()).await.is_err());
        assert!(lake.head(key).await.is_err() && lake.delete(key).await.is_err());
        assert!(lake.read(key).await.is_err() && lake.writer(key).await.is_err());
        assert!(lake.look(key).await.is_err() && lake.replace(key, Bytes::new(), None).await.is_err());
    }
    assert!(lake.list_page("../", None).await.is_err());
}

async fn listing(lake: &dyn Lake) {
    let keys = ["a/b", "a-b", "a.b/c", "a0", "a/c/d", "a/c.d", "a/c=1/x", "a/c=1/y", "a/c=10", "a/Z", "a/z"];
    for key in keys {
        lake.put(&format!("list/{key}"), Bytes::from(key)).await.unwrap();
    }
    lake.put("lisu", Bytes::new()).await.unwrap();
    let sorted: BTreeSet<String> = keys.iter().map(|key| format!("list/{key}")).collect();
    let sorted: Vec<String> = sorted.into_iter().collect();
    let listed = list_all(lake, "list/", None, 100).await.unwrap();
    assert_eq!(listed.iter().map(|listed| &listed.key).collect::<Vec<_>>(), sorted.iter().collect::<Vec<_>>());
    assert!(listed.iter().all(|listed| listed.bytes == listed.key.len() as u64 - 5));
    assert!(lake.list_page("list/", None).await.unwrap().more, "the stores are opened with small pages");
    for after in sorted.iter().map(String::as_str).chain(["list/a/c", "list/a/c=", "list/", "list0", "a"]) {
        for prefix in ["list/", "list/a/c", "list/a/c=1/"] {
            let wanted: Vec<_> = sorted.iter().filter(|key| key.starts_with(prefix) && key.as_str() > after).collect();
            let listed = list_all(lake, prefix, Some(after), 100).await.unwrap();
            assert_eq!(listed.iter().map(|listed| &listed.key).collect::<Vec<_>>(), wanted, "{prefix} after {after}");
        }
    }
    assert_eq!(list_all(lake, "list/", None, 4).await.unwrap().len(), 4);
    for key in sorted.iter().map(String::as_str).chain(["lisu"]) {
        lake.delete(key).await.unwrap();
    }
}

async fn created_once(lake: &dyn Lake) {
    let key = "_ampd/v1/source=web/manifests/20261121T07.g1.json";
    assert_eq!(lake.create(key, Bytes::from("ours")).await.unwrap(), Created::Created);
    assert_eq!(lake.create(key, Bytes::from("ours")).await.unwrap(), Created::Exists);
    assert_eq!(lake.create(key, Bytes::from("theirs")).await.unwrap(), Created::Exists);
    assert_eq!(lake.get(key).await.unwrap().unwrap(), "ours");
}

async fn one_of_many_creates(lake: &Arc<dyn Lake>) {
    let key = "_ampd/v1/source=web/manifests/20261121T08.g1.json";
    let mut rivals = tokio::task::JoinSet::new();
    for number in 0..16 {
        let lake = Arc::clone(lake);
        rivals.spawn(async move { (number, lake.create(key, Bytes::from(number.to_string())).await.unwrap()) });
    }
    let answers = rivals.join_all().await;
    let winners: Vec<i32> =
        answers.iter().filter(|(_, created)| *created == Created::Created).map(|(n, _)| *n).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    assert_eq!(lake.get(key).await.unwrap().unwrap(), winners[0].to_string());
}

async fn replaced(lake: &dyn Lake, key: &str, body: &'static str, seen: Option<&Version>) -> Version {
    match lake.replace(key, Bytes::from(body), seen).await.unwrap() {
        Replaced::Replaced { version, store_time } => {
            assert!((store_time - lake.store_time().await.unwrap()).abs() <= TimeDelta::seconds(2), "{store_time}");
            version
        }
        other => panic!("{other:?}"),
    }
}

async fn replaced_by_who_saw_it(lake: &dyn Lake) {
    let key = "_ampd/v1/source=ios/lease.json";
    let sighting = lake.look(key).await.unwrap();
    assert_eq!(sighting.found, None);
    assert!((sighting.store_time - lake.store_time().await.unwrap()).abs() <= TimeDelta::seconds(2));
    let first = replaced(lake, key, "first", None).await;
    assert_eq!(lake.look(key).await.unwrap().found, Some((Bytes::from("first"), first.clone())));
    assert_eq!(lake.replace(key, Bytes::from("other"), None).await.unwrap(), Replaced::Changed);
    let second = replaced(lake, key, "second", Some(&first)).await;
    assert_ne!(first, second);
    // The same again, as after an answer that got lost: the caller looks and finds its own.
    assert_eq!(lake.replace(key, Bytes::from("second"), Some(&first)).await.unwrap(), Replaced::Changed);
    assert_eq!(lake.get(key).await.unwrap().unwrap(), "second");
    lake.put(key, Bytes::from("by hand")).await.unwrap();
    assert_eq!(lake.replace(key, Bytes::from("third"), Some(&second)).await.unwrap(), Replaced::Changed);
    let (_, by_hand) = lake.look(key).await.unwrap().found.unwrap();
    lake.delete(key).await.unwrap();
    assert_eq!(lake.replace(key, Bytes::from("third"), Some(&by_hand)).await.unwrap(), Replaced::Changed);
    assert_eq!(lake.look(key).await.unwrap().found, None);
    let long = Bytes::from(vec![b'x'; usize::try_from(LOOK_MAX).unwrap() + 1]);
    lake.put(key, long).await.unwrap();
    let (cut, version) = lake.look(key).await.unwrap().found.unwrap();
    assert_eq!(cut.len() as u64, LOOK_MAX);
    replaced(lake, key, "short again", Some(&version)).await;
    lake.delete(key).await.unwrap();
}

async fn one_of_many_replaces(lake: &Arc<dyn Lake>) {
    let key = "_ampd/v1/source=android/lease.json";
    for seen in [None, Some(replaced(&**lake, "_ampd/v1/source=tv/lease.json", "first", None).await)] {
        let key = if seen.is_some() { "_ampd/v1/source=tv/lease.json" } else { key };
        let mut rivals = tokio::task::JoinSet::new();
        for number in 0..16 {
            let (lake, seen) = (Arc::clone(lake), seen.clone());
            rivals.spawn(async move {
                let answer = lake.replace(key, Bytes::from(number.to_string()), seen.as_ref()).await.unwrap();
                (number, answer != Replaced::Changed)
            });
        }
        let answers = rivals.join_all().await;
        let winners: Vec<i32> = answers.iter().filter(|(_, won)| *won).map(|(n, _)| *n).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert_eq!(lake.get(key).await.unwrap().unwrap(), winners[0].to_string());
        lake.delete(key).await.unwrap();
    }
}

/// Objects of these lengths arrive; the first and the last are written twice, as after a crash.
pub(super) async fn written(lake: &dyn Lake, lengths: &[usize]) {
    for &length in lengths {
        let (key, body) = (format!("{DATA}/1_{length}.g1.000000000abc.p0.json.gz"), body(length));
        let sums = Sums::of(&body);
        let again = lengths.first() == Some(&length) || lengths.last() == Some(&length);
        for _ in 0..if again { 2 } else { 1 } {
            let stored = write(lake, &key, &body, sums.clone()).await.unwrap();
            let head = lake.head(&key).await.unwrap().unwrap();
            assert_eq!(head.bytes, length as u64);
            assert_eq!(head.content_encoding, None, "no aws-chunked, no gzip");
            assert_eq!(head.etag, stored.etag);
            assert!(head.crc64nvme.is_none_or(|sum| sum == sums.crc64nvme));
            assert!(head.sha256.is_none_or(|sum| Some(sum) == sums.sha256));
        }
        let mut read = Vec::new();
        lake.read(&key).await.unwrap().unwrap().read_to_end(&mut read).await.unwrap();
        assert!(read == body, "{length}");
    }
}

async fn given_up(lake: &dyn Lake, part: usize) {
    for length in [1, 2 * part + 1] {
        let key = format!("{DATA}/2_{length}.g1.000000000abc.p0.json");
        for abort in [true, false] {
            let mut writer = lake.writer(&key).await.unwrap();
            for piece in pieces(lake, &body(length)) {
                writer.write(piece).await.unwrap();
            }
            if abort {
                writer.abort().await;
            } else {
                drop(writer);
            }
        }
        assert_eq!(lake.head(&key).await.unwrap(), None);
    }
    assert!(list_all(lake, &format!("{DATA}/2_"), None, 5).await.unwrap().is_empty());
}

async fn wrong_sums(lake: &dyn Lake, part: usize) {
    for length in [3, part + 1] {
        let (key, body) = (format!("{DATA}/3_{length}.g1.000000000abc.p0.json"), body(length));
        let sums = Sums::of(&body);
        for wrong in [
            Sums { bytes: sums.bytes + 1, ..sums.clone() },
            Sums { crc64nvme: Sums::of(b"other").crc64nvme, ..sums.clone() },
        ] {
            let answer = write(lake, &key, &body, wrong).await;
            assert!(matches!(answer, Err(LakeError::Integrity(_))), "{answer:?}");
            assert_eq!(lake.head(&key).await.unwrap(), None);
        }
    }
}

/// A piece that is short is the last one.
async fn nothing_after_the_last(lake: &dyn Lake) {
    let mut writer = lake.writer(&format!("{DATA}/5.g1.000000000abc.p0.json")).await.unwrap();
    writer.write(Piece::of(body(3))).await.unwrap();
    assert!(matches!(writer.write(Piece::of(body(3))).await, Err(LakeError::Integrity(_))));
    assert!(matches!(writer.finish(Sums::of(b"")).await, Err(LakeError::Integrity(_))));
}

/// More writers than buffers, each with several parts: none waits for good.
async fn side_by_side(lake: &Arc<dyn Lake>, part: usize) {
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..5 {
        let lake = Arc::clone(lake);
        writers.spawn(async move {
            let (key, body) = (format!("{DATA}/4_{number}.g1.000000000abc.p0.json"), body(part + number));
            write(&*lake, &key, &body, Sums::of(&body)).await.unwrap();
            assert_eq!(lake.head(&key).await.unwrap().unwrap().bytes, body.len() as u64);
        });
    }
    writers.join_all().await;
}
