//! Who may import whom, and what is pure.

use crate::source::{Source, identifier, read, sources};

/// Module of the crate's root, and what it may import of the crate's other modules. `commands` may import all.
const IMPORTS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("exit", &[]),
    ("failpoints", &[]),
    ("memory", &[]),
    ("schema_check", &[]),
    ("model", &[]),
    ("simulator", &["telemetry"]),
    ("config", &["model", "clock"]),
    ("telemetry", &["model", "clock", "config"]),
    ("journal", &["model", "clock", "telemetry", "config", "failpoints"]),
    ("amplitude", &["model", "clock", "telemetry", "config"]),
    ("archive", &["model", "clock", "telemetry", "config", "memory"]),
    ("stage", &["model", "clock", "telemetry", "config"]),
    ("lake", &["model", "clock", "telemetry", "config", "memory"]),
    ("engine", &["model", "clock", "journal"]),
    (
        "effects",
        &["model", "clock", "telemetry", "config", "engine", "amplitude", "archive", "stage", "lake", "failpoints"],
    ),
    ("admin", &["model", "clock", "telemetry", "config", "engine", "exit"]),
    ("cli", &["model", "telemetry"]),
    ("explain", &["model", "cli", "exit"]),
    ("problem", &["model", "config", "telemetry", "explain", "exit"]),
];

/// The section of the configuration that a module at the edge may know; the others are none of its business.
const SECTIONS: &[(&str, &[&str])] = &[
    ("journal", &["State"]),
    ("amplitude", &["Source", "Retry"]),
    ("archive", &["Staging"]),
    ("stage", &["Staging"]),
    ("lake", &["Lake", "LakePlace", "S3", "StoreChecksum"]),
    ("effects", &["StoreChecksum"]),
    ("telemetry", &["Log", "LogFormat"]),
    ("admin", &["Admin"]),
];

/// Crates that `model` may use: values, their written forms, their errors. `thiserror` derives `Display` and nothing
/// else; it brings no runtime. `proptest` is for tests.
const MODEL_CRATES: &[&str] =
    &["std", "core", "serde", "serde_json", "chrono", "thiserror", "proptest", "super", "self", "crate"];

/// Ways out of a pure function.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "std::time",
    "tokio",
    "tracing",
    "reqwest",
    "sled",
    "rand::",
];

/// What follows `prefix` in a path: one identifier, or several in braces.
fn path_heads(after: &str) -> Vec<&str> {
    let Some(list) = after.strip_prefix('{') else { return vec![identifier(after)] };
    let mut depth = 0;
    let mut heads = Vec::new();
    let mut fresh = true;
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && (c.is_alphabetic() || c == '_') => {
                heads.push(identifier(&list[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

/// The modules of the crate's root that a file names, through `crate::` or enough `super::`.
fn imported(source: &Source) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in source.code.match_indices("crate::") {
        names.extend(path_heads(&source.code[at + "crate::".len()..]).into_iter().map(str::to_owned));
    }
    let up = "super::".repeat(source.depth.max(1));
    for (at, _) in source.code.match_indices(&up) {
        let after = source.code[at + up.len()..].trim_start_matches("super::");
        names.extend(path_heads(after).into_iter().map(str::to_owned));
    }
    names.retain(|name| is_root_module(name) && *name != source.module);
    names.sort();
    names.dedup();
    names
}

fn is_root_module(name: &str) -> bool {
    name == "commands" || IMPORTS.iter().any(|(module, _)| *module == name)
}

#[test]
fn an_import_in_braces_is_told_apart() {
    assert_eq!(path_heads("{model::{Hour, Window}, journal}"), ["model", "journal"]);
}

#[test]
fn every_module_of_the_root_has_its_import_rule() {
    let declared = read("src/lib.rs");
    for line in declared.lines() {
        let Some(rest) = line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")) else { continue };
        let name = identifier(rest);
        assert!(is_root_module(name), "src/lib.rs: give `{name}` a line in IMPORTS of tests/tidy/imports.rs");
    }
}

#[test]
fn modules_import_only_what_the_design_lets_them() {
    let mut broken = Vec::new();
    for source in sources() {
        if ["lib", "main", "commands"].contains(&source.module.as_str()) {
            continue;
        }
        let allowed = IMPORTS.iter().find(|(module, _)| *module == source.module).map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("{}: no rule for `{}`", source.path, source.module));
        for name in imported(&source) {
            // Checking a sample against its schema is for tests, wherever they are.
            if !allowed.contains(&name.as_str()) && name != "schema_check" {
                broken.push(format!("{}: `{}` must not import `{name}`", source.path, source.module));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn edges_know_their_own_section_of_the_configuration_only() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let Some((_, allowed)) = SECTIONS.iter().find(|(module, _)| *module == source.module) else { continue };
        let code = source.shipped().replace("crate::config::{self, ", "crate::config::{");
        for (at, prefix) in code.match_indices("config::") {
            // `aws_config::`, `aws_sdk_s3::config::` are others.
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let foreign = before == '_' || before.is_alphanumeric() || code[..at].ends_with("s3::");
            let heads = path_heads(&code[at + prefix.len()..]);
            for head in heads.iter().filter(|head| !foreign && !head.is_empty() && !allowed.contains(head)) {
                broken.push(format!("{}: `{}` must not know config::{head}", source.path, source.module));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_model_is_pure() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.module == "model") {
        for line in source.code.lines().map(str::trim) {
            let name = line.strip_prefix("pub use ").or_else(|| line.strip_prefix("use ")).map(identifier);
            let declared = source.code.contains(&format!("mod {};", name.unwrap_or_default()));
            if name.is_some_and(|name| !MODEL_CRATES.contains(&name) && !declared) {
                broken.push(format!("{}: {line}", source.path));
            }
        }
        for way in IMPURE.iter().filter(|way| source.shipped().contains(**way)) {
            broken.push(format!("{}: {way}", source.path));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn nobody_but_clock_reads_a_clock() {
    // tokio's own Instant is a place on its timer, for a deadline; it tells nobody what time it is.
    let deadlines = ["src/amplitude/body.rs"];
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.module != "clock") {
        for read in ["Utc::now(", "Local::now(", "SystemTime::now(", "Instant::now(", ".elapsed()"] {
            let excused = read == "Instant::now(" && deadlines.contains(&source.path.as_str());
            if source.shipped().contains(read) && !excused {
                broken.push(format!("{}: {read}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
