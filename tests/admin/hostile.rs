//! Whom the control socket refuses, and what nobody can make of it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::time::{Duration, Instant};

use ampd::admin::client::{Client, ClientError};
use ampd::admin::{AdminError, Context, Server};
use ampd::clock;
use ampd::config::Admin;
use ampd::telemetry::Metrics;
use tokio::sync::{mpsc, watch};

use super::world::World;

fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

async fn start(socket: &std::path::Path) -> Result<Server, AdminError> {
    let (_life, leads_to) = watch::channel(None);
    let (reload, _) = mpsc::channel(1);
    let context = Context { life: leads_to, reload, started_at: clock::now(), metrics: Metrics::new() };
    Server::start(&Admin { socket: socket.to_owned(), http: None }, context).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_for_its_user_alone_and_goes_with_the_server() {
    let world = World::new(3).await;
    let socket = world.socket();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(socket.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let left: Vec<_> = fs::read_dir(socket.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["ampd.sock"]);
    let World { server, client, dir, .. } = world;
    drop(server);
    assert!(!socket.exists());
    assert!(matches!(client.status().await, Err(ClientError::NoDaemon { .. })));
    drop(dir);
}

/// The peer is asked, not only the file's mode: here the file is open to all.
#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_not_heard() {
    if !rustix::process::geteuid().is_root() {
        // Only root can become somebody else.
        return;
    }
    let world = World::new(3).await;
    let socket = world.socket();
    for (path, mode) in [(world.dir.path(), 0o755), (socket.parent().unwrap(), 0o755), (socket.as_path(), 0o666)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let curl = |become_somebody: &[&str]| {
        let words = [become_somebody, &["/usr/bin/curl", "-sv", "-m", "5", "--unix-socket"]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(&socket).arg("http://localhost/v1/health");
        let answer = command.current_dir("/").output().unwrap();
        let denied = String::from_utf8_lossy(&answer.stderr).contains("Permission denied");
        (answer.status.success(), denied, String::from_utf8(answer.stdout).unwrap())
    };
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    assert_eq!(curl(&["env"]), (true, false, "ok\n".to_owned()));
    // Connected, and closed without a word.
    assert_eq!(curl(&nobody), (false, false, String::new()));
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(curl(&nobody), (false, true, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_process_socket_is_replaced_a_living_one_and_other_files_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let server = start(&socket).await.unwrap();
    let Err(AdminError::InUse { pid, .. }) = start(&socket).await else { panic!("two servers on one socket") };
    assert_eq!(pid, i32::try_from(std::process::id()).ok());
    assert!(UnixStream::connect(&socket).is_ok());
    drop(server);
    fs::write(&socket, "precious").unwrap();
    assert!(matches!(start(&socket).await, Err(AdminError::NotASocket(_))));
    assert_eq!(fs::read_to_string(&socket).unwrap(), "precious");
    fs::remove_file(&socket).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", &socket).unwrap();
    assert!(matches!(start(&socket).await, Err(AdminError::NotASocket(_))));
}

/// Writes until the server has had enough; answers how much that was.
fn pour(stream: &mut UnixStream, piece: &[u8], most: u64) -> u64 {
    let mut sent = 0;
    while sent < most {
        match stream.write(piece) {
            Ok(count) => sent += count as u64,
            Err(_) => break,
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_endless_lines_cost_nothing_and_the_next_is_heard() {
    let world = World::new(3).await;
    let before = resident();
    let gibibyte = 1 << 30;
    for head in ["", "GET /", "GET / HTTP/1.1\r\nX: ", "POST /v1/orders HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n"] {
        let mut stream = UnixStream::connect(world.socket()).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let began = Instant::now();
        let sent = pour(&mut stream, &[b'a'; 65536], gibibyte);
        assert!(sent < gibibyte / 100 && began.elapsed() < Duration::from_secs(15), "{head:?}: {sent}");
    }
    for garbage in [&[0_u8; 1000][..], &[0xff; 1000], b"\r\n\r\n\r\n", b"GET /v1/status\r\n", b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = UnixStream::connect(world.socket()).unwrap();
        stream.write_all(garbage).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{garbage:?}: {}", String::from_utf8_lossy(&answer));
    }
    assert!(world.client.status().await.is_ok());
    assert!(resident() < before + (32 << 20), "{before} -> {}", resident());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_are_bounded_and_slow_ones_are_cut() {
    let world = World::new(3).await;
    let (before, socket) = (resident(), world.socket());
    let flood = tokio::task::spawn_blocking(move || {
        // Held open, and fed a byte each, as slow clients do; the others are closed again by the server.
        let mut held = Vec::new();
        for n in 0..10_000 {
            let Ok(mut stream) = UnixStream::connect(&socket) else { continue };
            let _ = stream.write(b"G");
            if n < 200 {
                held.push(stream);
            }
        }
        held
    });
    let held = flood.await.unwrap();
    assert!(resident() < before + (64 << 20), "{before} -> {}", resident());
    let began = Instant::now();
    while world.client.status().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "slow connections keep everybody out");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = Client::new(&dir.path().join("nobody")).unwrap();
    assert!(matches!(nowhere.status().await, Err(ClientError::NoDaemon { .. })));
    let mute = dir.path().join("mute");
    let _listener = UnixListener::bind(&mute).unwrap();
    let began = Instant::now();
    assert!(matches!(Client::new(&mute).unwrap().health().await, Err(ClientError::Silent(_))));
    assert!(began.elapsed() < Duration::from_secs(5));
}
