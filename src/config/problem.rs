//! A problem with the configuration, where it lies, and how it reads. No problem ever holds a value of the file or
//! of the environment: only names, types and what would have been right.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

/// How many problems are shown; the others are counted.
pub const SHOWN: usize = 10;

/// A place in a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
    /// The line with its values blotted out, and what to underline in it.
    pub snippet: Option<Snippet>,
}

/// A line of the file that is safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The line; every value in it reads `…`.
    pub text: String,
    /// First underlined character, from 0.
    pub start: usize,
    /// How many are underlined, at least 1.
    pub length: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// One thing that is wrong (in [`Problems`]) or doubtful (a [`Warning`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `E101` and so on.
    pub code: &'static str,
    /// What is wrong, without any value.
    pub message: String,
    /// Where, when it lies in a file.
    pub place: Option<Place>,
    /// What to do.
    pub help: Option<String>,
}

/// Something doubtful; the program runs all the same.
pub type Warning = Problem;

impl Problem {
    /// A problem without a place and without help.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, help: None }
    }

    /// The same problem at a place.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// The same problem with help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The text a person reads, for an error.
    pub fn render(&self, color: bool) -> String {
        self.text("error", "\x1b[1;31m", color)
    }

    /// The text a person reads, for a warning.
    pub fn render_warning(&self, color: bool) -> String {
        self.text("warning", "\x1b[1;33m", color)
    }

    fn text(&self, label: &str, paint: &str, color: bool) -> String {
        let (paint, blue, off) = if color { (paint, "\x1b[1;34m", "\x1b[0m") } else { ("", "", "") };
        let mut out = format!("{paint}{label}[{}]{off}: {}\n", self.code, printable(&self.message));
        if let Some(place) = &self.place {
            let _ = writeln!(out, " {blue}-->{off} {}", printable(&place.to_string()));
            if let Some(snippet) = &place.snippet {
                let number = place.line.to_string();
                let (gap, lead) = (" ".repeat(number.len()), " ".repeat(snippet.start));
                let carets = "^".repeat(snippet.length.max(1));
                let _ = writeln!(out, "{blue}{gap} |{off}");
                let _ = writeln!(out, "{blue}{number} |{off} {}", printable(&snippet.text));
                let _ = writeln!(out, "{blue}{gap} |{off} {lead}{paint}{carets}{off}");
            }
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "hint: {}", printable(help));
        }
        out
    }
}

/// Control characters of a file never reach the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Everything that is wrong, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// `None` when there is no problem.
    pub fn from_list(mut list: Vec<Problem>) -> Option<Self> {
        list.sort_by_key(|problem| problem.place.as_ref().map_or((usize::MAX, 0), |place| (place.line, place.column)));
        list.dedup();
        (!list.is_empty()).then_some(Self(list))
    }

    /// All of them.
    pub fn list(&self) -> &[Problem] {
        &self.0
    }

    /// The text a person reads: at most ten problems, then how many more there are.
    pub fn render(&self, color: bool) -> String {
        let mut out = self.0.iter().take(SHOWN).map(|problem| problem.render(color)).collect::<Vec<_>>().join("\n");
        match self.0.len().saturating_sub(SHOWN) {
            0 => {}
            1 => out.push_str("\n1 more problem\n"),
            more => {
                let _ = write!(out, "\n{more} more problems\n");
            }
        }
        out
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// What is found on the way: everything is reported at once.
#[derive(Default)]
pub(super) struct Report {
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
}

impl Report {
    pub fn error(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }
}

/// "did you mean" among `known`: the nearest name, when it is near.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.80)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
