//! Wrong configurations: exit 78, every problem at once, each with its place; nothing is asked or written.

use std::fs;

use super::support::{Ended, World, ended};

/// Runs `once` with this configuration.
fn refused(world: &World, text: &str) -> Ended {
    fs::write(world.path("ampd.toml"), text).unwrap();
    let ended = super::support::ended(world.bare(&["once"]).spawn().unwrap());
    assert_eq!(ended.code, 78, "{text}\n{ended}");
    assert_eq!(world.requests().len(), 0);
    assert!(!world.path("lake").exists() && !world.path("state").exists());
    ended
}

#[test]
fn each_wrong_configuration_is_refused_with_its_place() {
    let world = World::new(1);
    let good = world.config_text();
    refused(&world, &good.replace("api_key = ", "api_kee = ")).tells("ampd.toml:", "api_key");
    refused(&world, &good.replace("version = 1", "version = 99")).tells("ampd.toml:1:", "version");
    refused(&world, &good.replace("max_attempts = 3", "max_attempts = \"many\"")).tells("ampd.toml:", "max_attempts");
    refused(&world, &good.replace("type = \"local\"", "type = \"ftp\"")).tells("ampd.toml:", "\"local\", \"s3\"");
    refused(&world, &good.replace("[retry]", "[retries]")).tells("ampd.toml:", "retry");
    refused(&world, &good.replace("allow_custom_base_url = true", "")).tells("ampd.toml:", "allow_custom_base_url");
    refused(&world, &good.replace("min_free = \"1MiB\"", "min_free = \"lots\"")).tells("ampd.toml:", "min_free");
    refused(&world, &good.replace("[retry]", "[retry")).tells("ampd.toml:", "");
}

#[test]
fn every_problem_is_said_at_once() {
    let world = World::new(1);
    let text =
        world.config_text().replace("max_attempts = 3", "max_attempts = 0").replace("dir = \"logs\"", "dirr = 1");
    let ended = refused(&world, &text);
    assert!(ended.stderr.contains("max_attempts") && ended.stderr.contains("dirr"), "{ended}");
}

#[test]
fn a_missing_secret_says_every_place_that_was_looked_at_and_shows_none() {
    let world = World::new(1);
    let text = world.config_text().replace("\"sim-secret-key\"", "{ env = \"NO_SUCH_VARIABLE\" }");
    let ended = refused(&world, &text);
    assert!(ended.stderr.contains("NO_SUCH_VARIABLE"), "{ended}");
    let text = world.config_text().replace("\"sim-secret-key\"", "{ file = \"no-such-file\" }");
    let ended = refused(&world, &text);
    assert!(ended.stderr.contains("no-such-file"), "{ended}");
    let text = world.config_text().replace("secret_key = \"sim-secret-key\"", "secret_key = 4711471147114711");
    let ended = refused(&world, &text);
    assert!(!ended.says("4711471147114711"), "{ended}");
}

#[test]
fn nothing_configured_at_all_is_refused_with_the_way_to_begin() {
    let world = World::new(1);
    let ended = super::support::ended(world.bare(&["once"]).spawn().unwrap());
    assert_eq!(ended.code, 78, "{ended}");
    assert!(ended.stderr.contains("AMP_API_KEY"), "{ended}");
}

#[test]
fn the_seed_names_in_a_dotenv_file_are_enough() {
    let mut world = World::new(2);
    for key in ["api_key", "secret_key", "base_url", "allow_custom_base_url", "start"] {
        let value = world.settings.remove(&format!("source.web.{key}")).unwrap();
        if !key.ends_with("_key") {
            world.settings.insert(format!("source.default.{key}"), value);
        }
    }
    fs::write(world.path(".env"), "AMP_API_KEY=sim-api-key\nAMP_SECRET_KEY=\"sim-secret-key\"\n").unwrap();
    world.expect(0, &["once"]);
    assert_eq!(super::lake::Lake::read(&world.path("lake"), "default").hours().count(), 2);
}

#[test]
fn warnings_are_no_data() {
    let world = World::new(1);
    let check = |arguments: &[&str]| ended(world.command(arguments).env("AMPD_LGO", "info").spawn().unwrap());
    let human = check(&["config", "check"]);
    assert!(human.code == 0 && human.stderr.contains("AMPD_LGO"), "{human}");
    assert!(human.stdout.starts_with("ok: "), "{human}");
    let json = check(&["config", "check", "--json"]);
    assert!(json.last_object()["warnings"][0]["message"].as_str().unwrap().contains("AMPD_LGO"), "{json}");
    assert_eq!((json.code, json.stdout.lines().count(), json.stderr.as_str()), (0, 1, ""));
}

#[test]
fn who_works_says_what_is_doubtful_about_its_configuration() {
    let world = World::new(1);
    let worked = ended(world.command(&["once"]).env("AMPD_LGO", "info").spawn().unwrap());
    assert!(worked.code == 0 && worked.stderr.contains("AMPD_LGO"), "{worked}");
}

#[test]
fn usage_errors_end_with_2() {
    let world = World::new(1);
    for arguments in [&["onse"][..], &["backfill"], &["backfill", "--from", "x"], &["hour", "retry", "yesteryear"]] {
        world.expect(2, arguments);
    }
    assert_eq!(world.requests().len(), 0);
}

impl Ended {
    fn tells(&self, place: &str, word: &str) {
        assert!(self.stderr.contains(place) && self.stderr.contains(word), "{place} {word}\n{self}");
        let followed =
            self.stderr.split("ampd.toml:").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        assert!(followed, "line and column\n{self}");
    }
}
