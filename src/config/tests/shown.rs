//! The annotated file, `show` and the schema: all from one table.

use super::super::key_table::{KEYS, Key, Kind};
use super::super::{ANNOTATED, load, schema, show};
use super::{CANARY, Case, SOURCE};

fn with_keys(case: Case) -> Case {
    case.env("AMP_API_KEY", "k").env("AMP_SECRET_KEY", "s")
}

#[test]
fn the_annotated_file_parses_to_the_defaults() {
    let mut annotated = with_keys(Case::new()).file(ANNOTATED).good().config;
    let mut plain = with_keys(Case::new()).file("[source.web]\n").good().config;
    for config in [&mut annotated, &mut plain] {
        config.log.dir = None; // the same directory; only `{:?}` of a temporary one could differ
    }
    assert_eq!(format!("{annotated:?}"), format!("{plain:?}"));
}

#[test]
fn the_annotated_file_holds_every_key_and_its_default() {
    let mut section = "";
    let mut found = Vec::new();
    for line in ANNOTATED.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.split([']', '.']).next().unwrap();
        }
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some((name, rest)) = line.split_once(" = ")
            && let Some(key) = KEYS.iter().find(|key| key.section == section && key.name == name)
        {
            if let Some(default) = key.default
                && section != "notify"
            {
                let quoted = if matches!(key.kind, Kind::Bool | Kind::Int(..)) {
                    default.to_owned()
                } else {
                    format!("\"{default}\"")
                };
                assert!(rest.starts_with(&quoted), "{section}.{name}: {rest}");
            }
            found.push((section, name.to_owned()));
        }
    }
    for key in KEYS {
        assert!(found.contains(&(key.section, key.name.to_owned())), "{}.{}", key.section, key.name);
    }
}

/// The line of the annotated file as it reads when `kind` is the type of the sections that know it.
fn uncommented(line: &str, section: &str, kind: &str) -> String {
    let plain = line.strip_prefix("# ").unwrap_or(line);
    let name = plain.split(" = ").next().unwrap_or_default();
    let knows = |key: &&Key| key.section == section && key.only.contains(&kind);
    match KEYS.iter().find(|key| key.section == section && key.name == name) {
        Some(key) if name == "type" && KEYS.iter().any(|key| knows(&key)) => format!("{} = \"{kind}\"\n", key.name),
        Some(key) if plain == line || !key.only.is_empty() && !knows(&key) => format!("{line}\n"),
        Some(key) if key.is_secret() => format!("{name} = \"x\"\n"),
        // The other one of two keys that exclude each other.
        Some(key) if key.only.is_empty() && matches!(name, "cron" | "base_url") => format!("{line}\n"),
        Some(_) => format!("{plain}\n"),
        None => format!("{line}\n"),
    }
}

#[test]
fn every_example_in_the_annotated_file_is_valid() {
    for kind in ["local", "s3", "snowflake", "command", "dbt_platform"] {
        let mut section = "";
        let mut text = String::new();
        for line in ANNOTATED.lines() {
            if let Some(header) = line.strip_prefix('[') {
                section = header.split([']', '.']).next().unwrap();
            }
            text.push_str(&uncommented(line, section, kind));
        }
        let case = with_keys(Case::new()).file(&text);
        assert!(load(&case.inputs).is_ok(), "{kind}\n{}", case.bad().render(false));
    }
}

#[test]
fn every_default_is_valid() {
    for key in KEYS {
        if let Some(default) = key.default {
            let value = figment::value::Value::from(default);
            assert!(super::super::values::parse(key.kind, &value, true).is_ok(), "{}.{}", key.section, key.name);
        }
    }
}

#[test]
fn what_show_prints_loads_to_the_same_configuration() {
    for lake in [
        "",
        "[lake]\ntype = \"s3\"\nbucket = \"abc\"\ntags = { team = \"a\\\"b\" }\n[schedule]\ncron = \"5 * * * *\"\n",
    ] {
        let first = Case::new()
            .file(&format!("{SOURCE}max_parallel = 2\n{lake}"))
            .env("AMPD_STAGING__MAX_EXPANSION", "50")
            .good();
        let text = show(&first, true);
        let second = Case::new().file(&text).good();
        assert_eq!(format!("{:?}", first.config), format!("{:?}", second.config), "{text}");
        assert!(text.contains("api_key = \"<secret>\"") && !text.contains(CANARY));
    }
}

#[test]
fn show_says_where_each_value_comes_from() {
    let case = Case::new()
        .file(SOURCE)
        .env("AMPD_RETRY__MAX", "1h")
        .write(".env", "AMPD_RETRY__INITIAL=2s\n")
        .flag("log.level", "debug");
    let text = show(&case.good(), true).replace(&format!("{}/", case.dir.path().display()), "");
    let line = |start: &str| {
        text.lines().find(|line| line.starts_with(start)).unwrap().split(" # ").nth(1).unwrap().to_owned()
    };
    assert_eq!(line("api_key"), "from ampd.toml:2");
    assert_eq!(line("max = \"1h\""), "from env AMPD_RETRY__MAX");
    assert_eq!(line("initial"), "from .env AMPD_RETRY__INITIAL");
    assert_eq!(line("level"), "from the command line");
    assert_eq!(line("grace"), "default");
    assert!(!show(&case.good(), false).contains('#'));
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema();
    for key in KEYS {
        let table = match key.section {
            "" => &schema,
            "source" | "notify" => {
                schema["properties"][key.section]["patternProperties"].as_object().unwrap().values().next().unwrap()
            }
            section => &schema["properties"][section],
        };
        assert!(table["properties"][key.name]["description"].is_string(), "{}.{}", key.section, key.name);
        assert_eq!(table["additionalProperties"], serde_json::json!(false));
    }
}

#[test]
fn the_example_of_dotenv_is_read() {
    let example = include_str!("../../../.env.example");
    let filled = example.replace("AMP_API_KEY=", "AMP_API_KEY=k").replace("AMP_SECRET_KEY=", "AMP_SECRET_KEY=s");
    assert_eq!(Case::new().write(".env", filled).good().config.lake.place.kind(), "local");
    assert_eq!(Case::new().write(".env", example).codes(), ["E112"]);
}
