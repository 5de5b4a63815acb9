//! When a fault is looked at, which requests it meets, and what it hides.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    faults::{Fault, FaultKind},
    hour::Hour,
};

/// When in the life of a request a fault is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before anything else: delays and the `Date` header.
    Before,
    /// Instead of an archive.
    Answer,
    /// Which rows there are.
    Visible,
    /// The archive's bytes.
    Content,
    /// The way of the body.
    Transport,
}

impl FaultKind {
    pub(super) fn stage(&self) -> Stage {
        match self {
            Self::FirstByteDelay { .. } | Self::ClockSkew { .. } => Stage::Before,
            Self::Status { .. }
            | Self::Burst504(_)
            | Self::NotZip(_)
            | Self::NoMembers
            | Self::TooLargeHour
            | Self::Redirect { .. }
            | Self::Serve { .. } => Stage::Answer,
            Self::LateDelivery { .. } | Self::Late404 { .. } | Self::Vanish { .. } => Stage::Visible,
            Self::Slow { .. } | Self::StallAfter { .. } | Self::ResetAfter { .. } | Self::Truncate { .. } => {
                Stage::Transport
            }
            _ => Stage::Content,
        }
    }

    /// The name it has in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Burst504(_) => "burst504",
            Self::Slow { .. } => "slow",
            Self::FirstByteDelay { .. } => "first_byte_delay",
            Self::StallAfter { .. } => "stall_after",
            Self::ResetAfter { .. } => "reset_after",
            Self::Truncate { .. } => "truncate",
            Self::NotZip(_) => "not_zip",
            Self::CrcFlip => "crc_flip",
            Self::GzipTruncate => "gzip_truncate",
            Self::GzipCrc => "gzip_crc",
            Self::CorruptMember => "corrupt_member",
            Self::Encrypted => "encrypted",
            Self::DuplicateMemberNames => "duplicate_member_names",
            Self::ExtraHour { .. } => "extra_hour",
            Self::NoMembers => "no_members",
            Self::BadLine(_) => "bad_line",
            Self::DupRows => "dup_rows",
            Self::LateDelivery { .. } => "late_delivery",
            Self::Late404 { .. } => "late_404",
            Self::Vanish { .. } => "vanish",
            Self::TooLargeHour => "too_large_hour",
            Self::ClockSkew { .. } => "clock_skew",
            Self::Redirect { .. } => "redirect",
            Self::Serve { .. } => "serve",
        }
    }

    /// The share of `hour`'s rows that this fault withholds at `now`, after `answered` answers that held the hour.
    pub(super) fn withheld(&self, hour: Hour, now: DateTime<Utc>, answered: u64) -> f64 {
        let missing = |hidden: bool| if hidden { 1.0 } else { 0.0 };
        match self {
            Self::LateDelivery { share, after, after_minutes } => {
                let waiting = after.is_some_and(|after| now <= after)
                    || after_minutes.is_some_and(|minutes| now <= hour.end() + TimeDelta::minutes(minutes.into()));
                if waiting { *share } else { 0.0 }
            }
            Self::Late404 { until } => missing(now < *until),
            Self::Vanish { after, answers } => {
                missing(after.is_some_and(|after| now >= after) || answers.is_some_and(|answers| answered >= answers))
            }
            _ => 0.0,
        }
    }
}

impl Fault {
    /// Whether it says something about `hour`.
    pub(super) fn touches(&self, hour: Hour) -> bool {
        self.hour.is_none_or(|only| only == hour)
            && self.hours.is_none_or(|(first, last)| (first..=last).contains(&hour))
    }

    /// Whether it says something about a request for this window.
    pub(super) fn meets(&self, project: u64, first: Hour, last: Hour) -> bool {
        self.project.is_none_or(|only| only == project)
            && self.hour.is_none_or(|hour| (first..=last).contains(&hour))
            && self.hours.is_none_or(|(from, to)| from <= last && to >= first)
            && self.window.is_none_or(|window| window == (first, last))
            && self.min_hours.is_none_or(|hours| last.number() - first.number() + 1 >= hours)
    }

    /// What is wrong with it, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let share = |name: &str, value: f64| {
            if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(format!("`{name}` must lie between 0 and 1")) }
        };
        if self.every == Some(0) || self.request == Some(0) {
            return Err("requests are counted from 1".into());
        }
        match &self.kind {
            FaultKind::Status { code, .. } if !(200..600).contains(code) => Err("`code` must be 200 to 599".into()),
            FaultKind::Redirect { code: Some(code), .. } if !(300..400).contains(code) => {
                Err("`code` of a redirect must be 300 to 399".into())
            }
            FaultKind::Redirect { to, .. } if !to.bytes().all(|byte| (0x21..0x7F).contains(&byte)) => {
                Err("`to` must be printable ASCII without spaces".into())
            }
            FaultKind::Slow { bytes_per_s: 0 } => Err("`bytes_per_s` must be at least 1".into()),
            FaultKind::Truncate { fraction, .. } => share("fraction", *fraction),
            FaultKind::LateDelivery { share: value, after, after_minutes } => {
                if after.is_none() && after_minutes.is_none() {
                    return Err("late_delivery needs `after` or `after_minutes`".into());
                }
                share("share", *value)
            }
            FaultKind::Vanish { after: None, answers: None } => Err("vanish needs `after` or `answers`".into()),
            _ => Ok(()),
        }
    }
}
