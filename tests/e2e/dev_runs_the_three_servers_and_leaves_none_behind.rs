//! `holdfast dev` starts logic, state and gateway, tells where they are, and takes them down with itself, however it ends.

use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::holdfast::{Holdfast, signal};

const PARTS: [&str; 3] = ["gateway", "state", "logic"];

fn dev(data: &Path) -> Holdfast {
    Holdfast::start(&["dev", "--any-port", "--log-format", "text", "--data", data.to_str().unwrap()])
}

fn pid(dev: &Holdfast, part: &str) -> u32 {
    dev.ready[part]["pid"].as_u64().unwrap() as u32
}

/// Whether the process runs; one that has ended and was not yet waited for does not.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The system tells nobody but the parent of a process that it has ended, so this must look again and again.
fn ends(pid: u32) -> bool {
    let deadline = Instant::now() + Duration::from_mins(1);
    while runs(pid) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    !runs(pid)
}

#[test]
fn a_signal_stops_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut dev = dev(&folder.path().join("data"));
    let pids = PARTS.map(|part| pid(&dev, part));
    assert!(pids.into_iter().all(runs));
    for path in [["gateway", "listen"], ["gateway", "admin"], ["state", "admin"], ["logic", "http"]] {
        TcpStream::connect(dev.address(&path)).unwrap();
    }
    assert!(folder.path().join("data/dev.key").is_file());
    dev.signal("INT");
    assert_eq!(dev.exit_code(), Some(0));
    assert!(!pids.into_iter().any(runs), "each was waited for");
}

#[test]
fn a_server_that_dies_takes_the_others_down_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut dev = dev(folder.path());
    let pids = PARTS.map(|part| pid(&dev, part));
    signal(pid(&dev, "state"), "KILL");
    assert_eq!(dev.exit_code(), Some(1));
    let said = dev.said();
    assert!(said.contains("holdfast: state: has ended unexpectedly (signal: 9 (SIGKILL))"), "{said}");
    assert!(!pids.into_iter().any(runs));
}

#[test]
fn none_outlives_a_dev_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut dev = dev(folder.path());
    let pids = PARTS.map(|part| pid(&dev, part));
    dev.signal("KILL");
    assert_eq!(dev.exit_code(), None);
    assert!(pids.into_iter().all(ends));
}
