//! Whether a run can be at all: open files, ports, memory. Owns what is looked at before anything is opened, and the words that say what to change.

use std::fs;
use std::net::SocketAddr;

use crate::plan::{Part, Plan, Share};

/// Descriptors of a thread that are no connections: standard streams, its poll, its alarm, and some air.
const FILES_SPARE: u64 = 64;
/// Of the ports of a source address that this tool chooses itself, one in so many is used at most. The kernel looks through the ports one by one for each connection, first the even (or odd) ones
/// and then the others: with more than half of them taken an attempt costs a millisecond, and all attempts wait.
const PORTS_USED_ONE_IN: u64 = 4;
/// Kernel memory of one end of a connection, in bytes, generously.
const END_BYTES: u64 = 4608;

/// How a run is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) workers: u32,
    /// So many of them, the last ones, have all clients of the parts whose times are exact, and nobody else; 0: each has its share of every part.
    pub(crate) exact: u32,
    /// Each thread has so many source addresses of its own on the loopback interface; 0: it has those of the plan, or none.
    pub(crate) loopback_sources: u32,
}

impl Layout {
    /// What a thread has of a part; its first client is counted from the part's first.
    pub(crate) fn share(self, part: &Part, thread: u32) -> Share {
        let (clients, together) = (part.clients, part.task.together());
        let gathered = self.workers - self.exact;
        match (self.exact, part.task.is_exact()) {
            (0, _) => Share::of(clients, together, thread, self.workers),
            (_, true) if thread >= gathered => Share::of(clients, together, thread - gathered, self.exact),
            (_, false) if thread < gathered => Share::of(clients, together, thread, gathered),
            _ => Share::none(thread, self.workers),
        }
    }
}

/// What the system allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System {
    /// Open files of a process, or of a thread with a table of its own.
    pub(crate) files: u64,
    /// Open files that the whole system may still have.
    pub(crate) files_left: u64,
    /// Ports of one source address towards one address.
    pub(crate) ports: u64,
    pub(crate) memory_left: u64,
}

impl System {
    pub(crate) fn look(files: u64) -> Self {
        let numbers = |path: &str| -> Vec<u64> {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
        };
        let files_left = match numbers("/proc/sys/fs/file-nr")[..] {
            [used, _, most] => most.saturating_sub(used),
            _ => u64::MAX,
        };
        let ports = match numbers("/proc/sys/net/ipv4/ip_local_port_range")[..] {
            [first, last] => last.saturating_sub(first) + 1,
            _ => 28_232,
        };
        Self { files, files_left, ports, memory_left: crate::process::available_bytes() }
    }
}

/// Chooses how the run is spread, or says what stands in its way.
pub(crate) fn layout(plan: &Plan, peer: SocketAddr, system: System) -> Result<Layout, String> {
    let clients = u64::from(plan.clients());
    let each = system.files.saturating_sub(FILES_SPARE);
    if each == 0 {
        return Err(format!("a process may open {} files only; raise ulimit -n", system.files));
    }
    // Parts are spread one by one, so a thread may have one client more of each than its share, or one pair or group.
    let threads = |clients: u64| clients.div_ceil(each.saturating_sub(1024).max(each / 2)) as u32;
    let exact = threads(plan.exact_clients().into());
    let gathered = clients - u64::from(plan.exact_clients());
    let needed = threads(gathered) + exact;
    let workers = plan.workers.unwrap_or(needed);
    if workers <= exact {
        return Err(format!("with --coalesce there must be {needed} --workers at least"));
    }
    if gathered.div_ceil(u64::from(workers - exact)) > each {
        return Err(format!(
            "{clients} connections on {workers} workers are more than the {each} that each may open; give --workers {needed}, or raise ulimit -n"
        ));
    }
    let local = peer.ip().is_loopback();
    let ends = if local { 2 } else { 1 };
    if clients * ends > system.files_left {
        return Err(format!(
            "{clients} connections need {} open files on this system, which has {} left; raise fs.file-max (scripts/tune)",
            clients * ends,
            system.files_left
        ));
    }
    let crowded = system.ports / PORTS_USED_ONE_IN;
    let may_choose = local && peer.is_ipv4() && plan.sources.is_empty();
    let loopback_sources = match gathered.div_ceil(u64::from(workers - exact)).div_ceil(crowded.max(1)) as u32
    {
        1 if workers == 1 => 0,
        each if may_choose => each,
        _ => 0,
    };
    let sources = u64::from(workers * loopback_sources).max(plan.sources.len().max(1) as u64);
    if clients > sources * system.ports {
        let more = clients.div_ceil(system.ports);
        return Err(format!(
            "{clients} connections from {sources} addresses are more than their ports ({} each); give {more} addresses with --sources, or widen net.ipv4.ip_local_port_range (scripts/tune)",
            system.ports
        ));
    }
    if clients * ends * END_BYTES > system.memory_left {
        return Err(format!(
            "{clients} connections take some {} MiB of kernel memory, and {} MiB are left",
            (clients * ends * END_BYTES) >> 20,
            system.memory_left >> 20
        ));
    }
    Ok(Layout { workers, exact, loopback_sources })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::{Load, Task};

    #[test]
    fn clients_whose_times_are_exact_have_threads_of_their_own_beside_those_whose_events_gather() {
        let load = Load::Closed { in_flight: 1 };
        let part = |clients, task| Part { name: String::new(), clients, after: Duration::ZERO, task };
        let idle = part(30, Task::Sit { groups: None });
        let echo = part(8, Task::Echo { bytes: 8, load, heartbeat: None });
        let counts = |layout: Layout, part| -> Vec<u32> {
            (0..layout.workers).map(|thread| layout.share(part, thread).count).collect()
        };
        let layout = Layout { workers: 4, exact: 1, loopback_sources: 0 };
        assert_eq!((counts(layout, &idle), counts(layout, &echo)), (vec![10, 10, 10, 0], vec![0, 0, 0, 8]));
        let layout = Layout { exact: 0, ..layout };
        assert_eq!((counts(layout, &idle), counts(layout, &echo)), (vec![7, 8, 7, 8], vec![2, 2, 2, 2]));
    }
}
