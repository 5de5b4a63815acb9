//! ampd keeps a complete, verified copy of an Amplitude project's raw events in a lake.

pub mod admin;
pub mod amplitude;
pub mod archive;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod effects;
pub mod engine;
pub mod exit;
pub mod explain;
pub mod journal;
pub mod lake;
pub mod model;
pub mod problem;
#[cfg(test)]
mod schema_check;
pub mod simulator;
pub mod stage;
pub mod telemetry;
