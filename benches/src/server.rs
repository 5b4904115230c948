//! The servers under test as processes: started on core 0, asked for their CPU time and memory, ended.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

/// The core that servers run on.
pub const SERVER_CORE: usize = 0;
/// The core of everything that keeps them busy.
pub const CLIENT_CORE: usize = 1;

/// The servers of `peer.rs`.
const PEERS: [&str; 3] = ["fastwebsockets", "tokio-websockets", "tokio-tungstenite"];

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts an echo server on its core: `holdfast` (over WebSocket) and `holdfast-tcp` are the gateway with one reactor, others a binary beside this one.
    pub fn echo(name: &str) -> io::Result<Self> {
        if name.starts_with("holdfast") {
            Self::gateway(&["--mode", "echo", "--reactors", "1"], Some(SERVER_CORE))
        } else if PEERS.contains(&name) {
            Self::start(&["peer", name], Some(SERVER_CORE))
        } else {
            Self::start(&[name], Some(SERVER_CORE))
        }
    }

    /// Starts a gateway with these options, on one core or on all.
    pub fn gateway(options: &[&str], core: Option<usize>) -> io::Result<Self> {
        Self::gateway_on("127.0.0.1:0", options, core)
    }

    /// The same, where it listens being chosen.
    pub fn gateway_on(listen: &str, options: &[&str], core: Option<usize>) -> io::Result<Self> {
        let fixed = ["holdfast", "gateway", "--json", "--listen", listen, "--admin", "127.0.0.1:0"];
        Self::start(&[&fixed, options].concat(), core)
    }

    /// Starts a binary that lies beside this one and prints its address in its first line.
    pub fn start(command: &[&str], core: Option<usize>) -> io::Result<Self> {
        let (name, options) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(beside(name)?);
                command
            }
            None => Command::new(beside(name)?),
        };
        let mut child = command.args(options).stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        match address_in(&line) {
            Some(address) => Ok(Self { address, child }),
            None => Err(io::Error::other(format!("{name} did not start: {line:?}"))),
        }
    }

    /// Where its clients find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its resident memory.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        resident_bytes_of(&[self.child.id()])
    }

    /// CPU time of all its threads so far, in nanoseconds: exact, not in ticks.
    pub fn cpu_nanos(&self) -> io::Result<u64> {
        cpu_nanos_of(&[self.child.id()])
    }
}

/// The resident memory of some processes.
pub fn resident_bytes_of(pids: &[u32]) -> io::Result<u64> {
    let one = |pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| io::Error::other("no VmRSS"))
    };
    pids.iter().map(one).sum()
}

/// CPU time of all threads of some processes so far, in nanoseconds: exact, not in ticks.
pub fn cpu_nanos_of(pids: &[u32]) -> io::Result<u64> {
    let mut sum = 0;
    for pid in pids {
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(sum)
}

/// A binary of this build.
fn beside(name: &str) -> io::Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(name);
    if path.exists() {
        return Ok(path);
    }
    let hint = if name == "peer" { "benches --features peers" } else { "holdfast -p benches" };
    Err(io::Error::other(format!("{} is not there: cargo build --release -p {hint}", path.display())))
}

/// The first thing in a line that reads as an address: alone, or the "listen" member of a JSON line.
fn address_in(line: &str) -> Option<SocketAddr> {
    let listen = line.split_once("\"listen\":\"").map_or(line, |(_, rest)| rest);
    listen.split(['"', '\n']).next()?.trim().parse().ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing worth saving.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
