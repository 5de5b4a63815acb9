//! The text of a configuration file: from byte ranges to lines and columns, and to lines that are safe to print.

use std::ops::Range;
use std::path::PathBuf;

use super::problem::{Place, Snippet};

/// A file that was read.
pub(super) struct SourceText {
    pub file: PathBuf,
    pub text: String,
}

impl SourceText {
    /// The place of `span`, with its line blotted out.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let (mut place, line, before) = self.locate(span);
        let marked = self.text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
        let start = blot(before).chars().count();
        let text = blot(line);
        let through = blot(line.get(..before.len() + marked.len()).unwrap_or(line)).chars().count();
        place.snippet = Some(Snippet { length: through.saturating_sub(start).max(1), start, text });
        place
    }

    /// The place of `span` without its line: in a file that does not parse, anything may be a secret.
    pub fn bare_place(&self, span: &Range<usize>) -> Place {
        self.locate(span).0
    }

    fn locate(&self, span: &Range<usize>) -> (Place, &str, &str) {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let before = &self.text[line_start..start];
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let number = self.text[..start].matches('\n').count() + 1;
        let place = Place { file: self.file.clone(), line: number, column: before.chars().count() + 1, snippet: None };
        (place, line, before)
    }
}

/// The line with every value as `…` and without its comment: keys and headers only. `line` may be cut off anywhere.
pub(super) fn blot(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '#' => break,
            '"' | '\'' => {
                let end = quoted_end(rest, c);
                out.push(c);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            '=' => {
                out.push('=');
                let blanks = rest.len() - rest.trim_start().len();
                out.push_str(&rest[..blanks]);
                rest = &rest[blanks..];
                if !rest.is_empty() && !rest.starts_with('{') {
                    let end = value_end(rest);
                    out.push('…');
                    rest = &rest[end..];
                }
            }
            _ => out.push(c),
        }
    }
    out.truncate(out.trim_end().len().max(out.rfind('=').map_or(0, |at| (at + 2).min(out.len()))));
    out
}

/// Where the value at the start of `text` ends. A list ends with the line.
fn value_end(text: &str) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) if !text.starts_with("\"\"\"") && !text.starts_with("'''") => {
            1 + quoted_end(&text[1..], quote)
        }
        Some('"' | '\'' | '[') => text.len(),
        _ => text.find([',', '}', '#']).map_or(text.len(), |end| text[..end].trim_end().len().max(1).min(end)),
    }
}

/// The length of the quoted text after its opening quote, the closing quote included.
fn quoted_end(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::blot;

    #[test]
    fn a_printed_line_holds_no_value() {
        for (line, safe) in [
            (r#"api_key = "CANARY" # CANARY"#, "api_key = …"),
            (r#"api_key = { file = "CANARY", evn = 'CANARY' }"#, "api_key = { file = …, evn = … }"),
            ("port = CANARY", "port = …"),
            (r#"on = ["CANARY", "CANARY"]"#, "on = …"),
            (r#"x = "a\"CANARY""#, "x = …"),
            (r#"x = """CANARY"#, "x = …"),
            ("[source.web] # CANARY", "[source.web]"),
            (r#"x="CANARY"#, "x=…"),
            (r#"x = "a#CANARY", y = 1"#, "x = …, y = …"),
        ] {
            assert_eq!(blot(line), safe);
        }
    }
}
