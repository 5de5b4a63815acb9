//! The documents name only what exists.

use std::fs;
use std::path::Path;

use crate::source::{identifier, read, root, rust_files, sources};

/// Longest ARCHITECTURE.md.
const ARCHITECTURE_LINES_MAX: usize = 200;

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
