//! Promises 3 and 6: what was captured stays, byte for byte, or is known to be lost.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn a_captured_archive_is_still_there_after_a_restart_byte_for_byte() {
    let (stage, dir) = stage();
    let archive = body(5 * MIB + 123);
    let whole = staged(&stage, id(1), &archive).await.unwrap();
    assert_eq!(whole, Staged { bytes: archive.len() as u64, sha256: sha256(&archive) });
    drop(stage);
    let restarted = Stage::open(&config(dir.path())).unwrap();
    assert_eq!(restarted.sweep(&|capture| capture == id(1)).unwrap(), Swept::default());
    let mut read = Vec::new();
    restarted.open_capture(id(1), whole.bytes, &whole.sha256).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == archive);
    assert_eq!(restarted.usage().used_bytes, whole.bytes);
}

#[tokio::test]
async fn any_size_of_chunk_gives_the_same_archive() {
    let (stage, _dir) = stage();
    let archive = body(2 * MIB + 7);
    for (bits, size) in [(1, 1_usize << 20), (2, 999_983), (3, 4096), (4, 3 << 20)] {
        let mut file = stage.begin(id(bits)).unwrap();
        for chunk in archive.chunks(size) {
            file.write(chunk).await.unwrap();
        }
        file.write(b"").await.unwrap();
        assert_eq!(file.commit().await.unwrap().sha256, sha256(&archive), "{size}");
        assert!(fs::read(path_of(&stage, &format!("{}.zip", id(bits)))).unwrap() == archive, "{size}");
    }
}

#[tokio::test]
async fn an_archive_has_its_name_only_when_it_is_whole() {
    let (stage, _dir) = stage();
    let mut file = stage.begin(id(1)).unwrap();
    file.write(&body(3 * MIB)).await.unwrap();
    assert_eq!(names_in(&stage.inner.dir), ["000000000001.zip.part"]);
    file.commit().await.unwrap();
    assert_eq!(names_in(&stage.inner.dir), ["000000000001.zip"]);
}

#[tokio::test]
async fn what_is_not_committed_leaves_nothing() {
    let (stage, _dir) = stage();
    let mut file = stage.begin(id(1)).unwrap();
    file.write(&body(3 * MIB)).await.unwrap();
    file.at_rest().await;
    assert!(stage.usage().used_bytes >= 2 * MIB);
    drop(file);
    assert_eq!(names_in(&stage.inner.dir), Vec::<String>::new());
    assert_eq!(stage.usage().used_bytes, 0);
    assert!(stage.begin(id(1)).is_ok(), "the capture can be begun again");
}

#[tokio::test]
async fn a_download_that_is_abandoned_while_it_writes_leaves_nothing() {
    let (stage, _dir) = stage();
    let chunk = body(4 * MIB);
    for bits in 1..20 {
        let mut file = stage.begin(id(bits)).unwrap();
        let write = file.write(&chunk);
        let _ = tokio::time::timeout(std::time::Duration::from_micros(bits * 40), write).await;
        drop(file);
    }
    // Threads that were writing clean up when they come to their end.
    for _ in 0..500 {
        if stage.usage().used_bytes == 0 && names_in(&stage.inner.dir).is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?}, {} bytes", names_in(&stage.inner.dir), stage.usage().used_bytes);
}

#[tokio::test]
async fn a_capture_is_written_by_one_at_a_time() {
    let (stage, _dir) = stage();
    let first = stage.begin(id(1)).unwrap();
    assert_eq!(kind(stage.begin(id(1))), FaultKind::StagingFailed);
    assert_eq!(names_in(&stage.inner.dir), ["000000000001.zip.part"], "the refused one deletes nothing");
    drop(first);
    assert!(stage.begin(id(1)).is_ok());
}

#[tokio::test]
async fn a_torn_changed_or_missing_archive_is_a_lost_capture() {
    let (stage, dir) = stage();
    let archive = body(MIB);
    let whole = staged(&stage, id(1), &archive).await.unwrap();
    drop(stage);
    let path = config(dir.path()).dir.join("000000000001.zip");
    let mut changed = archive.clone();
    changed[4711] ^= 1;
    for contents in [&archive[..archive.len() - 1], &[], &changed, &[archive.as_slice(), b"x"].concat()] {
        fs::write(&path, contents).unwrap();
        let stage = Stage::open(&config(dir.path())).unwrap();
        assert_eq!(kind(stage.open_capture(id(1), whole.bytes, &whole.sha256)), FaultKind::CaptureLost);
    }
    let stage = Stage::open(&config(dir.path())).unwrap();
    assert_eq!(kind(stage.open_capture(id(2), 1, &whole.sha256)), FaultKind::CaptureLost);
}

#[tokio::test]
async fn the_journals_record_is_believed_over_the_file_even_where_it_was_written() {
    let (stage, _dir) = stage();
    let whole = staged(&stage, id(1), b"PK one").await.unwrap();
    assert!(stage.open_capture(id(1), whole.bytes, &whole.sha256.to_uppercase()).is_ok());
    assert_eq!(kind(stage.open_capture(id(1), whole.bytes, &sha256(b"PK two"))), FaultKind::CaptureLost);
    assert_eq!(kind(stage.open_capture(id(1), 5, &whole.sha256)), FaultKind::CaptureLost);
}

#[tokio::test]
async fn an_archive_is_hashed_once_by_a_process() {
    let (stage, _dir) = stage();
    let path = path_of(&stage, "000000000001.zip");
    fs::write(&path, b"PK one").unwrap();
    let recorded = sha256(b"PK one");
    stage.open_capture(id(1), 6, &recorded).unwrap();
    fs::write(&path, b"PK two").unwrap();
    assert!(stage.open_capture(id(1), 6, &recorded).is_ok(), "not read again");
    stage.remove(id(1)).unwrap();
    fs::write(&path, b"PK two").unwrap();
    assert_eq!(kind(stage.open_capture(id(1), 6, &recorded)), FaultKind::CaptureLost, "forgotten with the file");
}

#[tokio::test]
async fn removing_twice_is_no_error_and_gives_the_room_back() {
    let (stage, _dir) = stage();
    staged(&stage, id(1), &body(MIB)).await.unwrap();
    stage.remove(id(1)).unwrap();
    stage.remove(id(1)).unwrap();
    assert_eq!(stage.usage().used_bytes, 0);
}

#[tokio::test]
async fn a_sweep_deletes_what_the_journal_does_not_know_and_nothing_else() {
    let (stage, _dir) = stage();
    staged(&stage, id(1), &body(1000)).await.unwrap();
    staged(&stage, id(2), &body(500)).await.unwrap();
    let running = stage.begin(id(3)).unwrap();
    fs::write(path_of(&stage, "0000000000aa.zip.part"), b"torn").unwrap();
    fs::write(path_of(&stage, "notes.zip"), b"a person's").unwrap();
    fs::write(path_of(&stage, "0000000000AA.zip"), b"not ours").unwrap();
    let swept = stage.sweep(&|capture| capture == id(1)).unwrap();
    assert_eq!(swept, Swept { parts: 1, archives: 1, bytes: 504, foreign: 2 });
    let expected = ["000000000001.zip", "000000000003.zip.part", "0000000000AA.zip", "notes.zip"];
    assert_eq!(names_in(&stage.inner.dir), expected);
    drop(running);
    assert_eq!(stage.sweep(&|capture| capture == id(1)).unwrap(), Swept { foreign: 2, ..Swept::default() });
}

#[tokio::test]
async fn nobody_else_can_read_what_is_staged() {
    let (stage, _dir) = stage();
    staged(&stage, id(1), b"PK").await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&stage.inner.dir), 0o700);
    assert_eq!(mode(&stage.inner.quarantine), 0o700);
    assert_eq!(mode(&path_of(&stage, "000000000001.zip")), 0o600);
    let kept = stage.set_aside(id(1), "web", "broken").unwrap().unwrap();
    assert_eq!(mode(&kept), 0o600);
    assert_eq!(mode(&kept.with_extension("reason.json")), 0o600);
}

#[tokio::test]
async fn a_directory_that_is_gone_is_a_staging_fault() {
    let (stage, _dir) = stage();
    let mut file = stage.begin(id(1)).unwrap();
    file.write(b"PK").await.unwrap();
    fs::remove_dir_all(&stage.inner.dir).unwrap();
    let fault = file.commit().await.unwrap_err();
    assert!(matches!(fault.kind, FaultKind::StagingFailed | FaultKind::StagingFull), "{fault:?}");
}
