//! Enough of S3 to keep objects in memory: PUT with conditions, multipart, HEAD, GET, list, DELETE.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use chrono::{DateTime, Utc};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::listing::list;
use super::wire::{Queries, Sent, decoded, error, find, queries, receive, status, with_etag, xml};

/// What is kept of an object.
#[derive(Clone)]
pub struct Object {
    pub body: Bytes,
    pub etag: String,
    pub modified: DateTime<Utc>,
    /// Algorithm and value, as they were sent.
    checksum: Option<(String, String)>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    failed: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

pub struct Sink {
    latency: Duration,
    /// By `bucket/key`.
    objects: Mutex<BTreeMap<String, Object>>,
    /// Parts of unfinished uploads, by upload and number.
    uploads: Mutex<BTreeMap<(String, u32), Vec<u8>>>,
    counts: Counts,
    /// Names for uploads and versions.
    named: AtomicU64,
}

impl Sink {
    pub fn new(latency: Duration) -> Self {
        Self {
            latency,
            objects: Mutex::default(),
            uploads: Mutex::default(),
            counts: Counts::default(),
            named: AtomicU64::new(1),
        }
    }

    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let queries = queries(&parts.uri);
        let key = decoded(parts.uri.path().trim_matches('/'));
        if let Some(question) = key.strip_prefix("__") {
            return self.tell(question, &queries);
        }
        let counts = &self.counts;
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let now = counts.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most_in_flight.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(self.latency).await;
        let response = if let Some(sent) = receive(&parts.headers, body).await {
            self.obey(&parts, key, &queries, sent)
        } else {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            error(StatusCode::BAD_REQUEST, "IncompleteBody")
        };
        counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        response
    }

    fn obey(&self, parts: &Parts, key: String, queries: &Queries, sent: Sent) -> Response<Body> {
        let upload = find(queries, "uploadId");
        let in_bucket = key.contains('/');
        match (&parts.method, upload) {
            (&Method::PUT, Some(upload)) => {
                let number = find(queries, "partNumber").and_then(|number| number.parse().ok()).unwrap_or_default();
                unpoisoned(&self.uploads).insert((upload.to_owned(), number), sent.0);
                with_etag(&format!("{number:032x}"))
            }
            (&Method::PUT, None) if in_bucket => self.put(&parts.headers, key, sent),
            (&Method::POST, Some(upload)) => self.complete(&parts.headers, key, upload, sent.1),
            (&Method::POST, None) if find(queries, "uploads").is_some() => {
                let id = self.name();
                xml(
                    StatusCode::OK,
                    &format!(
                        "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                    ),
                )
            }
            (&Method::POST, None) if find(queries, "delete").is_some() => self.delete_several(&key, &sent.0),
            (&Method::GET, _) if !in_bucket => list(&unpoisoned(&self.objects), &key, queries),
            (&Method::GET | &Method::HEAD, _) if in_bucket => self.get(&key, &parts.method),
            (&Method::DELETE, Some(upload)) => {
                unpoisoned(&self.uploads).retain(|(of, _), _| of != upload);
                status(StatusCode::NO_CONTENT)
            }
            (&Method::DELETE, None) => {
                unpoisoned(&self.objects).remove(&key);
                status(StatusCode::NO_CONTENT)
            }
            // The bucket itself: there, whoever asks.
            (&Method::PUT | &Method::HEAD, _) => status(StatusCode::OK),
            _ => error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        }
    }

    fn put(&self, headers: &HeaderMap, key: String, (body, trailed): Sent) -> Response<Body> {
        let named = headers.iter().find_map(|(name, value)| {
            let algorithm = name.as_str().strip_prefix("x-amz-checksum-")?;
            let sum = !matches!(algorithm, "algorithm" | "type");
            sum.then(|| (algorithm.to_owned(), value.to_str().unwrap_or_default().to_owned()))
        });
        let mut objects = unpoisoned(&self.objects);
        let found = objects.get(&key);
        let wanted = headers.get(header::IF_MATCH).and_then(|etag| etag.to_str().ok());
        let refused = headers.contains_key(header::IF_NONE_MATCH) && found.is_some()
            || wanted.is_some_and(|etag| found.is_none_or(|found| etag.trim_matches('"') != found.etag));
        if refused {
            return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        // Not an MD5, and says so by its form.
        let etag = format!("{:0>32}-1", self.name());
        let response = with_etag(&etag);
        let object = Object { body: body.into(), etag, modified: ampd::clock::now(), checksum: named.or(trailed) };
        objects.insert(key, object);
        response
    }

    fn complete(
        &self,
        headers: &HeaderMap,
        key: String,
        upload: &str,
        trailed: Option<(String, String)>,
    ) -> Response<Body> {
        let mut body = Vec::new();
        unpoisoned(&self.uploads).retain(|(of, _), part| {
            if of == upload {
                body.append(part);
            }
            of != upload
        });
        let response = self.put(headers, key, (body, trailed));
        if response.status() != StatusCode::OK {
            return response;
        }
        let etag = response.headers()[header::ETAG].to_str().unwrap_or_default();
        xml(
            StatusCode::OK,
            &format!("<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"),
        )
    }

    fn get(&self, key: &str, method: &Method) -> Response<Body> {
        let Some(object) = unpoisoned(&self.objects).get(key).cloned() else {
            return if method == Method::HEAD {
                status(StatusCode::NOT_FOUND)
            } else {
                error(StatusCode::NOT_FOUND, "NoSuchKey")
            };
        };
        let mut response = Response::builder()
            .header(header::CONTENT_LENGTH, object.body.len())
            .header(header::ETAG, format!("\"{}\"", object.etag))
            .header(header::LAST_MODIFIED, httpdate::fmt_http_date(object.modified.into()));
        if let Some((algorithm, sum)) = &object.checksum {
            response = response
                .header(format!("x-amz-checksum-{algorithm}"), sum)
                .header("x-amz-checksum-type", "FULL_OBJECT");
        }
        let body = if method == Method::HEAD { Body::empty() } else { object.body.into() };
        response.body(body).expect("headers that were sent once can be sent again")
    }

    fn delete_several(&self, bucket: &str, sent: &[u8]) -> Response<Body> {
        let text = String::from_utf8_lossy(sent);
        for key in text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
            unpoisoned(&self.objects).remove(&format!("{bucket}/{}", key.replace("&lt;", "<").replace("&amp;", "&")));
        }
        xml(StatusCode::OK, "<DeleteResult></DeleteResult>")
    }

    /// What the benchmark asks of the double itself.
    fn tell(&self, question: &str, queries: &Queries) -> Response<Body> {
        let mut objects = unpoisoned(&self.objects);
        let counts = &self.counts;
        let text = match question {
            "stats" => format!(
                "{{\"requests\":{},\"failed\":{},\"most_in_flight\":{},\"objects\":{},\"bytes\":{}}}\n",
                counts.requests.load(Ordering::Relaxed),
                counts.failed.load(Ordering::Relaxed),
                counts.most_in_flight.load(Ordering::Relaxed),
                objects.len(),
                objects.values().map(|object| object.body.len()).sum::<usize>()
            ),
            "objects" => {
                let lines = objects.iter().map(|(key, object)| format!("{key}\t{}", object.body.len()));
                lines.collect::<Vec<_>>().join("\n")
            }
            "sha256" => {
                let mut sum = Sha256::new();
                let bodies = queries.iter().filter_map(|(_, key)| objects.get(key));
                bodies.for_each(|object| sum.update(&object.body));
                hex::encode(sum.finalize())
            }
            "reset" => {
                objects.clear();
                unpoisoned(&self.uploads).clear();
                for count in [&counts.requests, &counts.failed, &counts.in_flight, &counts.most_in_flight] {
                    count.store(0, Ordering::Relaxed);
                }
                String::new()
            }
            _ => return status(StatusCode::NOT_FOUND),
        };
        Response::new(text.into())
    }

    fn name(&self) -> String {
        self.named.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
