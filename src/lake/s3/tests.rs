//! What needs the insides.

use bytes::Bytes;

use super::ask::in_order;
use crate::config::StoreChecksum;
use crate::lake::contract_stores::{open_s3, section, serve_s3s};
use crate::lake::{LakeError, Listed, Page, Sums};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_itself_refuses_a_wrong_checksum() {
    let root = tempfile::tempdir().unwrap();
    let endpoint = serve_s3s(root.path()).await;
    for checksum in [StoreChecksum::Crc64Nvme, StoreChecksum::Crc32, StoreChecksum::Sha256] {
        let lake = open_s3(section(&endpoint, "lake", checksum)).await;
        let answer = lake.store.put_data("data/x", Bytes::from("123456789"), &Sums::of(b"123456780")).await;
        assert!(matches!(answer, Err(LakeError::Integrity(_))), "{checksum:?}: {answer:?}");
    }
}

#[test]
fn a_listing_in_another_order_is_not_believed() {
    let page = |keys: &[&str]| Page {
        objects: keys
            .iter()
            .map(|key| Listed { key: (*key).to_owned(), bytes: 0, modified: chrono::DateTime::UNIX_EPOCH })
            .collect(),
        more: true,
    };
    assert!(in_order(&page(&["a", "b"]), None).is_ok());
    assert!(in_order(&page(&["b", "a"]), None).is_err());
    assert!(in_order(&page(&["a", "a"]), None).is_err());
    assert!(in_order(&page(&["a", "b"]), Some("a")).unwrap_err().contains("StartAfter"));
    assert!(in_order(&page(&[]), None).is_err());
}
