//! Orders, and the answers to them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::Order;
use crate::model::policy::windows_of;
use crate::model::{Hour, SourceName, Window};

/// An answer that says no.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// `ampd explain CODE`.
    pub code: String,
    /// In words.
    pub message: String,
    /// More lines, each a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Which orders were refused; none of the request was carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
}

/// An order that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// In words, as its command is written.
    pub order: String,
    /// Why.
    pub why: String,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Ask again for quarantined hours.
    Retry,
    /// Leave hours out, with a reason.
    Skip,
    /// A new generation of published hours.
    Reexport,
    /// Export hours that are not published, from before the first hour too.
    Backfill,
}

/// One entry of `POST /v1/orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// What.
    pub order: OrderKind,
    /// Of which source.
    pub source: SourceName,
    /// Single hours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<Hour>,
    /// The first hour of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Hour>,
    /// The last hour of a range, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Hour>,
    /// Why an hour is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A re-export may have fewer rows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_shrink: bool,
}

impl OrderRequest {
    /// Most hours that one entry may name one by one.
    pub const HOURS_MAX: u32 = 10_000;

    /// One entry, without anything but what every order has.
    pub fn new(order: OrderKind, source: SourceName) -> Self {
        let (hours, from, to, reason, allow_shrink) = (Vec::new(), None, None, None, false);
        Self { order, source, hours, from, to, reason, allow_shrink }
    }

    /// The engine's orders as entries: as few as say the same.
    pub fn of(orders: &[Order]) -> Vec<Self> {
        let mut kinds: Vec<(Self, Vec<Hour>)> = Vec::new();
        let mut entries = Vec::new();
        for order in orders {
            let (entry, hour) = match order {
                Order::Pause | Order::Resume => continue,
                Order::Backfill(source, window) => {
                    entries.push(Self::new(OrderKind::Backfill, source.clone()).over(*window));
                    continue;
                }
                Order::Retry(source, hour) => (Self::new(OrderKind::Retry, source.clone()), *hour),
                Order::Skip(source, hour, reason) => {
                    let entry = Self::new(OrderKind::Skip, source.clone());
                    (Self { reason: Some(reason.clone()), ..entry }, *hour)
                }
                Order::Reexport { source, hour, allow_shrink } => {
                    let entry = Self::new(OrderKind::Reexport, source.clone());
                    (Self { allow_shrink: *allow_shrink, ..entry }, *hour)
                }
            };
            match kinds.iter_mut().find(|(kind, _)| *kind == entry) {
                Some((_, hours)) => hours.push(hour),
                None => kinds.push((entry, vec![hour])),
            }
        }
        for (entry, mut hours) in kinds {
            hours.sort_unstable();
            hours.dedup();
            entries.extend(windows_of(&hours).into_iter().map(|window| entry.clone().over(window)));
        }
        entries
    }

    /// The entry for the hours of a window.
    #[must_use]
    fn over(self, window: Window) -> Self {
        Self { from: Some(window.first()), to: Some(window.last()), ..self }
    }

    /// The engine's orders, or why the entry makes no sense.
    pub fn orders(&self) -> Result<Vec<Order>, String> {
        let mut windows: Vec<Window> = self.hours.iter().copied().map(Window::of).collect();
        match (self.from, self.to) {
            (None, None) => {}
            (Some(from), to) => {
                windows.push(Window::new(from, to.unwrap_or(from)).ok_or("a range ends before it begins")?);
            }
            (None, Some(_)) => return Err("a range needs its first hour".to_owned()),
        }
        if windows.is_empty() {
            return Err("an order needs hours, or from and to".to_owned());
        }
        let source = || self.source.clone();
        if self.order == OrderKind::Backfill {
            return Ok(windows.into_iter().map(|window| Order::Backfill(source(), window)).collect());
        }
        let count = windows.iter().fold(0_u32, |sum, window| sum.saturating_add(window.hours()));
        if count > Self::HOURS_MAX {
            return Err(format!("{count} hours at once; at most {}", Self::HOURS_MAX));
        }
        let reason = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        let order = |hour| match self.order {
            OrderKind::Retry => Ok(Order::Retry(source(), hour)),
            OrderKind::Reexport => Ok(Order::Reexport { source: source(), hour, allow_shrink: self.allow_shrink }),
            OrderKind::Skip => {
                let reason = reason.ok_or("a skipped hour needs a reason")?;
                Ok(Order::Skip(source(), hour, reason.to_owned()))
            }
            OrderKind::Backfill => Ok(Order::Backfill(source(), Window::of(hour))),
        };
        windows.iter().flat_map(|window| window.iter()).map(order).collect()
    }
}

/// The answer to everything that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// When, by the daemon's clock: what is published from then on may be its doing.
    pub at: DateTime<Utc>,
    /// Nothing is asked of Amplitude for the moment.
    pub paused: bool,
}

/// `POST /v1/trigger`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerRequest {
    /// Only this source.
    #[serde(default)]
    pub source: Option<SourceName>,
}
