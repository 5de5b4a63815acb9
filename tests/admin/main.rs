//! The daemon's two doors, served in this process over an engine that asks for hours and never gets them: what they
//! answer, whom they refuse, and that nobody can make them grow.

#![allow(clippy::disallowed_methods, reason = "tests measure how long they wait")]
#![allow(clippy::large_stack_arrays, reason = "bytes to pour")]

#[path = "../fixtures/engine.rs"]
mod fixtures;
mod hostile;
mod routes;
mod world;
