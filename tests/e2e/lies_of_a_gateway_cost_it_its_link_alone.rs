//! A gateway's process that has gone mad, and clients with names as long as they like: each lie has its counter and its end, and those of other gateways go on talking.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use client::wire::{Received, Transport};
use proto::close::CloseReason;
use proto::ids::{ConnId, ConnParts, Slot};
use proto::limits::NAME_BYTES_MAX;
use proto::link::{self, Form, FromState, Hello, Open};
use proto::packet::{Codec, RefusedCode, ServerBody, decode_server};
use proto::rpc;
use proto::ws::Opcode;
use proto::ws::frame::append;

use crate::bystanders::Scene;
use crate::cluster::Cluster;
use crate::metrics::{ask, await_metric, await_more, metric};
use crate::program::PATIENCE;
use crate::raw::Raw;

const FAULTS: &str = "holdfast_state_link_faults_total";
const FOREIGN: &str = "holdfast_state_foreign_connections_total";
const BAD_FRAMES: &str = "holdfast_state_bad_frames_total";
const UPLINK: u8 = 0x04;
const OPEN: u8 = 0x03;
const LIVE: u8 = 0x02;

/// The first reactor of gateway 9, which is linked to the first shard.
struct Rogue(TcpStream);

impl Rogue {
    fn linked(cluster: &Cluster) -> Self {
        let mut stream = TcpStream::connect(cluster.state.address("listen")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut hello = Vec::new();
        link::hello(&mut hello, Hello { gateway: 9, reactor: 0, boot_epoch: 1, shard: 0 });
        link::live(&mut hello, &[], true);
        stream.write_all(&hello).unwrap();
        let mut rogue = Self(stream);
        let (kind, body) = rogue.frame();
        assert!(matches!(FromState::decode(kind, &body), Ok(FromState::Welcome(_))));
        rogue
    }

    fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; rpc::HEAD_BYTES];
        self.0.read_exact(&mut head).expect("the state server speaks");
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let mut body = vec![0; length as usize - 1];
        self.0.read_exact(&mut body).unwrap();
        (head[4], body)
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn await_the_end(mut self) {
        let mut rest = Vec::new();
        // A reset tells as much as an end.
        drop(self.0.read_to_end(&mut rest));
        assert_eq!(rest, b"", "nothing is said to it any more");
    }
}

impl Scene {
    /// A gateway says this, loses its link for it, and `counters` tell of it, each once.
    fn drops(&mut self, counters: &[&str], lie: &[u8]) {
        let admin = self.cluster.state.address("admin");
        let before: Vec<_> = counters.iter().map(|counter| metric(admin, counter)).collect();
        let mut rogue = Rogue::linked(&self.cluster);
        rogue.say(lie);
        rogue.await_the_end();
        for (counter, before) in counters.iter().zip(before) {
            await_metric(admin, counter, before + 1);
        }
        self.they_talk();
    }

    /// The name of Alice's connection, as an operator reads it.
    fn alices_connection(&self) -> ConnId {
        let page = ask(self.cluster.state.address("admin"), "GET", "/sessions?uid=alice");
        let (_, rest) = page.split_once("\"conn\":\"").expect("she has one");
        rest.split('"').next().unwrap().parse().expect("the name of a connection")
    }
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    rpc::frame(&mut bytes, kind, |out| out.extend_from_slice(body));
    bytes
}

#[test]
fn lying_lengths_are_refused_before_anything_is_kept_for_them() {
    let mut scene = Scene::set();
    // Four bytes are enough: nobody waits for what they promise.
    for length in [0, 2 * 1024 * 1024, u32::MAX] {
        scene.drops(&[BAD_FRAMES], &length.to_be_bytes());
    }
    // Too short for the name of a connection; an open whose packet has more bytes than the frame; a list that ends within an entry.
    scene.drops(&[FAULTS], &framed(UPLINK, &[0; 7]));
    scene.drops(&[FAULTS], &framed(OPEN, &[0x32, 0xFF, 0xFF, 0x7F, 1, 2, 3]));
    scene.drops(&[FAULTS], &framed(LIVE, &[1, 0, 0, 0, 0]));
    // A number that goes on beyond the frame, and indices beyond any table.
    scene.drops(&[FAULTS], &framed(0x05, &[0x80]));
    scene.drops(&[FAULTS], &framed(0x05, &[0xFF; 10]));
}

#[test]
fn a_gateway_cannot_speak_for_the_connections_of_another() {
    let mut scene = Scene::set();
    let alice = scene.alices_connection();
    let mut packet = Vec::new();
    link::uplink(&mut packet, alice, b"\x0a\x00");
    let mut closed = Vec::new();
    link::closed(&mut closed, alice, CloseReason::PeerClosed);
    let mut live = Vec::new();
    link::live(&mut live, &[(alice, Form { codec: Codec::Json, tcp: false })], true);
    for lie in [packet, closed, live] {
        scene.drops(&[FOREIGN, FAULTS], &lie);
    }
    // An index without the rest of a name says nothing of anybody else's.
    let mut rogue = Rogue::linked(&scene.cluster);
    let mut alive = Vec::new();
    link::alive(&mut alive, [alice.index(), u32::MAX]);
    rogue.say(&alive);
    scene.they_talk();
}

/// A login whose uid has so many bytes, as JSON.
fn login_of(bytes: usize) -> Vec<u8> {
    format!(r#"{{"login":{{"uid":"{}","device":"phone","token":"t"}}}}"#, "u".repeat(bytes)).into_bytes()
}

#[test]
fn a_giant_uid_is_refused_to_a_client_and_in_a_frame_of_a_gateway() {
    let mut scene = Scene::set();
    let (edge, gateway) = (scene.cluster.address(), scene.cluster.gateway.address("admin"));
    let closed = "holdfast_gateway_closed_total{reason=\"first_packet\"}";
    for bytes in [NAME_BYTES_MAX + 1, 7000] {
        let before = metric(gateway, closed);
        let mut raw = Raw::open(edge, Transport::WebSocket(Codec::Json));
        let mut login = Vec::new();
        append(&mut login, Opcode::Text, Some([1, 2, 3, 4]), &[&login_of(bytes)]);
        raw.send_bytes(&login);
        let ServerBody::Refused(refused) = raw.packet().body else { panic!("it is refused") };
        assert_eq!((refused.code, &*refused.field), (RefusedCode::Invalid, "login.uid"));
        assert!(matches!(raw.next(), Some(Received::Closed { .. })));
        await_more(gateway, closed, before);
        scene.they_talk();
    }
    let admin = scene.cluster.state.address("admin");
    let refused = "holdfast_state_refused_total{code=\"invalid\"}";
    let mut rogue = Rogue::linked(&scene.cluster);
    for (index, bytes) in [NAME_BYTES_MAX + 1, 60_000].into_iter().enumerate() {
        let before = metric(admin, refused);
        let parts = ConnParts { gateway: 9, reactor: 0, slot: Slot(0), generation: 0, index: index as u32 };
        let open = Open {
            conn: ConnId::new(parts),
            form: Form { codec: Codec::Json, tcp: false },
            peer: "192.0.2.1:5".parse().unwrap(),
            packet: &login_of(bytes),
        };
        let mut frame = Vec::new();
        link::open(&mut frame, open);
        rogue.say(&frame);
        let (kind, body) = rogue.frame();
        let Ok(FromState::Downlink { shared, .. }) = FromState::decode(kind, &body) else { panic!("{kind}") };
        let ServerBody::Refused(told) = decode_server(Codec::Json, shared).unwrap().body else {
            panic!("it is refused")
        };
        assert_eq!((told.code, &*told.field), (RefusedCode::Invalid, "login.uid"));
        let (kind, body) = rogue.frame();
        let Ok(FromState::Close { reason, .. }) = FromState::decode(kind, &body) else { panic!("{kind}") };
        assert_eq!(reason, CloseReason::FirstPacket);
        await_metric(admin, refused, before + 1);
        scene.they_talk();
    }
}
