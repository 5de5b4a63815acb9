//! The allowed shapes of archives: each holds the same rows.

use super::*;

async fn with(change: impl FnOnce(&mut Archive)) -> World {
    let mut options = small();
    options.projects[0].parts = 2;
    change(&mut options.archive);
    World::new(options).await
}

#[tokio::test]
async fn every_combination_of_switches_holds_the_same_rows() {
    for number in 0..64_u32 {
        let on = |bit: u32| number >> bit & 1 == 1;
        let world = with(|archive| {
            archive.method = [Method::Stored, Method::Deflated, Method::Alternate][number as usize % 3];
            archive.order = [Order::Time, Order::Lexical, Order::Shuffled][number as usize / 3 % 3];
            archive.data_descriptors = on(0);
            archive.zip64 = on(1);
            archive.directory_entry = on(2);
            archive.final_newline = on(3);
            archive.gzip_multi_stream = on(4);
            archive.framing = if on(5) { Framing::Chunked } else { Framing::ContentLength };
        })
        .await;
        let response = world.ask("20260101T08", "20260101T10").await;
        assert_eq!(response.headers().contains_key("content-length"), !on(5));
        assert_eq!(response.headers()["content-type"], "application/zip");
        let archive = response.bytes().await.unwrap();
        let members = members(&archive);
        assert_eq!(members.len(), 6, "{number}");
        assert!(members.iter().all(|(_, text)| text.ends_with(b"\n") == on(3)));
        assert_eq!(hash(lines_of(&members)), world.truth("20260101T08", "20260101T10").hash, "{number}");
    }
}

#[tokio::test]
async fn members_come_in_the_order_asked_for() {
    let names = |members: Vec<(String, Vec<u8>)>| members.into_iter().map(|member| member.0).collect::<Vec<_>>();
    let lexical = with(|archive| archive.order = Order::Lexical).await;
    let sorted = names(members(&lexical.bytes("20260101T08", "20260101T10").await));
    assert!(sorted.is_sorted() && sorted[0].contains("_10#"), "{sorted:?}");
    let time = with(|archive| archive.order = Order::Time).await;
    assert!(names(members(&time.bytes("20260101T08", "20260101T10").await))[0].contains("_8#"));
}

#[tokio::test]
async fn reordering_changes_bytes_but_not_rows() {
    let world = with(|archive| archive.reorder_per_request = true).await;
    let (one, two) = (world.bytes("20260101T05", "20260101T05").await, world.bytes("20260101T05", "20260101T05").await);
    assert_ne!(one, two);
    assert_ne!(lines_of(&members(&one)), lines_of(&members(&two)));
    assert_eq!(hash(lines_of(&members(&one))), hash(lines_of(&members(&two))));
}

#[tokio::test]
async fn a_member_of_several_streams_hides_rows_from_a_reader_of_one() {
    let world = with(|archive| archive.gzip_multi_stream = true).await;
    let archive = world.bytes("20260101T05", "20260101T05").await;
    let mut zip = ::zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut packed = Vec::new();
    zip.by_index(0).unwrap().read_to_end(&mut packed).unwrap();
    assert!(packed.windows(4).filter(|window| *window == [0x1F, 0x8B, 8, 0]).count() >= 3);
}

#[tokio::test]
async fn ranges_are_answered_when_they_are_on() {
    let world = with(|archive| archive.accept_ranges = true).await;
    let whole = world.ask("20260101T05", "20260101T05").await;
    let etag = whole.headers()["etag"].clone();
    let whole = whole.bytes().await.unwrap();
    let part = world.request("20260101T05", "20260101T05").header("range", "bytes=100-").header("if-range", &etag);
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], format!("bytes 100-{}/{}", whole.len() - 1, whole.len()));
    assert_eq!(part.bytes().await.unwrap(), whole.slice(100..));
    let stale = world.request("20260101T05", "20260101T05").header("range", "bytes=100-").header("if-range", "\"x\"");
    assert_eq!(stale.send().await.unwrap().status(), 200);
    let off = with(|_| ()).await;
    let ignored = off.request("20260101T05", "20260101T05").header("range", "bytes=100-").send().await.unwrap();
    assert_eq!(ignored.status(), 200);
}

#[tokio::test]
async fn a_large_hour_goes_through_a_file_and_stays_whole() {
    let mut options = small();
    options.projects[0].hours.insert(hour("20260101T05"), 15_000);
    options.archive.method = Method::Stored;
    let world = World::new(options).await;
    let archive = world.bytes("20260101T05", "20260101T05").await;
    assert!(archive.len() > 4 << 20, "{}", archive.len());
    assert_eq!(hash(lines_of(&members(&archive))), world.truth("20260101T05", "20260101T05").hash);
}
