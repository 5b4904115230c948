//! A real `redis-server`, started by a test on a loopback address of its own: [`RedisServer`]. Owns its folder, its death and its return; the service of the system's package
//! has nothing to do with it. The end-to-end tests include this file.

use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The bound on every wait. Far beyond what anything takes: it is there so that a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);
/// Any will do: the address is the test's own, and no client's end is on it.
const PORT: u16 = 7379;
/// What it keeps, it has synced before it says so.
pub(crate) const SYNCED: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// Hash slots of each master of a cluster, as `CLUSTER ADDSLOTSRANGE` takes them.
pub(crate) const RANGES: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// Three masters without replicas, which know one another and serve.
pub(crate) fn start_cluster() -> Vec<RedisServer> {
    let settings = [&SYNCED[..], &["--cluster-enabled", "yes"]].concat();
    let masters: Vec<_> = RANGES.iter().map(|_| RedisServer::start_with(&settings)).collect();
    for (number, (master, (from, to))) in masters.iter().zip(RANGES).enumerate() {
        let _: () = master.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        let _: () = master.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
    }
    for other in &masters[1..] {
        let (host, port) = (other.address.ip().to_string(), other.address.port().to_string());
        let _: () = masters[0].ask(&["CLUSTER", "MEET", &host, &port]);
    }
    for master in &masters {
        await_that(|| {
            let info: String = master.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        });
    }
    masters
}

/// Waits for what servers tell one another, which is no event that could be awaited.
pub(crate) fn await_that(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to be");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A process, and what it has on the disk.
pub(crate) struct RedisServer {
    address: SocketAddr,
    settings: Vec<String>,
    folder: TempDir,
    process: Child,
}

impl RedisServer {
    /// Starts one that syncs always.
    pub(crate) fn start() -> Self {
        Self::start_with(&SYNCED)
    }

    /// Starts one with these settings.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let address = SocketAddr::from((own_address(), PORT));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings: Vec<_> = settings.iter().map(|word| (*word).to_owned()).collect();
        let process = start(address, &folder, &settings);
        Self { address, settings, folder, process }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, as settings say it.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.process.id())]).status();
        assert!(kill.expect("a shell can be started").success());
    }

    /// Ends it at once, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again with what it has on the disk.
    pub(crate) fn start_again(&mut self) {
        self.kill();
        self.process = start(self.address, &self.folder, &self.settings);
    }

    /// Asks it something on a connection of its own.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("a URL");
        let mut connection = client.get_connection_with_timeout(PATIENCE).expect("it is there");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a process and waits until it takes connections.
fn start(address: SocketAddr, folder: &TempDir, settings: &[String]) -> Child {
    let (host, port, folder) = (address.ip().to_string(), address.port().to_string(), folder.path());
    let mut command = Command::new("redis-server");
    command.args(["--bind", &host, "--port", &port, "--save", "", "--dir"]).arg(folder);
    // Its own connections to others come from 127.0.0.1, which is not where it is.
    command.args(["--cluster-announce-ip", &host]).args(settings);
    let mut process = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("redis-server, of the system's package of that name: {error}"));
    let (lines, said) = channel();
    let stdout = process.stdout.take().expect("it is a pipe");
    // To the end, so that a full pipe never blocks it.
    thread::spawn(move || read(stdout, |line| drop(lines.send(line))));
    let mut all = String::new();
    loop {
        match said.recv_timeout(PATIENCE) {
            Ok(line) if line.contains("Ready to accept connections") => return process,
            Ok(line) => all.extend([&line, "\n"]),
            Err(RecvTimeoutError::Disconnected) => panic!("redis-server has ended:\n{all}"),
            Err(RecvTimeoutError::Timeout) => panic!("redis-server is not ready:\n{all}"),
        }
    }
}

fn read(from: impl Read, each: impl FnMut(String)) {
    BufReader::new(from).lines().map_while(Result::ok).for_each(each);
}

/// A loopback address for one server alone. A client's own end is at 127.0.0.1, so while a server is down none can take its port.
fn own_address() -> Ipv4Addr {
    static SERVERS: AtomicU8 = AtomicU8::new(128);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, SERVERS.fetch_add(1, Ordering::Relaxed).max(128), high, low.clamp(1, 254))
}
