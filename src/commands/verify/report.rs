//! What `ampd verify` found, for people and for programs: `ampd.verify/1`.

use std::collections::BTreeMap;

use serde_json::json;

use super::findings::{SourceFindings, repair_command};
use super::hours::{Class, Difference};
use crate::commands::output::Output;
use crate::model::policy::windows_of;
use crate::model::{Hour, Window};
use crate::problem::Failure;
use crate::telemetry::figures;

/// All sources.
#[derive(Debug)]
pub struct Report {
    /// One entry for each.
    pub sources: Vec<SourceFindings>,
    /// The rows were counted.
    pub deep: bool,
}

impl Report {
    fn sum(&self, figure: impl Fn(&SourceFindings) -> u64) -> u64 {
        self.sources.iter().map(figure).sum()
    }

    /// Writes it in the form that was asked for.
    pub fn write(&self, output: &Output) {
        for source in &self.sources {
            let name = if self.sources.len() > 1 { format!("{}: ", source.source) } else { String::new() };
            output.text(&source.lines(self.deep).join("\n"));
            output.text(&format!("{name}{}", source.sentence()));
        }
        let differences: Vec<&Difference> = self.sources.iter().flat_map(|source| &source.differences).collect();
        let ranges = |pick: fn(&SourceFindings) -> &Vec<Hour>| {
            self.sources.iter().flat_map(|source| windows_of(pick(source))).collect::<Vec<Window>>()
        };
        let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
        for (_, object) in self.sources.iter().flat_map(|source| &source.unnamed) {
            *classes.entry(object.class).or_default() += 1;
        }
        let state = |index: usize| self.sum(|source| source.counts[index]);
        let object = json!({
            "schema": "ampd.verify/1",
            "hours": self.sum(SourceFindings::hours),
            "data": state(0),
            "empty": state(1),
            "skipped": state(2),
            "objects": self.sum(|source| source.objects),
            "bytes": self.sum(|source| source.bytes),
            "rows": self.sum(|source| source.rows),
            "differences": differences,
            "missing": ranges(|source| &source.missing),
            "quarantined": ranges(|source| &source.quarantined),
            "unnamed": self.sum(|source| source.unnamed.len() as u64),
            "unnamed_by_class": classes,
            "repaired": self.sources.iter().flat_map(|source| &source.repaired).collect::<Vec<_>>(),
            "deep": self.deep,
        });
        output.object(&object);
        let metrics = [("verify_differences", differences.len() as u64), ("verify_objects", self.sum(|s| s.objects))];
        output.kestra(&json!({"differences": differences.len()}), &metrics);
    }

    /// The failure that a difference is.
    pub fn failure(&self) -> Option<Failure> {
        let differences: Vec<&Difference> = self.sources.iter().flat_map(|source| &source.differences).collect();
        let count = differences.len() as u64;
        let damage = differences.iter().any(|found| found.kind.is_damage());
        let failure = Failure::new(
            "E405",
            format!("{} between the lake and its manifests", figures::plural(count, "difference")),
        );
        let help = if damage {
            format!("`{}` exports damaged hours again", repair_command(self.deep))
        } else {
            "`ampd explain E405`".to_owned()
        };
        (count > 0).then(|| failure.help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::super::hours::Kind;
    use super::*;
    use crate::cli::OutputForm;
    use crate::commands::output::tests::Shared;
    use crate::schema_check;

    fn written(form: OutputForm, report: &Report) -> String {
        let shared = Shared::default();
        report.write(&Output::to(form, Box::new(shared.clone())));
        shared.text()
    }

    #[test]
    fn the_command_that_is_advised_finds_the_damage_again() {
        for (deep, command) in [(true, "ampd verify --deep --repair"), (false, "ampd verify --repair")] {
            let mut findings = SourceFindings::new("web".parse().unwrap());
            findings.differences.push(Difference {
                kind: Kind::Checksum,
                source: findings.source.clone(),
                hour: "2026-11-21T07".parse().unwrap(),
                last: None,
                key: None,
                message: "its bytes are not the ones that were published".to_owned(),
            });
            let report = Report { sources: vec![findings], deep };
            let text = written(OutputForm::Human, &report);
            assert!(text.contains(&format!("-> {command} --source web")), "{text}");
            assert!(format!("{:?}", report.failure()).contains(&format!("`{command}`")));
        }
    }

    #[test]
    fn gaps_are_a_difference_and_quarantined_hours_are_none() {
        let first: Hour = "2026-11-21T07".parse().unwrap();
        let mut findings = SourceFindings::new("web".parse().unwrap());
        findings.add_gaps(vec![first, first.next(), first.plus(2), first.plus(5)], &[first.plus(2)].into());
        let report = Report { sources: vec![findings], deep: false };
        let text = written(OutputForm::Human, &report);
        assert!(text.contains("ampd backfill --from 2026-11-21T07 --to 2026-11-21T08 --source web"), "{text}");
        assert!(text.contains("ampd hour retry 2026-11-21T09 --source web"), "{text}");
        let sentence = "1 day, 4 hours: 0 data, 3 missing, 1 quarantined; 0 objects, 0 B; 2 differences\n";
        assert!(text.ends_with(sentence), "{text}");
        assert_eq!(report.failure().map(|failure| failure.exit.code()), Some(4));
        let object: serde_json::Value = serde_json::from_str(&written(OutputForm::Json, &report)).unwrap();
        let schema = include_str!("../../../docs/schema/verify.json");
        assert_eq!(schema_check::problems(schema, &object), Vec::<String>::new());
    }
}
