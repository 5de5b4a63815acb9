//! Answers that are no archive.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{
    faults::{NotZip, RetryAfter},
    switches::TooLargeBody,
};

/// Boxed, because a response is large and most answers are none of these.
pub type Refusal = Box<Answer>;

/// An answer that is held in memory.
pub struct Answer {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: String,
    /// `Retry-After` or `Location`.
    pub header: Option<(header::HeaderName, String)>,
}

impl Answer {
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type, body: body.into(), header: None }
    }

    /// The status as a number; 500 should it be none.
    pub fn of_code(code: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self::new(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), content_type, body)
    }

    pub fn with_retry_after(mut self, retry_after: Option<RetryAfter>, now: DateTime<Utc>) -> Self {
        self.header = retry_after.map(|when| (header::RETRY_AFTER, retry_after_text(when, now)));
        self
    }

    pub fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some((name, value)) = self.header
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn retry_after_text(when: RetryAfter, now: DateTime<Utc>) -> String {
    match when {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::HttpDate(seconds) => {
            http_date(now.checked_add_signed(TimeDelta::seconds(seconds.into())).unwrap_or(now))
        }
    }
}

/// `Thu, 01 Jan 2026 00:00:00 GMT`.
pub fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// An error as JSON, with Amplitude's outer form.
pub fn error(code: u16, kind: &str, message: &str) -> Answer {
    let body = json!({"error": {"http_code": code, "type": kind, "message": message}});
    Answer::of_code(code, "application/json", body.to_string())
}

/// What every wrong key is told, and every right one at the wrong host.
pub fn invalid_key() -> Answer {
    let details = json!({"details": "Invalid API Key"});
    let error = json!({"http_code": 403, "type": "invalid_api_key", "message": "Invalid API Key", "metadata": details});
    Answer::new(StatusCode::FORBIDDEN, "application/json", json!({ "error": error }).to_string())
}

/// No data in the window, or not yet.
pub fn not_found() -> Answer {
    Answer::new(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "Raw data files were not found.")
}

/// A window that is too large; the body names no parameter.
pub fn too_large(body: TooLargeBody) -> Answer {
    let text = match body {
        TooLargeBody::Empty => "",
        TooLargeBody::Text => "The size of this export exceeds the limit of 4GB.",
    };
    Answer::new(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", text)
}

/// A planted status.
pub fn planted_status(code: u16, retry_after: Option<RetryAfter>, body: Option<&String>, now: DateTime<Utc>) -> Answer {
    let answer = match body {
        Some(body) => Answer::of_code(code, "text/plain; charset=utf-8", body.clone()),
        None if code == 403 => invalid_key(),
        None => {
            let reason = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason());
            error(code, "planted_fault", reason.unwrap_or("planted"))
        }
    };
    answer.with_retry_after(retry_after, now)
}

/// What stands where a zip should.
pub fn not_zip(kind: NotZip) -> Answer {
    let (content_type, body) = match kind {
        NotZip::Html => ("text/html", "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>\n"),
        NotZip::Json => ("application/json", r#"{"error":"Too many requests, please slow down"}"#),
        NotZip::Empty => ("application/zip", ""),
        NotZip::Text => ("text/plain; charset=utf-8", "Rate limit exceeded"),
    };
    Answer::new(StatusCode::OK, content_type, body)
}
