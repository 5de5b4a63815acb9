//! Everything that must be so at the end, and what is not.

use std::path::Path;

use serde_json::Value;

use super::acts::Play;
use super::asked;
use super::child::Ended;
use super::home::{Home, failure};
use super::verify::{self, Expected, Found};
use super::world::{World, written};
use crate::exit::Exit;
use crate::problem::Failure;
use crate::simulator::{Hour, Running};

/// The late hour before and after its rows had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Late {
    /// Rows of generation 1.
    pub before: u64,
    /// Rows of generation 2.
    pub after: u64,
}

/// The end of the demo.
pub struct Verdict {
    /// What is in the lake.
    pub found: Found,
    /// The late hour.
    pub late: Late,
    /// Everything that is not as it should be.
    pub differences: Vec<String>,
    /// Requests by status.
    pub requests: std::collections::BTreeMap<u16, u64>,
}

/// Compares the lake, the status, the runs and the requests with what should be.
pub async fn judge(play: &Play, home: &Home) -> Result<Verdict, Failure> {
    let expected = tokio::task::block_in_place(|| expected(&play.world, &play.simulator));
    let root = home.lake();
    let found = tokio::task::block_in_place(|| verify::compare(&root, &expected));
    let found = found.map_err(|error| failure("read the lake", &error))?;
    let late = late_rows(&root, play.world.late);
    let mut differences = found.differences.clone();
    if play.kills.first().is_none_or(|kill| kill.during != "upload") {
        differences.push("ampd was never killed in the middle of an upload".to_owned());
    }
    // Killed, perhaps killed, finished, rechecked: the last two end with "partial", for the corrupt hour.
    let partial = Ended::Exited(Exit::Partial.code().into());
    for (index, run) in play.runs.iter().enumerate().filter(|(_, run)| **run != Ended::Killed && **run != partial)
    {
        let (_, written_to) = play.ampd.outputs(u32::try_from(index + 1).unwrap_or(u32::MAX));
        differences.push(format!(
            "run {} ended with {run:?} instead of exit code 3; see {}",
            index + 1,
            written_to.display()
        ));
    }
    differences.extend(play.asked_again());
    if late.before >= late.after {
        let name = written(play.world.late);
        differences.push(format!("{name}: {} rows in generation 1, {} in generation 2", late.before, late.after));
    }
    differences.extend(in_status(&play.ampd.status_json().await?, play.world.corrupt));
    differences.extend(unused(&play.simulator));
    let requests = asked::by_status(&play.simulator.requests());
    let never = [400, 404, 504].into_iter().filter(|status| !requests.contains_key(status));
    differences.extend(never.map(|status| format!("the simulator never answered {status}")));
    Ok(Verdict { found, late, differences, requests })
}

fn expected(world: &World, simulator: &Running) -> Expected {
    let mut truth = simulator.truth(None, world.first, world.last).map(|truth| truth.per_hour).unwrap_or_default();
    let good = world.hours().filter(|hour| *hour != world.corrupt);
    Expected {
        hours: good.map(|hour| (hour, truth.remove(&hour.to_string()))).collect(),
        second_generation: [world.late].into(),
    }
}

fn late_rows(lake: &Path, hour: Hour) -> Late {
    let rows = |generation: u32| {
        let path = lake.join(format!("_ampd/v1/source=demo/manifests/{hour}.g{generation}.json"));
        let manifest: Option<Value> = std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        manifest.and_then(|manifest| manifest["rows"].as_u64()).unwrap_or(0)
    };
    Late { before: rows(1), after: rows(2) }
}

/// The corrupt hour, and nothing else, is quarantined, and it is named.
fn in_status(status: &Value, corrupt: Hour) -> Vec<String> {
    let source = &status["sources"][0];
    let mut differences = Vec::new();
    if source["hours"]["quarantined"] != 1 {
        differences.push(format!("status counts {} quarantined hours instead of 1", source["hours"]["quarantined"]));
    }
    let name = written(corrupt);
    let problems = source["problems"].as_array().map_or(&[][..], Vec::as_slice);
    if !problems.iter().any(|problem| problem["hour"] == name.as_str() && problem["fix"].is_string()) {
        differences.push(format!("status does not name {name} with the command that repairs it"));
    }
    differences
}

/// A fault that never struck proves nothing.
fn unused(simulator: &Running) -> Vec<String> {
    let idle = |planted: &crate::simulator::Planted| (planted.used == 0).then_some(planted.fault.kind.clone());
    let slow = |kind: &crate::simulator::FaultKind| matches!(kind, crate::simulator::FaultKind::Slow { .. });
    let kinds = simulator.faults().iter().filter_map(idle).filter(|kind| !slow(kind)).collect::<Vec<_>>();
    kinds.iter().map(|kind| format!("this planted fault never struck: {kind:?}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_corrupt_hour_must_be_counted_and_named() {
        let corrupt = Hour::parse("20260101T05").unwrap();
        let status = |quarantined: u64, hour: &str| {
            let problem = json!({"hour": hour, "fix": "ampd hour retry"});
            json!({"sources": [{"hours": {"quarantined": quarantined}, "problems": [problem]}]})
        };
        assert!(in_status(&status(1, "2026-01-01T05"), corrupt).is_empty());
        assert_eq!(in_status(&status(2, "2026-01-01T05"), corrupt).len(), 1);
        assert_eq!(in_status(&status(1, "2026-01-01T06"), corrupt).len(), 1);
        assert_eq!(in_status(&json!({}), corrupt).len(), 2);
    }
}
