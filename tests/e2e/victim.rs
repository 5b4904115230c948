//! A gateway that is attacked: [`Victim`]. Owns the process, which is alone (it echoes), the ways to connect to it, and a client whose echo must come whatever happens to others.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use proto::close::CloseReason;
use proto::tcp;
use proto::ws::{Opcode, frame, request};
use socket2::{Domain, SockRef, Socket, Type};

use crate::holdfast::Holdfast;
use crate::metrics::{await_metric, await_more, metric};
use crate::program::PATIENCE;

/// Where attacks come from, if it matters.
pub(crate) const MALLORY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

/// One gateway with one reactor that sends every message back.
pub(crate) struct Victim {
    pub(crate) process: Holdfast,
}

impl Victim {
    /// Starts it with these settings.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let mut arguments = vec!["gateway", "--mode=echo", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"];
        arguments.extend(["--stop-on-stdin-eof", "--log-format=text"]);
        if !settings.iter().any(|setting| setting.starts_with("--reactors")) {
            arguments.push("--reactors=1");
        }
        arguments.extend(settings);
        Self { process: Holdfast::start(&arguments) }
    }

    /// Lets the process have no more than so many files open, whatever is open already.
    pub(crate) fn limit_files(&self, files: u32) {
        let pid = self.process.pid().to_string();
        let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={files}:")]).status();
        assert!(limited.expect("prlimit is there").success());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address(&["listen"])
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.process.address(&["admin"])
    }

    /// What it counts under this name, with labels but without the prefix of all gateway metrics.
    pub(crate) fn count(&self, name: &str) -> u64 {
        metric(self.admin(), &full(name))
    }

    /// Waits until it has counted so many.
    pub(crate) fn await_count(&self, name: &str, expected: u64) {
        await_metric(self.admin(), &full(name), expected);
    }

    /// A connection from this loopback address, if it lives long enough to be one: it may be reset as soon as it is there.
    pub(crate) fn connect_from(&self, source: Ipv4Addr) -> Option<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        match socket.connect(&self.address().into()) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            connected => connected.expect("the gateway listens"),
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Some(stream)
    }

    /// Waits until it has counted more.
    pub(crate) fn await_more(&self, name: &str, than: u64) {
        await_more(self.admin(), &full(name), than);
    }

    /// So many tries to connect: what lives of them.
    pub(crate) fn flood_from(&self, source: Ipv4Addr, tries: usize) -> Vec<TcpStream> {
        (0..tries).filter_map(|_| self.connect_from(source)).collect()
    }

    /// A WebSocket of an attacker, upgraded; `extensions` is what it offers.
    pub(crate) fn websocket(&self, extensions: Option<&str>) -> TcpStream {
        let mut stream = self.connect_from(MALLORY).expect("it is not turned away");
        upgrade(&mut stream, extensions);
        stream
    }

    /// Waits until it has ended so many connections for a reason.
    pub(crate) fn await_closed(&self, reason: CloseReason, times: u64) {
        self.await_count(&format!("closed_total{{reason=\"{}\"}}", reason.label()), times);
    }

    /// A client that has shown that it is served.
    pub(crate) fn client(&self) -> Client {
        self.client_from(Ipv4Addr::LOCALHOST)
    }

    /// The same, from this address.
    pub(crate) fn client_from(&self, source: Ipv4Addr) -> Client {
        let mut client = Client { stream: self.connect_from(source).expect("it is not turned away") };
        client.stream.write_all(&tcp::MAGIC).unwrap();
        client.is_served();
        client
    }
}

fn full(name: &str) -> String {
    format!("holdfast_gateway_{name}")
}

/// A client over raw TCP that minds its own business.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    /// Says something, and hears it.
    ///
    /// # Panics
    /// When the echo does not come.
    pub(crate) fn is_served(&mut self) {
        let packet = [&tcp::head(5)[..], b"hello"].concat();
        self.stream.write_all(&packet).expect("the gateway reads");
        let mut echo = vec![0; packet.len()];
        self.stream.read_exact(&mut echo).expect("the gateway answers");
        assert_eq!(echo, packet);
    }
}

/// Upgrades a connection, of whatever kind; what follows on it is frames.
pub(crate) fn upgrade(stream: &mut (impl Read + Write), extensions: Option<&str>) {
    let mut request = Vec::new();
    request::write(&mut request, "edge", "/", [7; 16], None);
    if let Some(extensions) = extensions {
        request.truncate(request.len() - 2);
        request.extend_from_slice(format!("Sec-WebSocket-Extensions: {extensions}\r\n\r\n").as_bytes());
    }
    stream.write_all(&request).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
}

/// The frame with which a WebSocket is told why it ends.
pub(crate) fn close_frame(reason: CloseReason) -> Vec<u8> {
    let mut bytes = Vec::new();
    let code = reason.websocket_code().to_be_bytes();
    frame::append(&mut bytes, Opcode::Close, None, &[&code, reason.sentence().as_bytes()]);
    bytes
}

/// Has the connection end with a reset when it is dropped.
pub(crate) fn reset_on_drop(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Waits until the server has ended a connection, however, and returns what it said before.
///
/// # Panics
/// When it does not end in time.
pub(crate) fn ended(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it is not ended: {error}"),
    }
    said
}
