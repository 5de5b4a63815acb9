//! What is really sent, seen from a bare socket, and what is said of answers that servers in a test do not give.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::contract::write;
use super::contract_stores::{KEY_ID, SECRET, open_s3, section};
use super::s3::S3Lake;
use super::{Created, Lake, LakeError, Replaced, Sums, Version};
use crate::config::{self, StoreChecksum};

/// A server that answers each request with the next of its answers, the last one for ever, and keeps what it was sent.
struct Wire {
    endpoint: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    async fn answering(answers: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut answers) = (Arc::clone(&heads), answers.to_vec());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let Some(head) = request(&mut socket).await else { continue };
                kept.lock().unwrap().push(head);
                let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
                socket.write_all(answer.as_bytes()).await.unwrap();
                let _ = socket.shutdown().await;
            }
        });
        Self { endpoint, heads }
    }

    async fn lake(&self, checksum: StoreChecksum) -> S3Lake {
        open_s3(section(&self.endpoint, "lake", checksum)).await
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Reads a request with its body; answers the head, in lower case.
async fn request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = vec![0; 65_536];
        let read = socket.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        if bytes.len() >= end + 4 + length {
            return Some(head);
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\nx-amz-request-id: 4442587FB7D0A2F9\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

fn refusal(status: &str, code: &str, message: &str) -> String {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    answer(status, "content-type: application/xml\r\n", &body)
}

fn fine() -> String {
    answer("200 OK", "etag: \"abc\"\r\n", "")
}

async fn put(lake: &S3Lake) -> LakeError {
    lake.put("lease.json", Bytes::from("x")).await.unwrap_err()
}

#[tokio::test]
async fn an_object_is_sent_plain_with_its_checksum() {
    let wire = Wire::answering(&[fine()]).await;
    let body = Bytes::from("123456789");
    let key = "data/source=web/date=2026-11-21/hour=07/1_2026-11-21_07.g1.000000000abc.p0.json.gz";
    for (checksum, header) in [
        (StoreChecksum::Crc64Nvme, "x-amz-checksum-crc64nvme: rosuhgp5mig="),
        (StoreChecksum::Crc32, "x-amz-checksum-crc32: y/q5jg=="),
        (StoreChecksum::Sha256, "x-amz-checksum-sha256: "),
        (StoreChecksum::None, "content-length: 9"),
    ] {
        let stored = write(&wire.lake(checksum).await, key, &body, Sums::of(&body)).await.unwrap();
        assert_eq!(stored.etag.as_deref(), Some("abc"));
        let head = wire.heads().pop().unwrap();
        assert!(head.starts_with("put /lake/amplitude/raw/data/source%3dweb/"), "{head}");
        assert!(head.contains(header), "{head}");
        assert!(head.contains("content-type: application/gzip"), "{head}");
        for absent in ["aws-chunked", "content-encoding", "x-amz-trailer", "streaming", "x-amz-sdk-checksum-algorithm"]
        {
            assert!(!head.contains(absent), "{absent} in {head}");
        }
        assert_eq!(head.matches("\nx-amz-checksum-").count(), usize::from(checksum != StoreChecksum::None), "{head}");
        assert!(head.contains("app/ampd"), "{head}");
    }
}

#[tokio::test]
async fn data_objects_are_dressed_and_own_files_are_not() {
    let wire = Wire::answering(&[fine()]).await;
    let mut section: config::S3 = section(&wire.endpoint, "lake", StoreChecksum::Crc64Nvme);
    section.storage_class = Some("STANDARD_IA".to_owned());
    section.sse = Some("aws:kms".to_owned());
    section.kms_key = Some("key-1".to_owned());
    section.tags = [("team".to_owned(), "data & more".to_owned())].into();
    let lake = open_s3(section).await;
    write(&lake, "data/x.json", &Bytes::new(), Sums::of(b"")).await.unwrap();
    let head = wire.heads().pop().unwrap();
    for header in [
        "x-amz-storage-class: standard_ia",
        "x-amz-server-side-encryption: aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id: key-1",
        "x-amz-tagging: team=data%20%26%20more",
        "content-type: application/x-ndjson",
    ] {
        assert!(head.contains(header), "{header} not in {head}");
    }
    lake.create("_ampd/v1/lake.json", Bytes::from("{}")).await.unwrap();
    let head = wire.heads().pop().unwrap();
    assert!(head.contains("if-none-match: *") && head.contains("application/json"), "{head}");
    assert!(!head.contains("x-amz-tagging") && !head.contains("storage-class"), "{head}");
}

#[tokio::test]
async fn refusals_say_what_to_do_and_never_a_credential() {
    let moved = "x-amz-bucket-region: us-west-2\r\ncontent-type: application/xml\r\n";
    let moved =
        answer("301 Moved Permanently", moved, "<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>");
    for (answer, refused, words) in [
        (refusal("403 Forbidden", "AccessDenied", &format!("No such key: {KEY_ID}")), true, "s3:GetObject"),
        (refusal("403 Forbidden", "InvalidAccessKeyId", &format!("{KEY_ID} {SECRET}")), true, "access key id"),
        (refusal("403 Forbidden", "SignatureDoesNotMatch", SECRET), true, "secret access key"),
        (refusal("404 Not Found", "NoSuchBucket", "none"), true, "there is no bucket lake"),
        (refusal("403 Forbidden", "RequestTimeTooSkewed", "skew"), true, "clock"),
        (refusal("400 Bad Request", "ExpiredToken", "old"), true, "new credentials"),
        (moved, true, "bucket lake is in us-west-2: set lake.region"),
        (refusal("400 Bad Request", "RequestTimeout", "slow"), false, "400 RequestTimeout to PutObject of lease.json"),
    ] {
        let wire = Wire::answering(&[answer]).await;
        let error = put(&wire.lake(StoreChecksum::Crc64Nvme).await).await;
        let text = format!("{error} {error:?} {:?}", error.fault());
        assert!(text.contains(words), "{words}: {text}");
        assert_eq!(matches!(error, LakeError::Refused(_)), refused, "{text}");
        for secret in [KEY_ID, SECRET, "secret/for"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(!error.to_string().contains('\n') && error.to_string().len() < 500, "{text}");
    }
    let nobody = open_s3(section("http://127.0.0.1:1", "lake", StoreChecksum::None)).await;
    let error = put(&nobody).await;
    assert!(matches!(&error, LakeError::Unavailable(text) if text.contains("no connection")), "{error}");
}

#[tokio::test]
async fn a_busy_store_is_asked_again_and_a_lost_answer_shows_as_exists() {
    let busy = refusal("503 Slow Down", "SlowDown", "slow");
    let conflict = refusal("409 Conflict", "ConditionalRequestConflict", "again");
    let taken = refusal("412 Precondition Failed", "PreconditionFailed", "there");
    let wire = Wire::answering(&[busy, conflict, fine(), taken]).await;
    let lake = wire.lake(StoreChecksum::Crc64Nvme).await;
    assert_eq!(lake.create("m", Bytes::from("x")).await.unwrap(), Created::Created);
    assert_eq!(wire.heads().len(), 3);
    assert_eq!(lake.create("m", Bytes::from("x")).await.unwrap(), Created::Exists);
}

#[tokio::test]
async fn a_store_that_refuses_the_condition_is_for_one_writer() {
    let wire = Wire::answering(&[refusal("501 Not Implemented", "NotImplemented", "header")]).await;
    let error = wire.lake(StoreChecksum::None).await.create("m", Bytes::new()).await.unwrap_err();
    assert!(matches!(&error, LakeError::Refused(text) if text.contains("lake.single_writer = true")), "{error}");
}

#[tokio::test]
async fn a_replacement_names_what_it_replaces_and_every_other_version_is_changed() {
    let date = "date: Sat, 21 Nov 2026 07:00:00 GMT\r\netag: \"v2\"\r\n";
    let gone = answer("404 Not Found", "content-type: application/xml\r\n", "<Error><Code>NoSuchKey</Code></Error>");
    let wire = Wire::answering(&[
        answer("200 OK", date, ""),
        refusal("412 Precondition Failed", "PreconditionFailed", "other"),
        refusal("409 Conflict", "ConditionalRequestConflict", "at once"),
        gone,
        refusal("501 Not Implemented", "NotImplemented", "header"),
        answer("200 OK", date, "who leads"),
        refusal("403 Forbidden", "AccessDenied", "no"),
    ])
    .await;
    let (lake, seen) = (wire.lake(StoreChecksum::Crc64Nvme).await, Version("v1".to_owned()));
    let replace = || lake.replace("lease.json", Bytes::from("x"), Some(&seen));
    let (version, store_time) = (Version("v2".to_owned()), "2026-11-21T07:00:00Z".parse().unwrap());
    assert_eq!(replace().await.unwrap(), Replaced::Replaced { version: version.clone(), store_time });
    assert!(wire.heads()[0].contains("if-match: \"v1\""), "{:?}", wire.heads());
    for expected in [Replaced::Changed, Replaced::Changed, Replaced::Changed, Replaced::Unsupported] {
        assert_eq!(replace().await.unwrap(), expected);
    }
    let sighting = lake.look("lease.json").await.unwrap();
    assert_eq!((sighting.found, sighting.store_time), (Some((Bytes::from("who leads"), version)), store_time));
    assert_eq!(wire.heads().len(), 6, "one request each");
    assert!(matches!(replace().await, Err(LakeError::Refused(_))));
}

#[tokio::test]
async fn a_wrong_echo_is_noticed() {
    let wrong = answer("200 OK", "x-amz-checksum-crc64nvme: AAAAAAAAAAA=\r\n", "");
    let wire = Wire::answering(&[wrong]).await;
    let body = Bytes::from("123456789");
    let answer = write(&wire.lake(StoreChecksum::Crc64Nvme).await, "data/x", &body, Sums::of(&body)).await;
    assert!(matches!(answer, Err(LakeError::Integrity(_))), "{answer:?}");
}

#[tokio::test]
async fn an_error_inside_a_completed_200_is_an_error_and_the_upload_is_aborted() {
    let begun = "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
    let failed = "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>m</Message></Error>";
    let (begun, failed) = (answer("200 OK", "", begun), answer("200 OK", "", failed));
    let gone = answer("204 No Content", "", "");
    let wire = Wire::answering(&[begun, fine(), fine(), failed.clone(), failed.clone(), failed, gone]).await;
    let body = Bytes::from(vec![7; super::contract_stores::PART + 1]);
    let answer = write(&wire.lake(StoreChecksum::Crc64Nvme).await, "data/x", &body, Sums::of(&body)).await;
    assert!(matches!(answer, Err(LakeError::Unavailable(_))), "{answer:?}");
    let heads = wire.heads();
    assert!(heads[0].contains("x-amz-checksum-algorithm: crc64nvme"), "{}", heads[0]);
    assert!(heads[0].contains("x-amz-checksum-type: full_object"), "{}", heads[0]);
    assert!(heads[1].contains("x-amz-checksum-crc64nvme: ") && !heads[1].contains("aws-chunked"), "{}", heads[1]);
    assert!(heads[3].contains(&format!("x-amz-checksum-crc64nvme: {}", Sums::of(&body).crc64nvme.to_lowercase())));
    assert!(heads.last().unwrap().starts_with("delete "), "{heads:?}");
}
