//! Secrets appear nowhere: distinctive keys, and bodies that echo them in every form.

use std::fs;

use ampd::simulator::{Fault, FaultKind};
use base64::Engine;

use super::support::{Ended, World, dashed, files_below};

const API_KEY: &str = "canary0api0key0f00dfeed";
const SECRET_KEY: &str = "canary0secret0key0deadbeef";

fn canaries() -> Vec<String> {
    let pair = format!("{API_KEY}:{SECRET_KEY}");
    let basic = base64::engine::general_purpose::STANDARD.encode(&pair);
    vec![API_KEY.to_owned(), SECRET_KEY.to_owned(), basic.trim_end_matches('=').to_owned()]
}

fn world() -> World {
    let mut world = World::with(3, |options| {
        options.projects[0].api_key = API_KEY.into();
        options.projects[0].secret_key = SECRET_KEY.into();
    });
    world.set("source.web.api_key", &format!("\"{API_KEY}\"")).set("source.web.secret_key", "{ file = \"secret\" }");
    world.set("log.level", "\"trace\"").set("log.format", "\"json\"");
    fs::write(world.path("secret"), format!("{SECRET_KEY}\n")).unwrap();
    world
}

fn assert_clean(world: &World, outputs: &[Ended]) {
    for canary in canaries() {
        for ended in outputs {
            assert!(!ended.says(&canary), "{ended}");
        }
        let files = files_below(world.dir.path());
        let hits: Vec<_> = files
            .iter()
            .filter(|path| !path.ends_with("ampd.toml") && !path.ends_with("secret"))
            .filter(|path| {
                let bytes = fs::read(path).unwrap();
                bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
            })
            .collect();
        assert!(hits.is_empty(), "{canary} in {hits:?}");
    }
    assert!(world.own_files().len() > 3, "there is something to look through");
}

#[test]
fn secrets_appear_in_no_output_log_status_or_state() {
    let world = world();
    world.plant(Fault::new(FaultKind::CrcFlip).on(world.hour(1)));
    let outputs = [
        world.expect(3, &["once", "-vv"]),
        world.expect(0, &["status"]),
        world.expect(0, &["status", "--json"]),
        world.expect(3, &["hour", "retry", &dashed(world.hour(1)), "-o", "jsonl", "-vv"]),
        world.expect(0, &["plan"]),
    ];
    assert_clean(&world, &outputs);
}

#[test]
fn secrets_echoed_by_a_refusal_or_by_a_body_that_is_no_archive_are_blotted_out() {
    let [api_key, secret_key, basic] = canaries().try_into().unwrap();
    let echo = format!("{{\"seen\":\"{api_key} {secret_key}\",\"Authorization\":\"Basic {basic}\"}}");
    for code in [200, 400, 401, 403, 429, 500, 503] {
        let world = world();
        let kind = FaultKind::Status { code, retry_after: None, body: Some(echo.clone()) };
        world.plant(Fault::new(kind));
        let outputs =
            [world.run(&["once", "-vv"]), world.run(&["status", "--json"]), world.run(&["once", "-o", "json"])];
        assert_ne!(outputs[0].code, 0, "{}", outputs[0]);
        assert_clean(&world, &outputs);
    }
}

#[test]
fn secrets_in_a_redirect_are_not_shown_either() {
    let world = world();
    let to = format!("https://{API_KEY}:{SECRET_KEY}@example.com/");
    world.plant(Fault::new(FaultKind::Redirect { to, code: None }));
    let outputs = [world.run(&["once", "-vv"]), world.run(&["status"])];
    assert_clean(&world, &outputs);
}
