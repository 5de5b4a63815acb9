//! `ListObjectsV2` without a delimiter.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::body::Body;
use hyper::{Response, StatusCode};

use super::sink::Object;
use super::wire::{Queries, find, xml};

/// The objects of a bucket, a page of them.
pub fn list(objects: &BTreeMap<String, Object>, bucket: &str, queries: &Queries) -> Response<Body> {
    let asked = |name| find(queries, name).unwrap_or_default();
    let most = asked("max-keys").parse().unwrap_or(1000);
    let after = asked("start-after").max(asked("continuation-token"));
    let root = format!("{bucket}/");
    let all = objects.iter().filter_map(|(key, object)| Some((key.strip_prefix(&root)?, object)));
    let wanted = all.filter(|(key, _)| key.starts_with(asked("prefix")) && *key > after);
    let mut found: Vec<_> = wanted.take(most + 1).collect();
    let more = found.len() > most;
    found.truncate(most);
    let mut inner = format!(
        "<ListBucketResult><Name>{bucket}</Name><MaxKeys>{most}</MaxKeys><IsTruncated>{more}</IsTruncated><KeyCount>{}</KeyCount>",
        found.len()
    );
    for (key, object) in &found {
        let _ = write!(
            inner,
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>",
            key.replace('&', "&amp;").replace('<', "&lt;"),
            object.modified.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            object.etag,
            object.body.len()
        );
    }
    if let Some((last, _)) = found.last().filter(|_| more) {
        let _ = write!(inner, "<NextContinuationToken>{last}</NextContinuationToken>");
    }
    xml(StatusCode::OK, &format!("{inner}</ListBucketResult>"))
}
