//! Requests read and answers written, as S3 puts them.

use axum::body::Body;
use axum::extract::Query;
use futures_util::StreamExt as _;
use hyper::{HeaderMap, Response, StatusCode, Uri, header};

use super::chunked::Chunked;

pub type Queries = Vec<(String, String)>;

/// A body, and the checksum (algorithm and value) that its trailer says.
pub type Sent = (Vec<u8>, Option<(String, String)>);

pub fn queries(uri: &Uri) -> Queries {
    Query::try_from_uri(uri).map_or_else(|_| Queries::new(), |Query(all)| all)
}

/// The value of a query.
pub fn find<'a>(queries: &'a Queries, name: &str) -> Option<&'a str> {
    queries.iter().find_map(|(key, value)| (key == name).then_some(value.as_str()))
}

/// A body to its end, without `aws-chunked` framing, and the checksum of its trailer; `None` when it broke off.
pub async fn receive(headers: &HeaderMap, body: Body) -> Option<Sent> {
    let says = |name: &str, word: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(word))
    };
    let framed = says("content-encoding", "aws-chunked") || says("x-amz-content-sha256", "STREAMING");
    let mut chunked = Chunked::new();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let mut whole = Vec::with_capacity(length.unwrap_or_default());
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.ok()?;
        if framed {
            chunked.feed(&piece, &mut whole);
        } else {
            whole.extend_from_slice(&piece);
        }
    }
    Some((whole, chunked.checksum()))
}

/// The path with its `%XX` decoded.
pub fn decoded(path: &str) -> String {
    let pairs = format!("/?key={}", path.replace('&', "%26").replace('+', "%2B"));
    let uri: Uri = pairs.parse().unwrap_or_default();
    find(&queries(&uri), "key").unwrap_or(path).to_owned()
}

pub fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub fn with_etag(etag: &str) -> Response<Body> {
    let mut response = status(StatusCode::OK);
    let value = header::HeaderValue::from_str(&format!("\"{etag}\"")).expect("digits");
    response.headers_mut().insert(header::ETAG, value);
    response
}

/// An answer in XML.
pub fn xml(status: StatusCode, inner: &str) -> Response<Body> {
    let mut response = Response::new(format!("<?xml version=\"1.0\"?>{inner}").into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/xml"));
    response
}

/// An error as S3 says it.
pub fn error(status: StatusCode, code: &str) -> Response<Body> {
    xml(status, &format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>"))
}
