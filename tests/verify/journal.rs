//! `ampd state`, `hour`, `logs` and `config`: what is known of hours, and that it can be carried away and made anew.

use std::fs;

use serde_json::Value;

use crate::world::World;

fn object(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What the journal says of the hours, without the work that a rebuild cannot know of.
async fn hours(world: &World) -> Vec<(String, String, Value, Value)> {
    let listed = object(&world.ok(&["hour", "ls", "-o", "json"]).await);
    let text_of = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = listed["hours"].as_array().unwrap().iter();
    entries.map(|e| (text_of(e, "hour"), text_of(e, "state"), e["rows"].clone(), e["generation"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_rebuilt_from_the_lake_says_what_the_lost_one_said() {
    let world = World::exported().await;
    let before = hours(&world).await;
    assert!(before.len() > 5 && before.iter().any(|hour| hour.1 == "empty"), "{before:?}");
    fs::remove_dir_all(world.path("state")).unwrap();
    let told = object(&world.ok(&["state", "rebuild", "-o", "json"]).await);
    assert_eq!(told["sources"][0]["hours"], before.len());
    assert_eq!(told["sources"][0]["first_hour"], world.first.to_string());
    assert_eq!(told["sources"][0]["watermark"], before.last().unwrap().0.as_str());
    assert_eq!(told["old_journal"], Value::Null);
    assert_eq!(hours(&world).await, before);
    // Nothing is exported twice, and a second rebuild keeps what it replaces.
    let again = object(&world.ok(&["once", "-q", "-o", "json"]).await);
    assert_eq!((&again["published"], &again["rows"]), (&0.into(), &0.into()), "{again}");
    let told = object(&world.ok(&["state", "rebuild", "-o", "json"]).await);
    assert!(fs::metadata(told["old_journal"].as_str().unwrap()).unwrap().len() > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_journal_is_imported_into_an_empty_state_directory_only() {
    let world = World::exported().await;
    let before = hours(&world).await;
    world.ok(&["state", "export", "journal.jsonl"]).await;
    let exported = fs::read_to_string(world.path("journal.jsonl")).unwrap();
    assert_eq!(world.ok(&["state", "export"]).await, exported);
    let refused = world.ampd(&["state", "import", "journal.jsonl"]).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    fs::remove_dir_all(world.path("state")).unwrap();
    world.ok(&["state", "import", "journal.jsonl"]).await;
    assert_eq!(hours(&world).await, before);
    let cut: Vec<&str> = exported.lines().take(3).collect();
    fs::write(world.path("journal.jsonl"), cut.join("\n")).unwrap();
    fs::remove_dir_all(world.path("state")).unwrap();
    assert_eq!(world.ampd(&["state", "import", "journal.jsonl"]).await.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hours_life_is_shown_with_its_objects_and_its_log_lines() {
    let world = World::exported().await;
    let hour = world.first.to_string();
    let shown = object(&world.ok(&["hour", "show", &hour, "-o", "json"]).await);
    let life = &shown["hours"][0];
    assert_eq!((&life["state"], &life["generation"]), (&"published".into(), &1.into()), "{life}");
    assert_eq!(life["manifests"][0]["objects"].as_array().unwrap().len(), 1);
    assert!(!life["log"].as_array().unwrap().is_empty());
    let text = world.ok(&["hour", "show", &hour]).await;
    assert!(text.starts_with(&format!("web {hour}: published\n")) && text.contains("crc64nvme"), "{text}");
    let empty = world.ok(&["hour", "ls", "--state", "empty"]).await;
    assert_eq!(empty.lines().count(), 2, "{empty}");
    assert_eq!(world.ok(&["hour", "ls", "--state", "quarantined"]).await, "no hours\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_of_an_hour_are_joined() {
    let world = World::exported().await;
    let hour = world.first.to_string();
    let lines = world.ok(&["logs", "--hour", &hour, "-o", "jsonl"]).await;
    let phases: Vec<String> = lines.lines().map(|line| object(line)["phase"].as_str().unwrap().to_owned()).collect();
    assert!(phases.iter().any(|phase| phase == "s3_load"), "{lines}");
    let times: Vec<Value> = lines.lines().map(|line| object(line)["timestamp"].clone()).collect();
    assert!(times.is_sorted_by_key(|time| time.as_str().unwrap().to_owned()));
    assert!(world.ok(&["logs", "--hour", "2001-01-01T00"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_checked_and_shown_without_its_secrets() {
    let world = World::exported().await;
    assert!(world.ok(&["config", "check"]).await.contains("ok: "));
    let shown = world.ok(&["config", "show", "--origin"]).await;
    assert!(shown.contains("<secret>") && !shown.contains(ampd::simulator::SECRET_KEY), "{shown}");
    assert_eq!(object(&world.ok(&["config", "schema"]).await)["type"], "object");
    fs::write(world.path("ampd.toml"), "version = 1\nnonsense = 1\n[lake]\ntype = \"tape\"\n").unwrap();
    let output = world.ampd(&["config", "check"]).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr.contains("nonsense") && stderr.contains("`type` in [lake]"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_and_the_manual_are_written() {
    let world = World::exported().await;
    assert!(world.ok(&["completions", "bash"]).await.contains("_ampd"));
    assert!(world.ok(&["man"]).await.contains(".TH ampd 1"));
    world.ok(&["man", "--dir", "man1"]).await;
    assert!(world.path("man1/ampd-hour-show.1").exists());
}
