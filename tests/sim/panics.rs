//! A panic of the engine is a violation with its place and its words; those of other tests are printed as ever.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// While a schedule runs on this thread: the words of its panic.
    static WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a schedule; answers what it panicked with, and where.
pub fn contained(schedule: impl FnOnce()) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let contained = WORDS.with_borrow_mut(|words| {
                words.as_mut().map(|words| *words = info.to_string().replace('\n', " ")).is_some()
            });
            if !contained {
                usual(info);
            }
        }));
    });
    WORDS.set(Some(String::new()));
    let caught = panic::catch_unwind(AssertUnwindSafe(schedule));
    let words = WORDS.take().unwrap_or_default();
    caught.map_err(|_| words)
}
