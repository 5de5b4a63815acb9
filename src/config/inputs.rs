//! Everything the configuration is made of, as values: tests never touch the process's environment.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::problem::{Place, Problem, Report};

/// What `load` reads besides files. It holds secrets, so it is never printed.
#[derive(Clone)]
pub struct Inputs {
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// The working directory: `./ampd.toml`, `.env`, relative paths of variables and flags.
    pub cwd: PathBuf,
    /// Whether the paths of the system are the defaults.
    pub is_root: bool,
    /// `-c/--config`.
    pub config_flag: Option<PathBuf>,
    /// Flags that set a key: dotted key and value. The highest layer.
    pub overrides: Vec<(String, String)>,
    /// The time.
    pub now: DateTime<Utc>,
    /// The last file of the search: `/etc/ampd/ampd.toml`.
    pub system_file: PathBuf,
    /// Whether secrets are looked for; without that each is empty. For commands that only look: systemd shows a
    /// service's credentials to nobody else, root included.
    pub with_secrets: bool,
}

impl Inputs {
    /// The inputs of this process.
    pub fn from_process(config_flag: Option<PathBuf>, overrides: Vec<(String, String)>) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            env: std::env::vars_os().filter_map(text).collect(),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            is_root: rustix::process::geteuid().is_root(),
            config_flag,
            overrides,
            now: crate::clock::now(),
            system_file: PathBuf::from("/etc/ampd/ampd.toml"),
            with_secrets: true,
        }
    }

    /// A variable that is an absolute path; others mean nothing (XDG says so).
    pub(super) fn directory(&self, name: &str) -> Option<PathBuf> {
        // systemd writes several directories with colons between them; the first is ours.
        let first = self.env.get(name)?.split(':').next()?;
        Some(PathBuf::from(first)).filter(|path| path.is_absolute())
    }
}

/// The environment, and below it `.env` of the working directory.
pub(super) struct Environment<'a> {
    pub inputs: &'a Inputs,
    dotenv: BTreeMap<String, String>,
    file: PathBuf,
}

/// A variable's value and, when it comes from there, the `.env` file.
#[derive(Clone, Copy)]
pub(super) struct Variable<'a> {
    pub value: &'a str,
    pub dotenv: Option<&'a Path>,
}

impl<'a> Environment<'a> {
    /// Reads `.env`. It is no error that there is none.
    pub fn read(inputs: &'a Inputs, report: &mut Report) -> Self {
        let file = inputs.cwd.join(".env");
        let dotenv = match std::fs::read_to_string(&file) {
            Ok(text) => {
                warn_when_readable(&file, report);
                parse_dotenv(&file, &text, report)
            }
            Err(error) => {
                if !matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::IsADirectory) {
                    report.warn(
                        Problem::new("E105", format!("{} cannot be read: {}", file.display(), error.kind()))
                            .help("make it readable for the user that runs ampd, or remove it"),
                    );
                }
                BTreeMap::new()
            }
        };
        Self { inputs, dotenv, file }
    }

    /// A variable that is set and not empty; the environment wins over `.env`.
    pub fn get(&self, name: &str) -> Option<Variable<'_>> {
        let set = |map: &'a BTreeMap<String, String>| map.get(name).filter(|value| !value.is_empty());
        if let Some(value) = set(&self.inputs.env) {
            return Some(Variable { value, dotenv: None });
        }
        let value = self.dotenv.get(name).filter(|value| !value.is_empty())?;
        Some(Variable { value, dotenv: Some(&self.file) })
    }

    /// A variable of `.env` alone, when the environment does not set it.
    pub fn only_in_dotenv(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|variable| variable.dotenv.is_some()).map(|variable| variable.value)
    }

    /// Every variable, the environment's value first.
    pub fn all(&self) -> impl Iterator<Item = (&str, Variable<'_>)> {
        let below = self.dotenv.iter().filter(|(name, _)| !self.inputs.env.contains_key(*name));
        let below = below.map(|(name, value)| (name.as_str(), Variable { value, dotenv: Some(&self.file) }));
        self.inputs.env.iter().map(|(name, value)| (name.as_str(), Variable { value, dotenv: None })).chain(below)
    }
}

fn warn_when_readable(file: &Path, report: &mut Report) {
    if mode(file).is_some_and(|mode| mode & 0o044 != 0) {
        report.warn(
            Problem::new("E121", format!("{} can be read by other users", file.display()))
                .help(format!("chmod 600 {}", file.display())),
        );
    }
}

/// The permission bits of a file.
pub(super) fn mode(file: &Path) -> Option<u32> {
    std::fs::metadata(file).ok().map(|data| data.permissions().mode())
}

fn parse_dotenv(file: &Path, text: &str, report: &mut Report) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let literal = literal_dollars(text.trim_start_matches('\u{feff}'));
    // `from_read_iter`, not `dotenv`: the process's environment stays as it is.
    for item in dotenvy::from_read_iter(literal.as_bytes()) {
        match item {
            // The first of two lines with one name wins, as dotenvy's own loader has it.
            Ok((name, value)) => drop(variables.entry(name).or_insert(value)),
            Err(dotenvy::Error::LineParse(line, at)) => {
                let number = literal.lines().position(|other| !line.is_empty() && other.ends_with(line.trim_end()));
                let place =
                    Place { file: file.to_owned(), line: number.unwrap_or(0) + 1, column: at + 1, snippet: None };
                report.error(
                    Problem::new("E104", "this line of .env is no NAME=value")
                        .at(Some(place))
                        .help("put a value with blanks or quotes between single quotes: NAME='value'"),
                );
            }
            Err(_) => {}
        }
    }
    variables
}

/// Escapes every `$` that dotenvy would take for a variable: a password with a dollar stays what it is.
fn literal_dollars(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (mut quote, mut escaped, mut blank) = (None, false, true);
        for (at, c) in line.char_indices() {
            if c == '#' && blank && quote.is_none() {
                out.push_str(&line[at..]);
                break;
            }
            match c {
                '$' if quote != Some('\'') && !escaped => out.push('\\'),
                '\'' | '"' if !escaped && quote.is_none() => quote = Some(c),
                '\'' | '"' if !escaped && quote == Some(c) => quote = None,
                _ => {}
            }
            escaped = c == '\\' && !escaped && quote != Some('\'');
            blank = c.is_whitespace();
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_in_dotenv_is_a_dollar() {
        let text = "A=pa$$w0rd\nB=\"x$HOME\"\nC='y$HOME'\nD=a\\$b # it's $x\n# don't $y\nE=1 # x\nexport F=2\n";
        let mut report = Report::default();
        let variables = parse_dotenv(Path::new(".env"), text, &mut report);
        assert!(report.problems.is_empty());
        let values: Vec<&str> = variables.values().map(String::as_str).collect();
        assert_eq!(values, ["pa$$w0rd", "x$HOME", "y$HOME", "a$b", "1", "2"]);
    }

    #[test]
    fn a_broken_line_of_dotenv_has_its_place_and_is_not_printed() {
        let mut report = Report::default();
        parse_dotenv(Path::new(".env"), "A=1\nB=CANARY two\n", &mut report);
        let text = report.problems[0].render(false);
        assert!(text.contains(".env:2:") && !text.contains("CANARY"), "{text}");
    }
}
