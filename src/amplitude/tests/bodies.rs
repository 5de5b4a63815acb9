//! What becomes of the body of a 200.

use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n";

/// The head of a 200 with this announced length.
fn announced(length: usize) -> Step {
    send(&format!("{HEAD}Content-Length: {length}\r\n\r\n"))
}

/// The head of a 200 in chunks.
fn chunked() -> Step {
    send(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"))
}

/// The head of a 200 whose end is the connection's.
fn open_ended() -> Step {
    send(&format!("{HEAD}\r\n"))
}

fn kind_of(answer: &Answer) -> FaultKind {
    fault_of(answer).kind
}

#[tokio::test]
async fn a_whole_body_arrives_byte_for_byte() {
    let mut body = b"PK\x03\x04".to_vec();
    body.extend((0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]));
    let (answer, kept) = ask(vec![announced(body.len()), Step::Send(body.clone())]).await;
    assert_eq!(answer.result, Ok(Exported::Archive { bytes: body.len() as u64 }));
    assert_eq!((answer.bytes, answer.content_length), (body.len() as u64, Some(body.len() as u64)));
    assert_eq!(kept.begun, [Some(body.len() as u64)]);
    assert!(kept.bytes == body);
}

#[tokio::test]
async fn a_body_in_chunks_needs_no_content_length() {
    let (answer, kept) =
        ask(vec![chunked(), send("1\r\nP\r\n"), send("5\r\nK\x03\x04ab\r\n"), send("0\r\n\r\n")]).await;
    assert_eq!(answer.result, Ok(Exported::Archive { bytes: 6 }));
    assert_eq!((kept.begun, kept.bytes), (vec![None], b"PK\x03\x04ab".to_vec()));
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_accepted_for_the_archive_reader_to_judge() {
    let (answer, kept) = ask(vec![open_ended(), send("PK\x03\x04ab")]).await;
    assert_eq!(answer.result, Ok(Exported::Archive { bytes: 6 }));
    assert_eq!(kept.begun, [None]);
}

#[tokio::test]
async fn a_content_encoding_is_not_undone() {
    let script = vec![send(&format!("{HEAD}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f")), send("\x08zz")];
    let (answer, kept) = ask(script).await;
    assert_eq!(kind_of(&answer), FaultKind::NotAnArchive);
    assert!(kept.begun.is_empty());
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_the_sources_fault() {
    let (answer, _) = ask(vec![announced(100), send("PK\x03\x04 too short")]).await;
    assert_eq!(kind_of(&answer), FaultKind::BodyShort);
    assert!(fault_of(&answer).detail.contains("after 14 of 100 bytes"), "{}", fault_of(&answer).detail);
    assert_eq!(answer.bytes, 14);
}

#[tokio::test]
async fn a_body_without_its_last_chunk_is_the_sources_fault() {
    let (between, _) = ask(vec![chunked(), send("4\r\nPK\x03\x04\r\n")]).await;
    assert_eq!(kind_of(&between), FaultKind::BodyShort);
    let (within, _) = ask(vec![chunked(), send("40\r\nPK\x03\x04 cut")]).await;
    assert_eq!(kind_of(&within), FaultKind::BodyShort);
}

#[tokio::test]
async fn a_garbled_chunk_is_the_sources_fault() {
    let (answer, _) = ask(vec![chunked(), send("4\r\nPK\x03\x04\r\nzzzz\r\n")]).await;
    assert_eq!(kind_of(&answer), FaultKind::BodyReset);
}

#[tokio::test]
async fn a_reset_body_is_the_sources_fault() {
    for head in [announced(100), chunked(), open_ended()] {
        let first = if matches!(&head, Step::Send(bytes) if bytes.ends_with(b"chunked\r\n\r\n")) {
            send("4\r\nPK\x03\x04\r\n")
        } else {
            send("PK\x03\x04")
        };
        let (answer, _) = ask(vec![head, first, Step::Reset]).await;
        assert_eq!(kind_of(&answer), FaultKind::BodyReset);
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_the_sources_fault() {
    for start in ["", "P", "PK\x03\x04"] {
        let (answer, _) = ask(vec![announced(100), send(start), Step::Wait(Duration::from_secs(5))]).await;
        assert_eq!(kind_of(&answer), FaultKind::BodyStalled, "{start:?}");
    }
}

#[tokio::test]
async fn a_slow_body_that_moves_is_not_stalled() {
    let body = b"PK\x03\x04 slow but sure".to_vec();
    let (answer, kept) = ask(vec![announced(body.len()), Step::Dribble(body.clone(), Duration::from_millis(30))]).await;
    assert_eq!(answer.result, Ok(Exported::Archive { bytes: body.len() as u64 }), "longer than each time-out in all");
    assert_eq!(kept.bytes, body);
}

#[tokio::test]
async fn an_empty_body_is_no_archive() {
    for script in [vec![announced(0)], vec![chunked(), send("0\r\n\r\n")], vec![open_ended()]] {
        let (answer, kept) = ask(script).await;
        assert_eq!(kind_of(&answer), FaultKind::NotAnArchive);
        assert!(fault_of(&answer).detail.contains("empty body"));
        assert!(kept.begun.is_empty());
    }
}

#[tokio::test]
async fn a_page_with_status_200_is_no_archive_and_is_shown_without_secrets() {
    let page = format!("<html>\r\nRate limit exceeded for {KEY} ({TOKEN})</html>{}", "x".repeat(100_000));
    let (answer, kept) = ask(vec![
        send(&format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", page.len())),
        send(&page),
    ])
    .await;
    let fault = fault_of(&answer);
    assert_eq!(fault.kind, FaultKind::NotAnArchive);
    assert!(
        fault.detail.contains("(text/html): <html> Rate limit exceeded for [redacted] ([redacted]"),
        "{}",
        fault.detail
    );
    assert!(kept.begun.is_empty() && kept.bytes.is_empty());
}

#[tokio::test]
async fn one_byte_is_no_archive() {
    let (answer, kept) = ask(vec![announced(1), send("P")]).await;
    assert_eq!(kind_of(&answer), FaultKind::NotAnArchive);
    assert!(kept.begun.is_empty());
}

#[tokio::test]
async fn a_page_that_is_cut_is_the_sources_fault() {
    let (answer, _) = ask(vec![announced(100), send("<html>")]).await;
    assert_eq!(kind_of(&answer), FaultKind::BodyShort);
}

#[tokio::test]
async fn a_sink_that_refuses_the_announced_length_is_not_written_to() {
    let server = serve(vec![announced(1000), send("PK\x03\x04"), Step::Wait(Duration::from_secs(5))]).await;
    let mut kept = Kept { most: Some(999), ..Kept::default() };
    let answer = Client::new(&source(&server.base_url), &retry()).unwrap().export(window(), &mut kept).await;
    assert_eq!(kind_of(&answer), FaultKind::OverArchiveLimit);
    assert!(kept.bytes.is_empty());
}

#[tokio::test]
async fn a_sinks_fault_passes_through_unchanged_and_ends_the_request() {
    let server = serve(vec![open_ended(), send("PK\x03\x04"), Step::Wait(Duration::from_secs(5))]).await;
    let mut kept = Kept { most: Some(3), ..Kept::default() };
    let answer = Client::new(&source(&server.base_url), &retry()).unwrap().export(window(), &mut kept).await;
    assert_eq!(answer.result, Err(Fault::new(FaultKind::StagingFull, "full")));
}
