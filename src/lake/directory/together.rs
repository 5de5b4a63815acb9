//! Work that several threads want at the same time, done once for all of them, as a database commits a group: who asks
//! is answered by a run that began after the question. So a shared fsync covers every name that was there when it was
//! asked for, and a shared reading of a directory shows it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Runs of one kind of work, by the path they are about. `T` is what a run answers to everybody who shares it.
pub(super) struct Together<T> {
    groups: Mutex<HashMap<PathBuf, Group<T>>>,
    ended: Condvar,
}

/// Who wants the work on one path. It is there as long as anybody does.
struct Group<T> {
    users: usize,
    begun: u64,
    running: bool,
    /// The newest run that ended, and what it answered.
    answer: Option<(u64, T)>,
}

impl<T> Default for Together<T> {
    fn default() -> Self {
        Self { groups: Mutex::default(), ended: Condvar::new() }
    }
}

impl<T: Clone> Together<T> {
    /// The answer of a run of `work` on `path` that began after this call: of somebody else's where one comes in time,
    /// of our own otherwise.
    pub(super) fn run(&self, path: &Path, work: impl FnOnce() -> T) -> T {
        let mut groups = self.groups();
        let group =
            groups.entry(path.to_path_buf()).or_insert(Group { users: 0, begun: 0, running: false, answer: None });
        group.users += 1;
        let wanted = group.begun + 1;
        while let Some(group) = groups.get_mut(path) {
            if let Some((_, answer)) = group.answer.as_ref().filter(|(run, _)| *run >= wanted) {
                let answer = answer.clone();
                leave(&mut groups, path);
                return answer;
            }
            if !group.running {
                group.running = true;
                group.begun += 1;
                break;
            }
            groups = self.ended.wait(groups).unwrap_or_else(PoisonError::into_inner);
        }
        drop(groups);
        let done = catch_unwind(AssertUnwindSafe(work));
        let mut groups = self.groups();
        if let Some(group) = groups.get_mut(path) {
            group.running = false;
            // Who waited for a run that panicked does one of its own.
            group.answer = done.as_ref().ok().map(|answer| (group.begun, answer.clone()));
        }
        leave(&mut groups, path);
        drop(groups);
        self.ended.notify_all();
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<PathBuf, Group<T>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leave<T>(groups: &mut HashMap<PathBuf, Group<T>>, path: &Path) {
    if let Some(group) = groups.get_mut(path) {
        group.users -= 1;
        if group.users == 0 {
            groups.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn who_asks_during_a_run_is_answered_by_the_next_one_and_all_of_them_by_the_same() {
        let (together, runs) = (Together::default(), AtomicU64::new(0));
        let path = Path::new("d");
        let run = || runs.fetch_add(1, Ordering::SeqCst) + 1;
        let (begun, released) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                together.run(path, || {
                    begun.wait();
                    released.wait();
                    run()
                })
            });
            begun.wait();
            let others: Vec<_> = (0..5).map(|_| scope.spawn(|| together.run(path, run))).collect();
            while together.groups().get(path).unwrap().users < 6 {
                thread::yield_now();
            }
            released.wait();
            assert_eq!(first.join().unwrap(), 1);
            for other in others {
                assert_eq!(other.join().unwrap(), 2);
            }
        });
        assert!(together.groups().is_empty());
        assert_eq!(together.run(path, run), 3);
    }

    #[test]
    fn a_run_that_panics_answers_nobody_else_and_holds_nobody_up() {
        let together = Together::default();
        let path = Path::new("d");
        let (begun, released) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                let panics = || -> u8 {
                    begun.wait();
                    released.wait();
                    panic!("as told")
                };
                catch_unwind(AssertUnwindSafe(|| together.run(path, panics))).is_err()
            });
            begun.wait();
            let other = scope.spawn(|| together.run(path, || 7));
            while together.groups().get(path).unwrap().users < 2 {
                thread::yield_now();
            }
            released.wait();
            assert!(first.join().unwrap());
            assert_eq!(other.join().unwrap(), 7);
        });
        assert!(together.groups().is_empty());
    }
}
