//! Days of hours, one letter each: how the report says which hours are there.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::hour::Hour;

/// A day of hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarDay {
    /// The UTC day.
    pub date: NaiveDate,
    /// 24 letters, one per hour: see [`HourMark`].
    pub hours: String,
}

impl CalendarDay {
    /// The day, each hour marked.
    pub fn new(date: NaiveDate, mark: impl Fn(Hour) -> HourMark) -> Self {
        let hours = (0..24).filter_map(|hour| Hour::of_date(date, hour)).map(|hour| mark(hour).letter()).collect();
        Self { date, hours }
    }

    /// The marks in order; a letter of a later version reads as not due.
    pub fn marks(&self) -> impl Iterator<Item = HourMark> {
        self.hours.chars().map(|letter| HourMark::of_letter(letter).unwrap_or(HourMark::NotDue))
    }
}

/// The state of an hour as the calendar shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HourMark {
    /// `p`: in the lake, with data.
    Published,
    /// `e`: in the lake, confirmed empty.
    Empty,
    /// `s`: left out by a person.
    Skipped,
    /// `v`: answered empty once, not yet believed.
    Provisional,
    /// `r`: failed, will be asked again.
    Retrying,
    /// `m`: due, not there.
    Missing,
    /// `q`: set aside.
    Quarantined,
    /// `w`: at work.
    Working,
    /// `n`: not due.
    NotDue,
    /// `-`: before the first hour.
    Before,
}

impl HourMark {
    /// All of them, in the order of the legend.
    pub const ALL: [HourMark; 10] = [
        HourMark::Published,
        HourMark::Empty,
        HourMark::Skipped,
        HourMark::Provisional,
        HourMark::Retrying,
        HourMark::Missing,
        HourMark::Quarantined,
        HourMark::Working,
        HourMark::NotDue,
        HourMark::Before,
    ];

    /// The letter in the report.
    pub const fn letter(self) -> char {
        match self {
            HourMark::Published => 'p',
            HourMark::Empty => 'e',
            HourMark::Skipped => 's',
            HourMark::Provisional => 'v',
            HourMark::Retrying => 'r',
            HourMark::Missing => 'm',
            HourMark::Quarantined => 'q',
            HourMark::Working => 'w',
            HourMark::NotDue => 'n',
            HourMark::Before => '-',
        }
    }

    /// The mark of a letter.
    pub fn of_letter(letter: char) -> Option<HourMark> {
        HourMark::ALL.into_iter().find(|mark| mark.letter() == letter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_24_letters() {
        let date = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
        let mark = |hour: Hour| if hour.hour_of_day() < 3 { HourMark::Before } else { HourMark::Published };
        let day = CalendarDay::new(date, mark);
        assert_eq!(day.hours, "---ppppppppppppppppppppp");
        assert_eq!(day.marks().filter(|mark| *mark == HourMark::Before).count(), 3);
        assert!(HourMark::ALL.into_iter().all(|mark| HourMark::of_letter(mark.letter()) == Some(mark)));
    }
}
