//! Errors of the network and bodies of answers in words: one line, without a secret, bounded.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use super::redact::redact;

/// Bytes of a body that are shown at most.
pub const SHOWN: usize = 200;

/// The start of a body as one printable line without secrets; empty when there is nothing to show.
pub fn excerpt<S: AsRef<str>>(body: &[u8], secrets: &[S]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    one_line(&redact(&text, secrets))
}

/// Printable characters only, runs of blanks as one blank.
fn one_line(text: &str) -> String {
    let visible: String = text.chars().map(|c| if is_invisible(c) { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters, and those that turn or hide text in a terminal.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// The causes of `error`, outermost first, each said once. The error's own words are left out: they hold the address.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        let wrapper = text.starts_with("client error (") || text.starts_with("request or response body error");
        if !wrapper && !said.last().is_some_and(|last| last.contains(&text)) {
            said.push(text);
        }
        next = cause.source();
    }
    if said.is_empty() { "no reason given".to_owned() } else { said.join(": ") }
}

/// The kind of the first I/O error among the causes of `error`.
pub fn io_kind(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() != ErrorKind::Other
        {
            return Some(io.kind());
        }
        next = cause.source();
    }
    None
}

/// What to look at when there was no connection.
pub fn connect_hint(causes: &str, kind: Option<ErrorKind>) -> &'static str {
    let causes = causes.to_ascii_lowercase();
    if causes.contains("dns") || causes.contains("lookup") {
        "the name does not resolve: check DNS, the network and base_url"
    } else if causes.contains("certificate") || causes.contains("unknownissuer") {
        "the TLS certificate is not accepted: check ca-certificates, SSL_CERT_FILE and proxies"
    } else if causes.contains("tls") || causes.contains("handshake") || causes.contains("corrupt message") {
        "the other side does not speak TLS as expected: check base_url and proxies"
    } else if causes.contains("timed out") || kind == Some(ErrorKind::TimedOut) {
        "nobody answered in time: check the network, firewalls and retry.connect_timeout"
    } else if kind == Some(ErrorKind::ConnectionRefused) {
        "nothing listens there: check base_url and proxies"
    } else {
        "check the network, proxies and base_url"
    }
}

/// A duration for people.
pub fn seconds(duration: Duration) -> String {
    humantime::format_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_bounded_printable_line() {
        let body = format!("<html>\r\n\x1b[31m  over\u{202E} here\0</html>{}", "x".repeat(400));
        let shown = excerpt(body.as_bytes(), &[] as &[&str]);
        assert!(shown.starts_with("<html> [31m over here </html>xxx"), "{shown}");
        assert!(shown.len() <= SHOWN);
        assert_eq!(excerpt(b"\xff\xfe", &[] as &[&str]), "\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn a_key_that_the_excerpt_cuts_is_not_shown() {
        let key = "feedfacefeedfacefeedfacefeedface";
        for before in 160..=200 {
            let body = format!("{}{key}", "-".repeat(before));
            assert!(!excerpt(body.as_bytes(), &[key]).contains("feedf"), "{before}");
        }
    }
}
