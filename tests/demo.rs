//! `ampd demo` as a person runs it: exit 0, and the facts in its object.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ampd"));
    command.args(arguments).arg("demo").args(["--hours", "12", "--dir"]).arg(dir);
    command.output().unwrap()
}

#[test]
fn the_demo_kills_ampd_and_every_row_arrives_once() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("demo");
    let output = demo(&dir, &["-o", "json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.lines().count(), 1, "{text}");
    let object: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&object["schema"], &object["exit_code"]), (&"ampd.demo/1".into(), &0.into()), "{text}");
    assert_eq!(object["differences"], Value::Array(Vec::new()));
    let hours = &object["hours"];
    assert_eq!(hours["data"].as_u64().unwrap() + hours["empty"].as_u64().unwrap(), 11, "{text}");
    assert!(hours["empty"].as_u64().unwrap() >= 1, "{text}");
    assert!(object["rows"].as_u64().unwrap() > 1000, "{text}");
    let kill = &object["kills"][0];
    assert_eq!(kill["during"], "upload", "{text}");
    assert!(!kill["hours"].as_array().unwrap().is_empty(), "{text}");
    let late = &object["late"];
    assert!(late["rows_after"].as_u64() > late["rows_before"].as_u64(), "{text}");
    for status in ["200", "400", "404", "504"] {
        assert!(object["requests"][status].as_u64().unwrap() > 0, "{status}: {text}");
    }
    let corrupt = hours["quarantined"][0].as_str().unwrap();
    let (date, hour) = corrupt.split_once('T').unwrap();
    assert!(!has_files(&dir.join(format!("lake/data/source=demo/date={date}/hour={hour}"))), "{text}");
    assert!(dir.join("ampd.toml").exists(), "the directory is kept for people to look at");
}

#[test]
fn a_directory_with_other_files_is_refused() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("thesis.txt"), "precious").unwrap();
    let output = demo(place.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(place.path().join("thesis.txt").exists());
}

fn has_files(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}
