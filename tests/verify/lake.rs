//! `ampd verify`: a good lake is good, and whatever is done to it is found and repaired.

use std::fs;

use serde_json::Value;

use crate::world::World;

/// All but `json.gz`, which the other tests have.
const FORMATS: &[&str] =
    if cfg!(feature = "parquet") { &["json", "json.zst", "parquet"] } else { &["json", "json.zst"] };

fn kinds(object: &Value) -> Vec<&str> {
    object["differences"].as_array().unwrap().iter().map(|found| found["kind"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_lake_is_good() {
    let world = World::exported().await;
    for deep in [&[][..], &["--deep"]] {
        let (exit, object) = world.verify(deep).await;
        assert_eq!((exit, kinds(&object).len(), &object["unnamed"]), (0, 0, &0.into()), "{object}");
        assert_eq!(object["empty"], 1);
        assert!(object["data"].as_u64().unwrap() > 5, "{object}");
    }
    let output = world.ampd(&["verify"]).await;
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("; 0 differences"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_needs_no_journal_and_no_staging() {
    let world = World::exported().await;
    fs::remove_dir_all(world.path("state")).unwrap();
    fs::remove_dir_all(world.path("stage")).unwrap();
    assert_eq!(world.verify(&[]).await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_and_repaired() {
    let world = World::exported().await;
    let object = &world.files("data")[1];
    let mut bytes = fs::read(object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(object, bytes).unwrap();
    // A directory keeps no checksums: only reading tells.
    assert_eq!(world.verify(&[]).await.0, 0);
    let (exit, found) = world.verify(&["--deep"]).await;
    assert_eq!((exit, kinds(&found)), (4, vec!["checksum"]), "{found}");
    let (exit, found) = world.verify(&["--deep", "--repair"]).await;
    assert_eq!((exit, kinds(&found).len()), (0, 0), "{found}");
    assert_eq!(world.verify(&["--deep"]).await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_verified_to_its_rows() {
    for format in FORMATS {
        let world = World::exported_as(format).await;
        let (exit, object) = world.verify(&["--deep"]).await;
        assert_eq!((exit, kinds(&object).len()), (0, 0), "{format}: {object}");
        let object = &world.files("data")[1];
        let bytes = fs::read(object).unwrap();
        for at in [5, bytes.len() / 2, bytes.len() - 3] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(object, changed).unwrap();
            let (exit, found) = world.verify(&["--deep"]).await;
            assert_eq!((exit, kinds(&found)), (4, vec!["checksum"]), "{format}: {found}");
        }
        fs::write(object, &bytes).unwrap();
        assert_eq!(world.verify(&["--deep"]).await.0, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_found_and_exported_again_as_a_new_generation() {
    let world = World::exported().await;
    fs::remove_file(&world.files("data")[0]).unwrap();
    let (exit, found) = world.verify(&[]).await;
    assert_eq!((exit, kinds(&found)), (4, vec!["missing"]), "{found}");
    assert_eq!(found["differences"][0]["hour"], world.first.to_string());
    let (exit, found) = world.verify(&["--repair"]).await;
    assert_eq!((exit, kinds(&found).len()), (0, 0), "{found}");
    let name = world.files("data")[0].file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.contains(".g2."), "{name}");
    assert_eq!(world.verify(&["--deep"]).await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_length_is_found() {
    let world = World::exported().await;
    fs::OpenOptions::new().write(true).open(&world.files("data")[0]).unwrap().set_len(10).unwrap();
    let (exit, found) = world.verify(&[]).await;
    assert_eq!((exit, kinds(&found)), (4, vec!["length"]), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_no_manifest_names_are_told_apart_and_only_the_dead_are_removed() {
    let world = World::exported().await;
    let named = world.files("data")[0].clone();
    let name = named.file_name().unwrap().to_string_lossy().into_owned();
    let capture = name.split('.').nth(2).unwrap().to_owned();
    let rival = name.replace(&capture, "0123456789ab");
    fs::write(named.with_file_name(&rival), "dead").unwrap();
    fs::write(named.with_file_name(rival.replace(".g1.", ".g2.")), "its manifest may come").unwrap();
    fs::write(named.with_file_name("readme.txt"), "foreign").unwrap();
    let (exit, found) = world.verify(&["--repair"]).await;
    assert_eq!((exit, &found["unnamed"]), (0, &2.into()), "{found}");
    assert_eq!(found["unnamed_by_class"], serde_json::json!({"waiting": 1, "foreign": 1}));
    assert!(!named.with_file_name(&rival).exists() && named.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_and_a_hole_are_found() {
    let world = World::exported().await;
    let manifests = world.files("_ampd/v1/source=web/manifests");
    fs::remove_file(&manifests[2]).unwrap();
    fs::rename(&manifests[0], manifests[0].with_file_name(format!("{}.g3.json", world.first.compact()))).unwrap();
    let (exit, found) = world.verify(&[]).await;
    assert_eq!(exit, 4);
    assert_eq!(kinds(&found), ["hole", "manifest", "gap"], "{found}");
    let third = world.first.plus(2).to_string();
    assert_eq!(found["missing"], serde_json::json!([[third, third]]));
    // The object of the hour without a manifest is no data, and waits.
    assert_eq!(found["unnamed_by_class"]["waiting"], 1, "{found}");
}
