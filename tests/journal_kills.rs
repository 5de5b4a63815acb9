//! The journal under SIGKILL, start-up included: what was acknowledged is there, a commit is all there or not at all,
//! and nothing is ever set aside. This test starts itself as the process that is killed.
//! `AMPD_JOURNAL_KILLS` raises the number of kills.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ampd::journal::{Journal, JournalError, SledJournal};
use ampd::model::{
    CaptureId, CaptureRecord, CaptureState, Change, Format, Hour, HourRecord, LakeRecord, ManifestRef, Random,
    Snapshot, SourceName, Window,
};
use chrono::DateTime;

const CHILD: &str = "AMPD_JOURNAL_CHILD";
const ACKNOWLEDGED: &str = "AMPD_JOURNAL_ACKNOWLEDGED";
const DEADLINE: Duration = Duration::from_secs(10);
/// Hours that are written in turn, and captures that live at a time.
const HOURS: u64 = 300;
const CAPTURES: u64 = 3;

fn source() -> SourceName {
    "web".parse().unwrap()
}

/// The `n`th commit: an hour, a new capture, an old one forgotten, the lake with the number.
fn commit(n: u64) -> Vec<Change> {
    let hour = Hour::from_index(i64::try_from(490_000 + n % HOURS).unwrap());
    let published_at = DateTime::from_timestamp(i64::try_from(n).unwrap(), 0).unwrap();
    let published = Some(ManifestRef { generation: u32::try_from(n).unwrap(), published_at, facts: None });
    let capture = CaptureRecord {
        id: CaptureId::from_bits(n),
        source: source(),
        window: Window::of(hour),
        asked_at: published_at,
        format: Format::JsonGz,
        part_target: 1,
        state: CaptureState::Staged { bytes: n, sha256: "0123456789abcdef".repeat(4) },
    };
    vec![
        Change::Hour(source(), hour, HourRecord { published, ..HourRecord::default() }),
        Change::Capture(capture),
        Change::CaptureGone(CaptureId::from_bits(n.saturating_sub(CAPTURES))),
        Change::Lake(LakeRecord { id: Some(n.to_string()), settled: true }),
    ]
}

/// The number of the last commit; it and all before it must be there whole, and nothing else.
fn check(snapshot: &Snapshot, acknowledged: u64) -> u64 {
    let last = snapshot.lake.id.as_ref().map_or(0, |id| id.parse().unwrap());
    assert!(last >= acknowledged, "commit {acknowledged} was acknowledged, {last} is the last one there");
    assert_eq!(snapshot.hours.len() as u64, last.min(HOURS));
    for (_, hour, record) in &snapshot.hours {
        let n = u64::from(record.published.unwrap().generation);
        assert!(n <= last && n + HOURS > last, "hour {hour} is of commit {n}, the last is {last}");
        assert_eq!(hour.index().cast_unsigned(), 490_000 + n % HOURS);
    }
    let captures: Vec<_> = snapshot.captures.iter().map(|capture| capture.id).collect();
    let wanted: Vec<_> = (last.saturating_sub(CAPTURES) + 1..=last).map(CaptureId::from_bits).collect();
    assert_eq!(captures, wanted, "the captures after commit {last}");
    last
}

fn open(dir: &Path) -> SledJournal {
    let opened = SledJournal::open(dir, DEADLINE).unwrap();
    assert!(opened.set_aside.is_none(), "{:?}", opened.notes);
    opened.journal
}

/// The process that is killed; without the variable it is an empty test.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let acknowledged = std::env::var(ACKNOWLEDGED).unwrap().parse().unwrap();
    let mut journal = open(Path::new(&dir));
    let last = check(&journal.load().unwrap(), acknowledged);
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nO").unwrap();
    for n in last + 1.. {
        journal.commit(&commit(n)).unwrap();
        writeln!(out, "A{n}").unwrap();
        out.flush().unwrap();
    }
}

fn start(dir: &Path, acknowledged: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child_that_commits_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, dir).env(ACKNOWLEDGED, acknowledged.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let kills = std::env::var("AMPD_JOURNAL_KILLS").map_or(200, |number| number.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new(20_261_123);
    let (mut acknowledged, mut while_opening) = (0, 0);
    for kill in 0..kills {
        let mut child = start(dir.path(), acknowledged);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut out = String::new();
        // One in three is let open its journal first, so that both phases are hit however slow the machine is.
        if random.below(3) == 0 {
            while !out.ends_with("\nO\n") && stdout.read_line(&mut out).unwrap() > 0 {}
            let second = SledJournal::open(dir.path(), DEADLINE).err();
            assert!(matches!(second, Some(JournalError::Locked { pid }) if pid == Some(child.id())), "{second:?}");
        }
        thread::sleep(Duration::from_micros(500 + random.below(59_500)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let mut err = String::new();
        stdout.read_to_string(&mut out).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(status.code().is_none(), "kill {kill}: the child ended by itself: {out}{err}");
        while_opening += usize::from(!out.contains("\nO"));
        // A line that the kill cut does not count.
        let whole = out.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let numbers = whole.lines().filter_map(|line| line.strip_prefix('A')?.parse::<u64>().ok());
        acknowledged = numbers.max().unwrap_or(acknowledged);
        if kill % 20 == 19 {
            check(&open(dir.path()).load().unwrap(), acknowledged);
        }
    }
    let last = check(&open(dir.path()).load().unwrap(), acknowledged);
    let figures = format!("{kills} kills, {while_opening} before the journal was open, {last} commits");
    assert!(while_opening > 0 && acknowledged > kills / 20, "the kills hit only one phase: {figures}");
    // Not `println!`: the figures are shown with `--nocapture` and kept out of the way otherwise.
    writeln!(std::io::stdout(), "{figures}, 0 lost").unwrap();
}
