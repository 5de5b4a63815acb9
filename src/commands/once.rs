//! `ampd once`: everything that is due now.

use super::one_shot::{self, Work};
use super::session::Session;
use crate::cli::{Global, OnceArgs};
use crate::exit::Exit;
use crate::problem::Failure;

/// Runs the command.
pub async fn run(global: &Global, args: OnceArgs) -> Result<Exit, Failure> {
    let session = Session::open_to_work(global)?;
    let scope = one_shot::scope_of(&session, args.source.as_ref())?;
    let work = Work { scope, orders: Vec::new(), parallel: None, no_data: args.one_shot.exit_code_no_data };
    one_shot::run(&session, work).await
}
