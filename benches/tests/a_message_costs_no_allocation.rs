//! No message costs the gateway an allocation: in echo mode, and on its way to a state server and back. Counts every allocation of this process, in which the
//! gateway runs beside a client and a state server that make none either once they are warm.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use benches::stub::{self, Answer, LOGGED_IN};
use dhat::{HeapStats, Profiler};
use gateway::{Config, Mode};
use proto::packet::{ClientBody, ClientPacket, Codec, Login, encode_client};
use proto::ws::{Opcode, Subprotocol, frame, request};

#[global_allocator]
static COUNTING: dhat::Alloc = dhat::Alloc;

const CLIENTS: usize = 8;
/// Messages of a client that leave in one write.
const BURST: usize = 4;
/// Bursts of each client after which all buffers have their size.
const WARM_UP: usize = 200;
/// Bursts of each client during which nothing may be allocated.
const BURSTS: usize = 1000;
/// What the process may allocate meanwhile for reasons of its own, such as a page of metrics that nobody asks for here: nothing for each message.
const OTHERS: u64 = 16;

/// A client that has said hello. It allocates nothing from then on.
struct Client {
    stream: TcpStream,
    burst: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    fn connect(edge: SocketAddr, payload: &[u8]) -> Self {
        let mut stream = TcpStream::connect(edge).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut hello = Vec::new();
        request::write(&mut hello, "test", "/", [7; 16], Some(Subprotocol::Proto.name()));
        stream.write_all(&hello).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend_from_slice(&byte);
        }
        let mut one = Vec::new();
        frame::append(&mut one, Opcode::Binary, Some([1, 2, 3, 4]), &[payload]);
        let mut back = Vec::new();
        frame::append(&mut back, Opcode::Binary, None, &[payload]);
        Self { stream, burst: one.repeat(BURST), answer: vec![0; back.len() * BURST] }
    }

    fn log_in(&mut self, number: usize) {
        let login = Login {
            uid: format!("user-{number}").parse().unwrap(),
            device: "device".parse().unwrap(),
            token: "any".into(),
            client: "test".into(),
        };
        let mut packet = Vec::new();
        encode_client(
            Codec::Proto,
            ClientPacket { client_id: 0, body: ClientBody::Login(login) },
            &mut packet,
        );
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Opcode::Binary, Some([1, 2, 3, 4]), &[&packet]);
        self.stream.write_all(&bytes).unwrap();
        let mut answer = vec![0; 2 + LOGGED_IN.len()];
        self.stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer[2..], LOGGED_IN);
    }
}

fn exchange(clients: &mut [Client], bursts: usize) {
    for _ in 0..bursts {
        for client in &mut *clients {
            client.stream.write_all(&client.burst).unwrap();
        }
        for client in &mut *clients {
            client.stream.read_exact(&mut client.answer).unwrap();
        }
    }
}

/// Blocks allocated while `CLIENTS * BURSTS * BURST` messages go both ways.
fn blocks(config: &Config, payload: &[u8]) -> u64 {
    let running = gateway::shell::start(config).unwrap();
    let (_, edge) = running.addresses().into_iter().find(|(name, _)| *name == "listen").unwrap();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(edge.tcp().unwrap(), payload)).collect();
    if config.mode == Mode::Relay {
        clients.iter_mut().enumerate().for_each(|(number, client)| client.log_in(number));
    }
    exchange(&mut clients, WARM_UP);
    let before = HeapStats::get().total_blocks;
    exchange(&mut clients, BURSTS);
    let blocks = HeapStats::get().total_blocks - before;
    drop(clients);
    running.stop().unwrap();
    blocks
}

#[test]
fn neither_echoed_nor_relayed_messages_are_allocated_for() {
    let _profiler = Profiler::builder().testing().build();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let echo = Config { mode: Mode::Echo, listen: any, admin: any, reactors: 1, ..Config::default() };
    for bytes in [20, 1024, 16 * 1024] {
        let blocks = blocks(&echo, &vec![b'x'; bytes]);
        assert!(blocks <= OTHERS, "{blocks} allocations for echoes of {bytes} bytes");
    }
    for bytes in [20, 1024] {
        let state = stub::start(Answer::Sender, &stub::any_port()).unwrap();
        let relay = Config { mode: Mode::Relay, state, ..echo.clone() };
        let blocks = blocks(&relay, &vec![b'x'; bytes]);
        assert!(
            blocks <= OTHERS,
            "{blocks} allocations for messages of {bytes} bytes by way of a state server"
        );
    }
}
