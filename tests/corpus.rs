//! What fuzzing found once, and what it begins with: every input of `fuzz/corpus`, fed to the target of its folder.
#![allow(missing_docs)]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn no_input_of_the_corpus_breaks_a_promise() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, run) in targets::ALL {
        let entries = fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("fuzz/corpus/{name}: {error}"));
        let mut inputs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(inputs.len() > 3, "fuzz/corpus/{name} holds {} inputs", inputs.len());
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            let ended = std::panic::catch_unwind(|| run(&bytes));
            assert!(ended.is_ok(), "{} breaks the target `{name}`", input.display());
        }
        run(b"");
    }
}
