//! Member names: `[<digits>/]<project>_<YYYY-MM-DD>_<H or HH>#<part>.json.gz`, and nothing else.

use crate::model::Hour;

/// Longest member name read; Amplitude's take about 60 bytes.
pub(super) const NAME_MAX: usize = 255;

/// Most digits in a number of a name: as many as fit into 64 bits whatever they are.
const DIGITS_MAX: usize = 19;

/// What a member's name says. Only numbers leave this file; the name itself never becomes a path or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemberName<'a> {
    /// The project, digits.
    pub(super) project: &'a str,
    /// The upload hour.
    pub(super) hour: Hour,
    /// The part number: any number, not counted from 0.
    pub(super) part: u64,
}

/// Reads a member's name; `None` for any other form.
pub(super) fn parse(name: &[u8]) -> Option<MemberName<'_>> {
    let name = std::str::from_utf8(name).ok()?;
    let file = match name.split_once('/') {
        Some((folder, file)) => digits(folder).map(|_| file)?,
        None => name,
    };
    let (stem, part) = file.strip_suffix(".json.gz")?.split_once('#')?;
    let mut fields = stem.split('_');
    let (project, date, hour) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || !(1..=2).contains(&hour.len()) {
        return None;
    }
    let hour = format!("{date}T{:0>2}", digits(hour)?).parse().ok().filter(|_| is_date(date))?;
    Some(MemberName { project: digits(project)?, hour, part: digits(part)?.parse().ok()? })
}

/// A name made fit for a line of log: ASCII, escaped, short.
pub(super) fn shown(name: &[u8]) -> String {
    const SHOWN_MAX: usize = 80;
    let cut = &name[..name.len().min(SHOWN_MAX)];
    format!("\"{}{}\"", cut.escape_ascii(), if cut.len() < name.len() { "..." } else { "" })
}

fn digits(text: &str) -> Option<&str> {
    ((1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}
