//! Which lines are shown.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cli::LogsArgs;
use crate::commands::range::parse_point;
use crate::model::{SourceName, Window};
use crate::problem::Failure;
use crate::telemetry::{Phase, keys};

/// What a line must be about.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Its stream.
    pub phase: Option<Phase>,
    hours: Option<Window>,
    source: Option<SourceName>,
    run: Option<String>,
}

impl Filter {
    /// As the flags say.
    pub fn of(args: &LogsArgs, now: DateTime<Utc>) -> Result<Self, Failure> {
        let hours = args.hour.as_deref().map(|text| parse_point(text, now)).transpose()?;
        Ok(Self {
            phase: args.phase.map(Phase::from),
            hours: hours.map(|point| point.0),
            source: args.source.clone(),
            run: args.run.clone(),
        })
    }

    /// Lines of a source about these hours.
    pub fn of_hour(source: &SourceName, hours: Window) -> Self {
        Self { hours: Some(hours), source: Some(source.clone()), ..Self::default() }
    }

    /// Whether the line is shown.
    pub fn takes(&self, line: &Value) -> bool {
        let word = |key: &str| line.get(key).and_then(Value::as_str);
        let source = self.source.as_ref().is_none_or(|source| word(keys::SOURCE) == Some(source.as_str()));
        // The beginning of an id is enough, as with commits.
        let run = self.run.as_ref().is_none_or(|run| word(keys::RUN_ID).is_some_and(|id| id.starts_with(run.as_str())));
        source && run && self.hours.is_none_or(|hours| about(word(keys::HOUR).or(word(keys::WINDOW)), hours))
    }
}

/// Whether what the line is about shares an hour with `hours`.
fn about(text: Option<&str>, hours: Window) -> bool {
    let point = text.and_then(|text| parse_point(text, DateTime::UNIX_EPOCH).ok());
    point.is_some_and(|point| point.0.intersect(hours).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_window_that_contains_the_hour_is_shown_too() {
        let hour = Window::of("2026-11-20T07".parse().unwrap());
        let filter = Filter::of_hour(&"web".parse().unwrap(), hour);
        for (line, shown) in [
            (json!({"source": "web", "hour": "2026-11-20T07"}), true),
            (json!({"source": "web", "window": "2026-11-20T00..T23"}), true),
            (json!({"source": "web", "window": "2026-11-19T22..2026-11-20T07"}), true),
            (json!({"source": "web", "window": "2026-11-20T08..T23"}), false),
            (json!({"source": "ios", "hour": "2026-11-20T07"}), false),
            (json!({"source": "web"}), false),
        ] {
            assert_eq!(filter.takes(&line), shown, "{line}");
        }
        let run = Filter { run: Some("01ab".to_owned()), ..Filter::default() };
        assert!(run.takes(&json!({"run_id": "01abcdef"})) && !run.takes(&json!({"run_id": "0"})));
    }
}
