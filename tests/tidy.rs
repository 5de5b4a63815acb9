//! What the design asks of the source itself: who imports whom, what is nowhere, how long a file may be, and that the
//! documents name only what exists. Read as text, on purpose: a rule that a reader can check by eye is a rule.
#![allow(missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file of `src/`; what is aimed at is 250.
const LINES_MAX: usize = 400;
/// Longest ARCHITECTURE.md.
const ARCHITECTURE_LINES_MAX: usize = 200;

/// Module of the crate's root, and what it may import of the crate's other modules. `commands` may import all.
const IMPORTS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("exit", &[]),
    ("failpoints", &[]),
    ("schema_check", &[]),
    ("model", &[]),
    ("simulator", &["telemetry"]),
    ("config", &["model", "clock"]),
    ("telemetry", &["model", "clock", "config"]),
    ("journal", &["model", "clock", "telemetry", "config", "failpoints"]),
    ("amplitude", &["model", "clock", "telemetry", "config"]),
    ("archive", &["model", "clock", "telemetry", "config"]),
    ("stage", &["model", "clock", "telemetry", "config"]),
    ("lake", &["model", "clock", "telemetry", "config"]),
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

/// Words with no meaning of their own.
const WORDS: &[&str] = &["Manager", "Helper", "Util", "Utils", "Data", "Handle", "Process", "Perform"];

/// Names that bear one of [`WORDS`] all the same, each with its reason.
const WORD_EXCEPTIONS: &[(&str, &str)] = &[
    ("process", "the metrics of admin/process.rs are called process_* by Prometheus"),
    ("Handle", "engine::Handle is what tokio, too, calls the thing that reaches something running"),
];

/// A file of `src/`.
struct Source {
    /// `src/engine/mod.rs`
    path: String,
    /// The module of the crate's root: `engine`.
    module: String,
    /// How many `super` lead to the crate's root.
    depth: usize,
    /// As written.
    text: String,
    /// Without comments and texts, tests included.
    code: String,
}

impl Source {
    /// The code before the file's own tests.
    fn shipped(&self) -> &str {
        let end = self.code.find("#[cfg(test)]\nmod tests {").unwrap_or(self.code.len());
        if self.is_test() { "" } else { &self.code[..end] }
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs") || TEST_FILES.contains(&self.path.as_str())
    }
}

/// Files that are compiled for tests only, whatever they are called.
const TEST_FILES: &[&str] = &[
    "src/schema_check.rs",
    "src/lake/contract.rs",
    "src/lake/contract_stores.rs",
    "src/lake/wire.rs",
    "src/lake/faulty.rs",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

fn rust_files(directory: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files_below(&root().join(directory), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let relative = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

fn sources() -> Vec<Source> {
    rust_files("src")
        .into_iter()
        .map(|(path, text)| {
            let inside = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
            let module = inside.split('/').next().unwrap_or_default().to_owned();
            let depth = if module == "lib" || module == "main" { 0 } else { inside.split('/').count() };
            let code = without_comments_and_texts(&text);
            Source { path, module, depth, text, code }
        })
        .collect()
}

/// Blanks comments and the content of texts, so that a word in a sentence is no word of the program. Lines stay.
fn without_comments_and_texts(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = |n: usize| bytes.get(at + n).copied().unwrap_or('\0');
        match bytes[at] {
            '/' if rest(1) == '/' => {
                while at < bytes.len() && bytes[at] != '\n' {
                    at += 1;
                }
            }
            'r' if (rest(1) == '"' || (rest(1) == '#' && (rest(2) == '"' || rest(2) == '#')))
                && !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') =>
            {
                at = skip_raw_text(&bytes, at, &mut code);
            }
            '"' => {
                code.push('"');
                at += 1;
                while at < bytes.len() && bytes[at] != '"' {
                    let step = if bytes[at] == '\\' { 2 } else { 1 };
                    (at..at + step).for_each(|i| code.extend(bytes.get(i).filter(|c| **c == '\n')));
                    at += step;
                }
                code.push('"');
                at += 1;
            }
            '\'' if rest(1) == '\\' || rest(2) == '\'' => {
                // A character; a lifetime has no closing quote so near.
                at += if rest(1) == '\\' { 3 } else { 2 };
                while at < bytes.len() && bytes[at] != '\'' {
                    at += 1;
                }
                at += 1;
                code.push_str("' '");
            }
            other => {
                code.push(other);
                at += 1;
            }
        }
    }
    code
}

fn skip_raw_text(text: &[char], start: usize, code: &mut String) -> usize {
    let mut at = start + 1;
    let mut hashes = 0;
    while text.get(at) == Some(&'#') {
        hashes += 1;
        at += 1;
    }
    if text.get(at) != Some(&'"') {
        // A raw identifier: r#type.
        code.push('r');
        return start + 1;
    }
    at += 1;
    code.push_str("\"\"");
    while at < text.len() {
        let closes = text[at] == '"' && (1..=hashes).all(|n| text.get(at + n) == Some(&'#'));
        if closes {
            return at + 1 + hashes;
        }
        if text[at] == '\n' {
            code.push('\n');
        }
        at += 1;
    }
    at
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

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
fn every_module_of_the_root_has_its_import_rule() {
    let declared = read("src/lib.rs");
    for line in declared.lines() {
        let Some(rest) = line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")) else { continue };
        let name = identifier(rest);
        assert!(is_root_module(name), "src/lib.rs: give `{name}` a line in IMPORTS of tests/tidy.rs");
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

#[test]
fn nobody_prints_exits_or_leaves_a_note() {
    let mut broken = Vec::new();
    for source in sources() {
        for never in
            ["println!", "print!(", "process::exit", "todo!", "unimplemented!", "dbg!", "unsafe {", "static mut"]
        {
            if source.shipped().replace("eprint", "\u{0}").contains(never) {
                broken.push(format!("{}: {never}", source.path));
            }
        }
        let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("HA", "CK")];
        for note in notes.into_iter().filter(|note| source.text.contains(note)) {
            broken.push(format!("{}: {note}", source.path));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn files_are_short_enough_to_proofread() {
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines, {LINES_MAX} at most", source.path))
    };
    let broken: Vec<String> = sources().iter().filter_map(long).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let main = read("src/main.rs").lines().count();
    assert!(main < 80, "src/main.rs: {main} lines");
}

#[test]
fn every_file_says_first_what_it_is() {
    let silent = |source: &Source| (!source.is_test() && !source.text.starts_with("//! ")).then(|| source.path.clone());
    let broken: Vec<String> = sources().iter().filter_map(silent).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn no_type_or_module_bears_a_word_that_means_nothing() {
    let mut broken = Vec::new();
    for source in sources() {
        for keyword in ["struct ", "enum ", "trait ", "type ", "mod "] {
            for (at, _) in source.code.match_indices(keyword) {
                let starts = source.code[..at].ends_with(|c: char| c.is_whitespace() || c == ')') || at == 0;
                let name = identifier(&source.code[at + keyword.len()..]);
                let excused = WORD_EXCEPTIONS.iter().any(|(word, _)| word.eq_ignore_ascii_case(name));
                if starts && !excused && words_of(name).iter().any(|word| WORDS.contains(&word.as_str())) {
                    broken.push(format!("{}: {keyword}{name}", source.path));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// `snake_case` and `CamelCase` as capitalised words.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut begin = true;
    for c in name.chars() {
        if c == '_' {
            begin = true;
        } else if begin || c.is_uppercase() {
            words.push(c.to_uppercase().collect());
            begin = false;
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words
}

#[test]
fn words_are_told_apart() {
    assert_eq!(words_of("HourRecord"), ["Hour", "Record"]);
    assert_eq!(words_of("date_range"), ["Date", "Range"]);
}

#[test]
fn comments_and_texts_are_no_code() {
    let text = "let a = \"crate::lake\"; // crate::stage\nlet b = '\"'; use crate::{model::Hour, journal};";
    let code = without_comments_and_texts(text);
    assert!(!code.contains("lake") && !code.contains("stage") && code.contains("crate::{model"), "{code}");
    assert_eq!(path_heads("{model::{Hour, Window}, journal}"), ["model", "journal"]);
}

/// Texts between backticks.
fn quoted(text: &str) -> Vec<&str> {
    let outside_blocks = text.split("```").step_by(2);
    outside_blocks.flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_architecture_is_short_and_names_only_what_exists() {
    let text = read("ARCHITECTURE.md");
    let lines = text.lines().count();
    assert!(lines < ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md: {lines} lines");
    let all_code: String = sources().iter().map(|source| source.code.as_str()).collect();
    let mut missing = Vec::new();
    for name in quoted(&text) {
        let is_path = !name.contains([' ', '<', '*', '='])
            && ["src/", "tests/", "docs/", "config/"].iter().any(|start| name.starts_with(start));
        if is_path && !root().join(name).exists() {
            missing.push(name);
        }
        let first = name.split("::").next().unwrap_or_default();
        let is_type = first.starts_with(|c: char| c.is_ascii_uppercase())
            && first.contains(|c: char| c.is_ascii_lowercase())
            && first.chars().all(|c| c.is_ascii_alphanumeric());
        let defined = ["struct ", "enum ", "trait ", "type ", "const "].iter().any(|kind| {
            let definition = format!("{kind}{first}");
            all_code.match_indices(&definition).any(|(at, _)| identifier(&all_code[at + kind.len()..]) == first)
        });
        let in_layers = first.len() > 2 && all_code.contains(&format!("    {first}"));
        if is_type && !defined && !in_layers {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "ARCHITECTURE.md names what does not exist: {missing:?}");
}

/// Markdown links `[`name`](path)` whose text is code.
fn linked_tests(text: &str) -> Vec<(&str, &str)> {
    let links = text.split("[`").skip(1);
    links
        .filter_map(|rest| {
            let (name, after) = rest.split_once("`](")?;
            Some((name, after.split_once(')')?.0))
        })
        .filter(|(_, path)| Path::new(path).extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn has_test(path: &str, name: &str) -> bool {
    let Ok(text) = fs::read_to_string(root().join(path)) else { return false };
    text.contains(&format!("fn {name}("))
}

#[test]
fn every_test_that_the_readme_names_exists() {
    let readme = read("README.md");
    let named = linked_tests(&readme);
    assert!(named.len() >= 13, "README.md links {} tests; every promise needs one", named.len());
    let missing: Vec<_> = named.iter().filter(|(name, path)| !has_test(path, name)).collect();
    assert!(missing.is_empty(), "README.md names tests that do not exist: {missing:?}");
}

/// Each promise has a chapter, each fault of the matrix a row, and each name in them is a test.
#[test]
fn every_test_that_the_promises_name_exists() {
    let page = read("docs/promises.md");
    let tests: Vec<(String, String)> = rust_files("src").into_iter().chain(rust_files("tests")).collect();
    let chapters = page.lines().filter(|line| line.starts_with("## ") && line.as_bytes()[3].is_ascii_digit()).count();
    assert_eq!(chapters, 13, "docs/promises.md: one chapter for each promise");
    let rows = page.lines().filter(|line| line.starts_with("| ")).count();
    assert!(rows > 35, "docs/promises.md: {rows} rows of faults");
    let names: Vec<&str> = quoted(&page).into_iter().filter(|name| is_a_tests_name(name)).collect();
    assert!(names.len() > 80, "docs/promises.md names {} tests", names.len());
    let exists = |name: &str| {
        // Tests that a macro makes of a table stand in it with a colon.
        let forms = [format!("fn {name}("), format!("    {name}: ")];
        tests.iter().any(|(_, text)| forms.iter().any(|form| text.contains(form)))
    };
    let missing: Vec<&str> = names.into_iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "docs/promises.md names tests that do not exist: {missing:?}");
}

fn is_a_tests_name(name: &str) -> bool {
    name.matches('_').count() >= 2 && name.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

#[test]
fn every_test_that_the_crates_page_names_exists() {
    let page = read("src/lib.rs");
    let tests: Vec<(String, String)> = rust_files("src").into_iter().chain(rust_files("tests")).collect();
    let promises: Vec<&str> = page.lines().filter(|line| line.starts_with("//!") && line.contains("proof:")).collect();
    assert_eq!(promises.len(), 13, "src/lib.rs: each promise has one line with its proof");
    for line in promises {
        let (_, proof) = line.split_once("proof:").unwrap();
        for name in quoted(proof) {
            let definition = format!("fn {name}(");
            assert!(tests.iter().any(|(_, text)| text.contains(&definition)), "src/lib.rs names no test: {name}");
        }
    }
}

#[test]
fn local_links_of_the_documents_lead_somewhere() {
    let mut missing = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let text = read(document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link)) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") && !root().join(path).exists() {
                missing.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn secrets_and_what_ampd_writes_are_ignored_by_git() {
    let ignored = read(".gitignore");
    for name in [".env", "/target", "*.log", "/logs", "/staging", "/state"] {
        assert!(ignored.lines().any(|line| line == name), ".gitignore: {name}");
    }
}

#[test]
fn unsafe_code_is_forbidden() {
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
}
