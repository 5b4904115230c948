//! What the shard says to a connection: packets of its own, packets of logic's, and its close. Owns the forms and the way to the gateway's link; without a link
//! nothing is said, and the reactor learns the rest when it comes back.

use proto::close::CloseReason;
use proto::ids::ConnId;
use proto::limits::{JSON_PACKET_BYTES_MAX, RETRY_AFTER};
use proto::link;
use proto::packet::{
    Codec, PacketError, Refused, RefusedCode, ServerBody, ServerPacket, encode_server, to_json,
};

use super::Shard;
use crate::{Event, Output};

/// A connection to speak to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) conn: ConnId,
    pub(super) reactor: u32,
    pub(super) codec: Codec,
}

/// "Try the same again in a while."
pub(super) fn unavailable(text: &str) -> Refused {
    let refused = Refused::new(RefusedCode::Unavailable, "", text);
    Refused { retry_after_ms: RETRY_AFTER.as_millis() as u32, ..refused }
}

impl Shard {
    /// Sends a packet of the shard's own.
    pub(super) fn say(&mut self, line: Line, client_id: u64, body: ServerBody, out: &mut dyn Output) {
        let mut packet = std::mem::take(&mut self.scratch.down);
        encode_server(line.codec, ServerPacket { push_seq: 0, client_id, body }, &mut packet);
        self.send(line, &packet, out);
        packet.clear();
        self.scratch.down = packet;
    }

    /// Refuses a packet, and counts it.
    pub(super) fn refuse(&mut self, line: Line, client_id: u64, refused: Refused, out: &mut dyn Output) {
        self.counts.refuse(refused.code);
        self.say(line, client_id, ServerBody::Refused(refused), out);
    }

    /// Sends a packet of logic's, which is in protobuf form.
    pub(super) fn pass_on(&mut self, line: Line, packet: &[u8], out: &mut dyn Output) {
        match line.codec {
            Codec::Proto => self.send(line, packet, out),
            Codec::Json => {
                let mut json = std::mem::take(&mut self.scratch.down);
                match to_json(packet, &mut json).and_then(|()| check_size(&json)) {
                    Ok(()) => self.send(line, &json, out),
                    Err(error) => self.bad_packet(&error, out),
                }
                json.clear();
                self.scratch.down = json;
            }
        }
    }

    /// Takes note of a packet of logic's that cannot be sent.
    pub(super) fn bad_packet(&mut self, error: &PacketError, out: &mut dyn Output) {
        self.counts.bad_packets += 1;
        out.event(Event::BadPacket(error));
    }

    /// Sends bytes as they are.
    pub(super) fn send(&self, line: Line, packet: &[u8], out: &mut dyn Output) {
        if let Some(link) = self.reactors.get(line.reactor).and_then(|reactor| reactor.link) {
            link::downlink(out.gateway(link), std::iter::once((line.conn, &[][..])), packet);
        }
    }

    /// Closes the connection after what was sent to it.
    pub(super) fn close(&self, line: Line, reason: CloseReason, out: &mut dyn Output) {
        if let Some(link) = self.reactors.get(line.reactor).and_then(|reactor| reactor.link) {
            link::close(out.gateway(link), line.conn, reason);
        }
    }
}

/// Whether the JSON form of a packet can go on its way.
pub(super) fn check_size(json: &[u8]) -> Result<(), PacketError> {
    if json.len() > JSON_PACKET_BYTES_MAX {
        let text = format!("has {} bytes as JSON, more than {JSON_PACKET_BYTES_MAX}", json.len());
        return Err(PacketError { field: "packet", text });
    }
    Ok(())
}
