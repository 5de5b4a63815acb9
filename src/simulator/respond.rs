//! 200 and 206: headers and framing of a body, with the faults of transport.

use std::io::Cursor;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

use super::{
    answer::{Source, Turn, of_stage},
    board::Planted,
    body::{Delivery, Transport},
    effect::Stage,
    faults::{FaultKind, TruncatedEnd},
    switches::Framing,
};

/// A body before it is sent.
pub struct Payload {
    pub content_type: &'static str,
    pub length: u64,
    pub etag: Option<String>,
    pub source: Box<dyn Source>,
}

impl Payload {
    pub fn of_text(content_type: &'static str, text: String) -> Self {
        let length = text.len() as u64;
        Self { content_type, length, etag: None, source: Box::new(Cursor::new(text.into_bytes())) }
    }
}

/// The response that carries this payload.
pub fn payload_response(turn: &mut Turn, mut payload: Payload, met: &[Planted]) -> Response {
    let accept_ranges = turn.shared.options.archive.accept_ranges;
    let range = if accept_ranges { range_of(&turn.headers, payload.etag.as_deref(), payload.length) } else { None };
    let full_length = payload.length;
    if let Some((from, to)) = range {
        if payload.source.skip_to(from).is_err() {
            return Response::new(axum::body::Body::empty());
        }
        payload.length = to - from + 1;
    }
    let mut transport = Transport::default();
    let mut chunked = turn.shared.options.archive.framing == Framing::Chunked;
    let mut announced = payload.length;
    for planted in of_stage(met, Stage::Transport).filter(|planted| turn.strike(planted)) {
        transport.add(&planted.fault.kind, payload.length);
        if let FaultKind::Truncate { end, .. } = planted.fault.kind {
            chunked = end == TruncatedEnd::Chunked;
            if end == TruncatedEnd::Honest {
                announced = transport.end_after.unwrap_or(announced);
            }
        }
    }
    let (content_type, etag) = (payload.content_type, payload.etag.take());
    let mut response = Response::new(deliver(turn, payload, transport).into_body());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if !chunked {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(announced));
    }
    if accept_ranges {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        insert_text(headers, header::ETAG, etag.as_deref());
    }
    if let Some((from, to)) = range {
        insert_text(headers, header::CONTENT_RANGE, Some(&format!("bytes {from}-{to}/{full_length}")));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn deliver(turn: &mut Turn, payload: Payload, transport: Transport) -> Delivery {
    if payload.length == 0 {
        turn.ticket.note(|entry| entry.completed = true);
    }
    Delivery {
        source: payload.source,
        length: payload.length,
        transport,
        ticket: turn.ticket.clone(),
        hangup: turn.hangup.clone(),
        stop: turn.shared.stop.clone(),
        seat: turn.seat.take(),
    }
}

fn insert_text(headers: &mut HeaderMap, name: header::HeaderName, text: Option<&str>) {
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(name, value);
    }
}

/// First and last byte asked for. A range that makes no sense, or of another archive, is ignored: the whole is a right
/// answer too.
fn range_of(headers: &HeaderMap, etag: Option<&str>, length: u64) -> Option<(u64, u64)> {
    let if_range = headers.get(header::IF_RANGE).map(|value| value.to_str().unwrap_or_default());
    if if_range.is_some_and(|wanted| Some(wanted) != etag) {
        return None;
    }
    let (from, to) = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let last = length.checked_sub(1)?;
    let range = match (from.parse::<u64>().ok(), to.parse::<u64>().ok()) {
        (Some(from), Some(to)) => (from, to.min(last)),
        (Some(from), None) if to.is_empty() => (from, last),
        (None, Some(count)) if from.is_empty() => (length.saturating_sub(count), last),
        _ => return None,
    };
    (range.0 <= range.1).then_some(range)
}
