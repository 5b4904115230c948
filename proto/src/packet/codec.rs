//! Bytes to packets and back, in both forms. Owns the choice of decoder and the size check of the whole; field checks are `convert`'s.

use super::{ClientPacket, Codec, PacketError, ServerPacket};
use crate::r#gen::client as wire;
use crate::limits::PACKET_BYTES_MAX;

/// Decodes a packet from a client and checks every field.
pub fn decode_client(codec: Codec, bytes: &[u8]) -> Result<ClientPacket, PacketError> {
    parse::<wire::ClientPacket>(codec, bytes)?.try_into()
}

/// Decodes a packet from the edge and checks every field.
pub fn decode_server(codec: Codec, bytes: &[u8]) -> Result<ServerPacket, PacketError> {
    parse::<wire::ServerPacket>(codec, bytes)?.try_into()
}

/// Appends a packet to the edge.
pub fn encode_client(codec: Codec, packet: ClientPacket, out: &mut Vec<u8>) {
    write(codec, &wire::ClientPacket::from(packet), out);
}

/// Appends a packet to a client.
pub fn encode_server(codec: Codec, packet: ServerPacket, out: &mut Vec<u8>) {
    write(codec, &wire::ServerPacket::from(packet), out);
}

/// Appends the JSON form of a packet to a client that is in protobuf form, or nothing. An enum's number that is not known here has none.
pub fn to_json(packet: &[u8], out: &mut Vec<u8>) -> Result<(), PacketError> {
    let packet = parse::<wire::ServerPacket>(Codec::Proto, packet)?;
    let start = out.len();
    serde_json::to_writer(&mut *out, &packet).map_err(|error| {
        out.truncate(start);
        PacketError::new("packet", format!("has no JSON form: {error}"))
    })
}

/// Appends the protobuf form of a packet from a client that is in JSON form. Only its shape is checked, as [`super::peek_client`] does for the other form.
pub fn to_proto(packet: &[u8], out: &mut Vec<u8>) -> Result<(), PacketError> {
    let packet = parse::<wire::ClientPacket>(Codec::Json, packet)?;
    write(Codec::Proto, &packet, out);
    Ok(())
}

fn parse<T>(codec: Codec, bytes: &[u8]) -> Result<T, PacketError>
where
    T: prost::Message + Default + serde::de::DeserializeOwned,
{
    if bytes.len() > PACKET_BYTES_MAX {
        let text = format!("has {} bytes, more than {PACKET_BYTES_MAX}", bytes.len());
        return Err(PacketError::new("packet", text));
    }
    match codec {
        Codec::Proto => {
            T::decode(bytes).map_err(|e| PacketError::new("packet", format!("is no protobuf packet: {e}")))
        }
        Codec::Json => serde_json::from_slice(bytes)
            .map_err(|e| PacketError::new("packet", format!("is no JSON packet: {e}"))),
    }
}

fn write<T: prost::Message + serde::Serialize>(codec: Codec, packet: &T, out: &mut Vec<u8>) {
    match codec {
        Codec::Proto => packet.encode_raw(out),
        Codec::Json => {
            serde_json::to_writer(out, packet).expect("our packets have string keys and a Vec takes all");
        }
    }
}
