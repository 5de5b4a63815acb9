#!/bin/sh
# Makes a small crate of the tree's own engine, model and simulation, without the network, the lakes and the command
# line: the simulation needs nothing else, and it compiles in seconds.
#   tests/mutants/lite.sh TREE CRATE
set -eu
tree=$1
crate=$2
mkdir -p "$crate/src/journal" "$crate/tests"
rm -rf "$crate/src/model" "$crate/src/engine" "$crate/tests/sim"
cp -r "$tree/src/model" "$tree/src/engine" "$crate/src/"
cp "$tree/src/clock.rs" "$crate/src/"
cp "$tree/src/journal/memory.rs" "$crate/src/journal/"
cp -r "$tree/tests/sim" "$crate/tests/"
cp "$tree/Cargo.lock" "$crate/Cargo.lock"
cat >"$crate/src/lib.rs" <<'RUST'
pub mod clock;
pub mod engine;
pub mod journal;
pub mod model;
RUST
cat >"$crate/src/journal/mod.rs" <<'RUST'
mod memory;
pub use memory::MemoryJournal;
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{0}")]
    Io(String),
}
impl JournalError {
    pub fn code(&self) -> &'static str {
        "E502"
    }
}
pub trait Journal: Send {
    fn load(&mut self) -> Result<crate::model::Snapshot, JournalError>;
    fn commit(&mut self, changes: &[crate::model::Change]) -> Result<(), JournalError>;
}
RUST
cat >"$crate/Cargo.toml" <<'TOML'
[package]
name = "ampd"
version = "0.1.0"
edition = "2024"

[dependencies]
chrono = { version = "0.4", default-features = false, features = ["std", "clock", "serde"] }
serde = { version = "1", features = ["derive"] }
thiserror = "2"
tokio = { version = "1", default-features = false, features = ["rt", "macros", "sync", "time"] }

[[test]]
name = "sim"
path = "tests/sim/main.rs"

[profile.dev]
opt-level = 2
debug = false

[workspace]
TOML
