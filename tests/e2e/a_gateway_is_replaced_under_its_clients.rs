//! A gateway's program is replaced while it runs: its clients go on over the same connections, whatever they were in the middle of.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use client::wire::Transport;
use proto::packet::{ClientBody, ClientPacket, Codec, ServerBody};

use crate::certificates::{Authority, ServerFiles};
use crate::clients_may_speak_tls::handshake;
use crate::cluster::Cluster;
use crate::crowd::{self, Crowd};
use crate::device::{Device, Way};
use crate::metrics::metric;
use crate::raw::{Raw, connect};
use crate::upgraded::Replaced;

/// Messages of each person in the crowd.
const MESSAGES: usize = 600;

#[test]
fn people_who_talk_do_not_notice_that_their_gateway_is_replaced() {
    let cluster = Cluster::start();
    let mut gateway = Replaced::of(&cluster.gateway);
    let crowd = Crowd::start(&cluster, MESSAGES);
    for _ in 0..4 {
        crowd.await_answers(Crowd::total(MESSAGES) / 8);
        gateway.replace();
    }
    let people = crowd.finish();
    for person in &people {
        assert_eq!((person.disconnects, person.logins, person.resumes), (0, 0, 0));
    }
    crowd::check(&cluster, &people);
}

#[test]
fn what_is_half_said_is_said_to_the_end_to_the_successor() {
    let cluster = Cluster::start();
    let mut gateway = Replaced::of(&cluster.gateway);
    let mut listener = Device::online(&cluster, "listener", "phone", Way::Tcp);
    let mut raws: Vec<Raw> = [Transport::WebSocket(Codec::Proto), Transport::Tcp]
        .into_iter()
        .enumerate()
        .map(|(n, transport)| Raw::log_in(cluster.address(), transport, &format!("half{n}")))
        .collect();
    let packets: Vec<Vec<u8>> =
        raws.iter_mut().map(|raw| raw.framed(&submit("listener", "in halves"))).collect();
    for (raw, packet) in raws.iter_mut().zip(&packets) {
        raw.send_bytes(&packet[..packet.len() / 2]);
    }
    // An upgrade request that is not whole, a magic that is not, and a connection that says nothing.
    let mut upgrade = connect(cluster.address());
    upgrade.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnec").unwrap();
    let mut magic = connect(cluster.address());
    magic.write_all(b"HF").unwrap();
    gateway.replace();
    for (raw, packet) in raws.iter_mut().zip(&packets) {
        raw.send_bytes(&packet[packet.len() / 2..]);
        listener.hear("in halves");
    }
    let rest = "tion: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Sec-WebSocket-Protocol: holdfast.v1.proto\r\n\r\n";
    upgrade.write_all(rest.as_bytes()).unwrap();
    assert!(read_some(&mut upgrade).starts_with("HTTP/1.1 101"));
    magic.write_all(b"T1").unwrap();
    magic.write_all(&[0, 0, 0, 1, 0]).unwrap();
    assert!(!read_some(&mut magic).is_empty(), "the first packet is refused, so it was read");
}

#[test]
fn clients_that_are_behind_get_every_byte_once() {
    let echo = Replaced::echo(&[]);
    let mut gateway = echo;
    let mut slow = connect(gateway.address());
    slow.write_all(b"HFT1").unwrap();
    // More than the buffers of both kernels hold, so that the gateway keeps some of it, and does not read the rest.
    let packets: Vec<Vec<u8>> = (0..160_u32).map(|n| packet(&vec![n as u8; 60_000])).collect();
    let mut writer = slow.try_clone().unwrap();
    let sent = packets.concat();
    let sending = std::thread::spawn(move || writer.write_all(&sent).unwrap());
    gateway.await_more("holdfast_gateway_clients_blocked_total", 0);
    for _ in 0..3 {
        gateway.replace();
    }
    for packet in &packets {
        let mut came = vec![0; packet.len()];
        slow.read_exact(&mut came).unwrap();
        assert!(came == *packet, "an answer is not what was said");
    }
    sending.join().unwrap();
}

#[test]
fn who_speaks_tls_is_told_to_move_and_comes_back_or_goes_along_where_the_kernel_has_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, files) = (Authority::new(folder.path()), ServerFiles::at(folder.path()));
    authority.issue(&files);
    let cluster = Cluster::start_with(&[&files.settings()[..], &[("drain", "100ms")]].concat());
    let mut gateway = Replaced::of(&cluster.gateway);
    let client = authority.client();
    let secure = || handshake(cluster.address(), &client).unwrap();
    let mut alice = Raw::logged_in_over(secure(), Transport::Tcp, "alice");
    let mut bob = Raw::log_in(cluster.address(), Transport::Tcp, "bob");
    // With the feature `kernel-tls`, on a kernel that has it.
    if metric(cluster.gateway.address("admin"), "holdfast_gateway_tls_given_to_kernel_total") == 1 {
        for _ in 0..3 {
            let report = gateway.replace();
            assert!(report.contains("connections passed on: 2,"), "{report}");
            is_alive(&mut alice);
            is_alive(&mut bob);
        }
        return;
    }
    let report = gateway.replace();
    assert!(report.contains("connections passed on: 1,"), "{report}");
    assert!(report.contains("told to come back: 1,"), "{report}");
    assert!(matches!(alice.packet().body, ServerBody::Move { .. }));
    assert_eq!(alice.next(), None);
    is_alive(&mut Raw::logged_in_over(secure(), Transport::Tcp, "alice"));
    is_alive(&mut bob);
}

/// Says something that is answered.
fn is_alive(raw: &mut Raw) {
    raw.send(ClientPacket { client_id: 0, body: ClientBody::Heartbeat });
    assert_eq!(raw.packet().body, ServerBody::Heartbeat);
}

#[test]
fn many_replacements_in_a_row_leave_nothing_behind() {
    let mut gateway = Replaced::echo(&[]);
    let mut clients: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = connect(gateway.address());
            stream.write_all(b"HFT1").unwrap();
            stream
        })
        .collect();
    let mut opened = Vec::new();
    for round in 0..20 {
        for stream in &mut clients {
            stream.write_all(&packet(format!("round {round}").as_bytes())).unwrap();
        }
        gateway.replace();
        for stream in &mut clients {
            let expected = packet(format!("round {round}").as_bytes());
            let mut came = vec![0; expected.len()];
            stream.read_exact(&mut came).unwrap();
            assert_eq!(came, expected);
        }
        opened.push(gateway.open_descriptors());
    }
    // There are no more in the later successors than in the earlier ones. The tables of threads that come and go are not looked at: the largest three
    // are the process's own, its admin's and a reactor's.
    let most = |rounds: &[Vec<usize>]| -> Vec<usize> {
        let largest =
            |place| rounds.iter().filter_map(|counts| counts.iter().rev().nth(place).copied()).max();
        (0..3).filter_map(largest).collect()
    };
    let (earlier, later) = opened.split_at(10);
    let grows = most(later).iter().zip(most(earlier)).any(|(later, earlier)| *later > earlier);
    assert!(!grows, "{opened:?}");
}

fn packet(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn submit(to: &str, text: &str) -> ClientPacket {
    use proto::packet::{Body, Submit, Target};
    let target = Target::User(to.parse().expect("a uid"));
    ClientPacket { client_id: 1, body: ClientBody::Submit(Submit { target, body: Body::Text(text.into()) }) }
}

fn read_some(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}
