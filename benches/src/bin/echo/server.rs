//! The servers under test as processes: started on core 0, asked for their CPU time, ended.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

/// A running server; it ends with this value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts a server that prints its address in its first line.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let folder = env::current_exe()?.parent().map(ToOwned::to_owned).unwrap_or_default();
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]);
        if name.starts_with("holdfast") {
            command.arg(folder.join("holdfast")).args([
                "gateway",
                "--mode",
                "echo",
                "--reactors",
                "1",
                "--json",
            ]);
            command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        } else {
            command.arg(folder.join(name));
        }
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        match address_in(&line) {
            Some(address) => Ok(Self { address, child }),
            None => Err(io::Error::other(format!("{name} did not start: {line:?}"))),
        }
    }

    /// Its resident memory.
    pub(crate) fn resident_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| io::Error::other("no VmRSS"))
    }

    /// CPU time of all its threads so far, in nanoseconds: exact, not in ticks.
    pub(crate) fn cpu_nanos(&self) -> io::Result<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            sum += text.split(' ').next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }
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
