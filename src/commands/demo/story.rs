//! The demo as it is told: lines for people as things happen, one object for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::acts::{Kill, Play};
use super::child::Ended;
use super::home::Home;
use super::verdict::Verdict;
use super::world::{World, written};
use crate::exit::Exit;
use crate::telemetry::figures;

/// Columns.
const WIDTH: usize = 80;

/// Before anything happens.
pub fn opening(home: &Home, world: &World) -> String {
    let mut text = format!(
        "ampd demo: {} of a made-up project, {} to {}\nin {}\n\nPlanted in the simulator\n",
        figures::hours(world.count().unsigned_abs()),
        written(world.first),
        written(world.last),
        home.dir().display()
    );
    for (_, what) in world.planted() {
        text.push_str("  ");
        text.push_str(&what);
        text.push('\n');
    }
    text.push_str("\nWhat happened (each line is a process of its own: `ampd once`)\n");
    text
}

/// A kill that hit.
pub fn killed(kill: &Kill) -> String {
    let line = if kill.during == "upload" {
        let last = kill.hours.last().map_or("", String::as_str);
        format!(
            "kill -9 while it uploaded {last}: {} had objects and no manifest, {} half written",
            figures::hours(kill.hours.len() as u64),
            figures::plural(kill.unfinished_files as u64, "file")
        )
    } else {
        format!("kill -9 while it downloaded: {} of an archive were on the disk", figures::bytes(kill.downloaded_bytes))
    };
    item(&line)
}

/// It came to its end.
pub fn finished(ended: &Ended, quarantined: &str) -> String {
    match ended {
        Ended::Exited(3) => item(&format!("went on where it was, and finished: exit code 3, for {quarantined}")),
        Ended::Exited(code) => item(&format!("went on, and ended with exit code {code}")),
        Ended::Killed => item("was killed"),
    }
}

/// What was compared.
pub fn verified(play: &Play, verdict: &Verdict) -> String {
    let (world, found, late) = (&play.world, &verdict.found, verdict.late);
    let name = written(world.late);
    let mut text = item(&if late.after > late.before {
        format!("asked again for every hour: {name} grew from {} to {} rows, generation 2", late.before, late.after)
    } else {
        format!("was to ask again for every hour, and did not find the late rows of {name}")
    });
    let total = verdict.requests.values().sum();
    let each: Vec<String> = verdict.requests.iter().map(|(status, count)| format!("{count} x {status}")).collect();
    text.push_str(&item(&format!("{} in all: {}", figures::plural(total, "request"), each.join(", "))));
    text.push_str("\nThe lake against the truth\n");
    if !verdict.differences.is_empty() {
        verdict.differences.iter().for_each(|difference| text.push_str(&item(difference)));
        return text;
    }
    let hour = |number: u64| figures::hours(number);
    text.push_str(&item(&format!(
        "{}: {} with data, {} empty, 1 quarantined, as planted",
        hour(world.count().unsigned_abs()),
        found.data,
        found.empty
    )));
    text.push_str(&item(&format!("{} rows, each of them once: 0 lost, 0 twice, 0 changed", grouped(found.rows))));
    text.push_str(&item(&format!("{} is not in the lake, and `ampd status` names it", written(world.corrupt))));
    text.push_str(&item(&format!(
        "captured before a kill: {}, 0 of them downloaded again",
        figures::hours(play.captured_hours() as u64)
    )));
    if found.superseded > 0 {
        text.push_str(&item(&format!(
            "{} of generation 1 left for an hour, for readers still at work",
            figures::plural(found.superseded, "object")
        )));
    }
    text
}

/// How to look at it.
pub fn look(home: &Home, world: &World) -> String {
    let config = home.config();
    let config = config.display();
    let objects = home.lake().join("data/source=demo");
    format!(
        "\nLook at it\n  ls {}\n  zcat {}/*/*/*.json.gz | head -1\n  ampd status -c {config}\n  \
         ampd hour show {} -c {config}\n  ampd explain E303\n",
        home.dir().display(),
        objects.display(),
        written(world.corrupt),
    )
}

/// The object for programs.
pub fn object(home: &Home, play: &Play, verdict: &Verdict, exit: Exit, seconds: f64) -> Value {
    let world = &play.world;
    let planted: BTreeMap<&str, String> = world.planted().into_iter().collect();
    let runs: Vec<Value> = play
        .runs
        .iter()
        .map(|run| match run {
            Ended::Killed => json!({"signal": "SIGKILL"}),
            Ended::Exited(code) => json!({"exit_code": code}),
        })
        .collect();
    json!({
        "type": "demo",
        "schema": "ampd.demo/1",
        "exit_code": exit.code(),
        "dir": home.dir(),
        "lake": home.lake(),
        "config": home.config(),
        "first": written(world.first),
        "last": written(world.last),
        "hours": {
            "asked": world.count(),
            "data": verdict.found.data,
            "empty": verdict.found.empty,
            "quarantined": [written(world.corrupt)],
        },
        "rows": verdict.found.rows,
        "planted": planted,
        "runs": runs,
        "kills": play.kills,
        "captured_before_a_kill": play.captured_hours(),
        "late": {"hour": written(world.late), "rows_before": verdict.late.before, "rows_after": verdict.late.after},
        "requests": verdict.requests,
        "differences": verdict.differences,
        "elapsed_seconds": (seconds * 10.0).round() / 10.0,
    })
}

/// An indented line; what is too long is broken at spaces.
fn item(text: &str) -> String {
    let mut lines = String::from(" ");
    let mut column = 1;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 4 && column + 1 + length > WIDTH {
            lines.push_str("\n   ");
            column = 3;
        }
        lines.push(' ');
        lines.push_str(word);
        column += 1 + length;
    }
    lines.push('\n');
    lines
}

/// `12,345`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_80_columns() {
        let text = item(&"word ".repeat(40));
        assert!(text.lines().all(|line| line.len() <= WIDTH && line.starts_with("  ")), "{text}");
        assert_eq!(text.split_whitespace().count(), 40);
        assert_eq!(item("short"), "  short\n");
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
