//! What the user writes, and what it means.

mod sections;

pub use sections::*;
