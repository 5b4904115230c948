//! The protocol of systemd: a gateway tells when it is ready, alive, reloading and stopping, and listens on the sockets that it is started with.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;

use client::wire::Transport;
use proto::packet::Codec;
use serde_json::Value;

use crate::holdfast::{command, run, signal};
use crate::program::{PATIENCE, Program};
use crate::raw::Raw;
use crate::upgraded::{await_end, is_there};

const GATEWAY: [&str; 7] = ["gateway", "--mode", "echo", "--admin", "127.0.0.1:0", "--drain", "0s"];

#[test]
fn what_happens_to_it_is_told_to_the_supervisor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = command(&[&GATEWAY[..], &["--listen", "127.0.0.1:0"]].concat());
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000");
    let gateway = Program::start("gateway", command);
    let told = |words: &str| {
        // Signs of life come in between at any time.
        let mut bytes = [0; 1024];
        loop {
            let length = supervisor.recv(&mut bytes).unwrap_or_else(|error| panic!("no {words:?}: {error}"));
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.contains(words) {
                return text;
            }
            assert!(text.contains("WATCHDOG=1"), "{text:?} instead of {words:?}");
        }
    };
    told("READY=1");
    told("WATCHDOG=1");
    gateway.signal("HUP");
    assert!(told("RELOADING=1").contains("MONOTONIC_USEC="));
    told("READY=1");
    gateway.signal("USR2");
    told("RELOADING=1");
    // The successor is ready, and then the one that started it says whose the service is now; or the other way round.
    let (mut ready, mut pid) = (false, None);
    while !ready || pid.is_none() {
        let text = told("=");
        ready |= text.contains("READY=1");
        let told = text.lines().find_map(|line| line.strip_prefix("MAINPID="));
        pid = pid.or(told.map(|pid| pid.parse::<u32>().unwrap()));
    }
    let successor = pid.expect("it was just told");
    await_end(gateway.pid());
    told("WATCHDOG=1");
    signal(successor, "TERM");
    told("STOPPING=1");
    await_end(successor);
}

/// Starts a gateway on this socket, as systemd does, with these settings on top.
fn started_on(socket: &TcpListener, more: &[&str]) -> Program {
    // A child cannot be told its own number from here, so a shell tells it, whose number stays the same through `exec`. What it has as its stdin it moves to where the protocol
    // wants it.
    let usual = ["--listen", "127.0.0.1:1", "--reactors", "2", "--json"];
    let gateway = command(&[&GATEWAY[..], &usual, more].concat());
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"", "sh"]);
    shell.arg(gateway.get_program()).args(gateway.get_args()).env_remove("RUST_LOG");
    let passed = OwnedFd::from(socket.try_clone().unwrap());
    Program::start_on("gateway", shell, passed.into())
}

#[test]
fn it_listens_on_a_socket_that_it_is_started_with() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut gateway = started_on(&socket, &[]);
    let ready: Value = serde_json::from_str(&gateway.line()).unwrap();
    assert_eq!(ready["listen"], address.to_string());
    for _ in 0..8 {
        Raw::open(address, Transport::WebSocket(Codec::Proto));
    }
    gateway.signal("TERM");
    assert_eq!(gateway.ended().0.code(), Some(0));
    // The queue is still there: whoever connects now is served by the next one.
    drop(TcpStream::connect(address).unwrap());
}

#[test]
fn the_socket_that_it_is_started_with_is_passed_on_and_taken_once() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("run").display().to_string();
    let first = started_on(&socket, &["--runtime-dir", &directory]);
    first.line();
    let inode = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
    let mut last = Last(first.pid());
    for _ in 0..3 {
        Raw::open(address, Transport::WebSocket(Codec::Proto));
        let before = last.0.to_string();
        let output = run(&["upgrade", "--runtime-dir", &directory, "--pid", &before]);
        let (told, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let successor = told.split_once("handed over to process ").and_then(|(_, rest)| rest.split_once(' '));
        last.0 = successor.unwrap_or_else(|| panic!("{told}{why}")).0.parse().unwrap();
        await_end(before.parse().unwrap());
        // The process holds it once, and each reactor accepts from it by one descriptor of its own.
        let held =
            tables(last.0).into_iter().map(|table| table.iter().filter(|open| **open == inode).count());
        let held: Vec<_> = held.filter(|held| *held > 0).collect();
        assert!(held.len() >= 3 && held.iter().all(|held| *held <= 2), "{held:?}");
        let environment = fs::read(format!("/proc/{}/environ", last.0)).unwrap();
        assert!(!String::from_utf8_lossy(&environment).contains("LISTEN_"));
    }
    Raw::open(address, Transport::WebSocket(Codec::Proto));
    signal(last.0, "TERM");
    await_end(last.0);
    // The queue is still there, and nobody else's.
    drop(TcpStream::connect(address).unwrap());
}

/// The process that a test has come to, which nobody else ends.
struct Last(u32);

impl Drop for Last {
    fn drop(&mut self) {
        if is_there(self.0) {
            signal(self.0, "KILL");
        }
    }
}

/// What is open in each thread of a process.
fn tables(pid: u32) -> Vec<Vec<PathBuf>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let open = |task: fs::DirEntry| fs::read_dir(task.path().join("fd")).into_iter().flatten().flatten();
    tasks.map(|task| open(task).filter_map(|file| fs::read_link(file.path()).ok()).collect()).collect()
}
