//! ampd keeps a complete, verified copy of an Amplitude project's raw events in a lake: every hour, exactly once,
//! whatever crashes.
//!
//! # The program on one page
//!
//! A journal-driven state machine. Decisions are plain functions over plain values with the time as an argument; effects
//! sit at the edges and each may run twice. There is no recovery code: a restart is one more turn of the same loop.
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | pure: hours, windows, records, the planner, retries, the watermark, keys, manifests, what may be deleted |
//! | [`engine`] | `Engine::on_event(Event, now)` answers commands; `Driver` records them in the journal, then runs them |
//! | [`effects`] | runs one `Step` against the world and says how it ended; decides nothing, repeats nothing |
//! | [`journal`] | what is remembered: sled, one durable write per batch of changes; a cache of the lake |
//! | [`amplitude`] | the Export API's client: one request per window, every answer classified once |
//! | [`archive`] | zip of gzipped lines: bounded, checked, counted, hashed, packed into parts |
//! | [`stage`] | the staging directory: archives wait here, with a budget |
//! | [`lake`] | where hours land: S3 or a directory behind one trait |
//! | [`clock`] | the wall clock and the monotonic clock; nobody else reads one |
//! | [`telemetry`] | log lines, the four per-phase streams, progress |
//! | [`config`] | what the user writes, every problem reported at once; and what it means |
//! | [`cli`] | the command line, types only |
//! | [`commands`] | one file per subcommand; the only place that may import everything |
//! | [`problem`], [`explain`], [`exit`] | an error as a person is told it, its code explained, the exit code |
//! | [`simulator`] | an Amplitude with planted faults and a truth; it shares no parsing and no planning with the rest |
//!
//! `ARCHITECTURE.md` says where everything is and what must stay absent. `tests/tidy.rs` keeps the imports as they are.
//!
//! # The promises
//!
//! Each with the tests that prove it; a promise is no better than its test.
//!
//! 1. **No hour is ever skipped.** The watermark passes an hour only when the lake holds its manifest: with data, confirmed
//!    empty, or skipped by a person with a reason.
//!    proof: `watermark_never_passes_an_unpublished_hour`, `no_schedule_breaks_a_promise`.
//! 2. **Exactly once per hour** for readers of the manifests: one complete capture, never a mixture, never twice.
//!    proof: `no_schedule_breaks_a_promise`, `a_capture_publishes_an_hour_at_most_once`.
//! 3. **A crash costs at most the work in flight**: no second download of a captured archive, no upload of a published hour.
//!    proof: `no_schedule_breaks_a_promise`, `what_was_acknowledged_survives_every_kill`.
//! 4. **Ready in under one second** after a restart with 87,600 hours (10 years) of state.
//!    proof: none yet.
//! 5. **Losing local state loses nothing**: it is rebuilt from the lake's manifests.
//!    proof: `no_schedule_breaks_a_promise`.
//! 6. **Byte-exact**: `json.gz` lands as Amplitude sent it, every other format with the same rows, checked end to end.
//!    proof: `json_gz_lands_the_members_byte_for_byte_in_natural_order`, `a_changed_byte_anywhere_never_loses_a_row_unnoticed`.
//! 7. **A broken archive is never published and never blocks other hours**; the bad hour is set aside with the reason and
//!    the command that retries it.
//!    proof: `one_broken_hour_leaves_the_others_readable`, `no_schedule_breaks_a_promise`.
//! 8. **Late data is found**: an hour is asked for again, and a grown hour is published as a new generation.
//!    proof: `no_schedule_breaks_a_promise`.
//! 9. **Two daemons on one lake cannot harm each other.**
//!    proof: `no_schedule_breaks_a_promise`.
//! 10. **Memory is bounded** whatever the archive's size; disk is bounded by configuration.
//!    proof: `a_bomb_is_refused`, `a_capture_that_outgrows_the_room_is_dropped_and_gives_it_back`.
//! 11. **Secrets appear nowhere**: not in logs, status, metrics, argv, panics, errors.
//!    proof: `nothing_that_is_loaded_prints_a_secret`, `neither_debug_nor_an_error_shows_a_key`.
//! 12. **A wrong clock** never exports an unfinished hour and never stalls the daemon for long.
//!    proof: `no_schedule_breaks_a_promise`, `a_wait_stored_under_a_clock_that_ran_ahead_is_over`.
//! 13. **`ampd verify`** proves 1, 2 and 6 over the lake at any time.
//!    proof: none yet.

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
