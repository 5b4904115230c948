//! A state server in this process, between a gateway and a logic server that are a few lines each.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use proto::backend::{self, FromLogic};
use proto::ids::{ConnId, ConnParts, Slot};
use proto::link::{self, Form, Hello};
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, Login, ServerBody, ServerPacket, Submit, SubmitOk, Target,
    decode_server, encode_client, encode_server,
};
use proto::rpc;
use proto::time::Now;

use super::*;
use crate::config::JournalMode;
use crate::token::{KeySpec, Mint, mint};

/// No test waits so long, but for one that fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// One end of an RPC connection, blocking.
struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, bytes: Vec::new() }
    }

    fn to(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.stream.write_all(&out).unwrap();
    }

    /// The next frame; `None` at the end of the stream.
    fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(found) = rpc::next(&self.bytes, 0).unwrap() {
                let end = found.body.end;
                let frame = (found.kind, self.bytes[found.body].to_vec());
                self.bytes.drain(..end);
                return Some(frame);
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(n) => self.bytes.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == std_io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The next frame of a shard to a gateway, if it is a packet for one connection.
    fn packet(&mut self) -> ServerPacket {
        let (kind, body) = self.next().expect("the link is open");
        match link::FromState::decode(kind, &body).unwrap() {
            link::FromState::Downlink { mut targets, shared } => {
                let (_, prefix) = targets.next().unwrap();
                decode_server(Codec::Proto, &[prefix, shared].concat()).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next frame of a shard to logic.
    fn asked(&mut self) -> backend::FromState {
        let (kind, body) = self.next().expect("the link is open");
        backend::FromState::decode(kind, &body).unwrap()
    }
}

fn address(running: &Running, place: usize) -> SocketAddr {
    running.addresses()[place].1.tcp().unwrap()
}

fn config(logic: SocketAddr) -> Config {
    let key = "a:HS256:base64:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (listen, logic) = (any.into(), logic.into());
    let token_keys = vec![KeySpec::parse(key).unwrap()];
    Config {
        listen,
        admin: any,
        logic,
        shards: 2,
        token_keys,
        journal: JournalMode::Off,
        ..Config::default()
    }
}

fn ask_admin(running: &Running, path: &str) -> String {
    let mut stream = TcpStream::connect(address(running, 1)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn hello(shard: u32) -> Hello {
    Hello { gateway: 1, reactor: 0, boot_epoch: 5, shard }
}

/// A gateway's link to a shard, welcomed.
fn gateway(running: &Running, shard: u32) -> Wire {
    let mut gateway = Wire::to(address(running, 0));
    gateway.send(|out| {
        link::hello(out, hello(shard));
        link::live(out, &[], true);
    });
    let (kind, body) = gateway.next().unwrap();
    let welcome = link::FromState::decode(kind, &body).unwrap();
    assert!(
        matches!(welcome, link::FromState::Welcome(link::Welcome { shard: of, shard_count: 2, .. }) if of == shard)
    );
    gateway
}

/// Logic's ends of the links of both shards, by shard.
fn welcomed(logic: &TcpListener) -> [Wire; 2] {
    let mut links = [(); 2].map(|()| {
        let mut link = Wire::new(logic.accept().unwrap().0);
        let backend::FromState::Hello { shard, shard_count: 2, .. } = link.asked() else {
            panic!("no hello")
        };
        link.send(|out| backend::to_state(out, FromLogic::Welcome { presence: false, epoch: 1 }));
        (shard, link)
    });
    links.sort_by_key(|(shard, _)| *shard);
    links.map(|(_, link)| link)
}

fn encoded(client_id: u64, body: ClientBody) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_client(Codec::Proto, ClientPacket { client_id, body }, &mut bytes);
    bytes
}

fn login(uid: &str) -> Vec<u8> {
    let uid = uid.parse().unwrap();
    let ttl = Duration::from_mins(1);
    let now: Now = Clock::start().now();
    let token = mint(
        Mint { kid: "a", audience: "holdfast", uid: &uid, device: None, class: None, id: None, ttl },
        &[7; 32],
        now,
    );
    encoded(
        0,
        ClientBody::Login(Login { uid, device: "phone".parse().unwrap(), token, client: String::new() }),
    )
}

#[test]
fn a_login_and_a_message_cross_real_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = start(&config(listener.local_addr().unwrap())).unwrap();
    // Slot 956 of alice's belongs to shard 0 of 2.
    let [mut logic, _other] = welcomed(&listener);
    let mut gateway = gateway(&running, 0);
    let slot = Slot::of("alice");
    let conn = ConnId::new(ConnParts { gateway: 1, reactor: 0, slot, generation: 0, index: 9 });
    let form = Form { codec: Codec::Proto, tcp: true };
    let peer = "192.0.2.1:5".parse().unwrap();
    gateway.send(|out| link::open(out, link::Open { conn, form, peer, packet: &login("alice") }));
    let backend::FromState::Attach { call, .. } = logic.asked() else { panic!("no attach") };
    logic.send(|out| backend::to_state(out, FromLogic::Attached { call, last_client_id: 0 }));
    assert!(matches!(gateway.packet().body, ServerBody::LoginOk(_)));

    let submit = Submit { target: Target::User("bob".parse().unwrap()), body: Body::Text("hi".into()) };
    gateway.send(|out| link::uplink(out, conn, &encoded(1, ClientBody::Submit(submit))));
    let backend::FromState::Request { call, .. } = logic.asked() else { panic!("no request") };
    let ok = SubmitOk { conversation: "g.x".parse().unwrap(), seq: 1, time_ms: 1 };
    let answer = ServerPacket { push_seq: 0, client_id: 1, body: ServerBody::SubmitOk(ok) };
    let mut packet = Vec::new();
    encode_server(Codec::Proto, answer.clone(), &mut packet);
    logic.send(|out| backend::to_state(out, FromLogic::Reply { call, packet }));
    assert_eq!(gateway.packet(), answer);

    // The other shard may not have read its welcome yet.
    while !ask_admin(&running, "/readyz").starts_with("HTTP/1.1 200") {
        thread::yield_now();
    }
    let metrics = ask_admin(&running, "/metrics");
    assert!(
        metrics.contains("holdfast_state_sessions 1") && metrics.contains("holdfast_state_commands_total 1")
    );
    running.stop().unwrap();
    assert_eq!((gateway.next(), logic.next()), (None, None));
}

#[test]
fn without_logic_the_server_is_healthy_and_not_ready() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = start(&config(closed)).unwrap();
    drop(gateway(&running, 1));
    assert!(ask_admin(&running, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(ask_admin(&running, "/readyz").starts_with("HTTP/1.1 503"));
    running.stop().unwrap();
}

#[test]
fn the_door_closes_on_who_is_no_gateway_and_lets_the_next_one_in() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = start(&config(closed)).unwrap();
    let listen = address(&running, 0);
    let strangers: [&[u8]; 3] = [b"GET / HTTP/1.1\r\n\r\n", &[0, 0, 0, 1, 0x77], &[0, 0, 1, 255, 1]];
    for bytes in strangers {
        let mut stranger = Wire::to(listen);
        stranger.send(|out| {
            out.extend_from_slice(bytes);
            out.resize(bytes.len().max(256), 0);
        });
        assert_eq!(stranger.next(), None, "{bytes:?}");
    }
    let mut lost = Wire::to(listen);
    lost.send(|out| link::hello(out, hello(2)));
    assert_eq!(lost.next(), None, "there is no shard 2");
    // An introduction in two pieces.
    let mut slow = Wire::to(listen);
    let mut bytes = Vec::new();
    link::hello(&mut bytes, hello(0));
    slow.send(|out| out.extend_from_slice(&bytes[..3]));
    drop(gateway(&running, 1));
    slow.send(|out| out.extend_from_slice(&bytes[3..]));
    assert!(slow.next().is_some());
    running.stop().unwrap();
}
