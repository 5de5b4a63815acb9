//! E7xx.

use super::Entry;
use crate::exit::Exit;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: "E701",
        title: "a step failed in a way nobody expected",
        happened: "A step panicked: a bug in ampd. It was contained, the hour's records are whole.",
        by_itself: "Waits and runs the step again; every step may run twice.",
        to_do: &["report it, with the output of `ampd version` and `ampd logs`"],
        exit: Exit::Failed,
    },
    Entry {
        code: "E702",
        title: "the daemon cannot be reached",
        happened: "Nobody listens on the control socket, or this user may not open it (its mode is 0600).",
        by_itself: "Nothing. `ampd status` needs no daemon and shows the last known state.",
        to_do: &[
            "`systemctl status ampd`, or start it: `ampd run`",
            "run the command as the daemon's user: `sudo -u ampd ampd ...`",
            "check that --socket and admin.socket are the same",
        ],
        exit: Exit::Unreachable,
    },
    Entry {
        code: "E703",
        title: "ampd stopped by a bug",
        happened: "The process panicked outside a step. What is published stays published.",
        by_itself: "A service manager starts it again; it goes on where the journal says.",
        to_do: &["report it, with the output of `ampd version` and `ampd logs`"],
        exit: Exit::Failed,
    },
    Entry {
        code: "E704",
        title: "the daemon is paused",
        happened: "A person paused it, so the work that was handed over to it does not begin.",
        by_itself: "Keeps what was asked for and does it after `ampd resume`.",
        to_do: &["`ampd resume`"],
        exit: Exit::Temporary,
    },
    Entry {
        code: "E705",
        title: "that cannot be done to this hour",
        happened: "The hour is not known, not due yet, before the source's first hour, or not in a state that the \
                   command is for (only a quarantined hour is retried, only a published one re-exported).",
        by_itself: "Nothing is changed, for none of the hours given.",
        to_do: &["`ampd hour show HOUR` says what can be done", "`ampd hour ls --state quarantined`"],
        exit: Exit::Failed,
    },
    Entry {
        code: "E706",
        title: "an argument that makes no sense",
        happened: "The command line can be read but not meant: a range that ends before it begins, an unknown source, \
                   a time that is none.",
        by_itself: "Nothing is started.",
        to_do: &["hours are 2026-11-21T07, 2026-11-21, -24h, -2w, yesterday or now, in UTC", "`ampd help COMMAND`"],
        exit: Exit::Usage,
    },
    Entry {
        code: "E707",
        title: "standard output cannot be written",
        happened: "The place that the output was sent to is full or broken. A reader that closes early is no error.",
        by_itself: "The work itself is done and recorded; only the output is incomplete.",
        to_do: &["send the output elsewhere and run the command again"],
        exit: Exit::Failed,
    },
    Entry {
        code: "E708",
        title: "the daemon's socket or address cannot be listened on",
        happened: "Another process listens on admin.socket or admin.http, a file that is no socket lies in its place, or \
                   this user may not write there.",
        by_itself: "Nothing is removed that might be somebody else's; a dead process' socket is replaced.",
        to_do: &[
            "stop the other process, or give this daemon its own admin.socket and admin.http",
            "remove the file in its place, when it is nobody's",
            "check the owner of the socket's directory",
        ],
        exit: Exit::Failed,
    },
];
