//! The protocol of NATS clients over WebSocket, and of `JetStream` what makes a stream and tells of what it has taken.

use std::io;

use proto::ws::Opcode;

use super::conn::{Socket, append};
use super::{Dialect, Ear, Heard, Who};

/// Makes a stream of all rooms in a file, as it comes: a copy, synced every two minutes.
const STREAM: &str =
    r#"{"name":"S","subjects":["room.*"],"retention":"limits","storage":"file","num_replicas":1}"#;

pub(super) struct Nats {
    /// Whether a stream keeps what is said, and acknowledges it.
    pub(super) stream: bool,
}

impl Dialect for Nats {
    fn door(&self, _: Who) -> (String, Option<&'static str>) {
        ("/".into(), None)
    }

    fn enter(&self, who: Who, socket: &mut Socket) -> io::Result<()> {
        socket.expect("INFO ")?;
        let listen = match (who.speaks(), self.stream) {
            (false, _) => format!("SUB room.{} 1\r\n", who.room),
            (true, true) => format!("SUB acks.{} 1\r\n", who.room),
            (true, false) => String::new(),
        };
        let connect = r#"CONNECT {"verbose":false,"pedantic":false,"protocol":1}"#;
        let words = format!("{connect}\r\n{listen}PING\r\n");
        socket.say(Opcode::Binary, words.as_bytes())?;
        socket.expect("PONG")?;
        if self.stream && who.speaks() && who.room == 0 {
            let make = format!("PUB $JS.API.STREAM.CREATE.S acks.0 {}\r\n{STREAM}\r\n", STREAM.len());
            socket.say(Opcode::Binary, make.as_bytes())?;
            socket.expect("\"created\"")?;
        }
        Ok(())
    }

    fn say(&self, who: Who, _: u64, body: &str, out: &mut Vec<u8>) {
        let Who { room, .. } = who;
        let answer = if self.stream { format!("acks.{room} ") } else { String::new() };
        let publish = format!("PUB room.{room} {answer}{}\r\n{body}\r\n", body.len());
        append(out, Opcode::Binary, publish.as_bytes());
    }

    fn hear(&self, ear: &mut Ear, message: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        ear.left.extend_from_slice(message);
        let (mut heard, mut at) = (Heard::default(), 0);
        while let Some(line) = line(&ear.left[at..]) {
            let words = &ear.left[at..at + line];
            if words.starts_with(b"MSG ") {
                let size = std::str::from_utf8(words).ok().and_then(|words| words.trim().rsplit(' ').next());
                let size: usize =
                    size.and_then(|size| size.parse().ok()).ok_or_else(|| io::Error::other("no size"))?;
                if ear.left.len() < at + line + size + 2 {
                    break;
                }
                if words.starts_with(b"MSG acks.") {
                    heard.acknowledged += 1;
                } else {
                    heard.delivered += 1;
                }
                at += size + 2;
            } else if words.starts_with(b"PING") {
                append(out, Opcode::Binary, b"PONG\r\n");
            } else if words.starts_with(b"-ERR") {
                return Err(io::Error::other(String::from_utf8_lossy(words).into_owned()));
            }
            at += line;
        }
        ear.left.drain(..at);
        Ok(heard)
    }

    fn acknowledges(&self) -> bool {
        self.stream
    }
}

/// Bytes of the line at the start of these, its end included.
fn line(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|two| two == b"\r\n").map(|at| at + 2)
}
