//! Any bytes on the control socket, then its end: the server answers in HTTP or hangs up, and hears the next.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use ampd::admin::wire::Trouble;

use super::admin_world::World;

/// Longest answer that is read.
const ANSWER_MAX: u64 = 1 << 20;

pub fn run(input: &[u8]) {
    let socket = socket();
    let heard = say(socket, input, true);
    assert!(heard.is_empty() || heard.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&heard));
    let next = say(socket, b"GET /v1/health HTTP/1.1\r\nHost: ampd\r\nConnection: close\r\n\r\n", false);
    assert!(next.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&next));
}

/// What is answered until it hangs up; a side that says its end is not owed an answer.
fn say(socket: &PathBuf, bytes: &[u8], end: bool) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).expect("the socket is open");
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It may hang up before everything was said.
    let _ = stream.write_all(bytes);
    if end {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut heard = Vec::new();
    match stream.take(ANSWER_MAX).read_to_end(&mut heard) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("it neither answers nor hangs up"),
        _ => heard,
    }
}

/// The server's socket; it lives as long as the process.
fn socket() -> &'static PathBuf {
    static SOCKET: OnceLock<PathBuf> = OnceLock::new();
    SOCKET.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut world = World::new(30).await;
                tell.send(world.socket()).unwrap();
                while let Some(answer) = world.reloads.recv().await {
                    let _ = answer.send(Err(Trouble::default()));
                }
            });
        });
        told.recv().expect("the server starts")
    })
}
