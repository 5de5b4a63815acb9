//! Promise 7: a broken archive is kept for a person, and never stands in the way of other hours.

use super::*;

async fn broken(stage: &Stage, bits: u64, length: u64) -> Option<PathBuf> {
    staged(stage, id(bits), &body(length)).await.unwrap();
    // A clock tick of the file system, so that newest means something.
    std::thread::sleep(std::time::Duration::from_millis(15));
    stage.set_aside(id(bits), &format!("web.2026-11-21T{bits:02}"), "member 3: CRC differs").unwrap()
}

#[tokio::test]
async fn a_broken_archive_is_kept_with_its_reason() {
    let (stage, _dir) = stage();
    let kept = broken(&stage, 7, 1000).await.unwrap();
    assert_eq!(kept.file_name().unwrap(), "web.2026-11-21T07.000000000007.zip");
    assert!(fs::read(&kept).unwrap() == body(1000));
    let reason: serde_json::Value =
        serde_json::from_slice(&fs::read(kept.with_extension("reason.json")).unwrap()).unwrap();
    assert_eq!(reason["reason"], "member 3: CRC differs");
    assert_eq!(reason["capture"], "000000000007");
    assert_eq!(names_in(&stage.inner.dir), Vec::<String>::new());
    assert_eq!(kind(stage.open_capture(id(7), 1000, &sha256(&body(1000)))), FaultKind::CaptureLost);
}

#[tokio::test]
async fn setting_aside_twice_answers_the_same() {
    let (stage, dir) = stage();
    let kept = broken(&stage, 7, 1000).await;
    let used = stage.usage().used_bytes;
    assert_eq!(stage.set_aside(id(7), "web.2026-11-21T07", "again").unwrap(), kept);
    assert_eq!(stage.usage().used_bytes, used);
    assert_eq!(stage.set_aside(id(8), "web.2026-11-21T08", "never staged").unwrap(), None);
    drop(stage);
    assert_eq!(Stage::open(&config(dir.path())).unwrap().usage().used_bytes, used, "counted as it lies there");
}

#[tokio::test]
async fn the_newest_are_kept() {
    let (stage, _dir) = stage();
    for bits in 1..=4 {
        broken(&stage, bits, 100).await.unwrap();
    }
    let expected = [
        "web.2026-11-21T03.000000000003.reason.json",
        "web.2026-11-21T03.000000000003.zip",
        "web.2026-11-21T04.000000000004.reason.json",
        "web.2026-11-21T04.000000000004.zip",
    ];
    assert_eq!(names_in(&stage.inner.quarantine), expected);
}

#[tokio::test]
async fn none_are_kept_when_none_are_to_be() {
    let (stage, _dir) = stage_with(|config| config.keep_quarantined = 0);
    assert_eq!(broken(&stage, 1, 100).await, None);
    assert_eq!(names_in(&stage.inner.quarantine), Vec::<String>::new());
    assert_eq!(stage.usage().used_bytes, 0);
}

#[tokio::test]
async fn quarantine_gives_way_to_downloads_oldest_first() {
    let (stage, _dir) = stage_with(|config| config.max_bytes = 6 * MIB);
    broken(&stage, 1, 2 * MIB).await.unwrap();
    let younger = broken(&stage, 2, 2 * MIB).await.unwrap();
    staged(&stage, id(3), &body(3 * MIB)).await.unwrap();
    assert!(younger.exists());
    assert_eq!(names_in(&stage.inner.quarantine).len(), 2);
    staged(&stage, id(4), &body(2 * MIB)).await.unwrap();
    assert_eq!(names_in(&stage.inner.quarantine), Vec::<String>::new());
    assert_eq!(stage.usage().used_bytes, 5 * MIB);
}

#[tokio::test]
async fn quarantine_is_not_given_up_in_vain() {
    let (stage, _dir) = stage_with(|config| config.max_bytes = 6 * MIB);
    let kept = broken(&stage, 1, MIB).await.unwrap();
    staged(&stage, id(2), &body(4 * MIB)).await.unwrap();
    assert_eq!(kind(stage.begin(id(3)).unwrap().announce(Some(3 * MIB))), FaultKind::StagingFull);
    assert!(kept.exists(), "3 MiB would not have had room without it either");
}

#[tokio::test]
async fn a_label_is_no_path() {
    let (stage, _dir) = stage();
    staged(&stage, id(1), b"PK").await.unwrap();
    let kept = stage.set_aside(id(1), "../../etc/\nweb", "x").unwrap().unwrap();
    assert_eq!(kept.parent(), Some(stage.inner.quarantine.as_path()));
    assert_eq!(kept.file_name().unwrap(), "_.._etc__web.000000000001.zip");
}

#[tokio::test]
async fn a_sweep_leaves_quarantine_but_for_what_is_half_written() {
    let (stage, _dir) = stage();
    let kept = broken(&stage, 1, 100).await.unwrap();
    fs::write(stage.inner.quarantine.join("web.000000000002.reason.json.tmp"), b"{").unwrap();
    fs::write(stage.inner.quarantine.join("web.000000000003.reason.json"), b"{}").unwrap();
    stage.sweep(&|_| false).unwrap();
    assert_eq!(names_in(&stage.inner.quarantine).len(), 2);
    assert!(kept.exists());
}
