//! An answer's status and the start of its body, as a fault. Each answer is judged here, once.

use reqwest::{StatusCode, Url};

use crate::model::{Fault, FaultKind};

/// Amplitude's words for "no data".
const NO_DATA: &str = "Raw data files were not found";

/// The words that name a parameter of the request.
const PARAMETERS: [&str; 4] = ["start", "end", "parameter", "parameters"];

/// Whether a 404 says "no data" in Amplitude's own words.
pub fn says_no_data(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains(NO_DATA)
}

/// The fault that an answer other than 200 and 404 is. `shown` is the start of the body as people may see it.
pub fn fault(status: StatusCode, body: &[u8], shown: &str, region: &str) -> Fault {
    let number = status.as_u16();
    let body_words = if shown.is_empty() { String::new() } else { format!(": {shown}") };
    match number {
        400 if names_a_parameter(body) => {
            Fault::new(FaultKind::RequestRefused, format!("amplitude says that the request is wrong (400){body_words}"))
        }
        400 => Fault::new(
            FaultKind::TooLarge,
            format!("amplitude refused the window (400), as it does above 4 GB{body_words}"),
        ),
        401 | 403 => Fault::new(
            FaultKind::KeysRefused,
            format!(
                "amplitude refused the keys ({number}; region {region}): check api_key, secret_key and region{body_words}"
            ),
        ),
        429 => Fault::new(FaultKind::RateLimited, format!("amplitude has had too many requests (429){body_words}")),
        504 => Fault::new(
            FaultKind::GatewayTimeout,
            format!("amplitude took too long to prepare the export (504){body_words}"),
        ),
        500..=599 => Fault::new(FaultKind::Unavailable, format!("amplitude is not available ({number}){body_words}")),
        _ => Fault::new(FaultKind::Unavailable, format!("an answer that nobody expects ({number}){body_words}")),
    }
}

/// A 3xx. Only the origin of its target is shown: the rest may hold anything.
pub fn redirected(status: StatusCode, asked: &Url, location: Option<&str>) -> Fault {
    let target = match location {
        None => "nowhere".to_owned(),
        Some(text) => match asked.join(text) {
            Ok(url) if url.origin() == asked.origin() => "another path of the same host".to_owned(),
            Ok(url) => url.origin().ascii_serialization(),
            Err(_) => "an address that cannot be read".to_owned(),
        },
    };
    let number = status.as_u16();
    Fault::new(
        FaultKind::Redirected,
        format!("the answer is a redirect ({number}) to {target}, which is never followed: check region and base_url"),
    )
}

/// Whether a 400's body names a parameter of the request: then the request is wrong, not the window too large.
fn names_a_parameter(body: &[u8]) -> bool {
    match serde_json::from_slice(body) {
        Ok(json) => names_in_json(&json),
        Err(_) => names_in_text(&String::from_utf8_lossy(body)),
    }
}

fn names_in_json(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::String(text) => names_in_text(text),
        serde_json::Value::Array(items) => items.iter().any(names_in_json),
        serde_json::Value::Object(fields) => {
            fields.iter().any(|(key, value)| names_in_text(key) || names_in_json(value))
        }
        _ => false,
    }
}

fn names_in_text(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| PARAMETERS.iter().any(|parameter| word.eq_ignore_ascii_case(parameter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> FaultKind {
        fault(StatusCode::from_u16(status).unwrap(), body.as_bytes(), body, "us").kind
    }

    #[test]
    fn a_400_that_names_a_parameter_means_that_the_request_is_wrong() {
        for body in [
            "start must be before end",
            "invalid value for 'End'",
            r#"{"error":{"message":"Missing PARAMETER"}}"#,
            r#"{"errors":[{"start":"?"}]}"#,
            r#"{"error":"see:\nend"}"#,
        ] {
            assert_eq!(kind(400, body), FaultKind::RequestRefused, "{body}");
        }
    }

    #[test]
    fn any_other_400_means_that_the_window_is_too_large() {
        for body in ["", "implausible file size", "restart pending, please send less", r#"{"error":"started_at"}"#, "{"]
        {
            assert_eq!(kind(400, body), FaultKind::TooLarge, "{body}");
        }
    }

    #[test]
    fn every_status_has_its_kind() {
        use FaultKind::{GatewayTimeout, KeysRefused, RateLimited, Unavailable};
        for (status, expected) in [
            (401, KeysRefused),
            (403, KeysRefused),
            (429, RateLimited),
            (504, GatewayTimeout),
            (500, Unavailable),
            (502, Unavailable),
            (503, Unavailable),
            (599, Unavailable),
            (204, Unavailable),
            (206, Unavailable),
            (402, Unavailable),
            (408, Unavailable),
            (413, Unavailable),
        ] {
            assert_eq!(kind(status, ""), expected, "{status}");
        }
    }

    #[test]
    fn of_a_redirect_only_the_origin_is_shown() {
        let asked = Url::parse("https://amplitude.com/api/2/export?start=a").unwrap();
        let words = |location| redirected(StatusCode::FOUND, &asked, location).detail;
        assert!(words(Some("https://user:pw@evil.example:8443/x?token=1")).contains("to https://evil.example:8443,"));
        assert!(words(Some("/login?next=1")).contains("another path of the same host"));
        assert!(words(Some("http://[")).contains("cannot be read"));
        assert!(words(None).contains("nowhere"));
    }
}
