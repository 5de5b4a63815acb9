//! Lines: what counts as a row, what as a good one, and what is remembered of it.

use super::super::rows::Rows;
use super::*;

fn content(raw: impl AsRef<[u8]>) -> Content {
    let mut rows = Rows::new(Limits::default().max_row_bytes);
    rows.push(raw.as_ref());
    rows.into_content()
}

fn is_good(line: impl AsRef<[u8]>) -> bool {
    let counted = content(line.as_ref());
    assert_eq!(figures(&counted), figures(&naive(line.as_ref())), "{}", line.as_ref().escape_ascii());
    counted.rows == 1 && counted.rows_invalid == 0
}

#[test]
fn legal_rows_that_trip_others_are_good() {
    for line in [
        r"{}",
        "  {\"a\" : [ 1 , {} , [] ] }\t\r",
        r#"{"a":"\ud800"}"#,
        r#"{"\udc00":1}"#,
        r#"{"a":1e400,"b":-0.0E-999999,"c":123456789012345678901234567890}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"event_time":5,"server_upload_time":{"event_time":[]}}"#,
        r#"{"a":"\"\\\/\b\f\n\r\t\u00e9"}"#,
        "{\"\u{feff}\u{2028}\u{1f600}\":\"\u{7f}\"}",
        r#"{"":{"":{"":null}},"t":true,"f":false}"#,
    ] {
        assert!(is_good(line), "{line}");
    }
}

#[test]
fn what_is_not_exactly_one_object_is_bad() {
    for line in [
        "[]",
        "1",
        "null",
        "\"a\"",
        "{",
        "}",
        "{}{}",
        "{},",
        "{} x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":nulll}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":[}",
        "{\"a\":{]}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u123",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\u{0}\"}",
        "{\"a\":\"b}",
        "{\"a\":1}\u{b}",
        "\u{feff}{}",
        "{\"a\" \"b\"}",
        "{\"a\":1 \"b\":2}",
        "{\"abcdefgh\u{1}\":1}",
        "{\"a\":\"1234567\u{1f}\"}",
    ] {
        assert!(!is_good(line), "{line}");
    }
    assert!(!is_good(b"{\"a\":\"\xff\"}") && !is_good(b"{\"a\":\"\xed\xa0\x80\"}"), "bytes that are no UTF-8");
}

#[test]
fn nesting_of_any_depth_is_followed_without_recursion() {
    for depth in [1, 62, 63, 64, 65, 127, 128, 129, 1_000_000] {
        let (open, close) = ("[{\"k\":".repeat(depth), "}]".repeat(depth));
        assert_eq!(content(format!("{{\"a\":{open}1{close}}}")).rows_invalid, 0, "{depth}");
        let mut wrong = format!("{{\"a\":{open}1{close}}}");
        wrong.replace_range(wrong.len() - 2..wrong.len() - 1, "}");
        assert_eq!(content(wrong).rows_invalid, 1, "{depth}");
    }
}

#[test]
fn blank_lines_are_no_rows() {
    let counted = content("\n\r\n  \t\n{}\n\n{}\r\n   ");
    assert_eq!((counted.rows, counted.rows_invalid), (2, 0));
    assert_eq!(content("").content_hash, ContentHash::default());
    assert_eq!(content("\u{a0}\n\u{b}\n\u{c}\n").rows, 3, "only spaces, tabs and carriage returns are blank");
}

#[test]
fn a_carriage_return_is_part_of_the_row() {
    assert_ne!(content("{}\r\n").content_hash, content("{}\n").content_hash);
    assert_eq!(content("{}\r\n").rows_invalid, 0);
}

#[test]
fn the_final_newline_may_be_missing() {
    assert_eq!(content("{}\n{}"), content("{}\n{}\n"));
}

#[test]
fn the_hash_does_not_depend_on_order_but_on_every_copy() {
    assert_eq!(content("{\"a\":1}\n{\"a\":2}").content_hash, content("{\"a\":2}\n{\"a\":1}").content_hash);
    assert_ne!(content("{\"a\":1}\n{\"a\":1}").content_hash, content("{\"a\":1}").content_hash);
}

#[test]
fn a_bad_row_is_counted_and_hashed() {
    let counted = content("{}\nnot json\n{\"a\":\n");
    assert_eq!(figures(&counted), figures(&naive(b"{}\nnot json\n{\"a\":\n")));
    assert_eq!((counted.rows, counted.rows_invalid), (3, 2));
}

#[test]
fn a_row_of_the_longest_length_is_checked_and_a_longer_one_is_not_held() {
    for (length, invalid) in [(1000, 0), (1001, 1)] {
        let line = format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
        let raw = format!("{{}}\n{line}\n{{}}");
        for piece in [1, 7, 999, 1000, 5000] {
            let mut rows = Rows::new(1000);
            raw.as_bytes().chunks(piece).for_each(|bytes| rows.push(bytes));
            let counted = rows.into_content();
            assert_eq!((counted.rows, counted.rows_invalid), (3, invalid), "{length} in pieces of {piece}");
            assert_eq!(counted.content_hash, naive(raw.as_bytes()).content_hash);
        }
    }
}

#[test]
fn a_long_blank_line_is_no_row() {
    let mut rows = Rows::new(1000);
    (0..500).for_each(|_| rows.push(b"       "));
    rows.push(b"\n{}");
    assert_eq!(rows.into_content().rows, 1);
}

#[test]
fn event_days_and_upload_times_are_picked() {
    let counted = content(
        "{\"event_time\":\"2026-01-14 23:59:59.999\",\"server_upload_time\":\"2026-01-15 03:10:00.5\"}\n\
         {\"server_upload_time\":\"2026-01-15 03:00:00\",\"event_time\":\"2026-01-15 01:00:00\"}\n\
         {\"x\":{\"event_time\":\"2001-01-01 00:00:00\"},\"event_time\":\"2026-01-14\"}\n\
         {\"server_upload_time\":\"2026-01-15 03:59:59.123456\",\"event_time\":\"2026-01-15T02:00:00Z\"}",
    );
    let days: Vec<String> = counted.event_dates.iter().map(ToString::to_string).collect();
    assert_eq!(days, ["2026-01-14", "2026-01-15"]);
    assert_eq!(counted.min_server_upload_time.unwrap().to_rfc3339(), "2026-01-15T03:00:00+00:00");
    assert_eq!(counted.max_server_upload_time.unwrap().to_rfc3339(), "2026-01-15T03:59:59.123456+00:00");
}

#[test]
fn odd_times_are_passed_over() {
    let odd = [
        "",
        "yesterday",
        "2026-02-30 00:00:00",
        "9999-99-99 00:00:00",
        "2026-01-15 24:00:00",
        "2026-01-15 23:59:60",
        "0",
        "２０２６-01-15 00:00:00",
        "2026-01-15 00:00:00.",
        "2026-01-15 00:00:00.1234567890",
        "2026-01-15 00:00:00Z",
    ];
    for text in odd {
        let counted = content(format!("{{\"event_time\":\"x{text}\",\"server_upload_time\":\"{text}\"}}"));
        assert_eq!((counted.rows, counted.rows_invalid), (1, 0));
        assert_eq!(counted.min_server_upload_time.or(counted.max_server_upload_time), None, "{text}");
        assert!(counted.event_dates.is_empty());
    }
    assert!(content("{\"event_time\":null,\"server_upload_time\":1}").event_dates.is_empty());
}

#[test]
fn made_up_days_are_capped_and_the_earliest_kept() {
    let first = chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
    let days = (0..1500_u64).rev().map(|day| first + chrono::Days::new(day));
    let lines: Vec<String> = days.map(|day| format!("{{\"event_time\":\"{day} 00:00:00\"}}")).collect();
    let counted = content(lines.join("\n"));
    assert_eq!(counted.event_dates.len(), Content::EVENT_DATES_MAX);
    assert_eq!(counted.event_dates[0], first);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]

    #[test]
    fn pieces_of_any_size_give_the_same_rows(
        raw in proptest::collection::vec(proptest::sample::select(b"{}\n\n \r\"a:1,".to_vec()), 0..200),
        piece in 1_usize..50,
        longest in 1_usize..30,
    ) {
        let mut rows = Rows::new(longest);
        raw.chunks(piece).for_each(|bytes| rows.push(bytes));
        let mut whole = Rows::new(longest);
        whole.push(&raw);
        let (pieces, whole) = (rows.into_content(), whole.into_content());
        proptest::prop_assert_eq!(&pieces, &whole);
        proptest::prop_assert_eq!((pieces.rows, pieces.content_hash), (naive(&raw).rows, naive(&raw).content_hash));
    }
}
