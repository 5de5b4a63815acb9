//! The layers that turn events into lines.

use std::sync::Arc;

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer};

use super::line::Phase;
use super::queue::Queue;
use super::record::{Context, Record};

/// How stderr reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Text { color: bool, fields: bool },
    Json,
}

/// Lines on stderr.
pub(super) struct StderrLayer {
    pub(super) run_id: Arc<str>,
    pub(super) form: Form,
    pub(super) queue: Queue,
}

impl<S: Subscriber> Layer<S> for StderrLayer {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let (record, context) = read(event, &self.run_id);
        let mut line = match self.form {
            Form::Json => record.json(&context),
            Form::Text { color, fields } => {
                let ours = context.target == "ampd" || context.target.starts_with("ampd::");
                record.text(&context, color, fields || !ours)
            }
        };
        line.push('\n');
        self.queue.put(0, line);
    }
}

/// The four streams; the queue's writers are in the order of [`Phase::ALL`].
pub(super) struct PhaseLayer {
    pub(super) run_id: Arc<str>,
    pub(super) queue: Queue,
    pub(super) level: tracing::Level,
}

impl<S: Subscriber> Layer<S> for PhaseLayer {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let target = event.metadata().target();
        let Some(stream) = Phase::ALL.iter().position(|phase| phase.target() == target) else { return };
        if event.metadata().level() > &self.level {
            return;
        }
        let (record, context) = read(event, &self.run_id);
        let mut line = record.json(&context);
        line.push('\n');
        self.queue.put(stream, line);
    }
}

fn read<'a>(event: &Event<'a>, run_id: &'a str) -> (Record, Context<'a>) {
    let metadata = event.metadata();
    let context = Context { time: crate::clock::now(), level: *metadata.level(), target: metadata.target(), run_id };
    (Record::of(event), context)
}
