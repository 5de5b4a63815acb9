//! The files of `src/` as text, with and without comments and texts.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of `src/`.
pub struct Source {
    /// `src/engine/mod.rs`
    pub path: String,
    /// The module of the crate's root: `engine`.
    pub module: String,
    /// How many `super` lead to the crate's root.
    pub depth: usize,
    /// As written.
    pub text: String,
    /// Without comments and texts, tests included.
    pub code: String,
}

impl Source {
    /// The code before the file's own tests.
    pub fn shipped(&self) -> &str {
        let end = self.code.find("#[cfg(test)]\nmod tests {").unwrap_or(self.code.len());
        if self.is_test() { "" } else { &self.code[..end] }
    }

    pub fn is_test(&self) -> bool {
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

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

pub fn rust_files(directory: &str) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files_below(&root().join(directory), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let relative = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

pub fn sources() -> Vec<Source> {
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

pub fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[test]
fn comments_and_texts_are_no_code() {
    let text = "let a = \"crate::lake\"; // crate::stage\nlet b = '\"'; use crate::{model::Hour, journal};";
    let code = without_comments_and_texts(text);
    assert!(!code.contains("lake") && !code.contains("stage") && code.contains("crate::{model"), "{code}");
}
