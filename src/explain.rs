//! Every code that ampd may show, explained: what happened, what ampd does by itself, what to do. `ampd explain` prints
//! it, and `docs/errors.md` is written from it.

use std::fmt::Write as _;

use crate::exit::Exit;

mod amplitude;
mod archive;
mod configuration;
mod daemon;
mod storage;

/// One code.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// `E203`.
    pub code: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// What happened.
    pub happened: &'static str,
    /// What ampd does by itself.
    pub by_itself: &'static str,
    /// What to do, commands in backticks, the most likely first.
    pub to_do: &'static [&'static str],
    /// What a command that ends with it answers.
    pub exit: Exit,
}

/// The groups of codes with their headings, in order.
const GROUPS: [(&str, &[Entry]); 6] = [
    ("E1xx: configuration", configuration::ENTRIES),
    ("E2xx: Amplitude", amplitude::ENTRIES),
    ("E3xx: archives and hours", archive::ENTRIES),
    ("E4xx: the lake", storage::LAKE),
    ("E5xx: staging and journal", storage::DISK),
    ("E7xx: the daemon and the command line", daemon::ENTRIES),
];

/// All codes, in order.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    GROUPS.into_iter().flat_map(|(_, entries)| entries)
}

/// The entry of a code, however it is written: `E203`, `e203`, `203`.
pub fn find(code: &str) -> Option<&'static Entry> {
    let code = code.trim();
    let digits = code.strip_prefix(['E', 'e']).unwrap_or(code);
    entries().find(|entry| &entry.code[1..] == digits)
}

impl Entry {
    /// The entry for a person, at most 80 columns wide.
    pub fn to_text(&self) -> String {
        let mut out = format!("{}: {}\n", self.code, self.title);
        let mut part = |heading: &str, text: &str| {
            let _ = write!(out, "\n{heading}\n{}", wrapped(text, "  ", "  "));
        };
        part("What happened", self.happened);
        part("What ampd does by itself", self.by_itself);
        let _ = writeln!(out, "\nWhat to do");
        for step in self.to_do {
            out.push_str(&wrapped(step, "  - ", "    "));
        }
        let _ = writeln!(out, "\nExit code {}: {}", self.exit.code(), self.exit.meaning());
        out
    }

    fn to_markdown(self) -> String {
        let steps = self.to_do.iter().fold(String::new(), |out, step| out + "- " + step + "\n");
        format!(
            "### {}\n{}\n\n{}\n\n*By itself:* {}\n\n*What to do:*\n{steps}\nExit code {} ({}).\n",
            self.code,
            sentence(self.title),
            self.happened,
            self.by_itself,
            self.exit.code(),
            self.exit.meaning()
        )
    }
}

fn sentence(title: &str) -> String {
    let mut chars = title.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("**{first}{}.**", chars.as_str())
}

/// Words joined into lines of at most 80 columns; ends with a line end.
pub fn wrapped(text: &str, first: &str, others: &str) -> String {
    let (mut out, mut line) = (String::new(), first.to_owned());
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > 80 {
            let _ = writeln!(out, "{line}");
            others.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _ = writeln!(out, "{line}");
    out
}

/// `docs/errors.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Error codes\n\nWritten from `src/explain.rs` (`AMPD_BLESS=1 cargo test explain`); `ampd explain CODE` prints \
         the same.\nEvery error is one line with its code, then context, then a hint.\n\n## Exit codes\n\n\
         | code | meaning |\n|---|---|\n",
    );
    for exit in Exit::ALL {
        let _ = writeln!(out, "| {} | {} |", exit.code(), exit.meaning());
    }
    let _ = writeln!(out, "| N | {} |", Exit::NoData(0).meaning());
    for (heading, entries) in GROUPS {
        let _ = write!(out, "\n## {heading}\n");
        for entry in entries {
            let _ = write!(out, "\n{}", entry.to_markdown());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FaultKind;

    /// Every kind of fault; a kind that is missing here does not compile.
    macro_rules! faults {
        ($($kind:ident)*) => {{
            let _ = |kind: FaultKind| match kind { $(FaultKind::$kind => (),)* };
            [$(FaultKind::$kind),*]
        }};
    }

    #[test]
    fn every_fault_is_explained() {
        let faults = faults!(
            Connect NoFirstByte RateLimited GatewayTimeout Unavailable BodyReset BodyStalled BodyShort TooLarge
            OverArchiveLimit RequestRefused Redirected NotAnArchive BrokenArchive InvalidRows KeysRefused
            LakeUnavailable LakeRefused StagingFull StagingFailed CaptureLost TooEarly Panicked
        );
        for kind in faults {
            assert!(find(kind.code()).is_some(), "{kind:?} has code {} without an entry", kind.code());
        }
    }

    #[test]
    fn every_entry_is_complete_and_in_order() {
        let codes: Vec<_> = entries().map(|entry| entry.code).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        for entry in entries() {
            assert!(entry.code.len() == 4 && entry.code.starts_with('E'), "{entry:?}");
            let texts = [entry.title, entry.happened, entry.by_itself];
            assert!(texts.iter().chain(entry.to_do).all(|text| text.len() > 10), "{entry:?}");
            let is_warning = entry.happened.ends_with("A warning.");
            assert!(!entry.to_do.is_empty() && (entry.exit == Exit::Done) == is_warning, "{entry:?}");
            assert!(entry.to_text().lines().all(|line| line.chars().count() <= 80), "{}", entry.to_text());
        }
        assert_eq!(find(" e203").unwrap().code, "E203");
        assert!(find("E999").is_none());
    }

    /// The command between two backticks, its placeholders filled in.
    fn parsed(command: &str) -> Result<crate::cli::Cli, clap::Error> {
        let quoted = command.split('"').enumerate();
        let words = quoted.flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().collect::<Vec<_>>(),
            _ => vec![part],
        });
        let words = words.map(|word| if word == "HOUR" { "2026-11-21T07" } else { word });
        clap::Parser::try_parse_from(words)
    }

    #[test]
    fn every_command_that_is_advised_exists() {
        let mut seen = 0;
        for step in entries().flat_map(|entry| entry.to_do) {
            for command in step.split('`').skip(1).step_by(2).filter(|text| text.starts_with("ampd ")) {
                let command = command.replace("COMMAND", "once");
                let known = parsed(&command).map_or_else(|error| error.exit_code() == 0, |_| true);
                assert!(known, "{command}: {}", parsed(&command).unwrap_err());
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn the_document_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
        if std::env::var_os("AMPD_BLESS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == markdown(), "docs/errors.md is out of date: AMPD_BLESS=1 cargo test explain");
    }
}
