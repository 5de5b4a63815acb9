//! What the user writes.
