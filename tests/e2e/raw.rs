//! A connection that does only what it is told: [`Raw`]. Owns the socket and the bounds on waiting; the framing is the SDK's, and so are packets, but bytes of
//! any kind can be sent, too.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use client::wire::{Received, Transport, Wire};
use proto::packet::{ClientBody, ClientPacket, Login, ServerBody, ServerPacket};

use crate::cluster::token;
use crate::program::PATIENCE;

/// What bytes go through: a socket, or TLS on one.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A connection without an SDK's good manners: it acknowledges nothing and never reconnects.
pub(crate) struct Raw {
    stream: Box<dyn Stream>,
    wire: Wire,
    /// Bytes that are no whole frame yet.
    bytes: Vec<u8>,
    received: VecDeque<Received>,
}

impl Raw {
    /// Connects, and over WebSocket upgrades.
    pub(crate) fn open(edge: SocketAddr, transport: Transport) -> Self {
        Self::over(connect(edge), transport)
    }

    /// Upgrades, over WebSocket, a connection on which other things may have been said.
    fn over(stream: impl Stream + 'static, transport: Transport) -> Self {
        let stream = Box::new(stream);
        // Masking keys need not be secret here.
        let mut raw =
            Self { stream, wire: Wire::new(transport, 1), bytes: Vec::new(), received: VecDeque::new() };
        let (mut out, mut received) = (Vec::new(), Vec::new());
        let address = "ws://edge/".parse().expect("a URL");
        raw.wire.start(&address, &mut out, &mut received);
        raw.received.extend(received);
        raw.send_bytes(&out);
        assert_eq!(raw.next(), Some(Received::Open));
        raw
    }

    /// Connects, upgrades and logs in.
    pub(crate) fn log_in(edge: SocketAddr, transport: Transport, uid: &str) -> Self {
        Self::logged_in_over(connect(edge), transport, uid)
    }

    /// Upgrades and logs in.
    pub(crate) fn logged_in_over(stream: impl Stream + 'static, transport: Transport, uid: &str) -> Self {
        let mut raw = Self::over(stream, transport);
        raw.send_login(uid, token(uid));
        let answer = raw.packet().body;
        assert!(matches!(answer, ServerBody::LoginOk(_)), "{answer:?}");
        raw
    }

    /// Sends a login for the device "raw".
    pub(crate) fn send_login(&mut self, uid: &str, token: String) {
        let (uid, device) = (uid.parse().expect("a uid"), "raw".parse().expect("a device"));
        let login = Login { uid, device, token, client: "raw".into() };
        self.send(ClientPacket { client_id: 0, body: ClientBody::Login(login) });
    }

    /// Sends a packet.
    pub(crate) fn send(&mut self, packet: ClientPacket) {
        let mut out = Vec::new();
        self.wire.send(packet, &mut out);
        self.send_bytes(&out);
    }

    /// A packet as it is sent, without sending it.
    pub(crate) fn framed(&mut self, packet: &ClientPacket) -> Vec<u8> {
        let mut out = Vec::new();
        self.wire.send(packet.clone(), &mut out);
        out
    }

    /// Sends anything.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// The next packet.
    pub(crate) fn packet(&mut self) -> ServerPacket {
        match self.next() {
            Some(Received::Packet(packet)) => packet,
            other => panic!("{other:?} instead of a packet"),
        }
    }

    /// What comes next; `None` when the server has closed its end.
    ///
    /// # Panics
    /// When nothing comes in time, or no frame of ours.
    pub(crate) fn next(&mut self) -> Option<Received> {
        let mut read = [0; 16 * 1024];
        loop {
            if let Some(received) = self.received.pop_front() {
                return Some(received);
            }
            match self.stream.read(&mut read) {
                Ok(0) => return None,
                Ok(count) => self.take(&read[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing comes: {error}"),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let (mut replies, mut received) = (Vec::new(), Vec::new());
        let taken = self.wire.receive(&mut self.bytes, &mut replies, &mut received);
        let taken = taken.unwrap_or_else(|error| panic!("the server breaks the protocol: {error}"));
        self.bytes.drain(..taken);
        self.received.extend(received);
        // The answer to a close may come too late to be taken.
        drop(self.stream.write_all(&replies));
    }
}

/// Sends these bytes on a connection of their own: all that comes back until the server closes it.
pub(crate) fn exchange(edge: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(edge);
    stream.write_all(bytes).expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server closes in good order");
    String::from_utf8(answer).expect("an answer in words")
}

/// Connects, with bounds on waiting.
pub(crate) fn connect(edge: SocketAddr) -> TcpStream {
    try_connect(edge).expect("the gateway listens")
}

/// The same where the server may close it before the call is back.
pub(crate) fn try_connect(edge: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&edge, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
