//! The top-level keys and values of a row that is one JSON object: where their text lies, in one pass, without a tree.
//! That it is one was found before (`archive::json`); of anything else the fields end early.

use std::ops::Range;

/// Walks over the fields of a row.
pub(super) struct Fields<'a> {
    text: &'a [u8],
    at: usize,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Where the key lies, between its quotes.
    pub(super) key: Range<usize>,
    /// Where the value lies.
    pub(super) value: Range<usize>,
    /// The value is a string without escapes.
    pub(super) plain: bool,
}

impl<'a> Fields<'a> {
    /// The fields of a row.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { text, at: space(text, 0) + 1 }
    }

    fn field(&mut self) -> Option<Field> {
        let (text, at) = (self.text, space(self.text, self.at));
        if text.get(at) != Some(&b'"') {
            return None;
        }
        let (after_key, _) = string_end(text, at + 1)?;
        let key = at + 1..after_key - 1;
        // A colon stands between.
        let start = space(text, space(text, after_key) + 1);
        let (end, plain) = value_end(text, start)?;
        // A comma or the closing brace.
        self.at = space(text, end) + 1;
        Some(Field { key, value: start..end, plain })
    }
}

impl Iterator for Fields<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        self.field()
    }
}

/// The first position from `at` that is no whitespace.
#[inline]
fn space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

/// The position after a value, and whether it is a string without escapes.
#[inline]
fn value_end(text: &[u8], start: usize) -> Option<(usize, bool)> {
    match text.get(start)? {
        b'"' => string_end(text, start + 1),
        b'{' | b'[' => nested_end(text, start + 1).map(|end| (end, false)),
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
            text[start..].iter().position(ends).map(|length| (start + length, false))
        }
    }
}

/// The position after the brackets that close what was opened before `at`.
fn nested_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 1_usize;
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at + 1)?.0,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

/// The position after the closing quote of a string whose first byte is at `at`, and whether it has no escapes; eight
/// bytes at a time.
#[inline]
fn string_end(text: &[u8], mut at: usize) -> Option<(usize, bool)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let mut plain = true;
    loop {
        while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*word);
            let (quote, backslash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
            // The lowest mark is exact: a borrow only reaches bytes above one that is marked.
            let marks = ((quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash)) & HIGHS;
            if marks != 0 {
                at += (marks.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        match text.get(at)? {
            b'"' => return Some((at + 1, plain)),
            b'\\' => {
                plain = false;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn fields(text: &str) -> Vec<(&str, &str)> {
        Fields::of(text.as_bytes()).map(|field| (&text[field.key], &text[field.value])).collect()
    }

    #[test]
    fn keys_and_values_are_found_whatever_they_hold() {
        let text =
            " { \"a\" : 1 ,\"b\":\"x\\\"}\\\\\",\"c\":{\"d\":[\"]\",{}]} , \"e\\u0041\":[ ],\"\":null,\"f\":-1e400}\r";
        let found =
            [("a", "1"), ("b", "\"x\\\"}\\\\\""), ("c", "{\"d\":[\"]\",{}]}"), ("e\\u0041", "[ ]"), ("", "null")];
        assert_eq!(fields(text), [&found[..], &[("f", "-1e400")]].concat());
        assert_eq!(fields("{}"), []);
        assert_eq!(fields(" {\t} "), []);
    }

    #[test]
    fn what_is_no_object_ends_early() {
        for text in ["", "{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":[", "{\"a\":\"\\", "[1]", "null", "{\"a\":1"] {
            assert_eq!(fields(text), [], "{text}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "[ -~é\\\\\"\n]{0,20}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
                proptest::collection::btree_map("[a-z\"\\\\]{0,5}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_fields_are_those_of_serde_json(map in proptest::collection::btree_map("[a-z]{1,6}", json(), 0..9), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&map) } else { serde_json::to_string(&map) }.unwrap();
            let expected: std::collections::BTreeMap<&str, &RawValue> = serde_json::from_str(&text).unwrap();
            let found = fields(&text);
            prop_assert_eq!(found.len(), expected.len());
            for (key, value) in found {
                prop_assert_eq!(value, expected[key].get());
            }
        }

        #[test]
        fn any_bytes_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for field in Fields::of(&[b"{", &bytes[..]].concat()) {
                prop_assert!(field.value.end <= bytes.len() + 1);
            }
        }
    }
}
