//! What the system says about this process, under Prometheus' usual names. Where there is no `/proc`, nothing.

use std::fs;

/// The process' figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_fds: u64,
    pub(super) max_fds: u64,
}

/// Reads them.
pub(super) fn read() -> Option<Usage> {
    let mut figures = parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
    figures.open_fds = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    figures.max_fds = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).unwrap_or(0);
    Some(figures)
}

/// The name of the command, in parentheses, may hold anything; the figures follow its last one.
fn parse(stat: &str) -> Option<Usage> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
    Some(Usage {
        cpu_seconds: (field(14)? + field(15)?) as f64 / ticks,
        threads: field(20)?,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)? * rustix::param::page_size() as u64,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_about_this_process() {
        let figures = read().unwrap();
        assert!(figures.resident_bytes > 1 << 20 && figures.virtual_bytes >= figures.resident_bytes, "{figures:?}");
        assert!(figures.threads > 0 && figures.open_fds > 2 && figures.max_fds > figures.open_fds, "{figures:?}");
    }

    #[test]
    fn a_command_may_have_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 100 4096 2 18446744073709551615";
        let figures = parse(stat).unwrap();
        assert_eq!((figures.threads, figures.virtual_bytes), (9, 4096));
        assert!(figures.cpu_seconds > 0.0 && parse("nonsense").is_none());
    }
}
