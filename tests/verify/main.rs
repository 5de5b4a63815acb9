//! Commands that look at a lake and at the journal, through the real binary.

mod journal;
mod lake;
mod world;
