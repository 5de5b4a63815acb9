//! E2xx.

use super::Entry;
use crate::exit::Exit;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "E201",
        title: "no connection to Amplitude",
        happened: "DNS, TCP or TLS failed before a request could be sent.",
        by_itself: "The source backs off and is asked again for ever; no hour is blamed, none is skipped.",
        to_do: &[
            "check network, proxy (HTTPS_PROXY) and DNS of this machine",
            "`ampd status` shows when it asks again",
        ],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E202",
        title: "no answer within retry.response_timeout",
        happened: "Amplitude took the request and sent no byte in time, as it does for large windows.",
        by_itself: "Backs off; after two of them for a window of several hours, the window is halved.",
        to_do: &["usually nothing", "set window.max = \"6h\" where days are large", "raise retry.response_timeout"],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E203",
        title: "Amplitude refuses the keys (401, 403)",
        happened: "The API key or the secret key is wrong, was rotated, belongs to another project, or the project lives \
                   in the other region.",
        by_itself: "Stops asking this source, reads the credentials again, and asks again rarely. Other sources go on, \
                    and so does what is already downloaded.",
        to_do: &[
            "compare the keys with Amplitude's project settings",
            "for a project in the EU: region = \"eu\" in [source.NAME]",
            "after changing a key: `ampd reload`",
        ],
        exit: Exit::Refused,
    },
    Entry {
        code: "E204",
        title: "Amplitude asks to slow down (429)",
        happened: "Too many requests for this project, perhaps from another program with the same keys.",
        by_itself: "Waits as long as Retry-After says (else backs off), then asks one request at a time.",
        to_do: &["nothing, or stop the other exporter", "set max_parallel = 1 in [source.NAME]"],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E205",
        title: "Amplitude answers an error of its own (5xx)",
        happened: "Amplitude is down, overloaded, or a gateway in front of it gave up (504).",
        by_itself: "Backs off and asks again for ever; a 504 of several hours halves the window. An outage quarantines \
                    nothing.",
        to_do: &["look at Amplitude's status page", "for 504s that go on: window.max = \"6h\"", "`ampd status`"],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E206",
        title: "the download broke off",
        happened: "The body was reset, stalled for retry.idle_timeout, or ended before its announced end.",
        by_itself: "Throws away what came, backs off, asks again. A torn download is never used.",
        to_do: &["usually nothing", "raise retry.idle_timeout where a proxy buffers", "`ampd logs --phase api_call`"],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E207",
        title: "Amplitude says that the request is wrong (400)",
        happened: "The answer names a parameter of the request. Asking the same again cannot help.",
        by_itself: "Stops asking this source; other sources go on.",
        to_do: &["check base_url in [source.NAME]", "report it, with the output of `ampd logs --phase api_call`"],
        exit: Exit::Failed,
    },
    Entry {
        code: "E208",
        title: "Amplitude's address redirects (3xx)",
        happened: "The answer points to another address. It is never followed: the keys would go there.",
        by_itself: "Counts as an attempt of the hour; after retry.max_attempts the hour is quarantined.",
        to_do: &["check base_url and the proxy in between: often a login page", "`ampd hour retry HOUR`"],
        exit: Exit::Partial,
    },
    Entry {
        code: "E209",
        title: "this machine's clock runs ahead of Amplitude's",
        happened: "By the Date of the answer, an hour that was asked for was not finished yet.",
        by_itself: "Throws the answer away and goes by the earlier of the two clocks from then on.",
        to_do: &["start time synchronisation: `timedatectl set-ntp true`"],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E210",
        title: "the HTTP client cannot start",
        happened: "The system's root certificates could not be read: none are installed, or the process may open no more files.",
        by_itself: "Ends; a service manager starts it again.",
        to_do: &["install the package ca-certificates", "raise the limit of open files: LimitNOFILE=, `ulimit -n`"],
        exit: Exit::Temporary,
    },
];
