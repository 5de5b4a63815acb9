//! E1xx.

use super::Entry;
use crate::exit::Exit;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "E101",
        title: "unknown key in the configuration",
        happened: "A table or a key of the configuration is none that ampd knows, most often a slip of the pen. The \
                   error names the file, the line and the nearest key.",
        by_itself: "Nothing is started; a running daemon keeps its old configuration. All problems are reported at once.",
        to_do: &["correct the key at the line named", "`ampd config schema` lists every key", "`ampd config check`"],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E102",
        title: "a value that cannot be used",
        happened: "A value has the wrong type or form: a duration is \"90m\", a size \"20GiB\", an hour \"2026-11-21T07\".",
        by_itself: "Nothing is started. The value found is not shown, because it might be a secret.",
        to_do: &["write the value as the error says", "`ampd config check`"],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E103",
        title: "two settings that contradict each other",
        happened: "Each value is fine alone, but not together: both schedule.every and schedule.cron, lake.type \
                   = \"s3\" without a bucket, a base_url of another host without allow_custom_base_url.",
        by_itself: "Nothing is started.",
        to_do: &["remove one of the two", "`ampd config show --origin` says where each value comes from"],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E104",
        title: "the configuration is no TOML",
        happened: "The file cannot be read as TOML: a quote or a bracket is missing at the line and column named.",
        by_itself: "Nothing is started.",
        to_do: &["correct the line named", "`ampd config init` writes an annotated file to begin with"],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E105",
        title: "the configuration file is not there",
        happened: "The file given with -c or AMPD_CONFIG does not exist or cannot be read.",
        by_itself: "Nothing is started; no other file is tried when one was named.",
        to_do: &["check the path and its permissions", "`ampd config init`"],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E110",
        title: "a secret is missing",
        happened: "A source needs an API key and a secret key, and at least one of them was found nowhere. The error \
                   lists every place that was looked at.",
        by_itself: "Nothing is started.",
        to_do: &[
            "add AMP_API_KEY=... and AMP_SECRET_KEY=... to .env",
            "or set secret_key = { file = \"...\" } in [source.NAME]",
            "`ampd config show --origin`",
        ],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E111",
        title: "a secret cannot be read, or is given twice",
        happened: "The file or systemd credential that a secret points to cannot be read or is empty, or the secret is \
                   given both inline and as a file.",
        by_itself: "Nothing is started; a running daemon keeps the keys it has.",
        to_do: &["check the file's owner and mode: the user of ampd must read it", "leave only one of the two forms"],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E112",
        title: "no source is configured",
        happened: "There is no [source.NAME] table, and AMP_API_KEY is not set either: there is nothing to export.",
        by_itself: "Nothing is started.",
        to_do: &[
            "put AMP_API_KEY and AMP_SECRET_KEY into .env",
            "or add a [source.NAME] table: `ampd config init`",
            "to see ampd at work without an account: `ampd demo`",
        ],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E121",
        title: "others can read a secret",
        happened: "A file that holds a key can be read by other users of the machine: `.env`, a secret file, or a \
                   configuration with keys in it. A warning.",
        by_itself: "Goes on, and says so at each start.",
        to_do: &["chmod 600 FILE", "or keep the key out of it: secret_key = { file = \"...\" }"],
        exit: Exit::Done,
    },
];
