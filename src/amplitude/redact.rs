//! The one place where secrets are blotted out of what others wrote, before anybody sees it.

use std::ops::Range;

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// This many characters of a secret in a row count as the secret.
const FRAGMENT: usize = 12;

/// At the end of the text, which is often cut, this many first characters of a secret do.
const FRAGMENT_AT_END: usize = 4;

/// A character as it is compared, and where it stands in the text.
struct Folded {
    character: char,
    place: Range<usize>,
}

/// `text` with every secret blotted out: whole, in pieces of 12 characters or more, or begun at the end of a text that
/// was cut. Found also percent-encoded, in other case, in either base64 alphabet, and over line breaks, blanks and
/// backslashes. Secrets shorter than 4 characters are no secrets.
pub fn redact<S: AsRef<str>>(text: &str, secrets: &[S]) -> String {
    let folded = fold(text);
    let mut blotted = vec![false; folded.len()];
    for secret in secrets {
        let needle: Vec<char> = fold(secret.as_ref().trim_end_matches('=')).iter().map(|f| f.character).collect();
        if needle.len() < FRAGMENT_AT_END {
            continue;
        }
        for at in 0..folded.len() {
            let length = longest_piece(&folded[at..], &needle);
            blotted[at..at + length].fill(true);
        }
    }
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    let mut at = 0;
    while at < folded.len() {
        if blotted[at] {
            shown.push_str(&text[from..folded[at].place.start]);
            shown.push_str(REDACTED);
            while at < folded.len() && blotted[at] {
                from = folded[at].place.end;
                at += 1;
            }
        } else {
            at += 1;
        }
    }
    shown.push_str(&text[from..]);
    shown
}

/// The length of the longest piece of `needle` with which `text` begins; 0 when it is too short to tell anything.
fn longest_piece(text: &[Folded], needle: &[char]) -> usize {
    let enough = FRAGMENT.min(needle.len());
    (0..needle.len())
        .map(|offset| {
            let run = text.iter().zip(&needle[offset..]).take_while(|(a, b)| a.character == **b).count();
            let cut = offset == 0 && run == text.len() && run >= FRAGMENT_AT_END;
            if run >= enough || cut { run } else { 0 }
        })
        .max()
        .unwrap_or(0)
}

/// The characters that matter for the comparison.
fn fold(text: &str) -> Vec<Folded> {
    let mut folded = Vec::with_capacity(text.len());
    let mut characters = text.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let mut character = character;
        let mut end = start + character.len_utf8();
        if character == '\\' {
            // An escaped line break of JSON is one; an escaped slash is a slash.
            characters.next_if(|(_, next)| matches!(next, 'n' | 'r' | 't'));
            continue;
        }
        if character == '%'
            && let Some(decoded) = text.get(start + 1..start + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok())
            && decoded.is_ascii()
        {
            character = char::from(decoded);
            end = start + 3;
            characters.nth(1);
        }
        if character.is_whitespace() || character.is_control() {
            continue;
        }
        let character = match character {
            '-' => '+',
            '_' => '/',
            other => other.to_ascii_lowercase(),
        };
        folded.push(Folded { character, place: start..end });
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const BASIC: &str = "MDEyMzQ1Njc4OWFi/2RlZjpz+WNyZXQ=";

    fn blotted(text: &str) -> String {
        redact(text, &[KEY, BASIC])
    }

    #[test]
    fn a_key_is_blotted_wherever_it_stands() {
        assert_eq!(blotted(&format!("key {KEY}.")), "key [redacted].");
        assert_eq!(blotted(KEY), "[redacted]");
        assert_eq!(blotted(&format!("{KEY}{KEY} and {KEY}")), "[redacted] and [redacted]");
        assert_eq!(blotted(&format!("é{KEY}é")), "é[redacted]é");
        assert_eq!(blotted(&KEY.to_uppercase()), "[redacted]");
    }

    #[test]
    fn a_basic_token_is_blotted_in_every_spelling() {
        for text in [
            BASIC.to_owned(),
            BASIC.trim_end_matches('=').to_owned(),
            BASIC.replace('/', "%2F").replace('+', "%2b"),
            BASIC.replace('/', "\\/"),
            BASIC.replace('/', "_").replace('+', "-"),
        ] {
            let shown = blotted(&format!("basic {text}!"));
            assert!(shown == "basic [redacted]!" || shown == "basic [redacted]=!", "{text}: {shown}");
        }
    }

    #[test]
    fn a_key_that_is_split_by_its_context_is_blotted() {
        for between in ["\n", "\r\n", " ", "\\n", "\t\t", "\\"] {
            let text = format!("{}{between}{}", &KEY[..5], &KEY[5..]);
            assert_eq!(blotted(&text), "[redacted]", "{between:?}");
        }
        // Split by what cannot be skipped: either piece is long enough to be known.
        let text = format!("{}<wbr>{}", &KEY[..16], &KEY[16..]);
        assert_eq!(blotted(&text), "[redacted]<wbr>[redacted]");
    }

    #[test]
    fn a_key_that_is_cut_at_the_end_is_blotted() {
        for length in 4..KEY.len() {
            assert_eq!(blotted(&format!("key={}", &KEY[..length])), "key=[redacted]", "{length}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in ["", "Raw data files were not found.", "100%", "%zz %é", "012", "a 0123 b", "\\"] {
            assert_eq!(blotted(text), text);
        }
        assert_eq!(redact("anything", &["", "any"]), "anything");
    }

    proptest::proptest! {
        #[test]
        fn no_text_around_a_key_hides_it(before in ".{0,40}", after in ".{0,40}") {
            let shown = blotted(&format!("{before}{KEY}{after}"));
            proptest::prop_assert!(!shown.contains(KEY), "{shown}");
        }
    }
}
