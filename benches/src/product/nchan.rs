//! nchan: `/sub?id=ROOM` delivers what `/pub?id=ROOM` was told, as it is; a publisher is answered with a report of the channel.

use std::io;

use proto::ws::Opcode;

use super::conn::{Socket, append};
use super::{Dialect, Ear, Heard, Who};

pub(super) struct Nchan;

impl Dialect for Nchan {
    fn door(&self, who: Who) -> (String, Option<&'static str>) {
        let place = if who.speaks() { "pub" } else { "sub" };
        (format!("/{place}?id={}", who.room), None)
    }

    fn enter(&self, _: Who, _: &mut Socket) -> io::Result<()> {
        Ok(())
    }

    fn say(&self, _: Who, _: u64, body: &str, out: &mut Vec<u8>) {
        append(out, Opcode::Text, body.as_bytes());
    }

    fn hear(&self, _: &mut Ear, message: &[u8], _: &mut Vec<u8>) -> io::Result<Heard> {
        Ok(if message.starts_with(b"queued messages:") {
            Heard { acknowledged: 1, delivered: 0 }
        } else {
            Heard { acknowledged: 0, delivered: 1 }
        })
    }
}
