//! What strangers can feed to ampd, one target each: a function that takes any bytes and panics when a promise breaks.
//! `fuzz/run.sh` feeds them by libFuzzer; `tests/corpus.rs` feeds them what is in `fuzz/corpus`.

mod admin;
#[path = "../../tests/admin/world.rs"]
#[allow(dead_code)]
mod admin_world;
mod archive;
mod configuration;
#[path = "../../tests/fixtures/engine.rs"]
mod fixtures;
mod journal;
mod manifest;
mod rows;

/// A target.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `fuzz/corpus`.
pub const ALL: [(&str, Target); 6] = [
    ("admin", admin::run),
    ("archive", archive::run),
    ("configuration", configuration::run),
    ("journal", journal::run),
    ("manifest", manifest::run),
    ("rows", rows::run),
];
