//! TLS to the gateway: foreign clients and our own bytes inside of it, on a port of its own and on the one for all, resumed, renewed, and attacked.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use client::wire::{Received, Transport};
use proto::close::CloseReason;
use proto::packet::{ClientBody, ClientPacket, Codec, ServerBody};
use proto::ws::{Opcode, Subprotocol, frame};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use tempfile::TempDir;

use crate::certificates::{Authority, ServerFiles};
use crate::cluster::Cluster;
use crate::device::{Device, Way};
use crate::foreign::{Foreign, Library};
use crate::holdfast::Holdfast;
use crate::metrics::{await_metric, metric};
use crate::raw::{Raw, connect, exchange};

pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

/// A cluster that speaks TLS, and who its certificate is from.
struct Scene {
    cluster: Cluster,
    authority: Authority,
    files: ServerFiles,
    _folder: TempDir,
}

impl Scene {
    fn set(more: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (authority, files) = (Authority::new(folder.path()), ServerFiles::at(folder.path()));
        authority.issue(&files);
        let settings = [&files.settings()[..], &[("tls-listen", "127.0.0.1:0")], more].concat();
        let cluster = Cluster::start_with(&settings);
        Self { cluster, authority, files, _folder: folder }
    }

    /// The port for TLS alone.
    fn secure(&self) -> SocketAddr {
        self.cluster.gateway.address("tls_listen")
    }

    fn closed(&self, reason: CloseReason, times: u64) {
        let counter = format!("holdfast_gateway_closed_total{{reason=\"{}\"}}", reason.label());
        await_metric(self.cluster.gateway.address("admin"), &counter, times);
    }
}

/// Connects, and does the handshake.
pub(crate) fn handshake(edge: SocketAddr, client: &Arc<ClientConfig>) -> std::io::Result<Secure> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connect(edge);
    let mut connection = ClientConnection::new(Arc::clone(client), name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Says something that is answered.
fn is_alive(raw: &mut Raw) {
    raw.send(ClientPacket { client_id: 0, body: ClientBody::Heartbeat });
    assert_eq!(raw.packet().body, ServerBody::Heartbeat);
}

#[test]
fn foreign_clients_talk_over_wss_with_each_other_and_with_those_who_do_not() {
    let scene = Scene::set(&[]);
    let url = format!("wss://{}/", scene.secure());
    let trusted = scene.authority.certificate();
    let online = |library, subprotocol, uid| {
        Foreign::online_trusting(&scene.cluster, &url, Some(&trusted), library, subprotocol, uid)
    };
    let mut alice = online(Library::Python, Subprotocol::Proto, "alice");
    let mut bob = online(Library::Node, Subprotocol::Json, "bob");
    let mut carol = Device::online(&scene.cluster, "carol", "phone", Way::WebSocketJson);
    assert_eq!(alice.say("bob", "hello, bob"), 1);
    assert_eq!(bob.hear(), ("alice".into(), 1, "hello, bob".into()));
    assert_eq!(bob.say("carol", "hello, carol"), 1);
    carol.hear("hello, carol");
    assert_eq!(carol.say("alice", "hello, alice").seq, 1);
    assert_eq!(alice.hear(), ("carol".into(), 1, "hello, alice".into()));
    assert_eq!((alice.log_out(), bob.log_out()), (1000, 1000));
}

#[test]
fn one_port_takes_tls_and_plain_and_every_protocol_in_both() {
    let scene = Scene::set(&[]);
    let client = scene.authority.client();
    for (number, transport) in
        [Transport::Tcp, Transport::WebSocket(Codec::Json), Transport::WebSocket(Codec::Proto)]
            .into_iter()
            .enumerate()
    {
        for edge in [scene.cluster.address(), scene.secure()] {
            let stream = handshake(edge, &client).unwrap();
            let mut raw = Raw::logged_in_over(stream, transport, &format!("user{number}"));
            is_alive(&mut raw);
        }
        is_alive(&mut Raw::log_in(scene.cluster.address(), transport, &format!("user{number}")));
    }
    let admin = scene.cluster.gateway.address("admin");
    await_metric(admin, "holdfast_gateway_tls_connections", 0);
    assert_eq!(metric(admin, "holdfast_gateway_tls_handshakes_total"), 6);
}

#[test]
fn a_client_that_comes_back_resumes_on_whichever_reactor_it_meets() {
    let scene = Scene::set(&[("tls", "required")]);
    let client = scene.authority.client();
    let mut full = 0;
    for round in 0..12 {
        let stream = handshake(scene.cluster.address(), &client).unwrap();
        // The ticket comes with the first bytes that are read.
        let mut raw = Raw::logged_in_over(stream, Transport::Tcp, "alice");
        is_alive(&mut raw);
        drop(raw);
        let stream = handshake(scene.secure(), &client).unwrap();
        full += u32::from(stream.conn.handshake_kind() != Some(HandshakeKind::Resumed));
        assert!(full == 0, "round {round}: the ticket of another reactor is as good");
    }
    let admin = scene.cluster.gateway.address("admin");
    await_metric(admin, "holdfast_gateway_tls_handshakes_total", 24);
    assert!(metric(admin, "holdfast_gateway_tls_resumed_total") >= 12);
    // Plain bytes are no longer welcome.
    assert_eq!(exchange(scene.cluster.address(), b"HFT1"), "");
    scene.closed(CloseReason::TlsRequired, 1);
}

#[test]
fn a_new_certificate_disconnects_nobody_and_a_broken_one_changes_nothing() {
    let scene = Scene::set(&[]);
    let (before, after) = (scene.authority.client(), tempfile::tempdir().unwrap());
    let mut raw = Raw::logged_in_over(handshake(scene.secure(), &before).unwrap(), Transport::Tcp, "alice");
    let authority = Authority::new(after.path());
    authority.issue(&scene.files);
    scene.cluster.gateway.signal("HUP");
    scene.cluster.gateway.has_said("the settings were read again");
    is_alive(&mut raw);
    handshake(scene.secure(), &authority.client()).unwrap();
    // With a session of its own, or it would be resumed.
    handshake(scene.secure(), &scene.authority.client()).unwrap_err();

    std::fs::write(&scene.files.certificate, "nothing").unwrap();
    scene.cluster.gateway.signal("HUP");
    let line = scene.cluster.gateway.has_said("nothing is changed");
    assert!(line.contains("--tls-cert") && line.contains("there is none in the file"), "{line}");
    handshake(scene.secure(), &authority.client()).unwrap();
    is_alive(&mut raw);
}

#[test]
fn a_broken_certificate_is_a_mistake_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let files = ServerFiles::at(folder.path());
    let run = |settings: &[&str]| {
        let output = crate::holdfast::run(&[&["gateway"], settings].concat());
        assert_eq!(output.status.code(), Some(78));
        String::from_utf8(output.stderr).unwrap()
    };
    let [cert, key] = files.settings().map(|(name, path)| format!("--{name}={path}"));
    let said = run(&[&cert, &key]);
    assert!(said.starts_with("--tls-cert: cannot be used: the certificate "), "{said}");
    let said = run(&[&cert]);
    assert!(said.contains("tls_key: is empty, though there is a tls_cert"), "{said}");
    let said = run(&["--tls", "required"]);
    assert!(said.starts_with("--tls: is required, and there is no tls_cert"), "{said}");
    let said = run(&["--tls-listen", "127.0.0.1:0"]);
    assert!(said.starts_with("--tls-listen: is for TLS, and there is no tls_cert"), "{said}");
    let said = run(&["--proxy-listen", "127.0.0.1:0"]);
    assert!(said.contains("proxy_from: is empty"), "{said}");
}

/// The first flight of a client, whole.
fn hello(client: &Arc<ClientConfig>) -> Vec<u8> {
    let mut connection =
        ClientConnection::new(Arc::clone(client), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn what_is_no_tls_or_breaks_it_is_closed_and_counted_and_others_do_not_notice() {
    let scene = Scene::set(&[("handshake-deadline", "1s")]);
    let client = scene.authority.client();
    let stream = handshake(scene.secure(), &client).unwrap();
    let mut alice = Raw::logged_in_over(stream, Transport::WebSocket(Codec::Json), "alice");
    for bytes in [&b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n"[..], b"HFT1", b"\x15\x03\x01\0\x02\x02\x28"] {
        assert_eq!(exchange(scene.secure(), bytes), "");
    }
    scene.closed(CloseReason::TlsRequired, 3);
    is_alive(&mut alice);

    // A record that is too large, one that is no hello, and a hello that is never whole, in records of one byte: the last may be cut off while it is sent.
    let hello = hello(&client);
    let crumbs: Vec<u8> = hello[5..].iter().flat_map(|byte| [0x16, 3, 1, 0, 1, *byte]).collect();
    let endless = [&b"\x16\x03\x01\x40\0\x01\x00\x3f\xfc"[..], &[0; 16 * 1024]].concat().repeat(3);
    for bytes in [
        &b"\x16\x03\x01\xFF\xFF"[..],
        b"\x16\x03\x03\0\x05\x02\0\0\x01x",
        b"\x16GET / HTTP/1.1\r\n\r\n",
        &endless,
    ] {
        let mut stream = connect(scene.secure());
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer[0] == 21, "an alert, or nothing: {answer:?}");
    }
    scene.closed(CloseReason::TlsFailed, 4);
    is_alive(&mut alice);

    // One whole hello in crumbs is still a hello: if it comes at once, it is answered.
    let mut stream = connect(scene.secure());
    stream.write_all(&crumbs).unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    assert!(first[0] == 22 || first[0] == 21, "a hello, or an alert if it came in too many reads");
    drop(stream);

    // Half a hello has its deadline, and so has one whose client says no more.
    for half in [&hello[..hello.len() / 2], &hello[..]] {
        let mut stream = connect(scene.secure());
        stream.write_all(half).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
    scene.closed(CloseReason::HandshakeTimeout, 2);
    is_alive(&mut alice);
}

#[test]
fn a_flood_of_handshakes_that_are_given_up_leaves_nothing_behind() {
    let scene = Scene::set(&[]);
    let client = scene.authority.client();
    let hello = hello(&client);
    for _ in 0..300 {
        let mut stream = connect(scene.secure());
        stream.write_all(&hello).unwrap();
    }
    let admin = scene.cluster.gateway.address("admin");
    await_metric(admin, "holdfast_gateway_connections", 0);
    await_metric(admin, "holdfast_gateway_tls_connections", 0);
    await_metric(admin, "holdfast_gateway_tls_handshakes_pending", 0);
    is_alive(&mut Raw::logged_in_over(handshake(scene.secure(), &client).unwrap(), Transport::Tcp, "alice"));
}

#[test]
fn an_end_is_told_with_a_close_notify_on_both_sides() {
    let scene = Scene::set(&[]);
    let client = scene.authority.client();
    // The client ends: it is answered before the socket is closed.
    let mut stream = handshake(scene.secure(), &client).unwrap();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "rustls tells a bare end of the stream as an error");
    scene.closed(CloseReason::PeerClosed, 1);
    // The server ends: a logout is answered with a close frame, then with the end of TLS.
    let stream = handshake(scene.secure(), &client).unwrap();
    let mut raw = Raw::logged_in_over(stream, Transport::WebSocket(Codec::Json), "alice");
    raw.send(ClientPacket { client_id: 0, body: ClientBody::Logout });
    assert!(matches!(raw.next(), Some(Received::Closed { code: Some(1000), .. })));
    assert_eq!(raw.next(), None);
}

#[test]
fn much_comes_through_whole_though_nobody_reads_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, files) = (Authority::new(folder.path()), ServerFiles::at(folder.path()));
    authority.issue(&files);
    let [cert, key] = files.settings().map(|(name, path)| format!("--{name}={path}"));
    let echo = [
        "gateway",
        "--mode=echo",
        "--listen=127.0.0.1:0",
        "--admin=127.0.0.1:0",
        "--reactors=1",
        &cert,
        &key,
    ];
    let gateway = Holdfast::start(&echo);
    let mut stream = handshake(gateway.address(&["listen"]), &authority.client()).unwrap();
    let mut request = Vec::new();
    proto::ws::request::write(&mut request, "edge", "/", [7; 16], None);
    stream.write_all(&request).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    // Binary messages with the key 0, so that what goes is what comes back, but for the head.
    let payload: Vec<u8> = (0..60_000_u32).map(|i| (i % 251) as u8).collect();
    let (mut message, mut answer) = (Vec::new(), Vec::new());
    frame::append(&mut message, Opcode::Binary, Some([0; 4]), &[&payload]);
    frame::append(&mut answer, Opcode::Binary, None, &[&payload]);
    let count = 200;
    let expected = answer.repeat(count);
    // Only written, until the gateway does not take any more: both directions are full then.
    stream.sock.set_nonblocking(true).unwrap();
    stream.conn.set_buffer_limit(None);
    for _ in 0..count {
        stream.conn.writer().write_all(&message).unwrap();
    }
    let mut full = 0;
    while full < 20 && stream.conn.wants_write() {
        match stream.conn.write_tls(&mut stream.sock) {
            Ok(_) => full = 0,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                full += 1;
                std::thread::yield_now();
            }
        }
    }
    stream.sock.set_nonblocking(false).unwrap();
    let Secure { mut conn, mut sock } = stream;
    let mut heard = Vec::with_capacity(expected.len());
    while heard.len() < expected.len() {
        // Reading must go on while there is something to write, or both sides would wait for ever.
        sock.set_nonblocking(true).unwrap();
        while conn.wants_write() && conn.write_tls(&mut sock).is_ok() {}
        let read = conn.read_tls(&mut sock);
        if conn.wants_write() && read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            std::thread::yield_now();
            continue;
        }
        if read.is_err() {
            sock.set_nonblocking(false).unwrap();
            assert!(conn.read_tls(&mut sock).unwrap() > 0, "it ends after {} bytes", heard.len());
        }
        conn.process_new_packets().unwrap();
        let _ = conn.reader().read_to_end(&mut heard);
    }
    assert!(heard == expected, "all of it, in order");
    let _ = sock.shutdown(Shutdown::Both);
}
