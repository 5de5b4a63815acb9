//! The rows of one hour: how many, which part each lies in, and their text. Every row is drawn from its own seed, so
//! that any row can be written at any time without the others; nothing is kept.

use super::{
    columns::{COLUMNS, COLUMNS_2020},
    facts::Facts,
    hour::Hour,
    json,
    options::{Options, Profile, Project, Rows},
    random::{Random, fraction, mix, permille},
};

/// What a realistic row weighs, roughly.
const ROW_BYTES_FULL: u64 = 2300;
/// What a compact row weighs, roughly.
const ROW_BYTES_COMPACT: u64 = 1430;

/// The rows of one hour of one project.
#[derive(Clone)]
pub struct HourRows<'a> {
    pub project: &'a Project,
    pub hour: Hour,
    /// Rows once everything has arrived.
    pub total: u64,
    pub shape: Rows,
    /// The seed of this hour; every row's own seed comes from it.
    pub seed: u64,
}

impl<'a> HourRows<'a> {
    pub fn new(options: &Options, project: &'a Project, hour: Hour) -> Self {
        let seed = mix(&[options.seed, project.id, hour.number().unsigned_abs()]);
        Self { project, hour, total: total(project, hour, seed), shape: options.rows, seed }
    }

    /// Appends row `index`, without a newline.
    pub fn write(&self, index: u64, out: &mut Vec<u8>) {
        let facts = Facts::draw(self, index);
        match self.shape.profile {
            Profile::Y2025 => {
                let mut before = b'{';
                for (key, value) in &COLUMNS {
                    push_column(out, before, key);
                    value(&facts, out);
                    before = b',';
                }
            }
            Profile::Y2020 => self.write_2020(index, &facts, out),
        }
        out.push(b'}');
    }

    fn write_2020(&self, index: u64, facts: &Facts<'_>, out: &mut Vec<u8>) {
        let mut order = COLUMNS_2020;
        Random::new(&[self.seed, index, 2020]).shuffle(&mut order);
        let mut before = b'{';
        for column in order {
            let (key, value) = COLUMNS[column];
            push_column(out, before, key);
            value(facts, out);
            before = b',';
        }
    }

    /// Which of `parts` parts row `index` lies in.
    pub fn part_of(&self, index: u64, parts: usize) -> usize {
        if parts <= 1 { 0 } else { Random::new(&[self.seed, index, 1]).index(parts) }
    }

    /// Whether row `index` is there while `withheld` (a share) of the hour has not arrived.
    pub fn has_arrived(&self, index: u64, withheld: f64) -> bool {
        withheld <= 0.0 || fraction(mix(&[self.seed, index, 2])) >= withheld
    }

    /// Whether row `index` is one of those that the fault `dup_rows` repeats.
    pub fn is_repeated(&self, index: u64) -> bool {
        index == 0 || mix(&[self.seed, index, 3]).is_multiple_of(10)
    }

    /// Rows that are there while `withheld` of the hour has not arrived.
    pub fn arrived(&self, withheld: f64) -> u64 {
        if withheld <= 0.0 {
            return self.total;
        }
        (0..self.total).map(|index| u64::from(self.has_arrived(index, withheld))).sum()
    }

    /// About how many bytes `rows` rows are as text.
    pub fn bytes(&self, rows: u64) -> u64 {
        rows.saturating_mul(if self.shape.compact { ROW_BYTES_COMPACT } else { ROW_BYTES_FULL })
    }

    /// The ids of the hour's parts.
    pub fn part_ids(&self) -> Vec<u32> {
        if !self.project.part_ids.is_empty() {
            return self.project.part_ids.clone();
        }
        if self.project.parts <= 1 {
            return vec![0];
        }
        // Gaps and no zero, as busy projects have them; a stride of at least one keeps the ids distinct.
        let mut id = 0_u32;
        let next = |part: u32| {
            let stride = Random::new(&[self.project.id, part.into()]).below(90).to_le_bytes()[0];
            id = id.saturating_add(1 + u32::from(stride));
            id
        };
        (0..self.project.parts).map(next).collect()
    }
}

fn push_column(out: &mut Vec<u8>, before: u8, key: &str) {
    out.push(before);
    json::string(out, key);
    out.push(b':');
}

fn total(project: &Project, hour: Hour, seed: u64) -> u64 {
    if let Some(rows) = project.hours.get(&hour) {
        return *rows;
    }
    let outside = project.first_hour.is_some_and(|first| hour < first)
        || project.last_hour.is_some_and(|last| hour > last)
        || project.empty_hours.contains(&hour.of_day());
    if outside {
        return 0;
    }
    let swing = project.events_per_hour.saturating_mul(permille(project.jitter)) / 1000;
    let lowest = project.events_per_hour - swing;
    lowest + Random::new(&[seed, 0xC0]).below(swing.saturating_mul(2).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(options: &Options, hour: &str) -> Vec<String> {
        let rows = HourRows::new(options, &options.projects[0], Hour::parse(hour).unwrap());
        (0..rows.total)
            .map(|index| {
                let mut line = Vec::new();
                rows.write(index, &mut line);
                String::from_utf8(line).unwrap()
            })
            .collect()
    }

    #[test]
    fn rows_have_55_columns_in_byte_order() {
        assert!(COLUMNS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut options = Options::default();
        options.projects[0].hours.insert(Hour::parse("20260101T05").unwrap(), 2000);
        let rows = lines(&options, "20260101T05");
        assert_eq!(rows.len(), 2000);
        for row in &rows {
            let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(row).unwrap();
            assert_eq!(value.len(), 55, "{row}");
            assert!(value["server_upload_time"].as_str().unwrap().starts_with("2026-01-01 05:"), "{row}");
        }
        let mean = rows.iter().map(String::len).sum::<usize>() / rows.len();
        assert!((2000..2600).contains(&mean), "a realistic row has about 2.3 kB, not {mean}");
        let distinct: std::collections::HashSet<_> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len());
    }

    #[test]
    fn compact_rows_and_old_rows_are_json_too() {
        let mut options = Options { rows: Rows { profile: Profile::Y2020, compact: true }, ..Options::default() };
        options.projects[0].hours.insert(Hour::parse("20200301T05").unwrap(), 300);
        let rows = lines(&options, "20200301T05");
        let starts: std::collections::HashSet<_> = rows.iter().map(|row| row[..8].to_owned()).collect();
        assert!(starts.len() > 10, "old rows have no fixed key order");
        for row in &rows {
            let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(row).unwrap();
            assert_eq!(value.len(), 49, "{row}");
            assert_eq!(value["$schema"], 12);
        }
    }

    #[test]
    fn hostile_rows_are_legal_json_that_a_value_refuses() {
        let mut options = Options::default();
        options.projects[0].hostile_share = 1.0;
        options.projects[0].hours.insert(Hour::parse("20260101T05").unwrap(), 10);
        for row in lines(&options, "20260101T05") {
            assert!(serde_json::from_str::<serde_json::Value>(&row).is_err());
            assert!(
                serde_json::from_str::<std::collections::HashMap<String, &serde_json::value::RawValue>>(&row).is_ok()
            );
        }
    }

    #[test]
    fn volumes_follow_the_project() {
        let mut options = Options::default();
        let project = &mut options.projects[0];
        project.empty_hours = vec![3];
        project.first_hour = Hour::parse("20260101T01");
        project.hours.insert(Hour::parse("20260102T03").unwrap(), 7);
        let total = |hour| HourRows::new(&options, &options.projects[0], Hour::parse(hour).unwrap()).total;
        assert_eq!((total("20260101T00"), total("20260101T03"), total("20260102T03")), (0, 0, 7));
        assert!((160..=240).contains(&total("20260101T05")));
    }
}
