//! How one payload serves many receivers: a tracked packet on the wire is a per-session prefix (its push_seq) followed by a part that all
//! receivers share. Owns the two halves; who keeps and sends them is the state server.
//!
//! In protobuf the concatenation of two encodings is the encoding of the merged message; in JSON the prefix is the opening brace and the
//! first member.

use std::io::Write as _;

use super::{Codec, PacketError, to_json};

/// Appends what stands before the shared part for one session. `push_seq` is at least 1, or 0 for a packet that is not numbered.
pub fn prefix(codec: Codec, push_seq: u64, out: &mut Vec<u8>) {
    match codec {
        Codec::Proto if push_seq == 0 => {}
        Codec::Json if push_seq == 0 => out.push(b'{'),
        Codec::Proto => {
            out.push(0x08);
            prost::encoding::encode_varint(push_seq, out);
        }
        Codec::Json => {
            write!(out, r#"{{"pushSeq":"{push_seq}","#).expect("a Vec takes all");
        }
    }
}

/// Appends what all receivers of this form share, of a ServerPacket that is in protobuf form and has no push_seq.
pub fn shared(codec: Codec, packet: &[u8], out: &mut Vec<u8>) -> Result<(), PacketError> {
    match codec {
        Codec::Proto => out.extend_from_slice(packet),
        Codec::Json => {
            let start = out.len();
            to_json(packet, out)?;
            if out.get(start + 1) == Some(&b'}') {
                return Err(PacketError::new("packet", "has no body"));
            }
            out.remove(start);
        }
    }
    Ok(())
}
