//! MQTT 3.1.1 (OASIS standard, 2014) over WebSocket, as little of it as it takes to say something with QoS 0 or 1 and to hear it.

use std::io;

use proto::ws::Opcode;

use super::conn::{Socket, append};
use super::{Dialect, Ear, Heard, Who};

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
const CLEAN_SESSION: u8 = 2;

pub(super) struct Mqtt {
    pub(super) qos: u8,
}

impl Dialect for Mqtt {
    fn door(&self, _: Who) -> (String, Option<&'static str>) {
        ("/mqtt".into(), Some("mqtt"))
    }

    fn enter(&self, who: Who, socket: &mut Socket) -> io::Result<()> {
        let id = format!("{}-{}", who.room, who.number);
        // Version 4 is 3.1.1; without a keep-alive.
        let connect = [&string("MQTT")[..], &[4, CLEAN_SESSION, 0, 0], &string(&id)].concat();
        socket.say(Opcode::Binary, &packet(CONNECT, &connect))?;
        match socket.hear()?[..] {
            [CONNACK, 2, _, 0] => {}
            ref other => return Err(io::Error::other(format!("no connection: {other:?}"))),
        }
        if who.speaks() {
            return Ok(());
        }
        let subscribe = [&[0, 1][..], &string(&topic(who)), &[self.qos]].concat();
        socket.say(Opcode::Binary, &packet(SUBSCRIBE, &subscribe))?;
        match socket.hear()?[..] {
            [SUBACK, 3, 0, 1, granted] if granted == self.qos => Ok(()),
            ref other => Err(io::Error::other(format!("no subscription: {other:?}"))),
        }
    }

    fn say(&self, who: Who, number: u64, body: &str, out: &mut Vec<u8>) {
        let mut publish = string(&topic(who));
        if self.qos > 0 {
            // 1 to 65,535: far more than are on the way.
            publish.extend_from_slice(&((number % 0xFFFF) as u16 + 1).to_be_bytes());
        }
        publish.extend_from_slice(body.as_bytes());
        append(out, Opcode::Binary, &packet(PUBLISH | self.qos << 1, &publish));
    }

    fn hear(&self, ear: &mut Ear, message: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        ear.left.extend_from_slice(message);
        let (mut heard, mut at) = (Heard::default(), 0);
        while let Some((kind, body, length)) = cut(&ear.left[at..]) {
            match kind & 0xF0 {
                PUBACK => heard.acknowledged += 1,
                PUBLISH => {
                    heard.delivered += 1;
                    if kind & 0x06 != 0
                        && let Some(([high, low], rest)) = body.split_first_chunk()
                    {
                        let topic = usize::from(u16::from_be_bytes([*high, *low]));
                        let id = rest.get(topic..topic + 2);
                        let id = id.ok_or_else(|| io::Error::other("a publish is cut off"))?;
                        append(out, Opcode::Binary, &packet(PUBACK, id));
                    }
                }
                other => return Err(io::Error::other(format!("an unknown packet {other:#x}"))),
            }
            at += length;
        }
        ear.left.drain(..at);
        Ok(heard)
    }

    fn acknowledges(&self) -> bool {
        self.qos > 0
    }
}

fn topic(who: Who) -> String {
    format!("room/{}", who.room)
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    let mut length = body.len();
    loop {
        let more = if length > 0x7F { 0x80 } else { 0 };
        out.push((length & 0x7F) as u8 | more);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

/// The kind, the body and the whole length of the packet at the start of these bytes, if it is whole.
fn cut(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (kind, rest) = bytes.split_first()?;
    let (mut length, mut at) = (0, 0);
    loop {
        let byte = *rest.get(at)?;
        length |= usize::from(byte & 0x7F) << (7 * at);
        at += 1;
        if byte & 0x80 == 0 || at == 4 {
            break;
        }
    }
    Some((*kind, rest.get(at..at + length)?, 1 + at + length))
}
