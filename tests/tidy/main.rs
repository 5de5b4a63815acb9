//! What the design asks of the source itself: who imports whom, what is nowhere, how long a file may be, and that the
//! documents name only what exists. Read as text, on purpose: a rule that a reader can check by eye is a rule.
#![allow(missing_docs)]

mod documents;
mod imports;
mod shape;
mod source;
