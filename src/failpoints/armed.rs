//! What the feature `failpoints` brings: the variable is read, and the trouble happens.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Point;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The process dies before the work.
    Crash,
    /// It dies after the work, before anybody hears of it.
    CrashAfter,
    /// Nothing is done; the answer is an error.
    Error,
    /// It is done; the answer is lost, and an error comes instead.
    Lost,
    /// No answer ever comes.
    Hang,
    /// The work panics.
    Panic,
}

impl Trouble {
    /// Every trouble.
    pub const ALL: [Self; 6] = [Self::Crash, Self::CrashAfter, Self::Error, Self::Lost, Self::Hang, Self::Panic];

    /// Its name in the variable.
    pub fn id(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::CrashAfter => "crash_after",
            Self::Error => "error",
            Self::Lost => "lost",
            Self::Hang => "hang",
            Self::Panic => "panic",
        }
    }
}

struct Armed {
    point: Point,
    trouble: Trouble,
    nth: u64,
    passed: AtomicU64,
    file: String,
}

fn armed() -> Option<&'static Armed> {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    ARMED.get_or_init(|| read(&std::env::var("AMPD_FAILPOINT").ok()?)).as_ref()
}

fn read(text: &str) -> Option<Armed> {
    let mut fields = text.splitn(4, ':');
    let mut field = || fields.next();
    let id = field()?;
    let point = Point::ALL.iter().copied().find(|point| point.id() == id)?;
    let id = field()?;
    let trouble = Trouble::ALL.into_iter().find(|trouble| trouble.id() == id)?;
    Some(Armed { point, trouble, nth: field()?.parse().ok()?, passed: AtomicU64::new(0), file: field()?.to_owned() })
}

/// Counts the passage; answers the trouble when it is the one.
pub(super) fn strikes(point: Point) -> Option<Trouble> {
    let armed = armed().filter(|armed| armed.point == point)?;
    if armed.passed.fetch_add(1, Ordering::SeqCst) + 1 != armed.nth {
        return None;
    }
    // Without the file the test fails, and says so.
    let _ = std::fs::write(&armed.file, armed.trouble.id());
    Some(armed.trouble)
}

pub(super) async fn play<T, E>(
    trouble: Trouble,
    point: Point,
    refuse: impl Fn(String) -> E,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match trouble {
        Trouble::Hang => std::future::pending().await,
        Trouble::CrashAfter | Trouble::Lost => {
            let _ = work.await;
            after(trouble, point, refuse)
        }
        Trouble::Crash | Trouble::Error | Trouble::Panic => before(trouble, point, refuse),
    }
}

pub(super) fn play_blocking<T, E>(
    trouble: Trouble,
    point: Point,
    refuse: impl Fn(String) -> E,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    match trouble {
        Trouble::Hang => loop {
            std::thread::sleep(Duration::from_hours(1));
        },
        Trouble::CrashAfter | Trouble::Lost => {
            let _ = work();
            after(trouble, point, refuse)
        }
        Trouble::Crash | Trouble::Error | Trouble::Panic => before(trouble, point, refuse),
    }
}

fn before<T, E>(trouble: Trouble, point: Point, refuse: impl Fn(String) -> E) -> Result<T, E> {
    match trouble {
        Trouble::Crash => std::process::abort(),
        Trouble::Panic => panic!("failpoint {}", point.id()),
        _ => Err(refuse(format!("failpoint {}: nothing was done", point.id()))),
    }
}

fn after<T, E>(trouble: Trouble, point: Point, refuse: impl Fn(String) -> E) -> Result<T, E> {
    match trouble {
        Trouble::CrashAfter => std::process::abort(),
        _ => Err(refuse(format!("failpoint {}: the answer was lost", point.id()))),
    }
}
