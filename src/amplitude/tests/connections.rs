//! What happens before there is an answer.

use super::*;

#[tokio::test]
async fn a_refused_connection_is_a_connect_fault() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (answer, _) = ask_at(&format!("http://{address}")).await;
    let fault = fault_of(&answer);
    assert_eq!((fault.kind, answer.status, answer.date), (FaultKind::Connect, None, None));
    assert!(fault.detail.contains("nothing listens there") && !fault.detail.contains("start="), "{}", fault.detail);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_connect_fault() {
    let mut patient = retry();
    patient.connect_timeout = Duration::from_secs(10);
    patient.response_timeout = Duration::from_secs(20);
    let client = Client::new(&source("http://no-such-host.invalid"), &patient).unwrap();
    let answer = client.export(window(), &mut Kept::default()).await;
    let fault = fault_of(&answer);
    assert_eq!(fault.kind, FaultKind::Connect, "{}", fault.detail);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_connect_fault() {
    let server = serve(vec![send("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Wait(Duration::from_secs(1))]).await;
    // The server waits for a request's end; a greeting that never comes is the same to a TLS client.
    let (answer, _) = ask_at(&server.base_url.replace("http://", "https://")).await;
    assert_eq!(fault_of(&answer).kind, FaultKind::Connect);
}

#[tokio::test]
async fn a_handshake_of_garbage_is_a_connect_fault() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut connection, b"SSH-2.0-nope\r\n").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let (answer, _) = ask_at(&format!("https://{address}")).await;
    let fault = fault_of(&answer);
    assert_eq!(fault.kind, FaultKind::Connect);
    assert!(fault.detail.contains("TLS"), "{}", fault.detail);
}

#[tokio::test]
async fn a_server_that_never_answers_is_no_first_byte() {
    let (answer, _) = ask(vec![Step::Wait(Duration::from_secs(5))]).await;
    let fault = fault_of(&answer);
    assert_eq!((fault.kind, answer.status), (FaultKind::NoFirstByte, None));
    assert!(fault.detail.contains("within 400ms"), "{}", fault.detail);
}

#[tokio::test]
async fn a_head_that_dribbles_for_ever_is_no_first_byte() {
    let (answer, _) = ask(vec![Step::Dribble(b"HTTP/1.1 200 OK\r\n".repeat(50), Duration::from_millis(20))]).await;
    assert_eq!(fault_of(&answer).kind, FaultKind::NoFirstByte);
}

#[tokio::test]
async fn an_answer_that_is_prepared_for_longer_than_the_idle_time_is_waited_for() {
    let script =
        vec![Step::Wait(Duration::from_millis(400)), send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nPK\x03\x04")];
    let patient = Retry { response_timeout: Duration::from_secs(20), ..retry() };
    let client = Client::new(&source(&serve(script).await.base_url), &patient).unwrap();
    let answer = client.export(window(), &mut Kept::default()).await;
    assert_eq!(answer.result, Ok(Exported::Archive { bytes: 4 }));
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_no_first_byte() {
    for script in [vec![], vec![Step::Reset], vec![send("HTTP/1.1 200")]] {
        let (answer, _) = ask(script.clone()).await;
        assert_eq!(fault_of(&answer).kind, FaultKind::NoFirstByte, "{script:?}: {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_an_outage() {
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(2_000_000));
    for script in [vec![send("SSH-2.0-nope\r\n\r\n")], vec![send(&huge)]] {
        let (answer, _) = ask(script).await;
        assert_eq!(fault_of(&answer).kind, FaultKind::Unavailable, "{answer:?}");
    }
}

#[tokio::test]
async fn many_headers_do_no_harm() {
    let headers = format!("X: {}\r\n", "x".repeat(500)).repeat(90);
    let (answer, _) = ask(vec![send(&format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 2\r\n\r\nPK"))]).await;
    assert_eq!(answer.result, Ok(Exported::Archive { bytes: 2 }));
}

#[tokio::test]
async fn one_fault_is_one_request() {
    for script in [vec![], vec![send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")]] {
        let server = serve(script).await;
        ask_at(&server.base_url).await;
        assert_eq!(server.requests().len(), 1, "no hidden retries");
    }
}

#[tokio::test]
async fn neither_debug_nor_an_error_shows_a_key() {
    let client = Client::new(&source("http://127.0.0.1:1"), &retry()).unwrap();
    let shown = format!("{client:?}");
    assert!(shown.contains("127.0.0.1:1"));
    for secret in [KEY, SECRET, TOKEN] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let error = Client::new(&source(&format!("https://user:{SECRET}@amplitude.com")), &retry()).unwrap_err();
    assert!(!error.to_string().contains(SECRET), "{error}");
    let mut colon = source("https://amplitude.com");
    colon.api_key = SecretString::from("a:b");
    assert!(matches!(Client::new(&colon, &retry()), Err(ClientError::Colon)));
}
