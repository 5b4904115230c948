//! A client's messages cost the gateway one `recv` and one `send` for each time it wakes up for that client, its share of `epoll_wait` and of the link's reads and
//! writes, and no other system call. Counted by strace, as the difference of a short run and a long one, so that what a start costs does not matter.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use client::wire::Transport;
use proto::packet::ServerBody;
use proto::tcp;
use proto::ws::{Opcode, frame, request};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::holdfast::command;
use crate::program::Program;
use crate::raw::Raw;

/// Messages that leave in one write, and arrive in one piece.
const BURST: usize = 4;
/// Bursts of the short run and of the long one.
const RUNS: [usize; 2] = [100, 1100];
/// Calls that a second more or less of life may cost: reports of who is alive, timers, a piece that the system has cut in two.
const OTHERS: u64 = 200;

/// The system calls that a gateway makes, by name, while something is done to it.
fn calls(arguments: &[&str], act: impl FnOnce(SocketAddr)) -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("calls");
    let holdfast = command(arguments);
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--summary-only", "--output"]).arg(&counts);
    strace.arg(holdfast.get_program()).args(holdfast.get_args()).args(["--json", "--stop-on-stdin-eof"]);
    let mut program = Program::start("strace (from the system's packages)", strace);
    let ready: Value = serde_json::from_str(&program.line()).unwrap();
    act(ready["listen"].as_str().unwrap().parse().unwrap());
    program.end_input();
    assert!(program.ended().0.success());
    let table = std::fs::read_to_string(counts).unwrap();
    // % time, seconds, usecs/call, calls, errors if there were any, and the name.
    let row = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let name = fields.last().filter(|name| **name != "total")?;
        Some(((*name).to_owned(), fields.get(3)?.parse().ok()?))
    };
    table.lines().filter_map(row).collect()
}

/// What the long run costs more than the short one.
fn difference(run: impl Fn(usize) -> BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let [short, long] = RUNS.map(run);
    let less = |(name, count): (String, u64)| {
        let count = count.saturating_sub(short.get(&name).copied().unwrap_or(0));
        (name, count)
    };
    long.into_iter().map(less).collect()
}

fn echo(edge: SocketAddr, bursts: usize) {
    let mut stream = TcpStream::connect(edge).unwrap();
    let mut hello = Vec::new();
    request::write(&mut hello, "test", "/", [7; 16], None);
    stream.write_all(&hello).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    let (mut sent, mut answer) = (Vec::new(), Vec::new());
    for _ in 0..BURST {
        frame::append(&mut sent, Opcode::Binary, Some([1, 2, 3, 4]), &[b"what is said"]);
        frame::append(&mut answer, Opcode::Binary, None, &[b"what is said"]);
    }
    let mut received = vec![0; answer.len()];
    for _ in 0..bursts {
        stream.write_all(&sent).unwrap();
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, answer);
    }
}

/// Asks the state server, which alone answers a heartbeat that is spelled otherwise than usual.
fn ask_state(edge: SocketAddr, bursts: usize) {
    let mut raw = Raw::log_in(edge, Transport::Tcp, "a-user");
    let spelled_out = [0x08, 0x00, 0x12, 0x00];
    let burst = [&tcp::head(spelled_out.len())[..], &spelled_out].concat().repeat(BURST);
    for _ in 0..bursts {
        raw.send_bytes(&burst);
        for _ in 0..BURST {
            assert_eq!(raw.packet().body, ServerBody::Heartbeat);
        }
    }
}

fn check(more: &BTreeMap<String, u64>, a_burst: u64) {
    let bursts = (RUNS[1] - RUNS[0]) as u64;
    for name in ["recvfrom", "sendto", "epoll_wait"] {
        let count = more.get(name).copied().unwrap_or(0);
        assert!(count + OTHERS >= bursts, "strace has missed some {name}: {more:?}");
        assert!(count <= a_burst * bursts + OTHERS, "{count} {name} for {bursts} bursts: {more:?}");
    }
    let expected = ["recvfrom", "sendto", "epoll_wait"];
    let others: u64 =
        more.iter().filter(|(name, _)| !expected.contains(&name.as_str())).map(|(_, count)| count).sum();
    assert!(others <= OTHERS, "{others} other system calls: {more:?}");
}

#[test]
fn an_echo_is_received_and_sent_and_nothing_else() {
    let any = "127.0.0.1:0";
    let gateway = ["gateway", "--mode=echo", "--listen", any, "--admin", any, "--reactors=1"];
    check(&difference(|bursts| calls(&gateway, |edge| echo(edge, bursts))), 1);
}

#[test]
fn a_message_by_way_of_the_state_server_takes_its_share_of_the_link_too() {
    let cluster = Cluster::start();
    let (any, state) = ("127.0.0.1:0", cluster.state.address("listen").to_string());
    let gateway = ["gateway", "--id=1", "--state", &state, "--listen", any, "--admin", any, "--reactors=1"];
    // Up and down: from the client and to the link, from the link and to the client.
    check(&difference(|bursts| calls(&gateway, |edge| ask_state(edge, bursts))), 2);
}
