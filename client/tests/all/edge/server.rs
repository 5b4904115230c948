//! The model edge behind a real listener on port 0, in all three forms: a thread for each connection. Owns the sessions; the rest is [`Edge`]'s.

#![allow(clippy::disallowed_methods, reason = "this is the server, in a test")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use proto::limits::{FRAGMENTS_MAX, PACKET_BYTES_MAX};
use proto::packet::{
    ClientBody, ClientPacket, Codec, KickedReason, Message, Refused, RefusedCode, ServerBody, ServerPacket,
    decode_client, encode_server,
};
use proto::tcp;
use proto::ws::{Event, Limits, Opcode, Receiver, Role, Subprotocol, close, frame, upgrade};

use super::{Device, Edge};

/// The form of a connection: `None` is raw TCP.
type Form = Option<Codec>;

pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    edge: Edge,
    sessions: BTreeMap<Device, Session>,
    logins: u32,
}

struct Session {
    stream: TcpStream,
    form: Form,
    push_seq: u64,
}

impl Server {
    pub(crate) fn start(edge: Edge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(Shared { edge, ..Shared::default() }));
        let of_listener = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_nodelay(true).unwrap();
                let shared = Arc::clone(&of_listener);
                std::thread::spawn(move || serve(&shared, stream));
            }
        });
        Self { port, shared }
    }

    /// Cuts every connection, wherever it is.
    pub(crate) fn cut(&self) {
        let sessions = std::mem::take(&mut self.shared.lock().unwrap().sessions);
        sessions.values().for_each(|session| drop(session.stream.shutdown(Shutdown::Both)));
    }

    pub(crate) fn logins(&self) -> u32 {
        self.shared.lock().unwrap().logins
    }
}

fn serve(shared: &Mutex<Shared>, mut stream: TcpStream) {
    let (mut bytes, mut form, mut device) = (Vec::new(), None, None);
    let mut receiver = None;
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..read]);
        if form.is_none() {
            form = open(&mut bytes, &mut stream);
        }
        let Some(form) = form else { continue };
        let receiver = receiver.get_or_insert_with(|| Receiver::new(Role::Server));
        while let Some(packet) = next(form, receiver, &mut bytes) {
            if take(shared, &stream, form, &mut device, packet).is_none() {
                end(form, &mut stream);
                return;
            }
        }
    }
}

/// Sniffs the protocol and answers an upgrade.
fn open(bytes: &mut Vec<u8>, stream: &mut TcpStream) -> Option<Form> {
    if bytes.starts_with(&tcp::MAGIC) {
        bytes.drain(..tcp::MAGIC.len());
        return Some(None);
    }
    let upgrade = upgrade::parse(bytes).unwrap()?;
    let subprotocol = upgrade.subprotocol().unwrap();
    let mut out = Vec::new();
    upgrade::accept(&mut out, upgrade.key, Some(subprotocol.name()));
    let head = upgrade.head_len;
    bytes.drain(..head);
    stream.write_all(&out).ok()?;
    Some(Some(match subprotocol {
        Subprotocol::Proto => Codec::Proto,
        Subprotocol::Json => Codec::Json,
    }))
}

fn next(form: Form, receiver: &mut Receiver, bytes: &mut Vec<u8>) -> Option<ClientPacket> {
    let mut at = 0;
    let packet = match form {
        None => {
            let range = tcp::next(bytes, 0, PACKET_BYTES_MAX).unwrap()?;
            at = range.end;
            decode_client(Codec::Proto, &bytes[range]).unwrap()
        }
        Some(codec) => {
            let limits = Limits { message_bytes: PACKET_BYTES_MAX, fragments: FRAGMENTS_MAX };
            match receiver.next(bytes, &mut at, &limits).unwrap()? {
                Event::Text(packet) | Event::Binary(packet) => decode_client(codec, packet).unwrap(),
                Event::Close { .. } => return None,
                other => panic!("{other:?}"),
            }
        }
    };
    bytes.drain(..at);
    Some(packet)
}

/// Carries a packet out; `None` ends the connection.
fn take(
    shared: &Mutex<Shared>,
    stream: &TcpStream,
    form: Form,
    device: &mut Option<Device>,
    packet: ClientPacket,
) -> Option<()> {
    let mut shared = shared.lock().unwrap();
    match (packet.body, &device) {
        (ClientBody::Login(login), _) => {
            let mut session = Session { stream: stream.try_clone().unwrap(), form, push_seq: 0 };
            if login.token != "good" {
                let refused = Refused::new(RefusedCode::TokenInvalid, "login.token", "is not good");
                session.send(ServerPacket::plain(ServerBody::Refused(refused)));
                return None;
            }
            let who: Device = (login.uid, login.device.to_string());
            session.send(ServerPacket::plain(shared.edge.login_ok(&who)));
            shared.logins += 1;
            if let Some(mut old) = shared.sessions.insert(who.clone(), session) {
                let (reason, text) = (KickedReason::Replaced, String::new());
                old.send(ServerPacket::plain(ServerBody::Kicked { reason, text }));
            }
            *device = Some(who);
        }
        (ClientBody::Ack { .. }, Some(_)) => {}
        (ClientBody::Heartbeat, Some(who)) => {
            shared.to(who, ServerPacket::plain(ServerBody::Heartbeat));
        }
        (ClientBody::Logout, Some(who)) => {
            shared.sessions.remove(who);
            return None;
        }
        (body, Some(who)) => {
            let who = who.clone();
            let effects = shared.edge.handle(&who, ClientPacket { client_id: packet.client_id, body });
            if let Some(answer) = effects.answer {
                shared.to(&who, answer);
            }
            if let Some(message) = effects.message {
                shared.push(&who, &message);
            }
        }
        (body, None) => panic!("no login first: {body:?}"),
    }
    Some(())
}

fn end(form: Form, stream: &mut TcpStream) {
    let mut out = Vec::new();
    if form.is_some() {
        close::append(&mut out, None, Some(1000), "");
    }
    drop(stream.write_all(&out));
    drop(stream.shutdown(Shutdown::Write));
}

impl Shared {
    fn to(&mut self, device: &Device, packet: ServerPacket) {
        if let Some(session) = self.sessions.get_mut(device) {
            session.send(packet);
        }
    }

    fn push(&mut self, said_by: &Device, message: &Message) {
        let members = self.edge.conversations[&message.conversation].members.clone();
        let others = self.sessions.iter_mut().filter(|(device, _)| *device != said_by);
        for (_, session) in others.filter(|(device, _)| members.contains(&device.0)) {
            session.push_seq += 1;
            let (push_seq, body) = (session.push_seq, ServerBody::Push(message.clone()));
            session.send(ServerPacket { push_seq, client_id: 0, body });
        }
    }
}

impl Session {
    /// A connection that was cut is noticed by its reader.
    fn send(&mut self, packet: ServerPacket) {
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        encode_server(self.form.unwrap_or(Codec::Proto), packet, &mut bytes);
        match self.form {
            None => {
                out.extend_from_slice(&tcp::head(bytes.len()));
                out.extend_from_slice(&bytes);
            }
            Some(Codec::Proto) => frame::append(&mut out, Opcode::Binary, None, &[&bytes]),
            Some(Codec::Json) => frame::append(&mut out, Opcode::Text, None, &[&bytes]),
        }
        drop(self.stream.write_all(&out));
    }
}
