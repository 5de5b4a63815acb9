//! E4xx and E5xx.

use super::Entry;
use crate::exit::Exit;

pub(super) const LAKE: &[Entry] = &[
    Entry {
        code: "E401",
        title: "the lake does not answer",
        happened: "The store is unreachable, slow, or answers an error that may pass.",
        by_itself: "What is downloaded waits in staging and is uploaded when the lake is back; nothing is asked twice.",
        to_do: &[
            "look at where it is: `ampd config show --origin`; at S3's endpoint and the network, or at the disk's mount",
            "`ampd status` shows what waits",
        ],
        exit: Exit::CannotWrite,
    },
    Entry {
        code: "E402",
        title: "the lake refuses",
        happened: "Credentials, permissions, region or the bucket's name are wrong, or the directory cannot be written.",
        by_itself: "The work waits and is tried again; a one-shot command gives up after retry.max_attempts.",
        to_do: &[
            "let ampd write, list and delete there: the key's policy for S3, owner and mode of a directory",
            "check lake.bucket, lake.region and lake.path: `ampd config show --origin`",
        ],
        exit: Exit::CannotWrite,
    },
    Entry {
        code: "E403",
        title: "the store does not know conditional writes",
        happened: "The store took a create-once write of an object that is there already. Two daemons could overwrite \
                   each other's manifests.",
        by_itself: "Refuses to work with it.",
        to_do: &[
            "if exactly one ampd writes to this lake: lake.single_writer = true",
            "else use a store that honours If-None-Match (AWS S3, MinIO)",
        ],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E404",
        title: "the state directory belongs to another lake",
        happened: "The journal was written for a lake with another identity (lake.json). Believing it would skip hours.",
        by_itself: "Refuses to start. Nothing is changed in either.",
        to_do: &["give each lake a state.dir of its own", "or begin anew from this lake: `ampd state rebuild`"],
        exit: Exit::Configuration,
    },
    Entry {
        code: "E405",
        title: "the lake differs from its manifests",
        happened: "`ampd verify` found an object that is missing, has another length, checksum or rows than its \
                   manifest says, or a gap before the watermark.",
        by_itself: "Reports each difference; only `--repair` changes anything.",
        to_do: &[
            "`ampd verify --repair` exports damaged hours again (with `--deep` where that found it), and removes leftovers",
            "or `ampd hour reexport HOUR` for each hour named",
        ],
        exit: Exit::Difference,
    },
];

pub(super) const DISK: &[Entry] = &[
    Entry {
        code: "E501",
        title: "staging is full",
        happened: "staging.max_bytes or staging.min_free is reached, or the disk is full.",
        by_itself: "Downloads pause, uploads go on, and downloads resume by themselves when there is room.",
        to_do: &["look why uploads wait: `ampd status`", "raise staging.max_bytes or free the disk"],
        exit: Exit::CannotWrite,
    },
    Entry {
        code: "E502",
        title: "staging cannot be read or written",
        happened: "The staging directory is not there, is read-only, or its disk fails.",
        by_itself: "The work waits and is tried again.",
        to_do: &["check staging.dir: owner, mode, mount"],
        exit: Exit::CannotWrite,
    },
    Entry {
        code: "E503",
        title: "a staged archive is lost",
        happened: "An archive that the journal recorded is gone from staging, or is not what was recorded.",
        by_itself: "Its hours that are not published yet are downloaded again as a new capture.",
        to_do: &["nothing; do not clean staging.dir by hand"],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E504",
        title: "another process holds the state directory",
        happened: "A daemon or a one-shot command works on the same state.dir; the error names its process.",
        by_itself: "Exits without touching anything.",
        to_do: &["use the one that runs: `ampd status`", "or give this one a state.dir of its own"],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E505",
        title: "the journal cannot be opened",
        happened: "The disk is full, permissions are wrong, or the journal stayed broken after every repair. Or root would \
                   write where another user's ampd works, who could not read it.",
        by_itself: "A torn snapshot is dropped; a journal that is beyond repair is set aside and rebuilt from the \
                    lake's manifests. A full disk or a permission is not taken for damage.",
        to_do: &[
            "check owner, mode and free space of state.dir",
            "root: run it as the owner of state.dir, staging.dir and log.dir (`sudo -u`), or through a running daemon",
            "`ampd state rebuild`",
        ],
        exit: Exit::CannotWrite,
    },
    Entry {
        code: "E506",
        title: "a state or status file cannot be read",
        happened: "The file to import, or status.json beside the journal, is missing or not in a known form.",
        by_itself: "Nothing is changed.",
        to_do: &["start the daemon (`ampd run`) or `ampd once`: either writes status.json", "check the file's version"],
        exit: Exit::Failed,
    },
];
