//! What the user writes, and what it means.
//!
//! [`load`] merges the layers (defaults, the seed's names, the file, `AMPD_SECTION__KEY` variables, flags), checks
//! every value of each of them, and answers with the whole [`Config`] or with every problem at once. It reads the
//! files that the [`Inputs`] lead to and nothing else: no process environment, no clock.

mod build;
mod build_lake;
mod build_outlets;
mod checks;
mod defaults;
mod file;
mod inputs;
mod key_table;
mod keys;
mod layers;
mod merged;
mod outlets;
mod problem;
mod schema;
mod secret_form;
mod secrets;
mod sections;
mod seeds;
mod show;
mod source_text;
#[cfg(test)]
mod tests;
mod texts;
mod units;
mod values;
mod variables;

use std::path::PathBuf;

pub use inputs::Inputs;
pub use layers::Origin;
pub use outlets::*;
pub use problem::{Place, Problem, Problems, SHOWN, Snippet, Warning};
pub use schema::schema;
pub use sections::*;
pub use show::{Origins, show};

use inputs::Environment;
use layers::{FILE, FLAGS, Layers, VARIABLES};
use merged::Values;
use problem::Report;

/// The annotated configuration file: every key, with its default.
pub const ANNOTATED: &str = include_str!("../../config/ampd.toml");

/// A configuration that is valid.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the program uses.
    pub config: Config,
    /// The files it was read from.
    pub files: Vec<PathBuf>,
    /// What is doubtful: `ampd config check` shows it.
    pub warnings: Vec<Warning>,
    /// Where each value came from.
    pub origins: Origins,
}

/// Reads, merges and checks the configuration.
pub fn load(inputs: &Inputs) -> Result<Loaded, Problems> {
    let mut report = Report::default();
    let source = file::read(inputs)?;
    let environment = Environment::read(inputs, &mut report);
    let mut layers = Layers(Default::default());
    if let Some(source) = &source {
        layers.0[FILE] = file::layer(source, &mut report);
    }
    // What a file (or `.env`) that does not parse would have said is not known: nothing is called missing then.
    let unreadable = report.problems.iter().any(|problem| problem.code == "E104");
    layers.0[VARIABLES] = variables::layer(&environment, &mut report);
    layers.0[FLAGS] = variables::flags(&inputs.overrides, &mut report);
    seeds::fill(&mut layers, &environment, &mut report);
    defaults::fill(&mut layers, inputs);
    layers.exclude("schedule.every", "schedule.cron");
    merged::check(&layers, &mut report);
    let values = Values::new(&environment, &layers, source.as_ref());
    let config = if unreadable {
        None
    } else {
        checks::check(&values, &mut report);
        build::build(&values, &mut report)
    };
    let origins = Origins::of(&values);
    let files = source.iter().map(|source| source.file.clone()).collect();
    let warnings = std::mem::take(&mut report.warnings);
    match (Problems::from_list(report.problems), config) {
        (None, Some(config)) => Ok(Loaded { config, files, warnings, origins }),
        (Some(problems), _) => Err(problems),
        (None, None) => Err(Problem::new("E103", "the configuration is not complete").into()),
    }
}

/// Where the daemon's control socket is, as far as the configuration can be read: a command that only speaks with the
/// daemon needs no secret, and no other key to be right.
pub fn admin_socket(inputs: &Inputs) -> PathBuf {
    let mut report = Report::default();
    let source = file::read(inputs).ok().flatten();
    let environment = Environment::read(inputs, &mut report);
    let mut layers = Layers(Default::default());
    if let Some(source) = &source {
        layers.0[FILE] = file::layer(source, &mut report);
    }
    layers.0[VARIABLES] = variables::layer(&environment, &mut report);
    layers.0[FLAGS] = variables::flags(&inputs.overrides, &mut report);
    defaults::fill(&mut layers, inputs);
    let values = Values::new(&environment, &layers, source.as_ref());
    values.path("admin.socket").unwrap_or_else(|| inputs.cwd.join("ampd.sock"))
}
