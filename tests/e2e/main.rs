//! The promises, end to end: the real binary against the simulator over HTTP, the lake read back without any of
//! ampd's own code, and compared with the simulator's truth. Each test is named after what it proves.

#![allow(clippy::disallowed_methods)] // a test waits and measures by the machine's own clocks

mod lake;
#[path = "../../src/schema_check.rs"]
mod schema_check;
mod support;

mod archives;
#[cfg(feature = "parquet")]
mod columns;
mod commands;
mod configurations;
mod daemon;
mod early;
mod failures;
mod kills;
mod late;
mod leases;
mod machine;
mod owners;
mod schemas;
mod secrets;
mod sinks;
mod state;
mod store;
mod two_daemons;
