//! A bounded queue in front of a writer that may block: a full queue drops the line and counts it, and once the writer
//! has caught up the log says how many there were.
//!
//! `tracing-appender` has such a queue, but its guard writes to stdout when it cannot stop in time.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::line::{Line, say};

/// Lines that wait at most; a burst beyond it is dropped rather than kept in memory.
const CAPACITY: usize = 8192;

enum Message {
    Line(usize, String),
    Stop(SyncSender<()>),
}

/// Where lines go in.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// Ends the queue when it is dropped: waits a moment for what is queued, never for ever.
#[derive(Debug)]
pub(super) struct QueueGuard {
    sender: SyncSender<Message>,
}

impl Queue {
    /// Starts the thread that writes to `writers`.
    pub(super) fn start(name: &str, writers: Vec<Box<dyn Write + Send>>) -> std::io::Result<(Self, QueueGuard)> {
        let (sender, receiver) = sync_channel(CAPACITY);
        let dropped = Arc::<AtomicU64>::default();
        let (sink, lost) = (name.to_owned(), Arc::clone(&dropped));
        std::thread::Builder::new().name(sink.clone()).spawn(move || drain(&receiver, writers, &lost, &sink))?;
        let guard = QueueGuard { sender: sender.clone() };
        Ok((Self { sender, dropped }, guard))
    }

    /// Queues a line for one of the writers, or drops it.
    pub(super) fn put(&self, writer: usize, line: String) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::Line(writer, line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines dropped so far.
    pub(super) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }
}

/// A writer that fails (a closed pipe, a full disk) loses its line, nothing else.
fn drain(receiver: &Receiver<Message>, mut writers: Vec<Box<dyn Write + Send>>, dropped: &AtomicU64, sink: &str) {
    let mut said = 0;
    loop {
        let message = receiver.try_recv().or_else(|_| {
            let all = dropped.load(Ordering::Relaxed);
            let lost = all - std::mem::replace(&mut said, all);
            if lost > 0 {
                say(&Line::warn(format!("{lost} lines were dropped: {sink} did not take them fast enough")));
            }
            receiver.recv()
        });
        let Ok(message) = message else { return };
        match message {
            Message::Line(writer, line) => {
                if let Some(writer) = writers.get_mut(writer) {
                    let _ = writer.write_all(line.as_bytes());
                }
            }
            Message::Stop(done) => {
                for writer in &mut writers {
                    let _ = writer.flush();
                }
                let _ = done.send(());
                return;
            }
        }
    }
}

impl Drop for QueueGuard {
    fn drop(&mut self) {
        let (done, stopped) = sync_channel(1);
        let mut message = Message::Stop(done);
        for _ in 0..20 {
            match self.sender.try_send(message) {
                Ok(()) => {
                    let _: Result<(), RecvTimeoutError> = stopped.recv_timeout(Duration::from_secs(1));
                    return;
                }
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => message = back,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_writer_that_blocks_blocks_nobody_and_what_is_lost_is_counted() {
        let (release, gate) = sync_channel(0);
        let (queue, guard) = Queue::start("stuck", vec![Box::new(Stuck(gate))]).unwrap();
        for _ in 0..CAPACITY + 100 {
            queue.put(0, "line\n".to_owned());
        }
        let dropped = queue.dropped().load(Ordering::Relaxed);
        assert!((98..=100).contains(&dropped), "{dropped}");
        drop(guard);
        drop(release);
    }
}
