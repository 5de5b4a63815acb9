//! What a block costs: CPU of this thread and time, by the best of several runs.

use std::time::Duration;

use ampd::clock;

/// Runs of a block: at least so many, and so long.
const RUNS_MIN: usize = 3;
const TIME_MIN: Duration = Duration::from_millis(600);

/// CPU that this thread has used, as the scheduler counts it; no time at all where the system does not say.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// What a block's cost is told for.
#[derive(Clone, Copy)]
pub enum Per {
    /// So many bytes of raw JSON go through one run.
    RawBytes(usize),
    /// One run is so many operations.
    Operations(usize),
}

/// Runs a block and prints what it costs.
#[allow(clippy::cast_precision_loss)]
pub fn measure(name: &str, per: Per, mut block: impl FnMut()) {
    let begun = clock::monotonic();
    let (mut best_cpu, mut best_wall, mut runs) = (Duration::MAX, Duration::MAX, 0);
    while runs < RUNS_MIN || clock::since(begun) < TIME_MIN {
        let (cpu_before, wall_before) = (cpu(), clock::monotonic());
        block();
        best_wall = best_wall.min(clock::since(wall_before));
        best_cpu = best_cpu.min(cpu().saturating_sub(cpu_before));
        runs += 1;
    }
    match per {
        Per::RawBytes(bytes) => {
            let seconds = best_cpu.as_secs_f64();
            println!(
                "{name:48} {:7.3} CPU-s/GB {:7.0} MB/s",
                seconds / bytes as f64 * 1e9,
                bytes as f64 / seconds / 1e6
            );
        }
        Per::Operations(count) => {
            let micros = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
            println!("{name:48} {:7.1} CPU-us   {:7.1} us each", micros(best_cpu), micros(best_wall));
        }
    }
}
