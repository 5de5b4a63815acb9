//! Lines that never get wider than the page.

use unicode_width::UnicodeWidthChar;

use super::View;
use crate::telemetry::escape;

/// What a piece of a line means; the colour only repeats what glyph and word say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Strong,
    Good,
    Warn,
    Bad,
    Dim,
}

impl Paint {
    fn code(self) -> Option<&'static str> {
        match self {
            Paint::Plain => None,
            Paint::Strong => Some("1"),
            Paint::Good => Some("32"),
            Paint::Warn => Some("33"),
            Paint::Bad => Some("31"),
            Paint::Dim => Some("2"),
        }
    }
}

/// The page while it is written.
pub(super) struct Page {
    pub(super) width: usize,
    pub(super) ascii: bool,
    color: bool,
    out: String,
}

/// Columns a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

impl Page {
    pub(super) fn new(view: &View) -> Self {
        let width = usize::from(view.width).clamp(20, 80);
        Self { width, ascii: view.ascii, color: view.color, out: String::new() }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    pub(super) fn blank(&mut self) {
        self.out.push('\n');
    }

    /// The text made printable; in ASCII, what is not becomes `?`.
    pub(super) fn clean(&self, text: &str) -> String {
        let text = escape(text);
        if !self.ascii {
            return text;
        }
        text.chars()
            .flat_map(|c| match c {
                '…' => "...".chars().collect::<Vec<_>>(),
                c if c.is_ascii() => vec![c],
                _ => vec!['?'],
            })
            .collect()
    }

    /// The text, cut to `width` columns with an ellipsis.
    pub(super) fn cut(&self, text: &str, width: usize) -> String {
        let text = self.clean(text);
        if columns(&text) <= width {
            return text;
        }
        let mark = if self.ascii { "~" } else { "…" };
        let mut out = String::new();
        let mut used = 1;
        for c in text.chars() {
            used += c.width().unwrap_or(0);
            if used > width {
                break;
            }
            out.push(c);
        }
        out + mark
    }

    /// The text, cut or filled up to exactly `width` columns.
    pub(super) fn cell(&self, text: &str, width: usize) -> String {
        let text = self.cut(text, width);
        let fill = width.saturating_sub(columns(&text));
        text + &" ".repeat(fill)
    }

    /// One line of pieces, cut at the page's edge.
    pub(super) fn line(&mut self, pieces: &[(Paint, String)]) {
        let mut left = self.width;
        let last = pieces.len().saturating_sub(1);
        for (at, (paint, text)) in pieces.iter().enumerate() {
            let text = if at == last { text.trim_end() } else { text };
            let text = self.cut(text, left);
            left -= columns(&text).min(left);
            match paint.code().filter(|_| self.color && !text.is_empty()) {
                Some(code) => {
                    self.out.push_str("\x1b[");
                    self.out.push_str(code);
                    self.out.push('m');
                    self.out.push_str(&text);
                    self.out.push_str("\x1b[0m");
                }
                None => self.out.push_str(&text),
            }
            if left == 0 {
                break;
            }
        }
        self.out.push('\n');
    }

    /// A text over several lines, at most `most` of them; `joint` ends each line but the last.
    pub(super) fn wrap(&mut self, paint: Paint, indent: (&str, &str), text: &str, joint: &str, most: usize) {
        let text = self.clean(text);
        let words: Vec<&str> = text.split_whitespace().collect();
        self.wrap_words(paint, indent, &words, " ", (joint, most));
    }

    /// Words over several lines, with `gap` between them.
    pub(super) fn wrap_words(
        &mut self,
        paint: Paint,
        (first, next): (&str, &str),
        words: &[&str],
        gap: &str,
        (joint, most): (&str, usize),
    ) {
        let room = self.width - columns(joint);
        let (mut lines, mut line) = (Vec::new(), first.to_owned());
        let mut fresh = true;
        for word in words {
            if !fresh && columns(&line) + columns(gap) + columns(word) > room {
                lines.push(std::mem::replace(&mut line, next.to_owned()));
                fresh = true;
            }
            if !fresh {
                line.push_str(gap);
            }
            line.push_str(word);
            fresh = false;
        }
        lines.push(line);
        let count = lines.len();
        for (at, mut line) in lines.into_iter().take(most).enumerate() {
            if at + 1 < count {
                line.push_str(if at + 1 == most { " …" } else { joint });
            }
            self.line(&[(paint, line)]);
        }
    }
}
