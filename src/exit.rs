//! The exit codes: what a shell, systemd or an orchestrator learns. New ones may be added; unknown means failure.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Failed, not classed.
    Failed,
    /// The command line cannot be understood.
    Usage,
    /// Some hours were published, some failed or are quarantined.
    Partial,
    /// A check found a difference.
    Difference,
    /// The daemon cannot be reached.
    Unreachable,
    /// The lake or the staging directory cannot be written.
    CannotWrite,
    /// Running again may help.
    Temporary,
    /// The credentials are refused.
    Refused,
    /// The configuration is invalid, or a secret is missing.
    Configuration,
    /// Stopped by SIGINT.
    Interrupted,
    /// Stopped by SIGTERM.
    Terminated,
    /// Every hour was empty or already there, and `--exit-code-no-data` names a code for that.
    NoData(u8),
}

impl Exit {
    /// Those with a number of their own, for the documents.
    pub const ALL: [Exit; 12] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Partial,
        Exit::Difference,
        Exit::Unreachable,
        Exit::CannotWrite,
        Exit::Temporary,
        Exit::Refused,
        Exit::Configuration,
        Exit::Interrupted,
        Exit::Terminated,
    ];

    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
            Exit::Difference => 4,
            Exit::Unreachable => 69,
            Exit::CannotWrite => 73,
            Exit::Temporary => 75,
            Exit::Refused => 77,
            Exit::Configuration => 78,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
            Exit::NoData(code) => code,
        }
    }

    /// The code in words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done, or nothing to do",
            Exit::Failed => "failed, not classed",
            Exit::Usage => "usage",
            Exit::Partial => "partial: some hours published, some failed or quarantined",
            Exit::Difference => "a check found a difference",
            Exit::Unreachable => "daemon not reachable",
            Exit::CannotWrite => "lake or staging cannot be written",
            Exit::Temporary => "temporary, running again may help",
            Exit::Refused => "credentials refused",
            Exit::Configuration => "configuration invalid or secret missing",
            Exit::Interrupted => "stopped by SIGINT in a one-shot command",
            Exit::Terminated => "stopped by SIGTERM in a one-shot command",
            Exit::NoData(_) => "every hour was empty or already there (--exit-code-no-data)",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_documented_ones() {
        let codes = Exit::ALL.map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3, 4, 69, 73, 75, 77, 78, 130, 143]);
        assert_eq!(Exit::NoData(99).code(), 99);
    }
}
