//! Secrets appear nowhere: distinctive keys, and bodies that echo them in every form.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ampd::simulator::{Fault, FaultKind};
use base64::Engine;

use super::daemon::Daemon;
use super::support::{Ended, World, dashed, ended, files_below};

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
            .filter(|path| path.is_file() && !path.ends_with("ampd.toml") && !path.ends_with("secret"))
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

/// One answer of the read-only listener.
fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_running_daemon_shows_secrets_in_no_metrics_status_or_command_line() {
    let mut world = world();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.set("admin.http", &format!("\"127.0.0.1:{port}\""));
    world.plant(Fault::new(FaultKind::CrcFlip).on(world.hour(1)));
    let daemon = Daemon::start(&world);
    let outputs = [
        world.expect(3, &["once", "-vv"]),
        world.expect(0, &["status"]),
        world.expect(0, &["hour", "show", &dashed(world.hour(1))]),
        world.expect(0, &["config", "show"]),
        world.expect(0, &["logs"]),
    ];
    let pid = daemon.pid();
    let mut shown = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    for path in ["/metrics", "/healthz", "/readyz", "/nothing"] {
        shown += &get(port, path);
    }
    assert!(shown.contains("ampd_"), "there are metrics to look through: {shown}");
    for canary in canaries() {
        assert!(!shown.contains(&canary), "{shown}");
    }
    assert_clean(&world, &outputs);
    drop(daemon);
}

#[test]
fn the_stores_keys_are_shown_nowhere_when_it_is_refused_or_away() {
    let mut world = world();
    // Nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.settings.remove("lake.path");
    world.set("lake.type", "\"s3\"").set("lake.bucket", "\"lake\"").set("lake.region", "\"us-east-1\"");
    world.set("lake.endpoint", &format!("\"http://127.0.0.1:{port}\"")).set("lake.path_style", "true");
    let mut command = world.command(&["once", "-vv"]);
    let keys = ["canary0store0id0f00d", "canary0store0secret0beef", "canary0store0token0cafe"];
    command.env("AWS_ACCESS_KEY_ID", keys[0]).env("AWS_SECRET_ACCESS_KEY", keys[1]).env("AWS_SESSION_TOKEN", keys[2]);
    let ended = ended(command.spawn().unwrap());
    assert_eq!(ended.code, 73, "{ended}");
    for path in files_below(world.dir.path()) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        // The key's id is a name, not a secret; the others are.
        assert!(keys[1..].iter().all(|key| !text.contains(key)), "{}", path.display());
    }
    assert!(keys[1..].iter().all(|key| !ended.says(key)), "{ended}");
    assert_clean(&world, &[ended]);
}

/// Keys are in its memory, so a crash leaves no core, whatever the limits and the system's pattern allow.
#[test]
#[allow(clippy::print_stderr)]
fn a_crash_leaves_no_core() {
    let world = world();
    world.plant(Fault::new(FaultKind::FirstByteDelay { ms: 20_000 }));
    let unlimited = |words: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -c unlimited; exec {words}")]).current_dir(world.dir.path()).env_clear();
        shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let crash = |mut child: Child| {
        Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap();
        child.wait().unwrap()
    };
    let sleeper = unlimited("sleep 20");
    std::thread::sleep(Duration::from_millis(300));
    if !crash(sleeper).core_dumped() {
        eprintln!("not run: this system writes no cores at all");
        return;
    }
    drop(world.command(&["once"]));
    let child = unlimited(&format!("{} once", env!("CARGO_BIN_EXE_ampd")));
    while world.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let status = crash(child);
    assert!(status.signal().is_some() && !status.core_dumped(), "{status:?}");
}
