//! The simulator from outside.
