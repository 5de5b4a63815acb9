//! Archives that are torn or lie: each refused, with the reason.

use super::zipper::{Entry, Zip, gzip};
use super::*;

fn good() -> Entry {
    Entry::lines(3, 0, "{\"a\":1}\n{\"a\":2}\n")
}

fn one(change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    Zip::of([good().with(change)]).bytes()
}

fn named(name: &[u8]) -> Vec<u8> {
    Zip::of([good(), Entry::new(name, gzip("{}\n"))]).bytes()
}

macro_rules! refused {
    ($($name:ident: $bytes:expr => $reason:expr;)+) => {$(
        #[test]
        fn $name() {
            refused(&$bytes, $reason);
        }
    )+};
}

refused! {
    an_archive_without_its_end_is_refused: {
        let mut bytes = one(|_| {});
        bytes.truncate(bytes.len() - 22);
        bytes
    } => "no end record";
    a_pk_alone_is_refused: Vec::from(b"PK") => "no end record";
    bytes_after_the_archive_are_refused: Zip::of([good()]).with(|zip| zip.after = b"junk".to_vec()).bytes() => "bytes follow the archive";
    a_second_archive_behind_the_first_is_refused: [one(|_| {}), one(|_| {})].concat() => "does not end where";
    bytes_before_the_archive_are_refused: {
        let zip = Zip::of([good()]).with(|zip| zip.before = b"PK junk".to_vec());
        zip.bytes()
    } => "7 bytes lie before the first member";
    junk_that_shifts_the_archive_is_refused: [b"PK junk".to_vec(), one(|_| {})].concat() => "does not end where";
    a_name_that_is_listed_twice_is_refused: one(|entry| entry.listed_twice = true) => "a name is there twice";
    a_duplicate_name_is_refused: Zip::of([good(), good()]).bytes() => "a name is there twice";
    a_part_that_is_there_twice_under_two_names_is_refused: named(b"7_2026-01-15_03#00.json.gz") => "twice";
    a_part_that_is_there_twice_in_two_folders_is_refused: named(b"8/7_2026-01-15_3#0.json.gz") => "twice";
    an_end_record_with_too_few_members_is_refused: Zip::of([good(), Entry::lines(4, 0, "{}\n")]).with(|zip| zip.count = Some(1)).bytes() => "the end record says 1 members, the central directory holds 2";
    an_end_record_with_too_many_members_is_refused: Zip::of([good()]).with(|zip| zip.count = Some(2)).bytes() => "the end record says 2 members, the central directory holds 1";
    a_wrong_directory_length_is_refused: Zip::of([good()]).with(|zip| zip.directory_length = Some(10)).bytes() => "does not end where";
    a_zip64_record_that_contradicts_the_small_one_is_refused: Zip::of([good()]).with(|zip| { zip.zip64 = true; zip.zip64_count = Some(7); }).bytes() => "contradict";
    a_split_archive_is_refused: Zip::of([good()]).with(|zip| zip.disk = 1).bytes() => "split over several files";
    an_end_record_hidden_in_the_comment_is_refused: {
        let hidden = Zip::of([]).bytes();
        Zip::of([good()]).with(|zip| zip.comment = hidden).bytes()
    } => "does not end where";
    an_archive_hidden_in_the_comment_is_refused: {
        let outer = Zip::of([good()]).with(|zip| zip.comment = vec![0]).bytes();
        let hidden = Zip::of([Entry::lines(4, 0, "{}\n")]).with(|zip| zip.before = outer[..outer.len() - 1].to_vec()).bytes();
        let comment = hidden[outer.len() - 1..].to_vec();
        Zip::of([good()]).with(|zip| zip.comment = comment).bytes()
    } => "bytes lie before the first member";
    a_member_over_another_is_refused: Zip::of([good(), Entry::lines(4, 0, "{}\n").with(|entry| entry.offset = Some(0))]).bytes() => "overlap";
    a_member_that_reaches_into_the_directory_is_refused: one(|entry| { entry.method = 0; entry.compressed = Some(1000); entry.size = Some(1000); }) => "overlap";
    a_member_outside_the_archive_is_refused: one(|entry| entry.offset = Some(1 << 30)) => "bytes lie before the first member";
    a_zip64_offset_outside_the_archive_is_refused: one(|entry| { entry.zip64 = true; entry.offset = Some(u64::MAX - 40); }) => "";
    a_member_that_the_directory_does_not_list_is_refused: Zip::of([good(), Entry::lines(4, 0, "{}\n").with(|entry| entry.hidden = true)]).bytes() => "belong to no member";
    bytes_between_members_are_refused: Zip::of([good().with(|entry| entry.behind = b"hole".to_vec()), Entry::lines(4, 0, "{}\n")]).bytes() => "4 bytes at";
    an_encrypted_member_is_refused: one(|entry| entry.flags = 1) => "encrypted";
    an_unknown_method_is_refused: one(|entry| entry.method = 93) => "neither stored nor deflated";
    bzip2_is_refused: one(|entry| entry.method = 12) => "neither stored nor deflated";
    two_methods_for_a_member_are_refused: one(|entry| entry.local_method = Some(0)) => "another method";
    two_names_for_a_member_are_refused: one(|entry| entry.local_name = Some(b"7/7_2026-01-15_4#0.json.gz".to_vec())) => "local header names";
    a_link_is_refused: one(|entry| entry.attributes = 0o120_777 << 16) => "a link";
    a_wrong_zip_crc_is_refused: one(|entry| entry.crc = Some(1)) => "checksum";
    a_wrong_zip_crc_of_a_stored_member_is_refused: one(|entry| { entry.method = 0; entry.crc = Some(1); }) => "checksum";
    a_member_larger_than_declared_is_refused: one(|entry| entry.size = Some(10)) => "larger than its declared";
    a_member_smaller_than_declared_is_refused: one(|entry| entry.size = Some(1000)) => "the directory says 1000";
    a_stored_member_with_two_sizes_is_refused: one(|entry| { entry.method = 0; entry.size = Some(3); }) => "stored, but";
    a_member_cut_short_by_its_length_is_refused: one(|entry| entry.compressed = Some(9)) => "belong to no member";
    a_path_that_climbs_is_refused: named(b"../../etc/passwd") => "no name of an export";
    a_path_that_climbs_from_a_folder_is_refused: named(b"7/../7_2026-01-15_3#1.json.gz") => "no name of an export";
    an_absolute_path_is_refused: named(b"/etc/passwd") => "no name of an export";
    a_windows_path_is_refused: named(b"C:\\7_2026-01-15_3#1.json.gz") => "no name of an export";
    a_name_with_a_newline_is_refused: named(b"7_2026-01-15_3#1.json.gz\nINFO all is well") => "\\nINFO";
    a_name_with_control_characters_is_refused: named(b"\x1b[31m7\x00\x07\x9b") => "\\x1b[31m7\\x00\\x07\\x9b";
    a_name_that_is_no_utf8_is_refused: named(b"\xff\xfe") => "\\xff\\xfe";
    a_name_that_reads_backwards_is_refused: named("\u{202e}7_2026-01-15_3#1.json.gz".as_bytes()) => "\\xe2\\x80\\xae";
    an_empty_name_is_refused: named(b"") => "no name of an export";
    a_very_long_name_is_refused: named(&[b'7'; 300]) => "a name of 300 bytes";
    a_foreign_file_is_refused: named(b"7/readme.txt") => "no name of an export";
    a_file_of_a_day_is_refused: named(b"7/7_2026-01-15#1.json.gz") => "no name of an export";
    an_hour_that_does_not_exist_is_refused: named(b"7/7_2026-01-15_24#1.json.gz") => "no name of an export";
    a_day_that_does_not_exist_is_refused: named(b"7/7_2026-02-30_4#1.json.gz") => "no name of an export";
    a_part_number_past_64_bits_is_refused: named(b"7/7_2026-01-15_3#99999999999999999999.json.gz") => "no name of an export";
    an_hour_that_nobody_asked_for_is_refused: named(b"7/7_2026-01-16_0#1.json.gz") => "nobody asked";
    another_project_is_refused: named(b"7/8_2026-01-15_3#1.json.gz") => "another project than 7";
    a_folder_that_holds_bytes_is_refused: named(b"7/") => "a folder that holds bytes";
    a_member_declared_as_a_bomb_is_refused: one(|entry| entry.size = Some(1 << 32 >> 1)) => "a bomb";
}

#[test]
fn what_does_not_begin_with_pk_is_no_archive() {
    for body in [&b""[..], b"P", b"<html>rate limited</html>", b"{\"error\":1}", &gzip("{}\n"), &[0; 4096]] {
        let fault = open(body).unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotAnArchive, "{fault}");
    }
}

#[test]
fn more_members_than_allowed_are_refused_before_they_are_listed() {
    let bytes = Zip::of((0..11).map(|part| Entry::lines(1, part, "{}\n"))).bytes();
    let limits = Limits { max_entries: 10, ..Limits::default() };
    assert!(Archive::open(file(&bytes), day(), limits).unwrap_err().detail.contains("11 members, more than 10"));
    assert!(open(&bytes).is_ok());
}

#[test]
fn a_count_that_wrapped_at_16_bits_is_refused() {
    refused(
        &Zip::of(super::reads::tiny_members(65_537)).bytes(),
        "the end record says 1 members, the central directory holds more",
    );
}

#[test]
fn a_bomb_is_refused() {
    let raw = vec![b' '; 4 << 20];
    let bytes = Zip::of([Entry::lines(3, 0, &raw)]).bytes();
    let limits = Limits { expansion_floor: 1 << 20, ..Limits::default() };
    let archive = Archive::open(file(&bytes), day(), limits).unwrap();
    let error = archive.read_hour(hour(3), packing(Format::Json, 1 << 20), &mut Discard).unwrap_err();
    assert!(matches!(&error, ReadError::Archive(fault) if fault.detail.contains("a bomb")), "{error:?}");
    assert!(read_all(&bytes, Format::Json).is_ok(), "below the floor of 64 MiB nothing is judged");
}

#[test]
fn a_bomb_of_many_gzip_members_is_refused() {
    let bytes = Zip::of([Entry::new("7_2026-01-15_3#0.json.gz", gzip(vec![b'\n'; 300_000]).repeat(10))]).bytes();
    let limits = Limits { expansion_floor: 1 << 20, ..Limits::default() };
    let archive = Archive::open(file(&bytes), day(), limits).unwrap();
    let error = archive.read_hour(hour(3), packing(Format::JsonGz, 1 << 20), &mut Discard).unwrap_err();
    assert!(matches!(&error, ReadError::Archive(fault) if fault.detail.contains("a bomb")), "{error:?}");
}

#[test]
fn truncation_at_every_length_is_refused_without_a_panic() {
    let entries =
        [good(), Entry::lines(4, 7, "{\"b\":1}\n"), Entry::new("7/", Vec::new()).with(|entry| entry.method = 0)];
    for zip64 in [false, true] {
        let bytes = Zip::of(entries.clone()).with(|zip| zip.zip64 = zip64).bytes();
        assert_eq!(read_all(&bytes, Format::JsonGz).unwrap().len(), 2);
        for length in 0..bytes.len() {
            assert!(read_all(&bytes[..length], Format::JsonGz).is_err(), "{length} of {}", bytes.len());
        }
    }
}

#[test]
fn a_changed_byte_anywhere_never_loses_a_row_unnoticed() {
    let bytes = Zip::of([good(), Entry::lines(4, 7, "{\"b\":1}\n")]).bytes();
    let all = |read: Vec<(Content, Collect)>| read.iter().map(|(content, _)| figures(content)).collect::<Vec<_>>();
    let truth = all(read_all(&bytes, Format::JsonGz).unwrap());
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if let Ok(read) = read_all(&changed, Format::JsonGz) {
                assert_eq!(all(read), truth, "byte {at} xor {flip}");
            }
        }
    }
}

#[test]
fn an_archive_that_shrinks_while_it_is_read_is_the_disks_fault() {
    for stored in [false, true] {
        let entry = good().with(|entry| entry.method = if stored { 0 } else { 8 });
        let shared = file(&Zip::of([entry]).bytes());
        let archive = Archive::open(shared.try_clone().unwrap(), day(), Limits::default()).unwrap();
        shared.set_len(60).unwrap();
        let error = archive.read_hour(hour(3), packing(Format::Json, 1), &mut Discard).unwrap_err();
        assert!(matches!(&error, ReadError::Archive(fault) if fault.kind == FaultKind::StagingFailed), "{error:?}");
    }
}
