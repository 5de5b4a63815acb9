//! The check of a line: the quick way, the exact one and `serde_json` agree, wherever a block of the quick way ends.

use proptest::prelude::*;

use super::super::json::{self, Checker, Picked};
use super::super::nesting::Nesting;
use super::*;

/// What both ways say of a line, which must be the same; and `serde_json`.
fn checked(line: &[u8]) -> Option<Picked<'_>> {
    let exact = std::str::from_utf8(line).ok().and_then(|_| json::exactly(line, &mut Nesting::default()));
    let shown = line.escape_ascii();
    for mut checker in [Checker::new(), Checker::baseline()] {
        assert_eq!(checker.object(line), exact, "{shown}");
    }
    assert_eq!(exact.is_some(), is_object(line), "{shown}");
    exact
}

/// What may stand where a value should, valid or not.
const VALUES: &[&str] = &[
    "null",
    "nul",
    "nulls",
    "true",
    "false",
    "0",
    "01",
    "7",
    "-0.5e3",
    "1.",
    "123456789012345",
    "1234567890123456",
    "12345678901234567",
    "1x",
    "x",
    " 1",
    "1 ",
    "\t1",
    "\u{1}",
    "",
    ",",
    ":",
    "\"",
    "\"\"",
    "\"a\"b",
    "\"a\"\"b\"",
    r#""a\"b""#,
    r#""\\""#,
    r#""\\\""#,
    r#""a\\","b":"\"""#,
    r#""\u00e9""#,
    r#""\u00g9""#,
    r#""\x""#,
    r#"\"a""#,
    "\"\t\"",
    "\"\u{1f}\"",
    "\"\u{7f}\"",
    "\"é\"",
    "\"😀\"",
    "é",
    "{}",
    "{},\"b\":{}",
    "{{}}",
    "{\"a\":{\"b\":{}}}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":1}}",
    "{\"a\":1",
    "1},\"b\":{\"c\":1",
    "}",
    "[",
    "]",
    "[]",
    "[1,\"]\",{\"a\":[ ]}]",
    "[1,]",
    "[\"\\\"\"],\"b\":[[]]",
    "[\"a\":1]",
    "[]]",
    "[\"a\"",
    "[1]2",
    "1,\"b\"",
    "1,2",
    "1:2",
    "\"a\":1",
    "1,\"b\":2,\"\":3",
    "1,,\"b\":2",
    "1\"b\":2",
    "{}\"b\":2",
    "\"a\",\"b\"",
    "1,[2]",
    "1,{}",
    r#"1,"event_time":"in","server_upload_time":"out""#,
    r#"1,"event_time":"a\"b","event_time":5"#,
    r#"1,"event_time":"","server_upload_time":null"#,
    r#"{"event_time":"deep"},"server_upload_time":"out""#,
    r#"[{"event_time":"deep"}],"event_time":"last""#,
    r#"1,"123456\"event_time":"no""#,
    r#"1,"event\u005ftime":"no","event_timé":"no""#,
    r#""event_time","server_upload_time":"x","event_time":["y"]"#,
    r#"}}}}}},"event_time":"x""#,
];

#[test]
fn every_value_is_judged_alike_wherever_a_block_ends() {
    for value in VALUES {
        for before in 0..140 {
            checked(format!("{{\"{}\":{value}}}", "k".repeat(before)).as_bytes());
            checked(format!("{{\"event_time\":\"{}\",\"a\":{value},\"z\":\"é\"}}", "v".repeat(before)).as_bytes());
        }
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_bad_wherever_they_stand() {
    for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98"] {
        for before in 0..140 {
            let line = [b"{\"a\":\"", "v".repeat(before).as_bytes(), bytes, b"\"}"].concat();
            assert_eq!(checked(&line), None);
        }
    }
}

#[test]
fn the_times_of_a_plain_row_are_picked() {
    let row =
        br#"{"event_time":"2026-01-15 00:39:04","a":{"event_time":"x"},"server_upload_time":"2026-01-15 00:39:05"}"#;
    let picked = checked(row).unwrap();
    assert_eq!(picked.event_time, Some(&b"2026-01-15 00:39:04"[..]));
    assert_eq!(picked.server_upload_time, Some(&b"2026-01-15 00:39:05"[..]));
}

fn json_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\"a\"",
            "\"a\":",
            "{}",
            "[]",
            "{\"a\":1}",
            "true",
            "false",
            "null",
            "0",
            "-1",
            "1.5",
            "1e5",
            "e",
            ".",
            "-",
            "\\",
            "\\u00",
            "\\ud83d",
            "\\n",
            " ",
            "\t",
            "\r",
            "\u{1}",
            "é",
            "12345678",
            "\"12345678\"",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        any::<u8>().prop_filter("a newline ends a line", |byte| *byte != b'\n').prop_map(|byte| vec![byte]),
    ];
    (any::<bool>(), proptest::collection::vec(token, 0..24)).prop_map(|(inside, tokens)| {
        let inner = tokens.concat();
        if inside { [b"{\"k\":".to_vec(), inner, b"}".to_vec()].concat() } else { inner }
    })
}

/// A row without whitespace, as an export has them: a tree of the values above, broken in one place or not.
fn row_like() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof![
        Just("event_time".to_owned()),
        Just("server_upload_time".to_owned()),
        "[a-z_é]{0,24}",
        r#"[a-z]{0,9}(\\\\|\\"|\\u00e9)[a-z]{0,9}"#,
    ];
    let text = prop_oneof!["[ -!#-\\[\\]-~]{0,80}", r#"([a-z,:{}é]|\\\\|\\"|\\n|\\u12aF){0,40}"#];
    let leaf = prop_oneof![
        text.prop_map(|text| format!("\"{text}\"")),
        proptest::sample::select(vec!["null", "true", "false", "0", "-1.5e7", "{}", "[]"]).prop_map(str::to_owned),
        "[1-9][0-9]{0,20}",
    ];
    let value = leaf.prop_recursive(4, 24, 4, move |inner| {
        let pair = (key.clone(), inner.clone()).prop_map(|(key, value)| format!("\"{key}\":{value}"));
        prop_oneof![
            3 => proptest::collection::vec(pair, 1..8).prop_map(|pairs| format!("{{{}}}", pairs.join(","))),
            1 => proptest::collection::vec(inner, 1..4).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    });
    let marks = proptest::sample::select(br#"{}[]:,"\ 0x"#.to_vec());
    let broken = proptest::option::of((any::<prop::sample::Index>(), marks, 0..3));
    (proptest::collection::vec(value, 1..6), broken).prop_map(|(values, broken)| {
        let pairs: Vec<String> = values.iter().enumerate().map(|(n, value)| format!("\"k{n}\":{value}")).collect();
        let mut row = format!("{{{}}}", pairs.join(",")).into_bytes();
        if let Some((place, mark, how)) = broken {
            let place = place.index(row.len());
            match how {
                0 => row[place] = mark,
                1 => row.insert(place, mark),
                _ => drop(row.remove(place)),
            }
        }
        row
    })
}

proptest::proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_check_agrees_with_serde_json(line in json_like()) {
        checked(&line);
    }
}

proptest::proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn rows_whole_and_broken_are_judged_alike(line in row_like()) {
        checked(&line);
    }
}
