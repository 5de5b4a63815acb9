//! How a one-shot command ended: `ampd.run/1`.

use serde::Serialize;
use serde_json::json;

use super::output::Output;
use crate::exit::Exit;
use crate::model::{Hour, SourceName};
use crate::telemetry::figures;

/// Sources named in a line.
const PLACES_SHOWN: usize = 3;

/// The last object of `once`, `backfill` and the repairs of hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// `summary`
    #[serde(rename = "type")]
    kind: &'static str,
    /// [`RunSummary::SCHEMA`]
    schema: &'static str,
    /// What the process answers.
    pub exit_code: u8,
    /// Hours published with data.
    pub published: u64,
    /// Hours published as empty.
    pub empty: u64,
    /// Hours a person left out.
    pub skipped: u64,
    /// Hours answered empty once, not yet believed.
    pub provisional: u64,
    /// Hours of the scope that are set aside.
    pub quarantined: u64,
    /// Hours of the scope that were there before.
    pub already_there: u64,
    /// Rows published.
    pub rows: u64,
    /// Bytes taken from Amplitude.
    pub downloaded_bytes: u64,
    /// Bytes put into the lake.
    pub uploaded_bytes: u64,
    /// How long it took.
    pub elapsed_seconds: u64,
    /// The run.
    pub run_id: String,
    /// Where each source of the scope stands now.
    pub watermarks: Vec<SourceWatermark>,
}

/// Where a source stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceWatermark {
    /// The source.
    pub source: SourceName,
    /// Its watermark.
    pub watermark: Option<Hour>,
}

impl RunSummary {
    /// The name and version of this form.
    pub const SCHEMA: &'static str = "ampd.run/1";

    /// Of a run in which nothing has happened yet.
    pub fn new(run_id: impl Into<String>) -> Self {
        Self {
            kind: "summary",
            schema: Self::SCHEMA,
            exit_code: 0,
            published: 0,
            empty: 0,
            skipped: 0,
            provisional: 0,
            quarantined: 0,
            already_there: 0,
            rows: 0,
            downloaded_bytes: 0,
            uploaded_bytes: 0,
            elapsed_seconds: 0,
            run_id: run_id.into(),
            watermarks: Vec::new(),
        }
    }

    /// Settles the exit code: `--exit-code-no-data` replaces 0 when every hour was empty or already there.
    #[must_use]
    pub fn settle(mut self, exit: Exit, no_data: Option<u8>) -> (Self, Exit) {
        let exit = match no_data {
            Some(code) if exit == Exit::Done && self.published == 0 => Exit::NoData(code),
            _ => exit,
        };
        self.exit_code = exit.code();
        (self, exit)
    }

    /// Writes it in the form that was asked for; `in_words` also for people.
    pub fn write(&self, output: &Output, in_words: bool) {
        if in_words {
            output.text(&self.to_text());
        }
        output.object(self);
        let outputs = json!({
            "run_id": self.run_id,
            "exit_code": self.exit_code,
            "published": self.published,
            "empty": self.empty,
            "quarantined": self.quarantined,
            "rows": self.rows,
            "watermarks": self.watermarks.iter().map(|one| (one.source.to_string(), json!(one.watermark)))
                .collect::<serde_json::Map<_, _>>(),
        });
        let metrics = [
            ("published", self.published),
            ("empty", self.empty),
            ("quarantined", self.quarantined),
            ("rows", self.rows),
            ("downloaded_bytes", self.downloaded_bytes),
            ("uploaded_bytes", self.uploaded_bytes),
        ];
        output.kestra(&outputs, &metrics);
    }

    /// Whether there is nothing to sum up.
    pub fn did_nothing(&self) -> bool {
        let hours = self.published + self.empty + self.skipped + self.provisional + self.quarantined;
        hours + self.already_there + self.downloaded_bytes + self.uploaded_bytes == 0
    }

    /// `; every hour is there up to 2026-11-23T06 (web), 2026-11-23T05 (ios)`
    fn places(&self) -> String {
        let place = |one: &SourceWatermark| Some(format!("{} ({})", one.watermark?, one.source));
        let places: Vec<_> = self.watermarks.iter().take(PLACES_SHOWN).filter_map(place).collect();
        if places.is_empty() { String::new() } else { format!("; every hour is there up to {}", places.join(", ")) }
    }

    /// `published 311  empty 7  quarantined 1   4.2M rows, 1.3 GiB down, 1.2 GiB up, 0h12m`
    pub fn to_text(&self) -> String {
        let counts = [
            ("published", self.published, true),
            ("empty", self.empty, false),
            ("skipped", self.skipped, false),
            ("provisional", self.provisional, false),
            ("quarantined", self.quarantined, false),
            ("already there", self.already_there, false),
        ];
        let counts: Vec<_> = counts
            .into_iter()
            .filter(|(_, number, always)| *always || *number > 0)
            .map(|(name, number, _)| format!("{name} {number}"))
            .collect();
        if self.did_nothing() && self.exit_code == 0 {
            return format!("nothing was due{}", self.places());
        }
        let time = figures::short_span(self.elapsed_seconds);
        format!(
            "{}   {} rows, {} down, {} up, {time}",
            counts.join("  "),
            figures::count(self.rows),
            figures::bytes(self.downloaded_bytes),
            figures::bytes(self.uploaded_bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::OutputForm;
    use crate::commands::output::tests::Shared;
    use crate::schema_check;

    fn sample() -> RunSummary {
        RunSummary {
            published: 311,
            empty: 7,
            rows: 4_211_000,
            downloaded_bytes: 1_398_101_223,
            watermarks: vec![SourceWatermark {
                source: "web".parse().unwrap(),
                watermark: Some("2026-11-23T06".parse().unwrap()),
            }],
            ..RunSummary::new("0123456789abcdef")
        }
    }

    fn written(form: OutputForm) -> String {
        let shared = Shared::default();
        sample().write(&Output::to(form, Box::new(shared.clone())), true);
        shared.text()
    }

    #[test]
    fn the_summary_in_each_form() {
        assert_eq!(written(OutputForm::Human), "published 311  empty 7   4.2M rows, 1.3 GiB down, 0 B up, 0 s\n");
        let text = written(OutputForm::Json);
        assert!(
            text.starts_with(r#"{"type":"summary","schema":"ampd.run/1","exit_code":0,"published":311,"#),
            "{text}"
        );
        let object: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        let schema = include_str!("../../docs/schema/run.json");
        assert_eq!(schema_check::problems(schema, &object), Vec::<String>::new());
        let kestra = written(OutputForm::Kestra);
        assert!(kestra.lines().all(|line| line.starts_with("::{") && line.ends_with("}::")), "{kestra}");
        assert!(kestra.contains(r#""watermarks":{"web":"2026-11-23T06"}"#), "{kestra}");
    }

    #[test]
    fn a_run_with_nothing_to_do_says_so_and_how_far_the_lake_reaches() {
        let nothing = RunSummary { published: 0, empty: 0, rows: 0, downloaded_bytes: 0, ..sample() };
        assert_eq!(nothing.to_text(), "nothing was due; every hour is there up to 2026-11-23T06 (web)");
        assert!(nothing.settle(Exit::Partial, None).0.to_text().starts_with("published 0"));
        assert_eq!(RunSummary::new("0123456789abcdef").to_text(), "nothing was due");
    }

    #[test]
    fn no_data_has_an_exit_code_of_its_own_only_when_all_went_well() {
        let nothing = || RunSummary::new("0123456789abcdef");
        assert_eq!(nothing().settle(Exit::Done, Some(99)).1, Exit::NoData(99));
        assert_eq!(nothing().settle(Exit::Done, None).1, Exit::Done);
        assert_eq!(nothing().settle(Exit::Partial, Some(99)).0.exit_code, 3);
        assert_eq!(sample().settle(Exit::Done, Some(99)).1, Exit::Done);
    }
}
