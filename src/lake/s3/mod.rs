//! A lake in an S3 bucket, AWS's or a compatible one.
//!
//! Every body that is sent is in memory, has a known length and carries a checksum of the whole object that was
//! computed before (`lake.checksum`): so the SDK repeats requests by itself, the store checks the bytes from end to
//! end, and no request is `aws-chunked`, an encoding that several stores keep on the object. Over https the payload is
//! not hashed a second time for the signature (TLS and the checksum protect it), nor on the way to a store on this
//! machine; over http to another machine it is.
//!
//! Objects of `json.gz` have the type `application/gzip` and **no** `Content-Encoding`: HTTP clients undo an encoding
//! on their own, and readers that expect the gzip file their key promises would get its content.

use std::sync::Arc;

use aws_sdk_s3::Client;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::error::LakeError;
use super::{
    Answer, Buffers, Created, Head, Lake, LakeFacts, ObjectWriter, Page, Reader, Replaced, Sighting, Version, keys,
};
use crate::config;

mod answers;
mod ask;
mod connect;
mod date;
mod put;
mod upload;

use answers::Asked;

/// Most keys S3 lists at once.
const PAGE: usize = 1000;

/// A lake in an S3 bucket.
pub struct S3Lake {
    store: Arc<Store>,
}

/// What requests and uploads share.
struct Store {
    client: Client,
    bucket: String,
    /// Empty, or with a slash at its end.
    prefix: String,
    place: String,
    section: config::S3,
    /// Nobody stands between: the line is TLS, or never leaves this machine. Only then a payload is not signed.
    private: bool,
    single_writer: bool,
    uploads: aws_sdk_s3::config::Builder,
    /// Part buffers that all uploads share.
    buffers: Arc<Buffers>,
    page: usize,
}

impl Store {
    /// The bucket's key for a lake's key.
    fn key(&self, key: &str) -> Result<String, LakeError> {
        keys::check(key)?;
        Ok(format!("{}{key}", self.prefix))
    }

    fn asked<'a>(&'a self, operation: &'static str, key: &'a str) -> Asked<'a> {
        Asked { operation, key, bucket: &self.bucket, region: self.client.config().region().map(AsRef::as_ref) }
    }
}

impl S3Lake {
    /// Makes the client: region and credentials as `lake` says, else as every AWS tool finds them.
    pub async fn open(section: &config::S3, lake: &config::Lake) -> Result<Self, LakeError> {
        Ok(Self { store: Arc::new(connect::store(section, lake).await?) })
    }

    /// The same with another number of keys a page.
    #[must_use]
    pub fn with_page(mut self, page: usize) -> Self {
        if let Some(store) = Arc::get_mut(&mut self.store) {
            store.page = page.clamp(1, PAGE);
        }
        self
    }
}

impl Lake for S3Lake {
    fn writer<'a>(&'a self, key: &'a str) -> Answer<'a, Box<dyn ObjectWriter>> {
        Box::pin(async move {
            keys::check(key)?;
            Ok(Box::new(upload::Upload::begin(Arc::clone(&self.store), key)) as Box<dyn ObjectWriter>)
        })
    }

    fn buffers(&self) -> &Arc<Buffers> {
        &self.store.buffers
    }

    fn create<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, Created> {
        Box::pin(put::create(&self.store, key, body))
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> Answer<'a, ()> {
        Box::pin(put::small(&self.store, key, body))
    }

    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Bytes>> {
        Box::pin(self.store.get(key))
    }

    fn read<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Reader>> {
        Box::pin(async move {
            let output = self.store.open(key).await?;
            Ok(output.map(|output| Box::new(Box::pin(output.body.into_async_read())) as Reader))
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Head>> {
        Box::pin(self.store.head(key))
    }

    fn list_page<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> Answer<'a, Page> {
        Box::pin(self.store.list(prefix, after))
    }

    fn delete<'a>(&'a self, key: &'a str) -> Answer<'a, ()> {
        Box::pin(self.store.delete(key))
    }

    fn look<'a>(&'a self, key: &'a str) -> Answer<'a, Sighting> {
        Box::pin(self.store.look(key))
    }

    fn replace<'a>(&'a self, key: &'a str, body: Bytes, seen: Option<&'a Version>) -> Answer<'a, Replaced> {
        Box::pin(put::replace(&self.store, key, body, seen))
    }

    fn store_time(&self) -> Answer<'_, DateTime<Utc>> {
        Box::pin(self.store.time())
    }

    fn describe(&self) -> LakeFacts {
        LakeFacts { kind: "s3", location: self.store.place.clone() }
    }
}

#[cfg(test)]
mod tests;
