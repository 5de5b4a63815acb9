//! Crashes and troubles of the real binary, each followed by a restart: the lake ends equal to the truth, each hour once.
//! With the feature `failpoints` also every trouble at every point of `src/failpoints.rs`.

#![allow(missing_docs, clippy::disallowed_methods)] // a test waits and measures by the machine's own clocks

#[path = "../e2e/lake.rs"]
#[allow(dead_code)] // each of the two suites uses its own part
mod lake;
#[path = "../e2e/support.rs"]
#[allow(dead_code)]
mod support;

mod kills;
mod state;
mod store;

#[cfg(feature = "failpoints")]
mod failpoints;
#[cfg(not(feature = "failpoints"))]
mod unarmed;
