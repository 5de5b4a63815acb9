//! The README, run: every `console` block is typed into a shell that knows only a temporary directory and a simulator,
//! every `toml` block is read as a configuration, and every `sh` block says why it is not run.
//!
//! What a block shows is compared line by line. Numbers stand for numbers, dates for dates and a calendar's cells for
//! cells; `...` stands for anything within a line, or alone for any number of lines.
#![allow(missing_docs, clippy::disallowed_methods)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use ampd::simulator::{Fault, FaultKind, Hour, Options, Running, Simulator};
use chrono::{TimeDelta, Utc};

/// Hours that are due when a block begins.
const HOURS: i64 = 48;
/// The hour that is corrupt where a block asks for one.
const CORRUPT: i64 = 40;

/// A fenced block: its language, the comment right before it, its lines.
struct Block {
    language: String,
    note: String,
    text: String,
    line: usize,
}

fn blocks() -> Vec<Block> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut blocks = Vec::new();
    let mut note = String::new();
    let mut open: Option<Block> = None;
    for (index, line) in readme.lines().enumerate() {
        match (open.take(), line.strip_prefix("```")) {
            (Some(block), Some(_)) => blocks.push(block),
            (Some(mut block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, Some(language)) => {
                let note = std::mem::take(&mut note);
                open = Some(Block { language: language.to_owned(), note, text: String::new(), line: index + 1 });
            }
            (None, None) if line.starts_with("<!--") => line.clone_into(&mut note),
            (None, None) if line.is_empty() => {}
            (None, None) => note.clear(),
        }
    }
    assert!(open.is_none(), "README.md: a block is not closed");
    blocks
}

/// A simulator and a directory with the seed's `.env`.
struct World {
    dir: tempfile::TempDir,
    sim: Running,
    settings: Vec<(&'static str, String)>,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new(corrupt: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let now = Utc::now();
        let last = Hour::containing(now - TimeDelta::hours(3));
        let first = last.plus(1 - HOURS);
        let mut options = Options { now: Some(now), ..Options::default() };
        options.rows.compact = true;
        options.projects[0].events_per_hour = 50;
        options.projects[0].hours = [(first.plus(3), 0), (first.plus(4), 0)].into();
        let sim = runtime.block_on(Simulator::start(options, "127.0.0.1:0".parse().unwrap())).unwrap();
        if corrupt {
            sim.plant(Fault::new(FaultKind::GzipCrc).on(first.plus(CORRUPT))).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".env"), "AMP_API_KEY=sim-api-key\nAMP_SECRET_KEY=sim-secret-key\n").unwrap();
        fs::set_permissions(dir.path().join(".env"), fs::Permissions::from_mode(0o600)).unwrap();
        // The hour after the last becomes due in half an hour, whenever the test runs.
        let settle = (now - TimeDelta::minutes(30) - last.end()).num_seconds();
        let settings = vec![
            ("AMPD_SOURCE__DEFAULT__BASE_URL", sim.url()),
            ("AMPD_SOURCE__DEFAULT__ALLOW_CUSTOM_BASE_URL", "true".to_owned()),
            ("AMPD_SOURCE__DEFAULT__START", first.start().format("%Y-%m-%dT%H").to_string()),
            ("AMPD_WINDOW__SETTLE_DELAY", format!("{settle}s")),
            ("AMPD_WINDOW__EMPTY_CONFIRM", "0s".to_owned()),
            ("AMPD_RETRY__INITIAL", "10ms".to_owned()),
            ("AMPD_RETRY__MAX", "50ms".to_owned()),
            ("AMPD_STAGING__MIN_FREE", "1MiB".to_owned()),
        ];
        Self { dir, sim, settings, _runtime: runtime }
    }

    fn ampd(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ampd"));
        command.args(arguments).current_dir(self.dir.path()).env_clear().env("HOME", self.dir.path());
        // As systemd says them: root's own defaults are the system's directories.
        for name in ["STATE", "CACHE", "RUNTIME", "LOGS"] {
            command.env(format!("{name}_DIRECTORY"), self.dir.path().join(name.to_lowercase()));
        }
        for (name, value) in &self.settings {
            command.env(name, value);
        }
        command.output().unwrap()
    }
}

/// A line as it is compared.
fn shape(line: &str) -> String {
    let mut shape = String::new();
    // The digits of an error code (E303) are compared, all others only stand for a number.
    let mut code_digits = 0;
    for c in line.trim_end().chars() {
        code_digits = match c {
            'E' => 3,
            c if c.is_ascii_digit() && code_digits > 0 => code_digits - 1,
            _ => 0,
        };
        let is_code =
            c.is_ascii_digit() && (code_digits > 0 || shape.rfind('E').is_some_and(|at| at + 3 == shape.len()));
        match c {
            c if c.is_ascii_digit() && !is_code => {
                if !shape.ends_with('0') {
                    shape.push('0');
                }
            }
            ' ' if shape.ends_with(' ') => {}
            c => shape.push(c),
        }
    }
    // How much was downloaded depends on what was in flight together: 980 KiB one time, 1.1 MiB the next.
    for (long, short) in [("0.0", "0"), ("0K", "0"), ("KiB", "B"), ("MiB", "B"), ("GiB", "B")] {
        shape = shape.replace(long, short);
    }
    for day in ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] {
        if let Some(rest) = shape.strip_prefix(day) {
            shape = format!("Day{rest}");
        }
    }
    if shape.starts_with("Day 0-0-0") {
        // Which day an hour falls into depends on the time of day.
        return "Day 0-0-0".to_owned();
    }
    shape
}

fn line_matches(expected: &str, actual: &str) -> bool {
    let mut rest = actual;
    let pieces: Vec<&str> = expected.split("...").collect();
    for (index, piece) in pieces.iter().enumerate() {
        let found = match (index, index + 1 == pieces.len()) {
            (0, true) => return rest == *piece,
            (0, false) => rest.strip_prefix(*piece).map(str::len),
            (_, true) => return rest.ends_with(piece),
            _ => rest.find(piece).map(|at| rest.len() - at - piece.len()),
        };
        let Some(left) = found else { return false };
        rest = &rest[rest.len() - left..];
    }
    true
}

fn lines_match(expected: &[String], actual: &[String]) -> bool {
    match (expected.split_first(), actual.split_first()) {
        (None, None) => true,
        (Some((any, after)), _) if any == "..." => {
            (0..=actual.len()).any(|skipped| lines_match(after, &actual[skipped..]))
        }
        (Some((one, after)), Some((line, left))) => line_matches(one, line) && lines_match(after, left),
        _ => false,
    }
}

/// The commands of a block with what each shows.
fn commands(block: &Block) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), Vec::new()));
        } else {
            let (_, shown) = commands.last_mut().unwrap_or_else(|| panic!("line {}: `$ ` comes first", block.line));
            shown.push(line.to_owned());
        }
    }
    commands
}

#[test]
fn every_console_block_shows_what_the_binary_says() {
    let consoles: Vec<Block> = blocks().into_iter().filter(|block| block.language == "console").collect();
    assert!(!consoles.is_empty());
    for block in consoles {
        let world = World::new(block.note.contains("an hour is corrupt"));
        for (command, shown) in commands(&block) {
            if command.starts_with("# ") {
                // What happens outside: the corrupt hour heals.
                world.sim.clear_faults();
                continue;
            }
            let words: Vec<&str> = command.split_whitespace().collect();
            assert_eq!(words[0], "ampd", "line {}: only ampd is run: {command}", block.line);
            let hour = world.settings[2].1.clone();
            let corrupt =
                Hour::parse(&hour.replace('-', "")).unwrap().plus(CORRUPT).start().format("%Y-%m-%dT%H").to_string();
            let is_hour = |word: &str| word.len() == 13 && word.as_bytes()[10] == b'T';
            let words: Vec<&str> =
                words[1..].iter().map(|word| if is_hour(word) { corrupt.as_str() } else { *word }).collect();
            let output = world.ampd(&words);
            let stdout = String::from_utf8(output.stdout).unwrap();
            let expected: Vec<String> = shown.iter().map(String::as_str).map(shape).collect();
            let actual: Vec<String> = stdout.lines().map(shape).collect();
            assert!(
                lines_match(&expected, &actual),
                "README.md line {}: `{command}` ended with {} and said\n{stdout}\n{}\ncompared as\n{}\nwith\n{}",
                block.line,
                output.status,
                String::from_utf8_lossy(&output.stderr),
                actual.join("\n"),
                expected.join("\n")
            );
        }
    }
}

#[test]
fn every_toml_block_is_a_configuration() {
    let configurations: Vec<Block> = blocks().into_iter().filter(|block| block.language == "toml").collect();
    assert!(!configurations.is_empty());
    for block in configurations {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ampd.toml"), &block.text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ampd"));
        command.args(["config", "check"]).current_dir(dir.path()).env_clear().env("HOME", dir.path());
        let output = command.env("AMP_API_KEY", "k").env("AMP_SECRET_KEY", "s").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "README.md line {}: {stderr}", block.line);
    }
}

#[test]
fn every_other_block_says_why_it_is_not_run() {
    for block in blocks() {
        match block.language.as_str() {
            "console" | "toml" => {}
            _ => assert!(block.note.contains("not run: "), "README.md line {}: `{}`", block.line, block.language),
        }
    }
}

#[test]
fn shapes_are_compared_as_said() {
    assert_eq!(shape("! web 2026-11-22T07: torn (E303, 5 attempts)"), "! web 0-0-0T0: torn (E303, 0 attempts)");
    assert_eq!(shape("9.2K rows, 980 KiB down, 2 s"), shape("947 rows, 1.1 MiB down, 12 s"));
    assert_eq!(shape("Sun 2026-11-22  ███ ·✗█  1 quarantined"), "Day 0-0-0");
    assert_eq!(shape("Mon 2026-11-23       ██ ███"), "Day 0-0-0");
    assert!(line_matches("a ... c", "a b c") && !line_matches("a ... c", "a b d") && line_matches("a", "a"));
    let lines = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
    assert!(lines_match(&lines("a|...|d"), &lines("a|b|c|d")) && !lines_match(&lines("a|...|d"), &lines("a|b")));
}
