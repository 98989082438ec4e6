//! What the operating system says of this process: the `process_*` metrics.

use std::fmt::Write;
use std::fs;

use rustix::param::clock_ticks_per_second;
use rustix::process::Resource;
use rustix::process::getrlimit;

use crate::observe::text::head;

/// Figures of the running process; what cannot be read is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Process {
    pub cpu_seconds: Option<f64>,
    pub start_time_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub virtual_bytes: Option<u64>,
    pub threads: Option<u64>,
    pub open_fds: Option<u64>,
    pub max_fds: Option<u64>,
}

impl Process {
    /// Reads the figures of this process from `/proc`.
    #[must_use]
    pub fn read() -> Self {
        let file = |name: &str| fs::read_to_string(name).unwrap_or_default();
        let fds = fs::read_dir("/proc/self/fd").map(|all| all.count() as u64);
        Self {
            // One descriptor is the folder's own.
            open_fds: fds.ok().map(|count| count.saturating_sub(1)),
            max_fds: getrlimit(Resource::Nofile).current,
            ..Self::parse(
                &file("/proc/self/stat"),
                &file("/proc/self/status"),
                &file("/proc/stat"),
                clock_ticks_per_second(),
            )
        }
    }

    fn parse(stat: &str, status: &str, system: &str, ticks_per_second: u64) -> Self {
        // The command's name may hold spaces and brackets: the fields that count follow the last bracket.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        let ticks = |index: usize| -> Option<f64> {
            let ticks: u64 = fields.get(index)?.parse().ok()?;
            Some(ticks as f64 / ticks_per_second.max(1) as f64)
        };
        let kilobytes = |key| field(status, key).map(|kb| kb * 1024);
        let boot = field(system, "btime");
        Self {
            cpu_seconds: ticks(11).zip(ticks(12)).map(|(user, system)| user + system),
            start_time_seconds: ticks(19).zip(boot).map(|(since, boot)| since + boot as f64),
            resident_bytes: kilobytes("VmRSS:"),
            virtual_bytes: kilobytes("VmSize:"),
            threads: field(status, "Threads:"),
            open_fds: None,
            max_fds: None,
        }
    }

    /// Appends the metrics in the text format of Prometheus.
    pub fn write(&self, out: &mut String) {
        let whole = |n: Option<u64>| n.map(|n| n.to_string());
        let seconds = |n: Option<f64>| n.map(|n| n.to_string());
        let metrics = [
            (
                "process_cpu_seconds_total",
                "counter",
                "User and system CPU time spent, in seconds.",
                seconds(self.cpu_seconds),
            ),
            (
                "process_start_time_seconds",
                "gauge",
                "Start time of the process, in seconds since the epoch.",
                seconds(self.start_time_seconds),
            ),
            (
                "process_resident_memory_bytes",
                "gauge",
                "Resident memory, in bytes.",
                whole(self.resident_bytes),
            ),
            (
                "process_virtual_memory_bytes",
                "gauge",
                "Virtual memory, in bytes.",
                whole(self.virtual_bytes),
            ),
            (
                "process_threads",
                "gauge",
                "Threads of the process.",
                whole(self.threads),
            ),
            (
                "process_open_fds",
                "gauge",
                "Open file descriptors.",
                whole(self.open_fds),
            ),
            (
                "process_max_fds",
                "gauge",
                "The most file descriptors the process may open.",
                whole(self.max_fds),
            ),
        ];
        for (name, kind, help, value) in metrics {
            if let Some(value) = value {
                head(out, name, kind, help);
                // Writing to a String cannot fail.
                let _ = writeln!(out, "{name} {value}");
            }
        }
    }
}

/// The first number after `key` at the start of a line.
fn field(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_found_whatever_the_command_is_called() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 5 0 3000 1 2";
        let status = "Name:\ta\nVmSize:\t 2000 kB\nVmRSS:\t 1000 kB\nThreads:\t5\n";
        let process = Process::parse(stat, status, "cpu 1 2\nbtime 1700000000\n", 100);
        assert_eq!(process.cpu_seconds, Some(4.0));
        assert_eq!(process.start_time_seconds, Some(1_700_000_030.0));
        assert_eq!(process.resident_bytes, Some(1_024_000));
        assert_eq!(process.virtual_bytes, Some(2_048_000));
        assert_eq!(process.threads, Some(5));
    }

    #[test]
    fn what_cannot_be_read_is_absent_and_not_zero() {
        let mut out = String::new();
        Process::parse("", "", "", 100).write(&mut out);
        assert_eq!(out, "");
    }

    #[test]
    fn the_present_process_has_every_figure() {
        let process = Process::read();
        assert!(process.open_fds.is_some_and(|fds| fds >= 3), "{process:?}");
        assert!(process.resident_bytes.is_some_and(|b| b > 100_000), "{process:?}");
        assert!(
            process.start_time_seconds.is_some_and(|s| s > 1.5e9),
            "{process:?}"
        );
        assert!(process.threads.is_some() && process.max_fds.is_some() && process.cpu_seconds.is_some());
    }
}
