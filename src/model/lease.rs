//! Who leads a source: `lease.json`. It saves work and protects nothing (rule 4 does), so wherever it is in doubt a
//! daemon may lead, and only twice the work is the price.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::names::SourceName;

/// The form of `lease.json`.
pub const SCHEMA: &str = "ampd.lease/1";
/// Shortest term: the store's clock may tell whole seconds only.
pub const TERM_MIN: TimeDelta = TimeDelta::seconds(3);
/// Longest term, whatever a lease says of itself.
pub const TERM_MAX: TimeDelta = TimeDelta::hours(1);
/// Longest part of a foreign text that is shown.
const SHOWN_MAX: usize = 64;

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The id of its state directory: one process works with it at a time.
    pub state: String,
    /// Its machine's name, for people.
    pub host: String,
    /// Its process, for people.
    pub pid: u32,
    /// Drawn anew by every process.
    pub run: String,
}

impl Holder {
    /// `etl-2 pid 812`
    pub fn words(&self) -> String {
        let shown = self.host.chars().filter(|c| !c.is_control()).take(SHOWN_MAX);
        format!("{} pid {}", shown.collect::<String>(), self.pid)
    }
}

/// `lease.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// [`SCHEMA`].
    pub schema: String,
    /// The source it is about.
    pub source: SourceName,
    /// Who leads.
    pub holder: Holder,
    /// Since when, by the store's clock.
    pub taken_at: DateTime<Utc>,
    /// Until when, by the store's clock.
    pub expires_at: DateTime<Utc>,
    /// How long it is renewed for.
    pub term_seconds: u32,
    /// The version of the ampd that wrote it.
    pub ampd_version: String,
}

impl Lease {
    fn term(&self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.term_seconds)).clamp(TERM_MIN, TERM_MAX)
    }
}

/// What lies under the lease's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Free,
    /// A lease.
    Held(Box<Lease>),
    /// Something else, or the lease of a newer ampd; why it is not read, in words.
    Strange(String),
}

/// What is known beside what was found.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// This process has neither led nor followed yet.
    pub fresh: bool,
    /// The store's clock.
    pub store_time: DateTime<Utc>,
    /// For so long what was found has been watched and has not changed, by a clock of our own that nobody sets.
    pub unchanged: TimeDelta,
    /// How long our own lease is for.
    pub term: TimeDelta,
}

/// Why a daemon leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// Nobody does.
    Free,
    /// The lease is this process's own.
    Ours,
    /// It is the one of an earlier process with this state directory, which is dead: there is one at a time.
    Restarted,
    /// It ran out by the store's clock.
    Expired,
    /// It was not renewed for a whole term, whatever times it names; or nobody renews what is no lease.
    Silent,
}

/// What a daemon does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Writes its own lease over what was found, if that is still there; and leads, when that went well.
    Lead(Because),
    /// Leaves the work to the holder, and looks again.
    Follow,
}

/// Decides from what lies in the lake. A state directory that was copied, and lives twice, is taken for its twin's
/// successor once, at the start, and not again: two twins do not take the lease from each other in turns.
pub fn decide(found: &Found, us: &Holder, known: Known) -> Decision {
    match found {
        Found::Free => Decision::Lead(Because::Free),
        Found::Held(lease) if lease.holder == *us => Decision::Lead(Because::Ours),
        Found::Held(lease) if known.fresh && lease.holder.state == us.state => Decision::Lead(Because::Restarted),
        Found::Held(lease) if known.store_time >= lease.expires_at => Decision::Lead(Because::Expired),
        Found::Held(lease) if known.unchanged >= lease.term() => Decision::Lead(Because::Silent),
        Found::Strange(_) if known.unchanged >= known.term => Decision::Lead(Because::Silent),
        Found::Held(_) | Found::Strange(_) => Decision::Follow,
    }
}

/// Between two looks, and between two renewals.
pub fn interval(term: TimeDelta) -> TimeDelta {
    term / 3
}

/// How long after it began to write its lease a daemon relies on it. Less than the term, because steps that are in
/// flight have to end too, and because the store's clock may tell whole seconds only.
pub fn relied_on(term: TimeDelta) -> TimeDelta {
    term - (term / 6).max(TimeDelta::seconds(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: TimeDelta = TimeDelta::seconds(60);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn holder(state: &str, run: &str) -> Holder {
        Holder { state: state.to_owned(), host: "etl-1".to_owned(), pid: 812, run: run.to_owned() }
    }

    /// Theirs, until 100 by the store's clock.
    fn held(by: Holder) -> Found {
        Found::Held(Box::new(Lease {
            schema: SCHEMA.to_owned(),
            source: "web".parse().unwrap(),
            holder: by,
            taken_at: at(0),
            expires_at: at(100),
            term_seconds: 60,
            ampd_version: "0.1.0".to_owned(),
        }))
    }

    fn known(store: i64, unchanged: i64) -> Known {
        Known { fresh: false, store_time: at(store), unchanged: TimeDelta::seconds(unchanged), term: TERM }
    }

    #[test]
    fn a_lease_that_nobody_holds_is_taken_and_our_own_renewed() {
        let us = holder("a", "1");
        assert_eq!(decide(&Found::Free, &us, known(0, 0)), Decision::Lead(Because::Free));
        assert_eq!(decide(&held(us.clone()), &us, known(0, 0)), Decision::Lead(Because::Ours));
        assert_eq!(decide(&held(us.clone()), &us, known(1000, 0)), Decision::Lead(Because::Ours));
    }

    #[test]
    fn somebody_elses_lease_is_followed_until_it_runs_out_by_the_stores_clock() {
        let us = holder("a", "1");
        assert_eq!(decide(&held(holder("b", "2")), &us, known(99, 59)), Decision::Follow);
        assert_eq!(decide(&held(holder("b", "2")), &us, known(100, 0)), Decision::Lead(Because::Expired));
    }

    #[test]
    fn a_state_directory_retakes_its_lease_at_its_first_look_and_never_from_a_living_twin() {
        let (us, before) = (holder("a", "1"), held(holder("a", "0")));
        assert_eq!(decide(&before, &us, Known { fresh: true, ..known(0, 0) }), Decision::Lead(Because::Restarted));
        assert_eq!(decide(&before, &us, known(0, 0)), Decision::Follow);
        let theirs = held(holder("b", "0"));
        assert_eq!(decide(&theirs, &us, Known { fresh: true, ..known(0, 0) }), Decision::Follow);
    }

    #[test]
    fn a_time_that_lies_too_far_ahead_is_waited_for_no_longer_than_a_term() {
        let us = holder("a", "1");
        assert_eq!(decide(&held(holder("b", "2")), &us, known(-1_000_000, 59)), Decision::Follow);
        assert_eq!(decide(&held(holder("b", "2")), &us, known(-1_000_000, 60)), Decision::Lead(Because::Silent));
        let Found::Held(mut endless) = held(holder("b", "2")) else { panic!() };
        endless.term_seconds = u32::MAX;
        assert_eq!(decide(&Found::Held(endless), &us, known(-1_000_000, 3600)), Decision::Lead(Because::Silent));
    }

    #[test]
    fn what_is_no_lease_is_replaced_when_nobody_writes_to_it_for_a_term() {
        let strange = Found::Strange("no JSON".to_owned());
        for fresh in [true, false] {
            let known = |unchanged| Known { fresh, ..known(1_000_000, unchanged) };
            assert_eq!(decide(&strange, &holder("a", "1"), known(59)), Decision::Follow);
            assert_eq!(decide(&strange, &holder("a", "1"), known(60)), Decision::Lead(Because::Silent));
        }
    }

    #[test]
    fn a_daemon_relies_on_its_lease_for_less_than_the_term_and_renews_it_in_time() {
        for seconds in [3, 4, 10, 60, 3600] {
            let term = TimeDelta::seconds(seconds);
            assert!(relied_on(term) <= term - TimeDelta::seconds(1));
            assert!(interval(term) < relied_on(term), "{seconds}");
        }
    }

    #[test]
    fn a_hosts_name_is_shown_without_what_a_terminal_obeys() {
        let mut rude = holder("a", "1");
        rude.host = format!("\u{1b}[2J{}", "x".repeat(1000));
        assert_eq!(rude.words().len(), 64 + " pid 812".len());
        assert!(!rude.words().contains('\u{1b}'));
    }
}
