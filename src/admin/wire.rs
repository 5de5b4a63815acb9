//! What goes over the socket, as JSON. Fields may be added; both sides ignore those that they do not know.

mod hours;
mod orders;
mod progress;

pub use hours::*;
pub use orders::*;
pub use progress::*;
