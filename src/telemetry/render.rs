//! Drawing progress: a bar on a terminal, a line every ten seconds, or objects for a program.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::figures;
use super::progress::{Figures, Progress};

/// Where progress objects go.
pub type Sink = Box<dyn FnMut(&serde_json::Value) + Send>;

/// How progress is shown.
pub enum ProgressMode {
    /// A bar on a terminal, else nothing (the log has a line per hour).
    Auto,
    /// A bar.
    Bar,
    /// One line per ten seconds on stderr.
    Plain,
    /// One object per second into a sink (`-o jsonl`).
    Objects(Sink),
    /// Not at all: no thread, no timer.
    None,
}

/// Draws until it is dropped.
#[derive(Debug, Default)]
pub struct Renderer {
    stop: Option<SyncSender<SyncSender<()>>>,
}

/// The bar on the screen, so that log lines do not run through it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Runs `write` while the bar, if there is one, is off the screen.
pub(super) fn suspend_bar<R>(write: impl FnOnce() -> R) -> R {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

impl Renderer {
    /// Starts drawing. Dropping it takes the bar off the screen.
    pub fn start(progress: &Progress, mode: ProgressMode) -> Self {
        let (period, draw): (u64, Draw) = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => (200, Box::new(bar())),
            ProgressMode::Bar => (200, Box::new(bar())),
            ProgressMode::Plain => (10_000, Box::new(|moment: &Moment| plain(&moment.sentence()))),
            ProgressMode::Objects(mut sink) => (1000, Box::new(move |moment: &Moment| sink(&moment.object()))),
            ProgressMode::Auto | ProgressMode::None => return Self::default(),
        };
        let (stop, stopped) = sync_channel::<SyncSender<()>>(1);
        let progress = progress.clone();
        let thread = std::thread::Builder::new().name("ampd-progress".to_owned());
        let spawned = thread.spawn(move || {
            let mut draw = draw;
            let clock = Clock { started: crate::clock::monotonic(), done_at_start: progress.figures().done };
            loop {
                match stopped.recv_timeout(Duration::from_millis(period)) {
                    Err(RecvTimeoutError::Timeout) => draw(&clock.moment(&progress)),
                    Ok(done) => {
                        clear_bar();
                        let _ = done.send(());
                        return;
                    }
                    Err(RecvTimeoutError::Disconnected) => return clear_bar(),
                }
            }
        });
        Self { stop: spawned.is_ok().then_some(stop) }
    }
}

impl Drop for Renderer {
    fn drop(&mut self) {
        let Some(stop) = self.stop.take() else { return };
        let (done, ended) = sync_channel(1);
        if stop.send(done).is_ok() {
            // A terminal that is held back (Ctrl-S) must not hold back the end of the command.
            let _ = ended.recv_timeout(Duration::from_secs(1));
        }
    }
}

/// Draws one moment.
type Draw = Box<dyn FnMut(&Moment) + Send>;

struct Clock {
    started: Instant,
    done_at_start: u64,
}

struct Moment {
    figures: Figures,
    bytes_per_second: u64,
    eta_seconds: Option<u64>,
}

impl Clock {
    fn moment(&self, progress: &Progress) -> Moment {
        let elapsed = crate::clock::since(self.started).as_secs();
        let figures = progress.figures();
        let (bytes_per_second, eta_seconds) =
            (figures.bytes_per_second(elapsed), figures.eta_seconds(self.done_at_start, elapsed));
        Moment { figures, bytes_per_second, eta_seconds }
    }
}

impl Moment {
    fn object(&self) -> serde_json::Value {
        json!({
            "type": "progress",
            "done": self.figures.done,
            "total": self.figures.total,
            "bytes": self.figures.downloaded,
            "rows": self.figures.rows,
            "bytes_per_second": self.bytes_per_second,
            "eta_seconds": self.eta_seconds,
        })
    }

    fn pace(&self) -> String {
        let mut text = figures::rate(self.bytes_per_second);
        if let Some(eta) = self.eta_seconds {
            let _ = write!(text, "  ETA {}", figures::short_span(eta));
        }
        text
    }

    fn activity(&self) -> String {
        let parts: Vec<_> = self.figures.activity.iter().map(|(source, text)| format!("{source} {text}")).collect();
        super::escape(&parts.join(", "))
    }

    fn sentence(&self) -> String {
        let Figures { done, total, .. } = self.figures;
        let percent = (done.saturating_mul(100)).checked_div(total).unwrap_or(100);
        format!("{done}/{total} h  {percent}%  {}  {}", self.pace(), self.activity()).trim_end().to_owned()
    }
}

fn plain(sentence: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{sentence}");
}

fn bar() -> impl FnMut(&Moment) + Send {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = |template| ProgressStyle::with_template(template).map(|style| style.progress_chars("━╸─")).ok();
    // How much there is to do is known once the lake was read.
    if let Some(style) = style(" {wide_msg}") {
        bar.set_style(style);
    }
    let mut counting = style(" {bar:16} {pos}/{len} h  {percent}%  {wide_msg}");
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
    move |moment| {
        if let Some(style) = counting.take_if(|_| moment.figures.total > 0) {
            bar.set_style(style);
        }
        bar.set_length(moment.figures.total);
        bar.set_position(moment.figures.done);
        bar.set_message(format!("{}  {}", moment.pace(), moment.activity()));
        bar.tick();
    }
}

fn clear_bar() {
    if let Some(bar) = BAR.lock().unwrap_or_else(PoisonError::into_inner).take() {
        bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_as_a_sentence_and_as_an_object() {
        let figures = Figures { done: 318, total: 702, downloaded: 1_398_101_223, ..Figures::default() };
        let moment = Moment { figures, bytes_per_second: 3_040_870, eta_seconds: Some(4320) };
        assert_eq!(moment.sentence(), "318/702 h  45%  2.9 MiB/s  ETA 1h12m");
        assert_eq!((&moment.object()["eta_seconds"], &moment.object()["done"]), (&4320.into(), &318.into()));
    }

    #[test]
    fn nothing_is_started_when_nothing_is_shown() {
        assert!(Renderer::start(&Progress::new(), ProgressMode::None).stop.is_none());
    }
}
