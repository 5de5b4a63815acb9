//! A tiny scripted HTTP server: each connection reads one request and plays the script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does after it has read a request's head.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes one at a time, with a pause before each.
    Dribble(Vec<u8>, Duration),
    /// Does nothing for so long.
    Wait(Duration),
    /// Resets the connection.
    Reset,
}

/// A running server; it ends with the test's runtime.
pub struct Server {
    /// Its origin.
    pub base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Sends `text`.
pub fn send(text: &str) -> Step {
    Step::Send(text.as_bytes().to_vec())
}

/// Starts a server whose every connection plays `script`, then closes.
pub async fn serve(script: Vec<Step>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(play(connection, script.clone(), Arc::clone(&log)));
        }
    });
    Server { base_url, requests }
}

async fn play(mut connection: TcpStream, script: Vec<Step>, log: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    log.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    for step in script {
        match step {
            Step::Send(bytes) => {
                if connection.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Dribble(bytes, pause) => {
                for byte in bytes {
                    tokio::time::sleep(pause).await;
                    if connection.write_u8(byte).await.is_err() {
                        return;
                    }
                }
            }
            Step::Wait(pause) => tokio::time::sleep(pause).await,
            Step::Reset => {
                // Lets what was sent arrive first: a reset overtakes it otherwise.
                tokio::time::sleep(Duration::from_millis(30)).await;
                connection.set_zero_linger().unwrap();
                return;
            }
        }
    }
    let _ = connection.shutdown().await;
}
