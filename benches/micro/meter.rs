//! What a block costs: CPU of this thread and time, by the best of several samples.

use std::time::Duration;

use ampd::clock;

const SAMPLES: usize = 3;
/// A sample is as many runs of the block as this takes: the system counts a thread's CPU a few milliseconds late.
const SAMPLE_MIN: Duration = Duration::from_millis(300);

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
pub fn measure(name: &str, per: Per, mut block: impl FnMut()) {
    let (mut best_cpu, mut best_wall) = (f64::MAX, f64::MAX);
    for _ in 0..SAMPLES {
        let (cpu_before, begun, mut runs) = (cpu(), clock::monotonic(), 0.0);
        while runs == 0.0 || clock::since(begun) < SAMPLE_MIN {
            block();
            runs += 1.0;
        }
        best_wall = best_wall.min(clock::since(begun).as_secs_f64() / runs);
        best_cpu = best_cpu.min(cpu().saturating_sub(cpu_before).as_secs_f64() / runs);
    }
    match per {
        Per::RawBytes(bytes) => {
            let of_a_gb = 1e9 / bytes as f64;
            println!("{name:48} {:7.3} CPU-s/GB {:7.0} MB/s", best_cpu * of_a_gb, 1e3 / (best_cpu * of_a_gb));
        }
        Per::Operations(count) => {
            let of_one = 1e6 / count as f64;
            println!("{name:48} {:7.1} CPU-us   {:7.1} us each", best_cpu * of_one, best_wall * of_one);
        }
    }
}
