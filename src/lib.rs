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
//! | [`admin`] | the running daemon's two doors: control over a Unix socket, and a read-only listener |
//! | [`cli`] | the command line, types only |
//! | [`commands`] | one file per subcommand; the only place that may import everything |
//! | [`problem`], [`explain`], [`exit`] | an error as a person is told it, its code explained, the exit code |
//! | [`failpoints`] | where a test makes the real binary go wrong; nothing without the feature of that name |
//! | [`simulator`] | an Amplitude with planted faults and a truth; it shares no parsing and no planning with the rest |
//!
//! `ARCHITECTURE.md` says where everything is and what must stay absent. `tests/tidy` keeps the imports as they are.
//!
//! # The promises
//!
//! Each with the tests that prove it; a promise is no better than its test.
//!
//! 1. **No hour is ever skipped.** The watermark passes an hour only when the lake holds its manifest: with data, confirmed
//!    empty, or skipped by a person with a reason.
//!    proof: `no_schedule_breaks_a_promise`, `watermark_never_passes_an_unpublished_hour`, `a_blocked_hour_holds_the_watermark_and_not_the_later_hours`.
//! 2. **Exactly once per hour** for readers of the manifests: one complete capture, never a mixture, never twice.
//!    proof: `no_schedule_breaks_a_promise`, `sigkill_at_random_moments_loses_nothing_and_publishes_nothing_twice`, `every_trouble_at_every_point_ends_with_the_truth_and_each_hour_once`.
//! 3. **A crash costs at most the work in flight**: no second download of a captured archive, no upload of a published hour.
//!    proof: `a_capture_that_is_recorded_is_never_downloaded_again`, `what_was_acknowledged_survives_every_kill`, `sigkill_anywhere_loses_nothing_doubles_nothing_and_costs_what_was_in_flight`.
//! 4. **Ready in under one second** after a restart with 87,600 hours (10 years) of state.
//!    proof: `ten_years_of_hours_are_ready_in_under_a_second` (ten seconds in a debug build).
//! 5. **Losing local state loses nothing**: it is rebuilt from the lake's manifests.
//!    proof: `a_lost_state_directory_is_rebuilt_from_the_lake_and_nothing_is_asked_again`, `state_from_an_older_copy_believes_the_lake`, `damaged_journals_are_rebuilt_by_the_daemon_and_no_published_hour_is_asked_for_again`.
//! 6. **Byte-exact**: `json.gz` lands as Amplitude sent it, every other format with the same rows, checked end to end.
//!    proof: `every_shape_of_archive_lands_byte_for_byte`, `a_changed_byte_anywhere_never_loses_a_row_unnoticed`.
//! 7. **A broken archive is never published and never blocks other hours**; the bad hour is set aside with the reason and
//!    the command that retries it.
//!    proof: `one_corrupt_hour_of_a_day_is_quarantined_and_the_other_23_land`.
//! 8. **Late data is found**: an hour is asked for again, and a grown hour is published as a new generation.
//!    proof: `an_hour_that_grew_is_published_again_as_the_next_generation_and_announced`.
//! 9. **Two daemons on one lake cannot harm each other.**
//!    proof: `no_schedule_breaks_a_promise`, `a_generation_taken_or_skipped_is_contested`.
//! 10. **Memory is bounded** whatever the archive's size; disk is bounded by configuration.
//!     proof: `a_bomb_is_refused`, `two_downloads_that_do_not_fit_into_staging_together_land_one_after_the_other`.
//! 11. **Secrets appear nowhere**: not in logs, status, metrics, argv, panics, errors.
//!     proof: `secrets_appear_in_no_output_log_status_or_state`, `nothing_that_is_loaded_prints_a_secret`.
//! 12. **A wrong clock** never exports an unfinished hour and never stalls the daemon for long.
//!     proof: `an_unfinished_hour_is_never_exported_even_when_the_local_clock_is_ahead`.
//! 13. **`ampd verify`** proves 1, 2 and 6 over the lake at any time.
//!     proof: `a_flipped_bit_is_found_and_repaired`, `a_gap_and_a_hole_are_found`.

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
pub mod failpoints;
pub mod journal;
pub mod lake;
mod memory;
pub mod model;
pub mod problem;
#[cfg(test)]
mod schema_check;
pub mod simulator;
pub mod stage;
pub mod telemetry;
