//! One value against its kind. A complaint names types and rules, never the value.

use std::collections::BTreeMap;
use std::time::Duration;

use figment::value::Value;

use crate::model::{Format, Hour};

use super::key_table::Kind;
use super::problem::nearest;
use super::secret_form::{Spec, secret};
use super::{texts, units};

/// A value that was read.
#[derive(Clone, Debug)]
pub(super) enum Parsed {
    Text(String),
    Number(u64),
    Flag(bool),
    Time(Duration),
    Off,
    Hour(Hour),
    List(Vec<String>),
    Tags(BTreeMap<String, String>),
    Format(Format),
    Secret(Spec),
}

/// Why a value is refused.
#[derive(Debug)]
pub(super) struct Complaint {
    /// Continues "`region` in [source.web] ...".
    pub message: String,
    pub help: Option<String>,
}

impl Complaint {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }
}

/// The type of a value, for messages.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(..) => "a string",
        Value::Char(..) => "a character",
        Value::Bool(..) => "a boolean",
        Value::Num(_, number) if number.to_f64().is_some() => "a float",
        Value::Num(..) => "an integer",
        Value::Empty(..) => "a date or time",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}

/// Reads `value` as `kind`. With `written` the value comes from the environment or a flag: always a string, read by
/// the key's own type and otherwise untouched.
pub(super) fn parse(kind: Kind, value: &Value, written: bool) -> Result<Parsed, Complaint> {
    match kind {
        Kind::Bool => boolean(value, written).map(Parsed::Flag),
        Kind::Int(low, high) => integer(value, written, low, high).map(Parsed::Number),
        Kind::Size(low, high) => bytes(value, low, high).map(Parsed::Number),
        Kind::List | Kind::Words(_) => list(kind, value, written).map(Parsed::List),
        Kind::Tags => tags(value, written).map(Parsed::Tags),
        Kind::Secret => secret(value).map(Parsed::Secret),
        Kind::Id => match value {
            Value::Num(_, number) if number.to_i128().is_some() => {
                Ok(Parsed::Text(number.to_i128().unwrap_or_default().to_string()))
            }
            _ => text(kind, string(value, "a string")?),
        },
        _ => text(kind, string(value, expected(kind))?),
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Duration(..) | Kind::OffOrDuration(..) | Kind::Hours => "a string with a duration",
        Kind::Path | Kind::PathOrNone | Kind::Socket => "a string with a path",
        Kind::Url => "a string with an address",
        _ => "a string",
    }
}

fn string<'a>(value: &'a Value, expected: &str) -> Result<&'a str, Complaint> {
    value.as_str().ok_or_else(|| Complaint {
        message: format!("must be {expected}, found {}", type_name(value)),
        help: Some("put the value in double quotes".to_owned()),
    })
}

fn text(kind: Kind, text: &str) -> Result<Parsed, Complaint> {
    let may_be_empty = matches!(kind, Kind::Prefix | Kind::PathOrNone | Kind::Listen);
    if text.is_empty() && !may_be_empty {
        return Err(Complaint::new("is empty", "give it a value, or leave the key out"));
    }
    let refuse = |help: &'static str| move |message: String| Complaint::new(message, help);
    Ok(match kind {
        Kind::Duration(low, high) => {
            let time = units::duration(text).map_err(refuse(units::DURATION_HELP))?;
            Parsed::Time(in_range(time, low, high)?)
        }
        Kind::OffOrDuration(..) if text == "off" => Parsed::Off,
        Kind::OffOrDuration(low, high) => {
            let time = units::duration(text).map_err(refuse(r#"write "off", or a duration such as "24h" or "2d""#))?;
            Parsed::Time(in_range(time, low, high)?)
        }
        Kind::Hours => Parsed::Number(u64::from(units::hours(text).map_err(refuse(units::HOURS_HELP))?)),
        Kind::Hour => Parsed::Hour(
            text.parse().map_err(|_| Complaint::new("is no hour", "write 2026-01-01T00 or 20260101T00 (UTC)"))?,
        ),
        Kind::Choice(words) => Parsed::Text(choice(text, words)?),
        Kind::Format => Parsed::Format(format(text)?),
        Kind::Cron => Parsed::Text(
            units::cron(text)
                .map_err(refuse("five fields (minute hour day month weekday), UTC; six begin with the second"))?,
        ),
        Kind::Url => {
            Parsed::Text(texts::url(text).map_err(refuse("write it as \"https://host\" or \"http://host:port\""))?)
        }
        Kind::Bucket => Parsed::Text(
            texts::bucket(text).map_err(refuse("write the name as S3 shows it; a path goes into `prefix`"))?,
        ),
        Kind::Prefix => {
            Parsed::Text(texts::prefix(text).map_err(refuse("write it as \"amplitude\" or \"raw/amplitude\""))?)
        }
        Kind::Listen => {
            Parsed::Text(texts::listen(text).map_err(refuse("write it as \"127.0.0.1:9797\", or \"\" for none"))?)
        }
        Kind::Level => Parsed::Text(
            texts::level(text)
                .map_err(refuse("one of error, warn, info, debug, trace; or a filter such as \"info,ampd=debug\""))?,
        ),
        Kind::Path | Kind::PathOrNone | Kind::Socket => Parsed::Text(path(text)?),
        _ => Parsed::Text(text.to_owned()),
    })
}

/// A path is taken as it is written.
pub(super) fn path(text: &str) -> Result<String, Complaint> {
    if text.contains('\0') {
        return Err(Complaint::new("holds a zero byte", "remove it"));
    }
    if text == "~" || text.starts_with("~/") || text.starts_with('$') {
        return Err(Complaint::new("is not expanded: `~` and variables mean nothing here", "write the whole path"));
    }
    Ok(text.to_owned())
}

fn in_range(time: Duration, low: u64, high: u64) -> Result<Duration, Complaint> {
    let (least, most) = (Duration::from_millis(low), Duration::from_millis(high));
    if time < least || time > most {
        let rule = format!("must be from {} to {}", units::duration_text(least), units::duration_text(most));
        return Err(Complaint::new(rule, units::DURATION_HELP));
    }
    Ok(time)
}

fn choice(text: &str, words: &[&str]) -> Result<String, Complaint> {
    if words.contains(&text) {
        return Ok(text.to_owned());
    }
    let help = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => format!("write one of {}", quoted(words)),
    };
    Err(Complaint::new(format!("must be one of {}", quoted(words)), help))
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

fn format(text: &str) -> Result<Format, Complaint> {
    let words: Vec<&str> = Format::built().map(Format::extension).collect();
    let word = choice(text, &words)?;
    Ok(Format::built().find(|format| format.extension() == word).unwrap_or_default())
}

fn boolean(value: &Value, written: bool) -> Result<bool, Complaint> {
    match value {
        Value::Bool(_, flag) => Ok(*flag),
        Value::String(_, text) if written && text == "true" => Ok(true),
        Value::String(_, text) if written && text == "false" => Ok(false),
        _ if written => Err(Complaint::new("must be true or false", "write `true` or `false`")),
        _ => Err(Complaint::new(
            format!("must be true or false, found {}", type_name(value)),
            "write true or false without quotes",
        )),
    }
}

fn integer(value: &Value, written: bool, low: u64, high: u64) -> Result<u64, Complaint> {
    let rule = if low == high { format!("must be {low}") } else { format!("must be an integer from {low} to {high}") };
    let number = match value {
        Value::Num(_, number) => number.to_i128().and_then(|n| u64::try_from(n).ok()),
        Value::String(_, text) if written => text.parse().ok(),
        _ => None,
    };
    let found = if written || matches!(value, Value::Num(..)) {
        String::new()
    } else {
        format!(", found {}", type_name(value))
    };
    match number {
        Some(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(Complaint::new(format!("{rule}{found}"), "write the number without quotes and without a unit")),
    }
}

fn bytes(value: &Value, low: u64, high: u64) -> Result<u64, Complaint> {
    let size = match value {
        Value::Num(_, number) => {
            number.to_i128().and_then(|n| u64::try_from(n).ok()).ok_or_else(|| "is no size".to_owned())
        }
        _ => units::size(string(value, "a string with a size or an integer")?),
    };
    let size = size.map_err(|message| Complaint::new(message, units::SIZE_HELP))?;
    if (low..=high).contains(&size) {
        return Ok(size);
    }
    let most = if high == i64::MAX as u64 { String::new() } else { format!(" and at most {}", units::size_text(high)) };
    Err(Complaint::new(format!("must be at least {}{most}", units::size_text(low)), units::SIZE_HELP))
}

fn list(kind: Kind, value: &Value, written: bool) -> Result<Vec<String>, Complaint> {
    if written {
        return Err(Complaint::new("is a list, which only the file can hold", "write it in ampd.toml"));
    }
    let wrong = || Complaint::new("must be a list of strings", r#"write it as ["one", "two"]"#);
    let Value::Array(_, items) = value else {
        return Err(Complaint::new(
            format!("must be a list of strings, found {}", type_name(value)),
            r#"write it as ["one", "two"]"#,
        ));
    };
    let items =
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    if let Kind::Words(words) = kind {
        items.iter().try_for_each(|item| choice(item, words).map(|_| ()))?;
    } else if items.is_empty() || items[0].is_empty() {
        return Err(Complaint::new("must not be empty", r#"write it as ["one", "two"]"#));
    }
    Ok(items)
}

fn tags(value: &Value, written: bool) -> Result<BTreeMap<String, String>, Complaint> {
    const HELP: &str = r#"write it as { team = "data" }, in ampd.toml"#;
    let Value::Dict(_, tags) = value else {
        let found = if written { "the file only can hold it" } else { type_name(value) };
        return Err(Complaint::new(format!("must be a table of strings, found {found}"), HELP));
    };
    let pairs = tags.iter().map(|(name, tag)| Some((name.clone(), tag.as_str()?.to_owned())));
    let pairs: BTreeMap<_, _> =
        pairs.collect::<Option<_>>().ok_or_else(|| Complaint::new("must be a table of strings", HELP))?;
    if pairs.len() > 10 {
        return Err(Complaint::new("must be at most ten tags", HELP));
    }
    pairs.iter().try_for_each(|(name, tag)| texts::tag(name, tag)).map_err(|message| Complaint::new(message, HELP))?;
    Ok(pairs)
}
