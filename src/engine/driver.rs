//! The thin async shell: it commits what the engine records before it starts the steps of the same batch, and feeds
//! their results back as events.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::{Command, Engine, Event, Leadership, Notice, Order, Outcome, Step, StepId};
use crate::clock;
use crate::journal::{Journal, JournalError};
use crate::model::{Change, Fault, FaultKind};

/// Runs one step and says how it ended. It may be called twice with the same step, in this process or the next.
pub trait Effects: Send + Sync + 'static {
    /// Performs the step. Never panics by contract; a panic is contained and counted as a fault.
    fn run(&self, step: Step) -> impl Future<Output = Outcome> + Send;
}

/// A look at the engine between two turns.
pub type Look = Box<dyn FnOnce(&Engine, DateTime<Utc>) + Send>;

/// What somebody outside wants of the running engine.
pub enum Control {
    /// Look again: a schedule's tick, a person's trigger.
    Tick,
    /// A person's command; answers why it cannot be done.
    Order(Order, oneshot::Sender<Result<(), String>>),
    /// A look at the engine between two turns.
    Look(Look),
    /// Who leads has changed: [`Leadership`] says how.
    Lead,
    /// Stop: captures in flight are abandoned at once, other steps end within the grace.
    Drain(Duration),
    /// Stop now.
    Abandon,
}

/// Told about every turn: notices for the logs, the engine for status and progress.
pub trait Observer: Send {
    /// A line for people.
    fn notice(&mut self, notice: &Notice);
    /// A turn is committed, or waits for the journal.
    fn turn(&mut self, engine: &Engine, now: DateTime<Utc>);
    /// The driver returns.
    fn end(&mut self, engine: &Engine, now: DateTime<Utc>);
}

/// Why the driver returned.
#[derive(Debug)]
pub enum Ended {
    /// A one-shot command's scope is done, or the engine stopped for good: see [`Engine::ends`] and [`Engine::stop`].
    Finished,
    /// It was told to stop.
    Drained,
    /// The journal could not be written, again and again.
    Journal(JournalError),
}

/// How often a one-shot command tries to write the journal before it gives up; the daemon never does.
const COMMITS_MAX: u32 = 5;
/// Both clocks are compared at every turn; a difference beyond this is a jump.
const CLOCK_JUMP: TimeDelta = TimeDelta::minutes(1);
/// The monotonic safety tick: a scheduler that stopped costs at most this.
const SAFETY_TICK: Duration = Duration::from_mins(1);

/// An engine with its journal and effects.
pub struct Driver<E> {
    engine: Engine,
    journal: Option<Box<dyn Journal>>,
    effects: Arc<E>,
    observer: Box<dyn Observer>,
    one_shot: bool,
    wake_every: Duration,
    leadership: Option<Leadership>,
    done: mpsc::UnboundedSender<(StepId, Outcome)>,
    finished: mpsc::UnboundedReceiver<(StepId, Outcome)>,
    flights: BTreeMap<StepId, (bool, AbortHandle)>,
    clocks: (DateTime<Utc>, Instant),
}

impl<E: Effects> Driver<E> {
    /// A one-shot driver ends when the scope is done; the other one when it is told to.
    pub fn new(
        engine: Engine,
        journal: Box<dyn Journal>,
        effects: Arc<E>,
        observer: Box<dyn Observer>,
        one_shot: bool,
    ) -> Self {
        // Bounded by the engine: it never has more steps in flight than its limits allow.
        let (done, finished) = mpsc::unbounded_channel();
        let clocks = (clock::now(), clock::monotonic());
        let journal = Some(journal);
        let (flights, wake_every, leadership) = (BTreeMap::new(), SAFETY_TICK, None);
        Self { engine, journal, effects, observer, one_shot, wake_every, leadership, done, finished, flights, clocks }
    }

    /// Asks before every turn which sources are led.
    #[must_use]
    pub fn led_by(mut self, leadership: Leadership) -> Self {
        self.leadership = Some(leadership);
        self
    }

    /// Takes a turn at least this often, so that who watches (a watchdog, a status) hears of it.
    #[must_use]
    pub fn waking_every(mut self, at_most: Duration) -> Self {
        self.wake_every = self.wake_every.min(at_most);
        self
    }

    /// Gives the journal back, when it was not lost.
    pub fn into_journal(self) -> Option<Box<dyn Journal>> {
        self.journal
    }

    /// The engine, after the end.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs until the scope is done or it is told to stop.
    pub async fn run(&mut self, control: &mut mpsc::Receiver<Control>) -> Ended {
        let ended = self.run_turns(control).await;
        self.observer.end(&self.engine, clock::now());
        ended
    }

    /// The same on a worker thread, where the steps run: to wake another thread for each turn costs more than a turn.
    pub async fn run_beside_its_steps(mut self, mut control: mpsc::Receiver<Control>) -> (Self, Ended) {
        let running = tokio::spawn(async move {
            let ended = self.run(&mut control).await;
            (self, ended)
        });
        running.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    async fn run_turns(&mut self, control: &mut mpsc::Receiver<Control>) -> Ended {
        let mut events = vec![Event::Started];
        // An order is answered when it is recorded: what was promised survives a crash.
        let mut promised: Vec<oneshot::Sender<Result<(), String>>> = Vec::new();
        let mut deadline: Option<Instant> = None;
        loop {
            if let Some(ended) = self.turn(std::mem::take(&mut events), control).await {
                return ended;
            }
            for answer in promised.drain(..) {
                let _ = answer.send(Ok(()));
            }
            if deadline.is_some() && self.engine.is_idle() {
                return Ended::Drained;
            }
            let sleep = self.sleep(deadline);
            tokio::select! {
                Some((id, outcome)) = self.finished.recv() => events.push(self.landed(id, outcome)),
                Some(control) = control.recv() => match control {
                    Control::Tick => events.push(Event::Tick),
                    Control::Order(order, answer) => {
                        if let Some(why) = self.engine.refuses(&order) {
                            let _ = answer.send(Err(why));
                        } else {
                            events.push(Event::Order(order));
                            promised.push(answer);
                        }
                    }
                    Control::Lead => events.push(Event::Wake),
                    Control::Look(look) => look(&self.engine, clock::now()),
                    Control::Drain(grace) => {
                        self.abort(|is_capture| is_capture);
                        deadline = Some(clock::monotonic() + grace);
                        events.push(Event::Drain);
                    }
                    Control::Abandon => {
                        self.abort(|_| true);
                        return Ended::Drained;
                    }
                },
                () = tokio::time::sleep(sleep) => {
                    if deadline.is_some_and(|deadline| clock::monotonic() >= deadline) {
                        self.abort(|_| true);
                        return Ended::Drained;
                    }
                    events.push(Event::Wake);
                }
            }
            while let Ok((id, outcome)) = self.finished.try_recv() {
                events.push(self.landed(id, outcome));
            }
        }
    }

    fn sleep(&self, deadline: Option<Instant>) -> Duration {
        // Judged by the time of the last turn: what became due since then is not missed, it is slept for no time.
        let until = |time: DateTime<Utc>| (time - clock::now()).to_std().unwrap_or_default();
        let next = self.engine.next_time(self.clocks.0).map_or(self.wake_every, until);
        let until_deadline =
            deadline.map_or(self.wake_every, |deadline| deadline.saturating_duration_since(clock::monotonic()));
        // A millisecond more than asked, so that the engine finds the time past and not just short of it.
        next.saturating_add(Duration::from_millis(1)).min(self.wake_every).min(until_deadline)
    }

    fn landed(&mut self, id: StepId, outcome: Outcome) -> Event {
        self.flights.remove(&id);
        Event::Done(id, outcome)
    }

    /// One turn: events in, one commit, steps started. Several events share a commit.
    async fn turn(&mut self, events: Vec<Event>, control: &mut mpsc::Receiver<Control>) -> Option<Ended> {
        if events.is_empty() {
            // Somebody only looked: the time of the last turn stays, and with it what is waited for.
            return None;
        }
        let now = clock::now();
        let jumped = self.clock_jumped(now).then_some(Event::ClockJumped);
        let lead = self.leadership.as_ref().map(|leadership| leadership.news(&self.engine, (self.clocks.1, now)));
        let mut changes: Vec<Change> = Vec::new();
        let mut steps: Vec<(StepId, Step)> = Vec::new();
        for event in jumped.into_iter().chain(lead.into_iter().flatten()).chain(events) {
            for command in self.engine.on_event(event, now) {
                match command {
                    Command::Record(more) => changes.extend(more),
                    Command::Run(id, step) => steps.push((id, step)),
                    Command::Say(notice) => self.observer.notice(&notice),
                }
            }
        }
        if let Err(ended) = self.commit(changes, control).await {
            self.abort(|_| true);
            return Some(ended);
        }
        for (id, step) in steps {
            self.start(id, step);
        }
        self.observer.turn(&self.engine, now);
        let finished = self.engine.stop().is_some() || (self.one_shot && self.engine.ends(now).is_some());
        finished.then_some(Ended::Finished)
    }

    fn clock_jumped(&mut self, now: DateTime<Utc>) -> bool {
        let (wall, monotonic) = std::mem::replace(&mut self.clocks, (now, clock::monotonic()));
        let elapsed = TimeDelta::from_std(self.clocks.1.saturating_duration_since(monotonic)).unwrap_or(TimeDelta::MAX);
        ((now - wall) - elapsed).abs() > CLOCK_JUMP
    }

    /// Record before you rely: nothing starts before the changes are on the disk. A disk that is full for a while
    /// holds everything up, and loses nothing.
    async fn commit(&mut self, changes: Vec<Change>, control: &mut mpsc::Receiver<Control>) -> Result<(), Ended> {
        if changes.is_empty() {
            return Ok(());
        }
        let changes = Arc::new(changes);
        let mut failures: u32 = 0;
        while let Err(error) = self.write(Arc::clone(&changes)).await? {
            failures += 1;
            if self.one_shot && failures >= COMMITS_MAX {
                return Err(Ended::Journal(error));
            }
            self.observer.notice(&journal_notice(&error));
            self.engine.journal_waits(Some((error.code(), error.to_string())));
            self.observer.turn(&self.engine, clock::now());
            self.wait_for_journal(Duration::from_secs(1 << failures.min(5)), control).await?;
        }
        if failures > 0 {
            self.engine.journal_waits(None);
        }
        Ok(())
    }

    /// One attempt; the outer error says that the journal is gone.
    async fn write(&mut self, changes: Arc<Vec<Change>>) -> Result<Result<(), JournalError>, Ended> {
        let gone = |why: String| Ended::Journal(JournalError::Io(why));
        let Some(mut journal) = self.journal.take() else {
            return Err(gone("the journal was lost to a panic while it wrote".to_owned()));
        };
        let write = tokio::task::spawn_blocking(move || {
            let result = journal.commit(&changes);
            (journal, result)
        });
        let (journal, result) = write.await.map_err(|panic| gone(format!("writing panicked: {panic}")))?;
        self.journal = Some(journal);
        Ok(result)
    }

    /// Nothing can be recorded, so no order is taken; but whoever looks is answered, and who says "stop" is heard: what
    /// was not recorded is as after a crash.
    async fn wait_for_journal(&mut self, pause: Duration, control: &mut mpsc::Receiver<Control>) -> Result<(), Ended> {
        let until = clock::monotonic() + pause;
        loop {
            let left = until.saturating_duration_since(clock::monotonic());
            tokio::select! {
                () = tokio::time::sleep(left) => return Ok(()),
                Some(control) = control.recv() => match control {
                    Control::Look(look) => look(&self.engine, clock::now()),
                    Control::Order(_, answer) => {
                        let _ = answer.send(Err("the journal cannot be written: `ampd status`".to_owned()));
                    }
                    // It looks again by itself as soon as it can.
                    Control::Tick | Control::Lead => {}
                    Control::Drain(_) | Control::Abandon => return Err(Ended::Drained),
                },
            }
        }
    }

    fn start(&mut self, id: StepId, step: Step) {
        let is_capture = matches!(step, Step::Capture { .. });
        let effects = Arc::clone(&self.effects);
        let work = tokio::spawn(async move { effects.run(step).await });
        self.flights.insert(id, (is_capture, work.abort_handle()));
        let done = self.done.clone();
        tokio::spawn(async move {
            let outcome = work.await.unwrap_or_else(|error| {
                let words = if error.is_panic() { "a step panicked; this is a bug in ampd" } else { "abandoned" };
                Outcome::Failed { fault: Fault::new(FaultKind::Panicked, words), clock: None }
            });
            let _ = done.send((id, outcome));
        });
    }

    fn abort(&mut self, which: impl Fn(bool) -> bool) {
        self.flights.values().filter(|(is_capture, _)| which(*is_capture)).for_each(|(_, handle)| handle.abort());
    }
}

fn journal_notice(error: &JournalError) -> Notice {
    Notice {
        loudness: super::Loudness::Error,
        stage: super::Stage::LakeLoad,
        source: None,
        hours: None,
        text: format!("everything waits for the journal: {error}"),
    }
}
