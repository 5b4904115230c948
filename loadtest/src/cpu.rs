//! How much CPU time processes have used: `schedstat` of all their threads, in nanoseconds. Owns the reading of `/proc`.

use std::path::Path;
use std::{fs, io};

/// CPU time of a process since it began, in nanoseconds. Threads that have ended are not in it.
pub(crate) fn used_ns(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        if let Ok(text) = fs::read_to_string(task?.path().join(Path::new("schedstat"))) {
            sum += on_cpu_ns(&text);
        }
    }
    Ok(sum)
}

/// The first number: time spent on a CPU (the kernel's Documentation/scheduler/sched-stats.rst).
fn on_cpu_ns(schedstat: &str) -> u64 {
    schedstat.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_read_and_does_not_run_backwards() {
        assert_eq!(on_cpu_ns("12345 678 9\n"), 12_345);
        assert_eq!(on_cpu_ns(""), 0);
        let before = used_ns(std::process::id()).unwrap();
        assert!(used_ns(std::process::id()).unwrap() >= before);
        assert!(used_ns(u32::MAX).is_err());
    }
}
