//! What each status means.

use super::*;

/// An answer with a status line, some headers and a body with its length.
fn answer(status: &str, headers: &str, body: &str) -> Vec<Step> {
    vec![send(&format!(
        "HTTP/1.1 {status}\r\nDate: Sat, 21 Nov 2026 07:00:00 GMT\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))]
}

#[tokio::test]
async fn the_request_names_both_ends_and_the_keys_and_ampd() {
    let server = serve(answer("404 Not Found", "", "")).await;
    ask_at(&server.base_url).await;
    let request = server.requests().remove(0);
    assert!(request.starts_with("GET /api/2/export?start=20261120T22&end=20261121T03 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("authorization: Basic {TOKEN}\r\n")), "{request}");
    assert!(request.contains(concat!("user-agent: ampd/", env!("CARGO_PKG_VERSION"), "\r\n")), "{request}");
    for unwanted in ["accept-encoding", "referer", "cookie"] {
        assert!(!request.to_ascii_lowercase().contains(unwanted), "{request}");
    }
}

#[tokio::test]
async fn a_404_is_no_data() {
    let body = r#"{"error": "Raw data files were not found."}"#;
    let (answer, kept) = ask(answer("404 Not Found", "", body)).await;
    assert_eq!(answer.result, Ok(Exported::NotFound { expected_text: true }));
    assert_eq!(answer.status, Some(404));
    assert!(kept.begun.is_empty() && kept.bytes.is_empty());
}

#[tokio::test]
async fn a_404_in_other_words_is_no_data_and_says_so() {
    let (answer, _) = ask(answer("404 Not Found", "", "<h1>Not Found</h1>")).await;
    assert_eq!(answer.result, Ok(Exported::NotFound { expected_text: false }));
}

#[tokio::test]
async fn the_answers_own_date_is_returned_with_every_status() {
    for status in ["404 Not Found", "503 Unavailable", "403 Forbidden", "302 Found", "200 OK"] {
        let (answer, _) = ask(answer(status, "", "PK")).await;
        assert_eq!(answer.date.map(|date| date.to_rfc3339()).as_deref(), Some("2026-11-21T07:00:00+00:00"), "{status}");
    }
}

#[tokio::test]
async fn a_429_says_how_long_to_wait() {
    let (seconds, _) = ask(answer("429 Too Many Requests", "Retry-After: 30\r\n", "Rate limit exceeded")).await;
    let fault = fault_of(&seconds);
    assert_eq!((fault.kind, fault.retry_after_seconds), (FaultKind::RateLimited, Some(30)));
    assert!(fault.detail.contains("Rate limit exceeded"), "{}", fault.detail);
    let (date, _) = ask(answer("429 No", "Retry-After: Sat, 21 Nov 2026 07:10:00 GMT\r\n", "")).await;
    assert_eq!(fault_of(&date).retry_after_seconds, Some(600));
    let (nothing, _) = ask(answer("429 No", "", "")).await;
    assert_eq!(fault_of(&nothing).retry_after_seconds, None);
}

#[tokio::test]
async fn a_503_says_how_long_to_wait() {
    let (answer, _) = ask(answer("503 Service Unavailable", "Retry-After: 7\r\n", "")).await;
    let fault = fault_of(&answer);
    assert_eq!((fault.kind, fault.retry_after_seconds), (FaultKind::Unavailable, Some(7)));
}

#[tokio::test]
async fn a_504_is_a_gateway_timeout_and_other_5xx_are_an_outage() {
    assert_eq!(fault_of(&ask(answer("504 Gateway Timeout", "", "")).await.0).kind, FaultKind::GatewayTimeout);
    for status in ["500 Oops", "502 Bad Gateway", "520 Unknown"] {
        assert_eq!(fault_of(&ask(answer(status, "", "")).await.0).kind, FaultKind::Unavailable, "{status}");
    }
}

#[tokio::test]
async fn a_status_that_nobody_expects_is_an_outage() {
    for status in ["204 No Content", "206 Partial Content", "202 Accepted", "418 Teapot"] {
        let script = if status.starts_with("204") {
            vec![send("HTTP/1.1 204 No Content\r\n\r\n")]
        } else {
            answer(status, "", "PK")
        };
        let (answer, kept) = ask(script).await;
        assert_eq!(fault_of(&answer).kind, FaultKind::Unavailable, "{status}");
        assert!(kept.begun.is_empty(), "{status}");
    }
}

#[tokio::test]
async fn a_400_halves_the_window_unless_it_names_a_parameter() {
    assert_eq!(fault_of(&ask(answer("400 Bad Request", "", "")).await.0).kind, FaultKind::TooLarge);
    let (named, _) = ask(answer("400 Bad Request", "", r#"{"error":"Invalid start"}"#)).await;
    assert_eq!(fault_of(&named).kind, FaultKind::RequestRefused);
    assert!(fault_of(&named).detail.contains("Invalid start"));
}

#[tokio::test]
async fn a_400_whose_body_is_cut_is_not_judged() {
    let (answer, _) = ask(vec![send("HTTP/1.1 400 Bad Request\r\nContent-Length: 50\r\n\r\ninvalid st")]).await;
    assert_eq!(fault_of(&answer).kind, FaultKind::BodyShort);
}

#[tokio::test]
async fn a_401_and_a_403_blame_the_keys_without_showing_them() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let body = format!(r#"{{"error":{{"metadata":{{"details":"Invalid API Key {KEY} in Basic {TOKEN}"}}}}}}"#);
        let (answer, _) = ask(answer(status, "", &body)).await;
        let fault = fault_of(&answer);
        assert_eq!(fault.kind, FaultKind::KeysRefused);
        assert!(fault.detail.contains("Invalid API Key [redacted]"), "{}", fault.detail);
    }
}

#[tokio::test]
async fn a_redirect_is_refused_and_the_other_host_never_sees_the_keys() {
    let canary = serve(answer("200 OK", "", "PK")).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent", "304 Not Modified"] {
        let location = format!("Location: {}/steal?key={KEY}\r\n", canary.base_url);
        let (answer, kept) = ask(answer(status, &location, "")).await;
        let fault = fault_of(&answer);
        assert_eq!(fault.kind, FaultKind::Redirected, "{status}");
        assert!(fault.detail.contains(&canary.base_url) && !fault.detail.contains("steal"), "{}", fault.detail);
        assert!(kept.begun.is_empty());
    }
    assert_eq!(canary.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_error_body_without_end_is_read_for_one_idle_time_only() {
    let script = vec![
        send("HTTP/1.1 503 Unavailable\r\nRetry-After: 3\r\n\r\n"),
        Step::Dribble(vec![b'x'; 500], Duration::from_millis(20)),
    ];
    let outcome = tokio::time::timeout(Duration::from_secs(2), ask(script)).await.expect("an answer in time");
    assert_eq!(fault_of(&outcome.0).retry_after_seconds, Some(3));
}
