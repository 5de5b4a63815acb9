//! The one place that writes to stdout and stderr. A reader that went away (EPIPE) ends the writing, never the work.

use std::io::{ErrorKind, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::cli::{ColorWhen, Global, OutputForm, ProgressHow};
use crate::problem::Failure;
use crate::telemetry::ProgressMode;

/// Where a command's data goes.
pub struct Output {
    form: OutputForm,
    sink: Mutex<Sink>,
}

struct Sink {
    writer: Box<dyn Write + Send>,
    failed: Option<std::io::Error>,
}

impl Output {
    /// Data to stdout, in this form.
    pub fn stdout(form: OutputForm) -> Self {
        Self::to(form, Box::new(std::io::stdout()))
    }

    /// Data to another place.
    pub fn to(form: OutputForm, writer: Box<dyn Write + Send>) -> Self {
        Self { form, sink: Mutex::new(Sink { writer, failed: None }) }
    }

    /// The form that was asked for.
    pub fn form(&self) -> OutputForm {
        self.form
    }

    /// Whether stdout takes no more: a command that only prints can stop.
    pub fn is_closed(&self) -> bool {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner).failed.is_some()
    }

    /// Text for people; nothing in the other forms. A line end is added where there is none.
    pub fn text(&self, text: &str) {
        if self.form == OutputForm::Human {
            self.write(text);
        }
    }

    /// What happened just now: only `jsonl` shows it.
    pub fn event<T: Serialize>(&self, object: &T) {
        if self.form == OutputForm::Jsonl {
            self.write(&line_of(object));
        }
    }

    /// The command's result: the one object of `json`, the last one of `jsonl`.
    pub fn object<T: Serialize>(&self, object: &T) {
        if matches!(self.form, OutputForm::Json | OutputForm::Jsonl) {
            self.write(&line_of(object));
        }
    }

    /// Kestra's outputs and metrics, in its notation.
    pub fn kestra(&self, outputs: &serde_json::Value, metrics: &[(&str, u64)]) {
        if self.form != OutputForm::Kestra {
            return;
        }
        let metrics: Vec<_> = metrics
            .iter()
            .map(|(name, value)| serde_json::json!({"name": name, "type": "counter", "value": value}))
            .collect();
        self.write(&format!("::{}::", serde_json::json!({ "outputs": outputs })));
        self.write(&format!("::{}::", serde_json::json!({ "metrics": metrics })));
    }

    /// What is data whatever the form: a completion script, a schema, the journal.
    pub fn raw(&self, text: &str) {
        if self.form != OutputForm::None {
            self.write(text);
        }
    }

    fn write(&self, text: &str) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if sink.failed.is_some() {
            return;
        }
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let written = sink.writer.write_all(format!("{text}{end}").as_bytes()).and_then(|()| sink.writer.flush());
        sink.failed = written.err();
    }

    /// Whether all of it was taken; a reader that had enough (`| head`) is no failure.
    pub fn finish(&self) -> Result<(), Failure> {
        match &self.sink.lock().unwrap_or_else(PoisonError::into_inner).failed {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new("E707", format!("standard output cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }
}

fn line_of<T: Serialize>(object: &T) -> String {
    serde_json::to_string(object).unwrap_or_else(|_| "{}".to_owned())
}

/// Says a failure on stderr: an object under `json` and `jsonl`, text otherwise.
pub fn complain(failure: &Failure, form: OutputForm, color: bool) {
    match form {
        OutputForm::Json | OutputForm::Jsonl => note(&failure.to_json()),
        _ => note(&failure.to_text(color)),
    }
}

/// A line on stderr.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end_matches('\n'));
}

/// How progress is shown: objects among the others of `jsonl`, else as `--progress` says; not at all with `-q`.
pub fn progress_mode(global: &Global, output: &Arc<Output>) -> ProgressMode {
    match (global.form(), global.progress) {
        (_, ProgressHow::None) => ProgressMode::None,
        (OutputForm::Jsonl, _) => {
            let output = Arc::clone(output);
            ProgressMode::Objects(Box::new(move |object| output.event(object)))
        }
        _ if global.quiet => ProgressMode::None,
        (_, ProgressHow::Auto) => ProgressMode::Auto,
        (_, ProgressHow::Bar) => ProgressMode::Bar,
        (_, ProgressHow::Plain) => ProgressMode::Plain,
    }
}

/// Whether colours are used on a stream: the flag, else `NO_COLOR`, `TERM` and whether it is a terminal.
pub fn use_color(when: ColorWhen, terminal: bool) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => terminal && !no_color && !dumb,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A writer whose text can be read afterwards.
    #[derive(Clone, Default)]
    pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(buf);
            Ok(buf.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Closed(ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_form_shows_its_own() {
        for (form, expected) in [
            (OutputForm::Human, "text\n"),
            (OutputForm::Json, "{\"b\":2}\n"),
            (OutputForm::Jsonl, "{\"a\":1}\n{\"b\":2}\n"),
            (
                OutputForm::Kestra,
                "::{\"outputs\":{\"x\":1}}::\n::{\"metrics\":[{\"name\":\"rows\",\"type\":\"counter\",\"value\":3}]}::\n",
            ),
            (OutputForm::None, ""),
        ] {
            let shared = Shared::default();
            let output = Output::to(form, Box::new(shared.clone()));
            output.text("text");
            output.event(&serde_json::json!({"a": 1}));
            output.object(&serde_json::json!({"b": 2}));
            output.kestra(&serde_json::json!({"x": 1}), &[("rows", 3)]);
            assert_eq!(shared.text(), expected, "{form:?}");
            assert!(output.finish().is_ok());
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_a_full_disk_is() {
        for (kind, fine) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
            let output = Output::to(OutputForm::Human, Box::new(Closed(kind)));
            output.text("a");
            output.text("b");
            assert!(output.is_closed());
            assert_eq!(output.finish().is_ok(), fine);
        }
    }
}
