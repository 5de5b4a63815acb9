//! `ampd completions` and `ampd man`.

use clap::CommandFactory;

use super::output::Output;
use crate::cli::{Cli, CompletionsArgs, Global, ManArgs};
use crate::exit::Exit;
use crate::problem::Failure;

/// Writes a completion script.
pub fn completions(global: &Global, args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ampd", &mut script);
    let output = Output::stdout(global.form());
    output.raw(&String::from_utf8_lossy(&script));
    output.finish()?;
    Ok(Exit::Done)
}

/// Writes the main page to stdout, or one page per command into a directory.
pub fn man(global: &Global, args: &ManArgs) -> Result<Exit, Failure> {
    let output = Output::stdout(global.form());
    if let Some(dir) = &args.dir {
        let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
        written.map_err(|error| Failure::new("E707", format!("{}: {error}", dir.display())))?;
        output.text(&format!("written to {}: `man -M` or MANPATH makes them known", dir.display()));
    } else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
        rendered.map_err(|error| Failure::new("E701", format!("the page cannot be rendered: {error}")))?;
        output.raw(&String::from_utf8_lossy(&page));
    }
    output.finish()?;
    Ok(Exit::Done)
}
