//! The stores that the contract is checked on.
//!
//! * a directory;
//! * s3s-fs in this process, over real HTTP: verifies signatures and checksums. Its conditional writes are checked one
//!   after the other only: it looks and then writes, so of rivals several win;
//! * the faulty wrapper around a directory, nothing planted;
//! * the server at `AMPD_TEST_S3_ENDPOINT`, bucket `AMPD_TEST_S3_BUCKET`, credentials from the AWS variables, when set.
//!   `AMPD_TEST_S3_OVERWRITES=1` says that it ignores `If-None-Match`: then only that the probe finds out is checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use secrecy::SecretString;
use tokio::net::TcpListener;

use super::contract::{Store, holds, write, written};
use super::directory::DirectoryLake;
use super::faulty::{FaultyLake, Operation, Trouble};
use super::s3::S3Lake;
use super::{
    Created, Lake, LakeError, Replaced, Sums, compares_versions, identify, look_at_lease, probe_conditional_writes,
    write_lease,
};
use crate::config::{self, LakePlace, StoreChecksum};
use crate::model::lease::{Found, Holder, Lease};
use crate::model::{Format, layout};

pub(super) const PART: usize = 5 << 20;
pub(super) const KEY_ID: &str = "AKIDFORTESTSONLY0001";
pub(super) const SECRET: &str = "secret/for+tests/only/0123456789abcdefgh";

/// A bucket's configuration.
pub(super) fn section(endpoint: &str, bucket: &str, checksum: StoreChecksum) -> config::S3 {
    config::S3 {
        bucket: bucket.to_owned(),
        prefix: "amplitude/raw".to_owned(),
        region: Some("eu-west-1".to_owned()),
        endpoint: Some(endpoint.to_owned()),
        path_style: true,
        checksum,
        storage_class: None,
        sse: None,
        kms_key: None,
        tags: BTreeMap::new(),
        part_size: PART as u64,
        seed_credentials: Some((SecretString::from(KEY_ID), SecretString::from(SECRET))),
        seed_session_token: None,
    }
}

pub(super) async fn open_s3(section: config::S3) -> S3Lake {
    let lake = config::Lake {
        place: LakePlace::S3(Box::new(section.clone())),
        format: Format::JsonGz,
        part_target: 128 << 20,
        max_parallel: 3,
        single_writer: false,
        lease: None,
        late_write: Duration::from_mins(15),
    };
    S3Lake::open(&section, &lake).await.unwrap().with_page(3)
}

/// Serves s3s-fs over HTTP until the test's runtime ends; answers the endpoint.
pub(super) async fn serve_s3s(root: &Path) -> String {
    std::fs::create_dir(root.join("lake")).unwrap();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let http = Builder::new(TokioExecutor::new());
        while let Ok((socket, _)) = listener.accept().await {
            let connection = http.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
            tokio::spawn(connection);
        }
    });
    endpoint
}

async fn directory(root: &Path) -> Arc<dyn Lake> {
    Arc::new(DirectoryLake::open(root).await.unwrap().with_page(3))
}

#[tokio::test]
async fn a_directory_keeps_the_contract() {
    let root = tempfile::tempdir().unwrap();
    let lake = directory(&root.path().join("not/there/yet")).await;
    holds(&Store { lake: Arc::clone(&lake), part_size: PART, atomic_create: true }).await;
    // One folder, with nothing but its lock in it, and the lock of replacements.
    let tmp = root.path().join("not/there/yet").join(layout::TMP_DIR);
    assert!(tmp.join("replace.lock").is_file());
    let entries = std::fs::read_dir(tmp).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1);
    assert_eq!(std::fs::read_dir(&folders[0]).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_the_contract() {
    let root = tempfile::tempdir().unwrap();
    let endpoint = serve_s3s(root.path()).await;
    let lake = Arc::new(open_s3(section(&endpoint, "lake", StoreChecksum::Crc64Nvme)).await);
    // Not atomic: s3s-fs looks whether the key is free and writes afterwards.
    holds(&Store { lake, part_size: PART, atomic_create: false }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_takes_objects_with_each_checksum() {
    let root = tempfile::tempdir().unwrap();
    let endpoint = serve_s3s(root.path()).await;
    for checksum in [StoreChecksum::Crc32, StoreChecksum::Sha256, StoreChecksum::None] {
        let lake = open_s3(section(&endpoint, "lake", checksum)).await;
        written(&lake, &[1, PART + 1]).await;
    }
}

#[tokio::test]
async fn the_faulty_wrapper_is_transparent() {
    let root = tempfile::tempdir().unwrap();
    let lake = Arc::new(FaultyLake::new(directory(root.path()).await));
    holds(&Store { lake, part_size: PART, atomic_create: true }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_named_by_the_environment_keeps_the_contract() {
    let Ok(endpoint) = std::env::var("AMPD_TEST_S3_ENDPOINT") else { return };
    let bucket = std::env::var("AMPD_TEST_S3_BUCKET").unwrap_or_else(|_| "lake".to_owned());
    let overwrites = std::env::var("AMPD_TEST_S3_OVERWRITES").is_ok_and(|value| value == "1");
    let unique = tempfile::tempdir().unwrap();
    let unique = unique.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned();
    for checksum in [StoreChecksum::Crc64Nvme, StoreChecksum::Crc32, StoreChecksum::Sha256, StoreChecksum::None] {
        let mut section = section(&endpoint, &bucket, checksum);
        section.prefix = format!("contract/{unique}/{checksum:?}");
        section.seed_credentials = None;
        let lake: Arc<dyn Lake> = Arc::new(open_s3(section).await);
        let found = identify(&*lake, &"0".repeat(32), crate::clock::now()).await.unwrap();
        assert_eq!(found.conditional_writes, !overwrites);
        if !overwrites {
            holds(&Store { lake, part_size: PART, atomic_create: true }).await;
        }
    }
}

#[tokio::test]
async fn planted_troubles_do_what_they_say() {
    let root = tempfile::tempdir().unwrap();
    let lake = FaultyLake::new(directory(root.path()).await);
    let body = Bytes::from("body");
    lake.plant(Operation::Create, Trouble::FailBefore);
    assert!(matches!(lake.create("a", body.clone()).await, Err(LakeError::Unavailable(_))));
    assert_eq!(lake.head("a").await.unwrap(), None);
    lake.plant(Operation::Create, Trouble::LoseAnswer);
    assert!(lake.create("a", body.clone()).await.is_err());
    assert_eq!(lake.create("a", body.clone()).await.unwrap(), Created::Exists);
    lake.plant_on(Operation::Get, "nothing", Trouble::FailBefore);
    lake.plant_on(Operation::Get, "a", Trouble::FlipBit);
    assert_ne!(lake.get("a").await.unwrap().unwrap(), body);
    assert_eq!(lake.get("a").await.unwrap().unwrap(), body);
    lake.plant(Operation::Write, Trouble::FlipBit);
    let answer = write(&lake, "data/x", &body, Sums::of(&body)).await;
    assert!(matches!(answer, Err(LakeError::Integrity(_))), "{answer:?}");
    lake.plant(Operation::Finish, Trouble::LoseAnswer);
    assert!(write(&lake, "data/x", &body, Sums::of(&body)).await.is_err());
    assert_eq!(lake.head("data/x").await.unwrap().unwrap().bytes, 4);
    lake.plant(Operation::Replace, Trouble::LoseAnswer);
    assert!(lake.replace("b", body.clone(), None).await.is_err());
    assert_eq!(lake.replace("b", body.clone(), None).await.unwrap(), Replaced::Changed);
    lake.plant(Operation::Look, Trouble::FlipBit);
    assert_ne!(lake.look("b").await.unwrap().found.unwrap().0, body);
    lake.plant(Operation::Delete, Trouble::Answer(LakeError::Refused("no".to_owned())));
    assert!(matches!(lake.delete("a").await, Err(LakeError::Refused(_))));
    assert_eq!((lake.calls(Operation::Create), lake.waiting()), (3, 1));
}

#[tokio::test]
async fn the_probe_finds_conditional_writes_where_they_are() {
    let root = tempfile::tempdir().unwrap();
    let lake = FaultyLake::new(directory(root.path()).await);
    let bytes = Bytes::from("identity");
    lake.put(layout::LAKE_JSON, bytes.clone()).await.unwrap();
    assert!(probe_conditional_writes(&lake, bytes.clone()).await.unwrap());
    let lake = lake.without_conditional_writes();
    assert!(!probe_conditional_writes(&lake, bytes.clone()).await.unwrap());
    assert_eq!(lake.get(layout::LAKE_JSON).await.unwrap().unwrap(), bytes);
}

#[tokio::test]
async fn a_lease_is_read_and_what_is_none_is_said_to_be_strange() {
    let root = tempfile::tempdir().unwrap();
    let lake = FaultyLake::new(directory(root.path()).await);
    let (web, key) = ("web".parse().unwrap(), layout::lease_key(&"web".parse().unwrap()));
    let seen = look_at_lease(&lake, &web).await.unwrap();
    assert_eq!((&seen.found, &seen.version), (&Found::Free, &None));
    let holder = Holder { state: "a".to_owned(), host: "etl-1".to_owned(), pid: 1, run: "b".to_owned() };
    let lease = Lease {
        schema: "ampd.lease/1".to_owned(),
        source: web.clone(),
        holder,
        taken_at: seen.store_time,
        expires_at: seen.store_time,
        term_seconds: 60,
        ampd_version: "0.1.0".to_owned(),
    };
    assert!(matches!(write_lease(&lake, &lease, None).await.unwrap(), Replaced::Replaced { .. }));
    let seen = look_at_lease(&lake, &web).await.unwrap();
    assert_eq!(seen.found, Found::Held(Box::new(lease.clone())));
    assert!(compares_versions(&lake, &lease).await.unwrap());
    let bytes = lake.get(&key).await.unwrap().unwrap();
    let newer = String::from_utf8_lossy(&bytes).replace("ampd.lease/1", "ampd.lease/2");
    let ios = String::from_utf8_lossy(&bytes).replace("\"web\"", "\"ios\"");
    let long = format!("[{}", "[".repeat(1 << 20));
    for (body, words) in [
        (newer.as_str(), "newer ampd"),
        (ios.as_str(), "was it copied"),
        ("", "not what ampd wrote"),
        ("\u{0}\u{1}\u{2}", "not what ampd wrote"),
        ("{\"schema\":\"ampd.lease/1\"}", "missing field"),
        (long.as_str(), "not what ampd wrote"),
    ] {
        lake.put(&key, Bytes::from(body.to_owned())).await.unwrap();
        let seen = look_at_lease(&lake, &web).await.unwrap();
        assert!(matches!(&seen.found, Found::Strange(text) if text.contains(words)), "{:?}", seen.found);
        assert!(seen.version.is_some());
    }
    let lake = lake.without_conditional_writes();
    assert!(!compares_versions(&lake, &lease).await.unwrap());
}
