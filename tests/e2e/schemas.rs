//! What programs read is what `docs/schema` says, from real runs: nothing more and nothing less.

use ampd::simulator::FaultKind;
use serde_json::Value;

use super::schema_check::problems;
use super::support::{World, dashed};

fn assert_described(name: &str, value: &Value) {
    let schema = std::fs::read_to_string(format!("docs/schema/{name}.json")).unwrap();
    assert_eq!(problems(&schema, value), Vec::<String>::new(), "docs/schema/{name}.json: {value:#}");
}

#[test]
fn everything_that_programs_read_is_as_its_schema_says() {
    let world = World::new(4);
    world.plant_on(1, FaultKind::CrcFlip);
    assert_described("plan", &world.summary(0, &["plan"]));
    assert_described("run", &world.summary(3, &["once"]));
    let (quarantined, whole) = (dashed(world.hour(1)), dashed(world.hour(2)));
    assert_described("status", &world.status());
    assert_described("verify", &world.summary(0, &["verify"]));
    assert_described("hours", &world.summary(0, &["hour", "ls"]));
    let shown = world.summary(0, &["hour", "show", &quarantined, &whole]);
    assert_eq!(shown["hours"].as_array().map(Vec::len), Some(2));
    assert_described("hours", &shown);
    world.expect(0, &["hour", "skip", &quarantined, "--reason", "lost at Amplitude"]);
    let lake = world.lake();
    let states: Vec<&str> = (0..4)
        .map(|n| lake.newest(&world.hour(n).to_string()).unwrap())
        .inspect(|manifest| assert_described("manifest", manifest))
        .map(|manifest| manifest["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["data", "skipped", "data", "data"]);
}
