//! The daemon's two doors, served in this process over an engine that asks for hours and never gets them: what they
//! answer, whom they refuse, and that nobody can make them grow.

mod hostile;
mod routes;
mod world;
