//! The schedule only says "look again": its job does a `try_send` into a queue of one, so ticks that are missed,
//! doubled or late are harmless. A second look by the monotonic clock covers a scheduler that stopped, as
//! tokio-cron-scheduler does after the wall clock was set back.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler};

use crate::clock;
use crate::config::{Every, Schedule};
use crate::engine::Handle;
use crate::model::Random;
use crate::telemetry::{Line, say};

/// A scheduler is believed dead when its tick is overdue by this.
const OVERDUE: Duration = Duration::from_mins(1);

/// What is known of the ticks, for status and metrics.
#[derive(Clone, Debug, Default)]
pub struct Ticks(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    last: Option<Instant>,
    next: Option<DateTime<Utc>>,
}

impl Ticks {
    /// Seconds since the last tick.
    pub fn age(&self) -> Option<Duration> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).last?;
        Some(clock::monotonic().saturating_duration_since(last))
    }

    /// When the next one is expected.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next
    }

    fn ticked(&self, next: Option<DateTime<Utc>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known { last: Some(clock::monotonic()), next };
    }
}

/// The running schedule; dropped, it ends.
pub struct Running {
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the schedule for an engine.
pub async fn start(schedule: &Schedule, engine: Handle, ticks: Ticks, seed: u64) -> Running {
    let (poke, poked) = mpsc::channel(1);
    let scheduler = match scheduler(schedule, poke).await {
        Ok(scheduler) => Some(scheduler),
        Err(error) => {
            say(&Line::warn(format!("the scheduler does not start ({error}); its own clock covers it, a minute late")));
            None
        }
    };
    let plan = Plan::of(schedule);
    let jitter = TimeDelta::from_std(schedule.jitter).unwrap_or_default();
    let task = tokio::spawn(follow(scheduler, plan, poked, engine, ticks, (jitter, Random::new(seed))));
    Running { task }
}

/// When ticks are expected.
enum Plan {
    Interval(Duration),
    Cron(Box<Cron>),
}

impl Plan {
    fn of(schedule: &Schedule) -> Self {
        match &schedule.every {
            Every::Interval(every) => Self::Interval(*every),
            Every::Cron(pattern) => {
                let parser = CronParser::builder().seconds(Seconds::Optional).build();
                let cron = parser.parse(pattern).or_else(|_| Cron::from_str(pattern));
                cron.map_or(Self::Interval(Duration::from_hours(1)), |cron| Self::Cron(Box::new(cron)))
            }
        }
    }

    /// How long until the next tick, and when that is.
    fn next(&self, now: DateTime<Utc>) -> (Duration, Option<DateTime<Utc>>) {
        match self {
            Self::Interval(every) => (*every, TimeDelta::from_std(*every).ok().map(|every| now + every)),
            Self::Cron(cron) => {
                let next = cron.find_next_occurrence(&now, false).ok();
                let gap = next.and_then(|next| (next - now).to_std().ok());
                (gap.unwrap_or(Duration::from_hours(1)), next)
            }
        }
    }
}

async fn scheduler(
    schedule: &Schedule,
    poke: mpsc::Sender<()>,
) -> Result<JobScheduler, tokio_cron_scheduler::JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let job = match &schedule.every {
        Every::Interval(every) => Job::new_repeated_async(*every, move |_, _| {
            let _ = poke.try_send(());
            Box::pin(async {})
        })?,
        Every::Cron(pattern) => Job::new_async_tz(pattern.as_str(), Utc, move |_, _| {
            let _ = poke.try_send(());
            Box::pin(async {})
        })?,
    };
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

async fn follow(
    scheduler: Option<JobScheduler>,
    plan: Plan,
    mut poked: mpsc::Receiver<()>,
    engine: Handle,
    ticks: Ticks,
    (jitter, mut random): (TimeDelta, Random),
) {
    let mut alive = scheduler.is_some();
    let (mut wait, next) = plan.next(clock::now());
    ticks.ticked(next);
    loop {
        let last = clock::monotonic();
        tokio::select! {
            poke = poked.recv(), if alive => alive = poke.is_some(),
            () = tokio::time::sleep(wait.saturating_add(OVERDUE)) => {
                if alive {
                    say(&Line::info("the scheduler is overdue (was the clock set?): looking without it"));
                }
            }
        }
        if !jitter.is_zero() {
            let most = u64::try_from(jitter.num_milliseconds()).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(random.below(most + 1))).await;
        }
        // A tick that comes right after another says nothing new.
        if clock::monotonic().saturating_duration_since(last) >= Duration::from_millis(100)
            && engine.tick().await.is_err()
        {
            return;
        }
        let next;
        (wait, next) = plan.next(clock::now());
        ticks.ticked(next);
    }
}
