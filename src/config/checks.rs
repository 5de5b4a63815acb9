//! Rules that tie several keys together.

use std::path::PathBuf;

use super::keys::{self, called, is_named, table_of};
use super::layers::DEFAULTS;
use super::merged::Values;
use super::problem::Report;
use super::sections::Region;

/// The longest path that a Unix socket's address holds, its final zero byte left out.
const SOCKET_PATH: usize = 107;

/// Reports every rule that is broken.
pub(super) fn check(values: &Values<'_>, report: &mut Report) {
    types(values, report);
    required(values, report);
    for source in values.names("source") {
        base_url(values, &source, report);
        future(values, &source, report);
    }
    pairs(values, report);
    directories(values, report);
    socket(values, report);
    later(values, report);
}

/// A key that means nothing with its section's `type`, unless a higher layer changed the type.
fn types(values: &Values<'_>, report: &mut Report) {
    for (rank, layer) in values.layers.0.iter().enumerate().filter(|(rank, _)| *rank != DEFAULTS) {
        for path in layer.entries.keys() {
            let table = table_of(path);
            let Some(key) = keys::find(path) else { continue };
            let kind = format!("{table}.type");
            if !values.is_refused(&kind) && !values.counts(key, table) && rank >= values.rank(&kind) {
                let kinds = key.only.iter().map(|kind| format!("\"{kind}\"")).collect::<Vec<_>>().join(" or ");
                let problem = values.problem("E103", path, format!("{} counts only with type = {kinds}", called(path)));
                report.error(problem.help(format!("set type = {kinds} in [{table}], or remove the key")));
            }
        }
    }
}

fn required(values: &Values<'_>, report: &mut Report) {
    for key in super::key_table::KEYS.iter().filter(|key| key.required && !key.is_secret() && !is_named(key.section)) {
        let path = key.path("");
        if values.counts(key, key.section) && !values.has(&path) {
            let kind = values.text(&format!("{}.type", key.section)).unwrap_or_default();
            let problem =
                values.problem("E103", &path, format!("{} is missing: type = \"{kind}\" needs it", called(&path)));
            report.error(problem.help(format!("add {} = ... to [{}]: {}", key.name, key.section, key.doc)));
        }
    }
}

fn base_url(values: &Values<'_>, source: &str, report: &mut Report) {
    let path = format!("source.{source}.base_url");
    let region = format!("source.{source}.region");
    let custom = format!("source.{source}.allow_custom_base_url");
    let Some(url) = values.text(&path).filter(|_| are_read(values, &[&path, &region, &custom])) else { return };
    let region = if values.text(&region).as_deref() == Some("eu") { Region::Eu } else { Region::Us };
    let host = |url: &str| {
        url.split_once("://").map_or("", |(_, rest)| rest).split(['/', ':']).next().unwrap_or("").to_ascii_lowercase()
    };
    let ours = [Region::Us, Region::Eu].into_iter().find(|region| host(region.origin()) == host(&url));
    match ours {
        Some(other) if other != region => {
            let message =
                format!("{} is the {} host, but the region is {}", called(&path), other.as_str(), region.as_str());
            report.error(
                values
                    .problem("E103", &path, message)
                    .help(format!("set region = \"{}\" and remove base_url", other.as_str())),
            );
        }
        Some(region) if url != region.origin() => {
            let message =
                format!("{} must be Amplitude's own address, with https and nothing after the host", called(&path));
            report.error(values.problem("E103", &path, message).help("remove base_url: region says it already"));
        }
        None if !values.flag(&custom) => {
            let message = format!("{} is not Amplitude's: the keys would go to another host", called(&path));
            report.error(
                values
                    .problem("E103", &path, message)
                    .help(format!("if that is meant, set allow_custom_base_url = true in [source.{source}]")),
            );
        }
        _ => {}
    }
}

fn future(values: &Values<'_>, source: &str, report: &mut Report) {
    let path = format!("source.{source}.start");
    if values.hour(&path).is_some_and(|start| start.start() > values.environment.inputs.now) {
        let problem = values.problem("E102", &path, format!("{} lies in the future", called(&path)));
        report.error(problem.help("write the first hour to keep, in UTC; and check this machine's clock"));
    }
}

fn pairs(values: &Values<'_>, report: &mut Report) {
    let mut refuse =
        |path: &str, message: String, help: &str| report.error(values.problem("E103", path, message).help(help));
    if values.is_given("schedule.every") && values.has("schedule.cron") {
        refuse("schedule.cron", "[schedule] has both `every` and `cron`".to_owned(), "keep one of the two");
    }
    let sse = values.text("lake.sse");
    if values.has("lake.kms_key") && are_read(values, &["lake.sse"]) && sse.as_deref() != Some("aws:kms") {
        refuse(
            "lake.kms_key",
            format!("{} needs sse = \"aws:kms\"", called("lake.kms_key")),
            "set sse = \"aws:kms\" in [lake], or remove kms_key",
        );
    }
    let back_off = ["retry.initial", "retry.max"];
    if are_read(values, &back_off) && values.time(back_off[0]) > values.time(back_off[1]) {
        refuse(
            given(values, back_off),
            "the first back-off `retry.initial` is longer than the longest, `retry.max`".to_owned(),
            "raise max or lower initial in [retry]",
        );
    }
    let room = ["staging.max_archive_bytes", "staging.max_bytes"];
    if are_read(values, &room) && values.number(room[0]) > values.number(room[1]) {
        refuse(
            given(values, room),
            "an archive of `staging.max_archive_bytes` does not fit into `staging.max_bytes`".to_owned(),
            "raise max_bytes or lower max_archive_bytes in [staging]",
        );
    }
    if values.flag("lake.path_style") && !values.has("lake.endpoint") && values.is_given("lake.path_style") {
        refuse(
            "lake.path_style",
            format!("{} is for another store than AWS, and no `endpoint` is set", called("lake.path_style")),
            "set endpoint in [lake], or remove path_style",
        );
    }
}

/// Whether none of them was refused: what reads as its default in place of a bad value is nobody's mistake.
fn are_read(values: &Values<'_>, keys: &[&str]) -> bool {
    !keys.iter().any(|key| values.is_refused(key))
}

/// The one of two keys that somebody wrote, the first when both.
fn given<'a>(values: &Values<'_>, keys: [&'a str; 2]) -> &'a str {
    if values.is_given(keys[0]) { keys[0] } else { keys[1] }
}

/// Staging, state and lake sweep what they do not know: none may lie in another.
fn directories(values: &Values<'_>, report: &mut Report) {
    let paths: Vec<(&str, PathBuf)> = ["staging.dir", "state.dir", "lake.path"]
        .into_iter()
        .filter(|path| are_read(values, &[path]))
        .filter(|path| *path != "lake.path" || values.text("lake.type").as_deref() == Some("local"))
        .filter_map(|path| Some((path, values.path(path)?)))
        .collect();
    for (at, (one, first)) in paths.iter().enumerate() {
        for (other, second) in &paths[at + 1..] {
            if first.starts_with(second) || second.starts_with(first) {
                let problem = values.problem(
                    "E103",
                    given(values, [one, other]),
                    format!("`{one}` and `{other}` are one directory, or one lies in the other"),
                );
                report.error(problem.help("give each its own directory: what one of them does not know it removes"));
            }
        }
    }
}

fn socket(values: &Values<'_>, report: &mut Report) {
    let length = values.path("admin.socket").map_or(0, |path| path.as_os_str().len());
    if length > SOCKET_PATH {
        let message = format!(
            "{} is too long: {length} bytes, and a Unix socket's path holds {SOCKET_PATH}",
            called("admin.socket")
        );
        report.error(
            values
                .problem("E102", "admin.socket", message)
                .help("set socket in [admin] to a shorter path, such as \"/run/ampd/ampd.sock\""),
        );
    }
}

/// What is accepted and typed, and has no effect in this version.
fn later(values: &Values<'_>, report: &mut Report) {
    for section in ["warehouse", "transform"] {
        let path = format!("{section}.type");
        if values.text(&path).is_some_and(|kind| kind != "none") {
            let warning = values.problem("E122", &path, format!("[{section}] has no effect in this version"));
            report.warn(warning.help("the hours are published in the lake all the same"));
        }
    }
    for name in values.names("notify") {
        let path = format!("notify.{name}.enabled");
        if values.flag(&path) {
            report.warn(
                values
                    .problem("E122", &path, format!("[notify.{name}] has no effect in this version"))
                    .help("`ampd status --check` tells the same"),
            );
        }
    }
}
