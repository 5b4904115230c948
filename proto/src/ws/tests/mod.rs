//! The tests of the WebSocket codec, a file per subject. This one builds streams.

mod any_cut_of_a_stream_gives_the_same_events;
mod compressed_messages_stay_within_bounds;
mod frames_follow_the_rfc;
mod handshakes_are_strict;
mod messages_are_put_together;

use super::frame::Header;
use super::fuzz::{Owned, receive};
use super::{Limits, Opcode, Role, WsError, mask};

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
const WIDE: Limits = Limits { message_bytes: 1 << 20, fragments: 64 };

/// A frame as a peer of `role` sends it.
fn frame(role: Role, fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mask = (role == Role::Server).then_some(KEY);
    let mut bytes = Header { fin, compressed: false, opcode, mask, length: payload.len() as u64 }
        .encode()
        .as_slice()
        .to_vec();
    let head_bytes = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(key) = mask {
        mask::apply(&mut bytes[head_bytes..], key, 0);
    }
    bytes
}

/// A stream of (fin, opcode, payload), as a client sends it to a server, and what the server makes of it.
fn stream(frames: &[(bool, Opcode, &[u8])]) -> (Vec<Owned>, Result<(), WsError>) {
    stream_within(WIDE, frames)
}

fn stream_within(limits: Limits, frames: &[(bool, Opcode, &[u8])]) -> (Vec<Owned>, Result<(), WsError>) {
    let bytes: Vec<u8> = frames
        .iter()
        .flat_map(|(fin, opcode, payload)| frame(Role::Server, *fin, *opcode, payload))
        .collect();
    receive(Role::Server, limits, [&bytes[..]])
}

/// What a server makes of raw bytes.
fn raw(bytes: &[u8]) -> (Vec<Owned>, Result<(), WsError>) {
    receive(Role::Server, WIDE, [bytes])
}
