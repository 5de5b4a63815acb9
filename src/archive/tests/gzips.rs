//! Gzip inside the members: every stream read, every fault noticed.

use super::zipper::{Entry, Zip, gzip};
use super::*;

const LINES: &str = "{\"a\":1}\n{\"a\":2}\n";

fn with(content: Vec<u8>) -> Vec<u8> {
    Zip::of([Entry::new("7/7_2026-01-15_3#0.json.gz", content)]).bytes()
}

#[test]
fn a_member_of_two_gzip_streams_is_read_whole() {
    let content = [gzip(LINES), gzip("{\"b\":1}\n")].concat();
    let (read, sink) = read_one(&with(content.clone()), Format::JsonGz);
    assert_eq!(read.rows, 3);
    assert_eq!(sink.joined(), content);
    assert_eq!(read_one(&with(content), Format::Json).0.rows, 3);
}

#[test]
fn a_row_that_runs_over_two_gzip_streams_is_one_row() {
    let content = [gzip("{\"a\""), gzip(""), gzip(":1}\n")].concat();
    let (read, sink) = read_one(&with(content), Format::Json);
    assert_eq!((read.rows, read.rows_invalid), (1, 0));
    assert_eq!(sink.joined(), b"{\"a\":1}\n");
}

#[test]
fn thousands_of_gzip_streams_in_a_member_are_read() {
    let content = gzip("{}\n").repeat(20_000);
    assert_eq!(read_one(&with(content), Format::JsonGz).0.rows, 20_000);
}

#[test]
fn a_gzip_header_with_every_field_is_read() {
    let plain = gzip(LINES);
    let mut content = vec![0x1f, 0x8b, 8, 0x1c, 1, 2, 3, 4, 0, 3, 3, 0, b'e', b'x', b't'];
    content.extend_from_slice(b"name.json\0a comment\0");
    content.extend_from_slice(&plain[10..]);
    let (read, sink) = read_one(&with(content.clone()), Format::JsonGz);
    assert_eq!((read.rows, sink.joined()), (2, content));
}

#[test]
fn zeros_after_the_last_gzip_stream_are_tolerated_and_not_landed() {
    for zeros in [1, 511, 200_000] {
        let padded = [gzip(LINES), vec![0; zeros]].concat();
        let (read, sink) = read_one(&with(padded), Format::JsonGz);
        assert_eq!((read.rows, sink.joined()), (2, gzip(LINES)), "{zeros}");
    }
}

#[test]
fn anything_else_after_a_gzip_stream_is_refused() {
    refused(&with([gzip(LINES), b"junk".to_vec()].concat()), "no gzip member");
    refused(&with([gzip(LINES), vec![0; 9], b"junk".to_vec()].concat()), "follow the zeros");
    refused(&with([gzip(LINES), vec![0; 200_000], gzip(LINES)].concat()), "gzip member");
    refused(&with([gzip(LINES), vec![0x1f]].concat()), "torn");
    refused(&with([gzip(LINES), vec![0x1f, 0x00]].concat()), "corrupt");
}

#[test]
fn a_gzip_stream_torn_at_any_length_is_refused() {
    let content = gzip(LINES);
    for length in 0..content.len() {
        assert!(read_all(&with(content[..length].to_vec()), Format::JsonGz).is_err(), "{length}");
    }
    refused(&with(content[..content.len() - 1].to_vec()), "member 2026-01-15T03#0: its gzip stream is torn");
    refused(&with(content[..content.len() - 8].to_vec()), "torn");
    refused(&with(Vec::new()), "empty");
}

#[test]
fn a_wrong_gzip_crc_is_refused() {
    let mut content = gzip(LINES);
    let at = content.len() - 8;
    content[at] ^= 1;
    refused(&with(content), "corrupt");
}

#[test]
fn wrong_codes_anywhere_in_the_data_are_called_so_and_never_a_repeated_call() {
    let lines: Vec<String> = (0..3_000).map(|n| format!("{{\"a\":{}}}\n", n * 7_919 % 10_007)).collect();
    let content = gzip(lines.concat());
    let mut in_the_fast_loop = 0;
    for at in (10..content.len() - 8).step_by(97) {
        let mut bad = content.clone();
        bad[at..at + 4].fill(0xff);
        let fault = read_all(&with(bad), Format::JsonGz).err().unwrap();
        assert!(fault.detail.contains("its gzip stream is"), "{at}: {fault}");
        assert!(!fault.detail.contains("repeated call"), "{at}: {fault}");
        in_the_fast_loop += usize::from(fault.detail.contains("wrong codes in its data"));
    }
    assert!(in_the_fast_loop > 0);
}

#[test]
fn a_wrong_gzip_length_is_refused() {
    let mut content = gzip(LINES);
    let at = content.len() - 4;
    content[at] ^= 1;
    refused(&with(content), "corrupt");
}

#[test]
fn a_wrong_crc_in_the_first_of_two_streams_is_refused() {
    let mut content = gzip(LINES);
    let at = content.len() - 8;
    content[at] ^= 1;
    refused(&with([content, gzip(LINES)].concat()), "corrupt");
}

#[test]
fn a_member_that_is_no_gzip_is_refused() {
    refused(&with(LINES.as_bytes().to_vec()), "corrupt");
    refused(&with(vec![0; 100]), "corrupt");
    refused(&with(Zip::of([Entry::lines(1, 1, LINES)]).bytes()), "corrupt");
    refused(&with(gzip(LINES).into_iter().skip(10).collect()), "corrupt");
}

#[test]
fn the_newline_member_is_gzip_of_a_newline() {
    assert_eq!(gunzip_all(&super::super::gunzip::NEWLINE_MEMBER), b"\n");
}
