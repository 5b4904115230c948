//! The server over real sockets: a test in the place of a state shard, and files that outlive a restart.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use proto::backend::{FromLogic, FromState, Taken, to_logic};
use proto::ids::ConversationId;
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, Pull, RefusedCode, ServerBody, ServerPacket, Submit, Target,
    decode_server, encode_client,
};
use proto::rpc;

use super::*;
use crate::store::StoreError;
use crate::store::memory::MemoryStore;
use crate::{Device, Input, LinkId, Output};

fn server(folder: &Path) -> Running {
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        http: "127.0.0.1:0".parse().unwrap(),
        store: folder.join("data/holdfast.db"),
        ..Config::default()
    };
    start(&config).unwrap()
}

fn address(running: &Running, wanted: &str) -> SocketAddr {
    running.addresses().into_iter().find(|(name, _)| *name == wanted).unwrap().1.tcp().unwrap()
}

/// A state shard, as far as logic can tell.
struct Shard {
    stream: TcpStream,
    inbox: Vec<u8>,
}

impl Shard {
    fn dial(running: &Running) -> Self {
        let stream = TcpStream::connect(address(running, "listen")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream, inbox: Vec::new() }
    }

    /// The only shard, greeted.
    fn connect(running: &Running) -> Self {
        let mut shard = Self::dial(running);
        shard.send([FromState::Hello { shard: 0, shard_count: 1, boot_epoch: 1, taken: Taken::default() }]);
        assert!(matches!(shard.receive(), Some(FromLogic::Welcome { presence: true, epoch: 1.. })));
        shard
    }

    fn send(&mut self, messages: impl IntoIterator<Item = FromState>) {
        let mut out = Vec::new();
        messages.into_iter().for_each(|message| to_logic(&mut out, message));
        self.stream.write_all(&out).unwrap();
    }

    /// The next frame; `None` at the end.
    fn receive(&mut self) -> Option<FromLogic> {
        loop {
            if let Some(found) = rpc::next(&self.inbox, 0).unwrap() {
                let message = FromLogic::decode(found.kind, &self.inbox[found.body.clone()]).unwrap();
                self.inbox.drain(..found.body.end);
                return Some(message);
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(n) => self.inbox.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The answer to a call, and the pushes before it.
    fn answer(&mut self, wanted: u64) -> (ServerPacket, usize) {
        let mut pushes = 0;
        loop {
            match self.receive().unwrap() {
                FromLogic::Reply { call, packet } if call == wanted => {
                    return (decode_server(Codec::Proto, &packet).unwrap(), pushes);
                }
                FromLogic::Push(_) => pushes += 1,
                FromLogic::Reply { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

fn device() -> Device {
    Device { uid: "alice".parse().unwrap(), device: "phone".parse().unwrap() }
}

fn packet(client_id: u64, body: ClientBody) -> Vec<u8> {
    let mut out = Vec::new();
    encode_client(Codec::Proto, ClientPacket { client_id, body }, &mut out);
    out
}

fn text(client_id: u64) -> Vec<u8> {
    let body = Body::Text(format!("number {client_id}"));
    packet(client_id, ClientBody::Submit(Submit { target: Target::User("bob".parse().unwrap()), body }))
}

fn request(call: u64, packet: Vec<u8>) -> FromState {
    let Device { uid, device } = device();
    FromState::Request { call, uid, device, packet }
}

fn history(shard: &mut Shard) -> Vec<u64> {
    let conversation = ConversationId::single(&"alice".parse().unwrap(), &"bob".parse().unwrap());
    let pull = Pull { conversation, from_seq: 0, limit: 0 };
    shard.send([request(1_000_000, packet(0, ClientBody::Pull(pull)))]);
    match shard.answer(1_000_000).0.body {
        ServerBody::Pulled(pulled) => pulled.messages.into_iter().map(|message| message.seq).collect(),
        other => panic!("{other:?}"),
    }
}

fn http(running: &Running, path: &str) -> String {
    let mut stream = TcpStream::connect(address(running, "http")).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_shard_is_answered_and_what_it_was_answered_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path());
    let mut shard = Shard::connect(&running);
    shard.send((1..=200).map(|n| request(n, text(n))));
    let (answer, pushes) = shard.answer(200);
    assert!(matches!(&answer.body, ServerBody::SubmitOk(ok) if ok.seq == 200));
    assert_eq!(pushes, 200);
    assert!(http(&running, "/metrics").contains("holdfast_logic_commands_executed_total 200\n"));
    running.stop().unwrap();
    assert_eq!(shard.receive(), None);

    let running = server(folder.path());
    let mut shard = Shard::connect(&running);
    let Device { uid, device } = device();
    shard.send([FromState::Attach { call: 9, uid, device }]);
    let mut pushes = 0;
    let attached = loop {
        match shard.receive().unwrap() {
            FromLogic::Push(_) => pushes += 1,
            other => break other,
        }
    };
    assert_eq!(attached, FromLogic::Attached { call: 9, last_client_id: 200 });
    assert_eq!(pushes, 200, "what was not confirmed is pushed again: the push may have died with the server");
    shard.send([request(10, text(200))]);
    assert_eq!(shard.answer(10), (answer, 0));
    assert_eq!(history(&mut shard), (1..=200).collect::<Vec<_>>());
    running.stop().unwrap();
}

#[test]
fn what_was_sent_before_a_stop_is_answered_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path());
    let mut shard = Shard::connect(&running);
    shard.send((1..=50).map(|n| request(n, text(n))));
    // The first answer tells that the requests, which came in one piece, have been read.
    shard.answer(1);
    running.stop().unwrap();
    shard.answer(50);
    assert_eq!(shard.receive(), None);
}

#[test]
fn who_breaks_the_protocol_is_cut_off_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path());
    let mut good = Shard::connect(&running);
    let hello = || FromState::Hello { shard: 0, shard_count: 1, boot_epoch: 1, taken: Taken::default() };
    let mut early = Shard::dial(&running);
    early.send([request(1, text(1))]);
    assert_eq!(early.receive(), None);
    let mut twice = Shard::connect(&running);
    twice.send([hello()]);
    assert_eq!(twice.receive(), None);
    for bytes in [&[0, 0, 0, 0][..], &[0xFF; 16], b"GET / HTTP/1.1\r\n\r\n", &[0, 0, 0, 2, 0x7F, 0]] {
        let mut alien = Shard::dial(&running);
        alien.stream.write_all(bytes).unwrap();
        assert_eq!(alien.receive(), None);
    }
    good.send([request(1, text(1))]);
    assert!(matches!(good.answer(1).0.body, ServerBody::SubmitOk(_)));
    let page = http(&running, "/metrics");
    assert!(page.contains("holdfast_logic_links_turned_away_total{why=\"stranger\"} 5\n"), "{page}");
    assert!(page.contains("holdfast_logic_links_closed_total{reason=\"protocol\"} 1\n"), "{page}");
    running.stop().unwrap();
}

#[test]
fn requests_and_a_goodbye_in_one_piece_are_all_taken() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path());
    let mut shard = Shard::connect(&running);
    shard.send((1..=3000).map(|n| request(n, text(n))));
    drop(shard);
    let mut shard = Shard::connect(&running);
    shard.send((1..=3000).map(|n| request(n, text(n))));
    shard.answer(3000);
    assert_eq!(history(&mut shard).last(), Some(&3000));
    running.stop().unwrap();
}

#[test]
fn a_second_server_finds_the_port_or_the_store_taken() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path());
    let config =
        |listen, store| Config { listen, store, http: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    let same_store = config("127.0.0.1:0".parse().unwrap(), folder.path().join("data/holdfast.db"));
    assert!(start(&same_store).unwrap_err().to_string().ends_with("another process has it open"));
    let same_port = config(address(&running, "listen").into(), folder.path().join("other.db"));
    assert_eq!(start(&same_port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    running.stop().unwrap();
}

#[test]
fn pages_tell_health_and_readiness() {
    let folder = tempfile::tempdir().unwrap();
    let running = server(folder.path());
    assert!(http(&running, "/healthz").ends_with("\r\n\r\nok\n"));
    assert!(http(&running, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(http(&running, "/").starts_with("HTTP/1.1 404"));
    running.stop().unwrap();
}

#[test]
fn the_writer_goes_on_after_a_full_disk_and_is_not_ready_during_it() {
    let mut store = MemoryStore::default();
    store.fail_after(2, StoreError::Transient("full".into()));
    let clock = Clock::start();
    let poller = reactor::poll::Poller::new(8).unwrap();
    let (links, told) = reactor::wake::mailbox(poller.registry(), mio::Token(0), 8).unwrap();
    let (requests, inbox) = unbounded();
    let counters = Arc::new(WriterCounters::default());
    let logic = Logic::new(store, 1);
    let (disk, durable) = Disk::new(Box::new(|| Ok(())), links, Arc::default());
    let writer = Writer { logic, clock, inbox, disk, commit_requests: 1, counters: Arc::clone(&counters) };
    let input = |call| Input::Request { link: LinkId(1), call, from: device(), packet: text(1) };
    requests.send(vec![input(1), input(2)]).unwrap();
    drop(requests);
    let durable = thread::spawn(move || durable.run());
    writer.run();
    durable.join().unwrap();
    let answers: Vec<_> = told
        .try_iter()
        .map(|told| match told {
            Told::Done { outputs, taken: 1 } => match &outputs[..] {
                [Output::Reply { packet, .. }] => decode_server(Codec::Proto, packet).unwrap().body,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let [ServerBody::Refused(refused), ServerBody::SubmitOk(_)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(refused.code, RefusedCode::Unavailable);
    assert_eq!((counters.failing.get(), counters.failed_commits.get()), (0, 1));
    assert_eq!(counters.rolled_back.get(), 1);
}
