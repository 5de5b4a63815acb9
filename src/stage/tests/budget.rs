//! Promise 10: the disk is bounded by configuration, and running out of it blames no hour.

use super::*;

const COUNTING: &str = "AMPD_TEST_STAGE_COUNTING";

#[tokio::test]
async fn no_capture_starts_when_staging_is_full_and_one_does_when_it_empties() {
    let (stage, _dir) = stage_with(|config| config.max_bytes = MIB);
    staged(&stage, id(1), &body(MIB)).await.unwrap();
    let fault = stage.begin(id(2)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StagingFull);
    assert!(fault.detail.contains("staging.max_bytes"), "{fault}");
    stage.remove(id(1)).unwrap();
    assert!(stage.begin(id(2)).is_ok());
}

#[tokio::test]
async fn a_capture_that_outgrows_the_room_is_dropped_and_gives_it_back() {
    let (stage, _dir) = stage_with(|config| config.max_bytes = 8 * MIB);
    staged(&stage, id(1), &body(3 * MIB)).await.unwrap();
    assert_eq!(kind(staged(&stage, id(2), &body(7 * MIB)).await), FaultKind::StagingFull);
    assert_eq!(names_in(&stage.inner.dir), ["000000000001.zip"]);
    assert_eq!(stage.usage(), Usage { used_bytes: 3 * MIB, limit_bytes: 8 * MIB, ..stage.usage() });
    assert!(staged(&stage, id(3), &body(5 * MIB)).await.is_ok(), "to the last byte");
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_starts_nothing() {
    let (stage, _dir) = stage_with(|config| config.min_free = u64::MAX / 2);
    let fault = stage.begin(id(1)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::StagingFull);
    assert!(fault.detail.contains("staging.min_free"), "{fault}");
    assert_eq!(names_in(&stage.inner.dir), Vec::<String>::new());
}

#[tokio::test]
async fn an_archive_over_the_limit_is_the_windows_fault_announced_or_not() {
    let (stage, _dir) = stage_with(|config| config.max_archive_bytes = 2 * MIB);
    let mut file = stage.begin(id(1)).unwrap();
    assert_eq!(kind(file.announce(Some(2 * MIB + 1))), FaultKind::OverArchiveLimit);
    assert!(file.announce(Some(2 * MIB)).is_ok() && file.announce(None).is_ok());
    file.write(&body(2 * MIB)).await.unwrap();
    assert_eq!(kind(file.write(b"x").await), FaultKind::OverArchiveLimit);
    assert_eq!(stage.usage().used_bytes, 0, "the room is free again at once");
    assert_eq!(kind(file.commit().await), FaultKind::StagingFailed, "nothing can be made of it");
}

#[tokio::test]
async fn an_archive_that_never_fits_is_over_the_limit_and_does_not_wait_for_ever() {
    let (stage, _dir) = stage_with(|config| config.max_bytes = 4 * MIB);
    assert_eq!(kind(staged(&stage, id(1), &body(4 * MIB + 1)).await), FaultKind::OverArchiveLimit);
    assert!(staged(&stage, id(1), &body(4 * MIB)).await.is_ok());
}

#[tokio::test]
async fn an_announced_length_without_room_is_refused_before_a_byte_is_written() {
    let (stage, _dir) = stage_with(|config| config.max_bytes = 8 * MIB);
    staged(&stage, id(1), &body(5 * MIB)).await.unwrap();
    let file = stage.begin(id(2)).unwrap();
    assert_eq!(kind(file.announce(Some(4 * MIB))), FaultKind::StagingFull);
    assert!(file.announce(Some(3 * MIB)).is_ok());
}

#[tokio::test]
async fn files_deleted_by_hand_make_room_too() {
    let (stage, _dir) = stage_with(|config| config.max_bytes = MIB);
    staged(&stage, id(1), &body(MIB)).await.unwrap();
    fs::remove_file(path_of(&stage, "000000000001.zip")).unwrap();
    assert!(stage.begin(id(2)).is_ok());
    assert_eq!(stage.usage().used_bytes, 0);
}

#[tokio::test]
async fn what_an_earlier_process_left_is_counted() {
    let (stage, dir) = stage();
    staged(&stage, id(1), &body(1000)).await.unwrap();
    fs::write(path_of(&stage, "000000000002.zip.part"), body(70)).unwrap();
    drop(stage);
    let stage = Stage::open(&config(dir.path())).unwrap();
    assert_eq!(stage.usage().used_bytes, 1070);
    assert!(stage.usage().free_bytes > 0);
    stage.begin(id(2)).unwrap();
    assert_eq!(stage.usage().used_bytes, 1000, "begun anew");
}

/// What the process that counts its own writes runs. Without its variable it does nothing.
#[tokio::test]
async fn counting_process() {
    let written = || {
        let counters = fs::read_to_string("/proc/self/io").unwrap();
        let line = counters.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
        line.parse::<u64>().unwrap()
    };
    if std::env::var_os(COUNTING).is_some() {
        let (stage, _dir) = stage();
        let archive = body(4 * MIB);
        let before = written();
        staged(&stage, id(1), &archive).await.unwrap();
        let most = archive.len() as u64 * 102 / 100;
        assert!(written() - before <= most, "{} bytes written", written() - before);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_byte_is_written_once() {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stage::tests::budget::counting_process"])
        .env(COUNTING, "1")
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_full_disk_is_no_broken_disk() {
    let at = Path::new("x");
    for (kind, expected) in [
        (io::ErrorKind::StorageFull, FaultKind::StagingFull),
        (io::ErrorKind::QuotaExceeded, FaultKind::StagingFull),
        (io::ErrorKind::PermissionDenied, FaultKind::StagingFailed),
        (io::ErrorKind::ReadOnlyFilesystem, FaultKind::StagingFailed),
    ] {
        assert_eq!(room::io_fault("write", at, &io::Error::from(kind)).kind, expected, "{kind:?}");
    }
    assert_eq!(io::Error::from_raw_os_error(28).kind(), io::ErrorKind::StorageFull, "ENOSPC");
}
