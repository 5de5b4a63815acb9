//! An error as a person or a program is told it: code, message, context, hint, exit code. Built by `commands`, printed
//! in one place (`commands::output`).

use std::fmt;

use serde_json::json;

use crate::config::{Problem, Problems, SHOWN};
use crate::exit::Exit;
use crate::explain;
use crate::model::Fault;
use crate::telemetry::escape;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The documented code: `ampd explain CODE`.
    pub code: &'static str,
    /// What the process answers.
    pub exit: Exit,
    /// In words; no full stop, never a secret.
    pub message: String,
    /// More lines, each a sentence.
    pub context: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// The whole text, where it was rendered already (the configuration's problems, with their places).
    pub rendered: Option<String>,
}

impl Failure {
    /// A failure with the exit code that its code has in `explain`.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let exit = explain::find(code).map_or(Exit::Failed, |entry| entry.exit);
        Self { code, exit, message: message.into(), context: Vec::new(), help: None, rendered: None }
    }

    /// The configuration's problems, all of them.
    pub fn of_problems(problems: &Problems, color: bool) -> Self {
        let in_words = |problem: &Problem| match &problem.place {
            Some(place) => format!("{} ({place})", problem.message),
            None => problem.message.clone(),
        };
        let (first, others) =
            problems.list().split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
        let mut failure = Self::new(first.map_or("E103", |first| first.code), first.map_or_else(String::new, in_words));
        failure.help = first.and_then(|first| first.help.clone());
        failure.context = others.iter().take(SHOWN).map(in_words).collect();
        failure.rendered = Some(problems.render(color));
        failure
    }

    /// A wrong argument.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new("E706", message)
    }

    /// A fault of a step, as the end of a command.
    pub fn of_fault(fault: &Fault) -> Self {
        let code = fault.kind.code();
        let failure = Self::new(code, fault.detail.clone());
        match explain::find(code).and_then(|entry| entry.to_do.first()) {
            Some(first) => failure.help(*first),
            None => failure,
        }
    }

    /// One more line of context.
    #[must_use]
    pub fn context(mut self, line: impl Into<String>) -> Self {
        self.context.push(line.into());
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Another exit code than the code's own.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The failure for a program: one line.
    pub fn to_json(&self) -> String {
        let message = std::iter::once(&self.message).chain(&self.context).cloned().collect::<Vec<_>>().join("; ");
        let object = json!({
            "type": "error",
            "code": self.code,
            "exit_code": self.exit.code(),
            "message": message,
            "help": self.help,
        });
        object.to_string()
    }

    /// The failure for a person, the first word in red.
    pub fn to_text(&self, color: bool) -> String {
        if let Some(rendered) = &self.rendered {
            return rendered.clone();
        }
        let text = self.to_string();
        match text.strip_prefix("error") {
            Some(rest) if color => format!("\x1b[1;31merror\x1b[0m{rest}"),
            _ => text,
        }
    }
}

impl fmt::Display for Failure {
    /// `error[E203]: ...`, the context indented, `hint: ...`; no line end after the last line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, indented(&self.message, "  "))?;
        for line in &self.context {
            write!(f, "\n  {}", indented(line, "  "))?;
        }
        match &self.help {
            Some(help) => write!(f, "\nhint: {}", indented(help, "      ")),
            None => Ok(()),
        }
    }
}

/// Line ends within a text stay, everything else that could command a terminal does not.
fn indented(text: &str, by: &str) -> String {
    text.trim_end().split('\n').map(escape).collect::<Vec<_>>().join(&format!("\n{by}"))
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FaultKind;

    fn refused() -> Failure {
        Failure::new("E203", "Amplitude answered 403 to source `ios_eu` (region us)")
            .context("the same keys are accepted by the eu host")
            .help("set region = \"eu\" in [source.ios_eu] (config/ampd.toml:14:1)")
    }

    #[test]
    fn an_error_reads_as_documented() {
        let text = "error[E203]: Amplitude answered 403 to source `ios_eu` (region us)\n  \
                    the same keys are accepted by the eu host\n\
                    hint: set region = \"eu\" in [source.ios_eu] (config/ampd.toml:14:1)";
        assert_eq!(refused().to_string(), text);
        assert_eq!(refused().exit, Exit::Refused);
        assert!(refused().to_text(true).starts_with("\x1b[1;31merror\x1b[0m[E203]"));
    }

    #[test]
    fn an_error_for_a_program_is_one_line() {
        let object: serde_json::Value = serde_json::from_str(&refused().to_json()).unwrap();
        assert_eq!((&object["type"], &object["code"]), (&"error".into(), &"E203".into()));
        assert_eq!(object["exit_code"], 77);
        assert!(!refused().context("a\nb").to_json().contains('\n'));
    }

    #[test]
    fn what_comes_from_outside_cannot_command_the_terminal() {
        let text = Failure::new("E402", "no such bucket \x1b[2J").to_string();
        assert_eq!(text, "error[E402]: no such bucket \\u{1b}[2J");
    }

    #[test]
    fn a_fault_ends_with_its_codes_exit() {
        let failure = Failure::of_fault(&Fault::new(FaultKind::KeysRefused, "403"));
        assert_eq!((failure.exit, failure.help.is_some()), (Exit::Refused, true));
    }
}
