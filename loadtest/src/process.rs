//! What processes use, as the kernel tells it: CPU time to the nanosecond and memory. Owns the reading of `/proc`.

use std::str::FromStr;
use std::{fs, io};

/// A process and what it is called in the report; written `gateway=123`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pid {
    /// Its name in the report.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

impl FromStr for Pid {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, pid) = text.split_once('=').ok_or("must be NAME=PID")?;
        let pid = pid.parse().map_err(|_| "must be NAME=PID with a number for PID")?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// CPU time of all its threads that are alive, in nanoseconds.
    pub cpu_ns: u64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
}

/// What a process has used; of one that has ended, an error.
pub fn used(pid: u32) -> io::Result<Used> {
    Ok(Used { cpu_ns: cpu_ns(pid)?, resident_bytes: resident_bytes(pid)? })
}

/// CPU time of a process since it began, in nanoseconds. Threads that have ended are not in it.
pub(crate) fn cpu_ns(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
            sum += on_cpu_ns(&text);
        }
    }
    Ok(sum)
}

fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(kibibytes(&status, "VmRSS:") * 1024)
}

/// Memory that the kernel uses for itself, in bytes: what connections cost beyond the processes (proc(5), /proc/meminfo: Slab; sockstat's pages are beside it).
pub fn kernel_bytes() -> u64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    kibibytes(&memory, "SUnreclaim:") * 1024
}

/// Memory that is to be had without swapping, in bytes.
pub(crate) fn available_bytes() -> u64 {
    kibibytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemAvailable:") * 1024
}

fn kibibytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
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
        let before = used(std::process::id()).unwrap();
        let after = used(std::process::id()).unwrap();
        assert!(after.cpu_ns >= before.cpu_ns && after.resident_bytes > 0);
        assert!(used(u32::MAX).is_err());
    }

    #[test]
    fn memory_is_read() {
        assert_eq!(kibibytes("VmPeak:\t 5 kB\nVmRSS:\t    1234 kB\n", "VmRSS:"), 1234);
        assert_eq!(kibibytes("", "VmRSS:"), 0);
        assert!(kernel_bytes() > 0 && available_bytes() > 0);
    }

    #[test]
    fn a_process_is_named() {
        assert_eq!("gateway=12".parse(), Ok(Pid { name: "gateway".into(), pid: 12 }));
        assert!("12".parse::<Pid>().is_err() && "x=y".parse::<Pid>().is_err());
    }
}
