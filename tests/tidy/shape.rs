//! What is nowhere, how long a file may be, and which words are no names.

use crate::source::{Source, identifier, read, sources};

/// Longest file of `src/`; what is aimed at is 250.
const LINES_MAX: usize = 400;

/// Words with no meaning of their own.
const WORDS: &[&str] = &["Manager", "Helper", "Util", "Utils", "Data", "Handle", "Process", "Perform"];

/// Names that bear one of [`WORDS`] all the same, each with its reason.
const WORD_EXCEPTIONS: &[(&str, &str)] = &[
    ("process", "the metrics of admin/process.rs are called process_* by Prometheus"),
    ("Handle", "engine::Handle is what tokio, too, calls the thing that reaches something running"),
];

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
fn unsafe_code_is_forbidden() {
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
}
