//! A download that is read while it is written.

use std::io::Read;

use super::*;

/// Reads the tail to its end on a thread of its own.
fn follow(file: &StageFile) -> std::thread::JoinHandle<std::io::Result<Vec<u8>>> {
    let mut tail = file.tail().unwrap();
    std::thread::spawn(move || {
        let mut read = Vec::new();
        tail.read_to_end(&mut read).map(|_| read)
    })
}

#[tokio::test]
async fn a_reader_gets_every_byte_of_a_download_and_then_its_end() {
    let (stage, _dir) = stage();
    let archive = body(20 * MIB + 123);
    let mut file = stage.begin(id(1)).unwrap();
    let reader = follow(&file);
    for chunk in archive.chunks(999_983) {
        file.write(chunk).await.unwrap();
    }
    file.commit().await.unwrap();
    assert!(reader.join().unwrap().unwrap() == archive);
}

#[tokio::test]
async fn a_reader_of_a_download_that_breaks_off_is_told_and_holds_up_nobody() {
    let (stage, _dir) = stage();
    let mut file = stage.begin(id(1)).unwrap();
    let reader = follow(&file);
    file.write(&body(3 * MIB)).await.unwrap();
    drop(file);
    assert_eq!(reader.join().unwrap().unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    let idle = stage.begin(id(2)).unwrap();
    let _never_read = idle.tail().unwrap();
    drop(idle);
}
