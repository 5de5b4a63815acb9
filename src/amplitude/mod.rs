//! The Export API client: one request per window, every answer classified once.
//!
//! [`Client::export`] sends one GET and says what came of it as an [`Answer`]. It decides nothing: whether the hours
//! of the window were due (`date`), whether to ask again and when, is the caller's. Nothing is ever followed,
//! repeated or resumed here. What is shown of an answer has been through [`redact`].

mod address;
mod answer;
mod body;
mod classify;
mod client;
mod headers;
mod redact;
mod words;

#[cfg(test)]
mod tests;

pub use address::ClientError;
pub use answer::{Answer, ArchiveSink, Exported, Writing};
pub use client::Client;
pub use redact::{REDACTED, redact};
