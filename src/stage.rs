//! The staging directory.
