//! E3xx.

use super::Entry;
use crate::exit::Exit;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "E301",
        title: "one hour is larger than Amplitude exports (4 GB)",
        happened: "The window was halved down to one hour, and Amplitude still answers 400: this hour cannot be had \
                   through the Export API.",
        by_itself: "Quarantines the hour; every other hour is exported.",
        to_do: &[
            "use Amplitude's own export to S3 for this hour",
            "then say so: `ampd hour skip HOUR --reason \"by S3 export\"`",
        ],
        exit: Exit::Partial,
    },
    Entry {
        code: "E302",
        title: "the answer is no archive",
        happened: "A complete answer with status 200 does not begin like a zip file; often it is a proxy's page.",
        by_itself: "An attempt of the hour; after retry.max_attempts it is quarantined with the first 200 bytes shown.",
        to_do: &["`ampd hour show HOUR` shows what came", "check the proxy, then `ampd hour retry HOUR`"],
        exit: Exit::Partial,
    },
    Entry {
        code: "E303",
        title: "the archive is broken",
        happened: "The zip file or a gzip member in it is torn, fails its checksum, is over a limit, or names hours \
                   that nobody asked for.",
        by_itself: "Nothing of it is published. Its window is halved until the bad hour stands alone, the other hours \
                    are exported, and the bad one is asked again, then quarantined with its archive kept.",
        to_do: &[
            "`ampd hour show HOUR` names the reason and the kept archive",
            "later: `ampd hour retry HOUR`",
            "if it never heals: `ampd hour skip HOUR --reason TEXT`",
        ],
        exit: Exit::Partial,
    },
    Entry {
        code: "E304",
        title: "rows that are no JSON",
        happened: "Some lines are not UTF-8 JSON objects, and staging.invalid_rows = \"quarantine\" forbids them.",
        by_itself: "Quarantines the hour. With \"keep\" they land as they came, counted as rows_invalid.",
        to_do: &["`ampd hour show HOUR`", "set staging.invalid_rows = \"keep\", then `ampd hour retry HOUR`"],
        exit: Exit::Partial,
    },
    Entry {
        code: "E305",
        title: "the archive is larger than staging.max_archive_bytes",
        happened: "The download passed the configured limit and was stopped.",
        by_itself: "Halves the window. One hour alone that is too large is quarantined.",
        to_do: &["raise staging.max_archive_bytes (and the disk under it), then `ampd hour retry HOUR`"],
        exit: Exit::Partial,
    },
];
