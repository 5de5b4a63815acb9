//! Log keys, the per-phase streams, progress.
