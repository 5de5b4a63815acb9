//! The schedule only says "look again": its job does a `try_send` into a queue of one, so ticks that are missed,
//! doubled or late are harmless. A second look by the monotonic clock covers a scheduler that stopped, as
//! tokio-cron-scheduler does after the wall clock was set back.
//!
//! The scheduler looks at the clock twice a second, so it has a thread and a runtime of its own, which stands still
//! while no tick is near: an idle daemon sleeps.

use std::convert::Infallible;
use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::clock;
use crate::config::{Every, Schedule};
use crate::engine::Handle;
use crate::model::Random;
use crate::telemetry::{Line, say};

/// A scheduler is believed dead when its tick is overdue by this.
const OVERDUE: Duration = Duration::from_mins(1);
/// The scheduler runs from so long before a tick until so long after it.
const NEAR: Duration = Duration::from_secs(1);
/// It sleeps at most so long without asking when the next tick is: the wall clock may have jumped.
const ASLEEP_MAX: Duration = Duration::from_secs(30);

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
    /// Closed, it ends the scheduler's thread.
    _stop: Sender<Infallible>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the schedule for an engine.
pub fn start(schedule: &Schedule, engine: Handle, ticks: Ticks, seed: u64) -> Running {
    let (poke, poked) = mpsc::channel(1);
    let (stop, stopped) = channel();
    let every = schedule.every.clone();
    let work = move || {
        if let Err(error) = keep_time(&every, poke, &stopped) {
            say(&Line::warn(format!("the scheduler does not work ({error}); its own clock covers it, a minute late")));
        }
    };
    if let Err(error) = std::thread::Builder::new().name("ampd-schedule".to_owned()).spawn(work) {
        say(&Line::warn(format!("no thread for the scheduler ({error}); its own clock covers it, a minute late")));
    }
    let jitter = TimeDelta::from_std(schedule.jitter).unwrap_or_default();
    let follower = Follower { every: schedule.every.clone(), overdue: OVERDUE, jitter, random: Random::new(seed) };
    let task = tokio::spawn(follower.follow(poked, engine, ticks));
    Running { task, _stop: stop }
}

/// How long until the next tick, and when that is.
fn next(every: &Every, now: DateTime<Utc>) -> (Duration, Option<DateTime<Utc>>) {
    let next = every.after(now);
    let gap = next.and_then(|next| (next - now).to_std().ok());
    (gap.unwrap_or(Duration::from_hours(1)), next)
}

/// Runs the scheduler whenever a tick is near, until it is stopped.
fn keep_time(every: &Every, poke: mpsc::Sender<()>, stopped: &Receiver<Infallible>) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut scheduler = runtime.block_on(scheduler(every, poke))?;
    loop {
        // Nothing, when a tick is due already.
        let wait = runtime.block_on(scheduler.time_till_next_job())?.unwrap_or_default();
        let asleep = wait.saturating_sub(NEAR);
        if asleep.is_zero() {
            runtime.block_on(async { tokio::time::sleep(wait + NEAR).await });
        }
        if stopped.recv_timeout(asleep.min(ASLEEP_MAX)) != Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
    }
}

async fn scheduler(every: &Every, poke: mpsc::Sender<()>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let job = match every {
        Every::Interval(every) => Job::new_repeated_async(*every, move |_, _| {
            let _ = poke.try_send(());
            Box::pin(async {})
        })?,
        Every::Cron(cron) => Job::new_async_tz(cron.as_str(), Utc, move |_, _| {
            let _ = poke.try_send(());
            Box::pin(async {})
        })?,
    };
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// Passes the scheduler's ticks on, and ticks itself where they stay away.
struct Follower {
    every: Every,
    overdue: Duration,
    jitter: TimeDelta,
    random: Random,
}

impl Follower {
    async fn follow(mut self, mut poked: mpsc::Receiver<()>, engine: Handle, ticks: Ticks) {
        let mut alive = true;
        let (mut wait, at) = next(&self.every, clock::now());
        ticks.ticked(at);
        loop {
            let last = clock::monotonic();
            tokio::select! {
                poke = poked.recv(), if alive => alive = poke.is_some(),
                () = tokio::time::sleep(wait.saturating_add(self.overdue)) => {
                    if alive {
                        say(&Line::info("the scheduler is overdue (was the clock set?): looking without it"));
                    }
                }
            }
            if !self.jitter.is_zero() {
                let most = u64::try_from(self.jitter.num_milliseconds()).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(self.random.below(most + 1))).await;
            }
            // A tick that comes right after another says nothing new.
            if clock::monotonic().saturating_duration_since(last) >= Duration::from_millis(100)
                && engine.tick().await.is_err()
            {
                return;
            }
            let at;
            (wait, at) = next(&self.every, clock::now());
            ticks.ticked(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Control;

    /// Its end of the channel is closed, or it hangs and never says a word.
    #[tokio::test]
    async fn a_scheduler_that_died_is_replaced_by_the_safety_tick() {
        for hangs in [false, true] {
            let (poke, poked) = mpsc::channel(1);
            let kept = hangs.then_some(poke);
            let (control, mut controls) = mpsc::channel(8);
            let follower = Follower {
                every: Every::Interval(Duration::from_millis(200)),
                overdue: Duration::from_millis(50),
                jitter: TimeDelta::zero(),
                random: Random::new(1),
            };
            let following = tokio::spawn(follower.follow(poked, Handle::new(control), Ticks::default()));
            for _ in 0..3 {
                let tick = tokio::time::timeout(Duration::from_secs(30), controls.recv()).await;
                assert!(matches!(tick, Ok(Some(Control::Tick))), "hangs: {hangs}");
            }
            following.abort();
            drop(kept);
        }
    }
}
