//! However a connection ends: one line of the log tells it, with one reason, and one counter counts it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use client::wire::Transport;
use proto::close::CloseReason;
use proto::packet::{ClientBody, ClientPacket, Codec};
use proto::tcp;
use proto::ws::frame::append;
use proto::ws::{Opcode, frame};

use crate::certificates::{Authority, ServerFiles};
use crate::cluster::{Cluster, forged_token};
use crate::metrics::{ask, await_metric, metric};
use crate::raw::{Raw, connect, exchange};
use crate::victim::reset_on_drop;

const JSON: Transport = Transport::WebSocket(Codec::Json);
const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, opcode, MASK, &[payload]);
    bytes
}

/// Sends these bytes on a connection of their own, and waits until it is ended.
fn offend(edge: SocketAddr, bytes: &[u8]) {
    let mut stream = connect(edge);
    // It may be ended before all of them are sent, and be reset.
    drop(stream.write_all(bytes));
    drop(stream.read_to_end(&mut Vec::new()));
}

/// A gateway whose log tells every end.
struct Scene {
    cluster: Cluster,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (authority, files) = (Authority::new(folder.path()), ServerFiles::at(folder.path()));
        authority.issue(&files);
        let settings = [
            ("log", "info,gateway=debug"),
            ("proxy-listen", "127.0.0.1:0"),
            ("proxy-from", "127.0.0.2"),
            ("tls-listen", "127.0.0.1:0"),
            ("handshake-deadline", "2s"),
            ("message-deadline", "1s"),
        ];
        let cluster = Cluster::start_with(&[&settings[..], &files.settings()].concat());
        Self { cluster, _folder: folder }
    }

    fn admin(&self) -> SocketAddr {
        self.cluster.gateway.address("admin")
    }

    fn closed(&self, reason: CloseReason) -> u64 {
        metric(self.admin(), &counter(reason))
    }

    /// The lines that tell of an end, by reason; and the names of connections that they tell of.
    fn lines(&self) -> (BTreeMap<String, u64>, Vec<String>) {
        let (mut by_reason, mut names) = (BTreeMap::new(), Vec::new());
        for line in self.cluster.gateway.said().lines().filter(|line| line.contains(" connection ended")) {
            let value = |key: &str| Some(line.split_once(key)?.1.split([' ', '"']).next()?.to_owned());
            *by_reason.entry(value("reason=\"").expect("each line has a reason")).or_default() += 1;
            names.extend(value("conn="));
        }
        (by_reason, names)
    }

    /// Connections that end before their login, one for each reason.
    fn strangers(&self) {
        let edge = self.cluster.address();
        drop(connect(edge));
        reset_on_drop(&connect(edge));
        exchange(edge, b"\0\0\0\0");
        exchange(edge, b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n");
        offend(edge, &[&tcp::MAGIC[..], &tcp::head(4), b"\xFF\xFF\xFF\xFF"].concat());
        offend(edge, b"\x16\x03\x01\xFF\xFF");
        offend(self.cluster.gateway.address("tls_listen"), &tcp::MAGIC);
        offend(self.cluster.gateway.address("proxy_listen"), b"PROXY UNKNOWN\r\n");
        // These two say nothing, or begin and stop.
        offend(edge, b"");
        offend(edge, b"GET / HTTP/1.1\r\n");
    }

    /// Connections that have logged in, and end for one reason each.
    fn users(&self) {
        let edge = self.cluster.address();
        let heartbeat = Codec::Json.heartbeat(proto::packet::Direction::Up);
        let mut unmasked = Vec::new();
        append(&mut unmasked, Opcode::Text, None, &[heartbeat]);
        for bytes in [
            &unmasked[..],
            &frame(Opcode::Text, b"\xC3\x28"),
            &frame(Opcode::Binary, heartbeat),
            frame::head(Opcode::Text, 1 << 20, MASK).as_slice(),
            &frame(Opcode::Text, b"never whole")[..9],
            &frame(Opcode::Close, &1000_u16.to_be_bytes()),
        ] {
            let mut raw = Raw::log_in(edge, JSON, "mallory");
            raw.send_bytes(bytes);
            while raw.next().is_some() {}
        }
        for transport in [JSON, Transport::Tcp] {
            let mut raw = Raw::log_in(edge, transport, "alice");
            raw.send(ClientPacket { client_id: 0, body: ClientBody::Logout });
            while raw.next().is_some() {}
            let mut raw = Raw::open(edge, transport);
            raw.send_login("alice", forged_token("alice"));
            while raw.next().is_some() {}
            // The same device twice, and gone without a word.
            let mut before = Raw::log_in(edge, transport, "bob");
            let after = Raw::log_in(edge, transport, "bob");
            while before.next().is_some() {}
            drop(after);
            let mut kicked = Raw::log_in(edge, transport, "carol");
            ask(self.admin(), "POST", "/connections/kick?uid=carol");
            while kicked.next().is_some() {}
        }
        let stream = connect(edge);
        let resets = stream.try_clone().unwrap();
        let raw = Raw::logged_in_over(stream, Transport::Tcp, "dave");
        reset_on_drop(&resets);
        drop((raw, resets));
    }
}

fn counter(reason: CloseReason) -> String {
    format!("holdfast_gateway_closed_total{{reason=\"{}\"}}", reason.label())
}

#[test]
fn every_end_has_one_line_one_reason_and_one_count() {
    let mut scene = Scene::set();
    scene.strangers();
    scene.users();
    let admin = scene.admin();
    await_metric(admin, "holdfast_gateway_connections", 0);
    // The last one's line is written before its count, but read by another thread of ours.
    let accepted = metric(admin, "holdfast_gateway_accepted_total");
    scene.cluster.gateway.await_times(" connection ended", accepted as usize);
    let (lines, names) = scene.lines();
    let counts: BTreeMap<String, u64> = CloseReason::ALL
        .iter()
        .map(|reason| (reason.label().to_owned(), scene.closed(*reason)))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(lines, counts);
    assert_eq!(counts.values().sum::<u64>(), accepted, "each that was taken in has ended once");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "and no name has ended twice");
    assert_eq!(names.len() as u64, metric(admin, "holdfast_gateway_opened_total"));
    assert!(counts.len() >= 17, "so many ways are tried: {counts:?}");

    // While some are open they are what is missing; and when the process goes, they go with a reason, too.
    let edge = scene.cluster.address();
    let mut open: Vec<_> =
        ["alice", "bob", "carol"].map(|uid| Raw::log_in(edge, JSON, uid)).into_iter().collect();
    let ended = |scene: &Scene| CloseReason::ALL.iter().map(|reason| scene.closed(*reason)).sum::<u64>();
    assert_eq!((metric(admin, "holdfast_gateway_accepted_total"), ended(&scene)), (accepted + 3, accepted));
    scene.cluster.gateway.signal("TERM");
    for raw in &mut open {
        while raw.next().is_some() {}
    }
    assert_eq!(scene.cluster.gateway.exit_code(), Some(0));
    let (lines, _) = scene.lines();
    assert_eq!((lines.values().sum::<u64>(), lines["going_away"]), (accepted + 3, 3));
}
