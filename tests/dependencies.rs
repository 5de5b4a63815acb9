//! What the lock file and the manifest must say: one TLS stack, no C toolchain but a compiler, no old HTTP.
#![allow(missing_docs)]

use std::collections::BTreeMap;

/// A package of Cargo.lock: its version, and the names it depends on.
type Package = (String, Vec<String>);

fn read(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn locked() -> BTreeMap<String, Vec<Package>> {
    let text = read("Cargo.lock");
    let mut packages: BTreeMap<String, Vec<Package>> = BTreeMap::new();
    for block in text.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
            line.map(|rest| rest.trim_end_matches('"').to_owned())
        };
        let (Some(name), Some(version)) = (field("name"), field("version")) else { continue };
        let entry = |line: &str| line.trim().strip_prefix('"').map(|rest| identifier(rest).to_owned());
        let depends_on = block.lines().filter(|line| line.starts_with(" \"")).filter_map(entry).collect();
        packages.entry(name).or_default().push((version, depends_on));
    }
    packages
}

/// The name without version and quotes.
fn identifier(entry: &str) -> &str {
    entry.split([' ', '"', ',']).next().unwrap_or_default()
}

fn versions<'a>(packages: &'a BTreeMap<String, Vec<Package>>, name: &str) -> Vec<&'a str> {
    packages.get(name).into_iter().flatten().map(|(version, _)| version.as_str()).collect()
}

#[test]
fn there_is_one_tls_stack() {
    let packages = locked();
    assert_eq!(versions(&packages, "rustls").len(), 1, "{:?}", versions(&packages, "rustls"));
    for never in ["openssl", "openssl-sys", "native-tls", "boring", "boring-sys", "s2n-tls"] {
        assert!(!packages.contains_key(never), "{never} is in Cargo.lock");
    }
}

#[test]
fn nothing_old_came_back() {
    let packages = locked();
    for (name, old) in
        [("hyper", "0.14."), ("h2", "0.3."), ("rustls-webpki", "0.101."), ("rustls", "0.21."), ("http", "0.2.")]
    {
        let found: Vec<_> = versions(&packages, name).into_iter().filter(|version| version.starts_with(old)).collect();
        // Types of http 0.2 are part of the AWS crates' own interfaces; nothing speaks HTTP with them.
        assert!(found.is_empty() || name == "http", "{name} {found:?}");
    }
    assert!(!packages.contains_key("miniz_oxide"), "zlib-rs is the one inflater");
}

/// No program but a C compiler is needed to build. `aws-lc-sys` lists the crate `cmake` (a few hundred lines that know
/// how to call the program) as a build dependency on every platform, so it is in the lock; its build script calls the
/// program only where it cannot drive the C compiler itself, which it can on Linux and macOS. The lock can tell that
/// nobody else names it. Were the program called, the build on a machine without it (the CI's) would fail.
#[test]
fn cmake_is_named_by_aws_lc_sys_only() {
    let packages = locked();
    let mut who = Vec::new();
    for (name, versions) in &packages {
        for (_, depends_on) in versions.iter().filter(|(_, on)| on.iter().any(|one| one == "cmake")) {
            who.push((name.as_str(), depends_on.len()));
        }
    }
    let names: Vec<&str> = who.iter().map(|(name, _)| *name).collect();
    assert!(names.iter().all(|name| *name == "aws-lc-sys"), "{names:?}");
    for never in ["bindgen", "protobuf-src", "prost-build", "libz-sys", "bzip2-sys", "lzma-sys"] {
        assert!(!packages.contains_key(never), "{never} is in Cargo.lock");
    }
}

#[test]
fn sled_is_pinned_and_the_only_version() {
    assert_eq!(versions(&locked(), "sled"), ["0.34.7"]);
    assert!(read("Cargo.toml").contains("sled = \"=0.34.7\""));
}

#[test]
fn the_manifest_says_what_a_reader_needs() {
    let manifest = read("Cargo.toml");
    for line in [
        "rust-version = \"1.95\"",
        "license = \"MIT\"",
        "readme = \"README.md\"",
        "[lints.rust]",
        "[lints.clippy]",
        "unsafe_code = \"forbid\"",
        "missing_docs = \"warn\"",
        "print_stdout = \"deny\"",
        "todo = \"deny\"",
    ] {
        assert!(manifest.lines().any(|found| found.trim() == line), "Cargo.toml: {line}");
    }
    assert!(read("LICENSE").starts_with("MIT License"));
}

/// Every dependency is used by name; what is listed and not used is a door left open.
#[test]
fn every_dependency_is_used() {
    let manifest = read("Cargo.toml");
    let mut code = String::new();
    collect(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    let mut tests = code.clone();
    collect(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut tests);
    collect(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz"), &mut tests);
    code.push_str(&read("fuzz/main.rs"));
    let mut section = "";
    let mut unused = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| !name.starts_with('#')) else { continue };
        let used_in = match section {
            "[dependencies]" => &code,
            "[dev-dependencies]" => &tests,
            _ => continue,
        };
        let word = name.trim().replace('-', "_");
        if !used_in.contains(&format!("{word}::")) && !used_in.contains(&format!("use {word}")) {
            unused.push(name.trim());
        }
    }
    assert!(unused.is_empty(), "Cargo.toml lists what nobody uses: {unused:?}");
}

fn collect(directory: &std::path::Path, code: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}
