//! How large an answer becomes in the form that takes more bytes, which is JSON: a client may read either. Owns the sum; the forms themselves are
//! `proto::packet`'s. The sums are upper bounds, exact but for the digits of numbers.

use proto::ids::ConversationId;
use proto::limits::PACKET_BYTES_MAX;
use proto::packet::{Body, Message};

/// A message's JSON less its names and its body, with the longest numbers and the comma after it. `data` is no longer than `text`.
const MESSAGE: &str = concat!(
    r#"{"conversation":"","seq":"18446744073709551615","sender":"","to":"","#,
    r#""timeMs":"18446744073709551615","text":""},"#
);

/// A push's JSON less its message.
const PUSH: &str = r#"{"pushSeq":"18446744073709551615","push":{"message":}}"#;

/// A pull's answer in JSON less its conversation and its messages.
const PULLED: &str = concat!(
    r#"{"pulled":{"conversation":"","fromSeq":"18446744073709551615","nextSeq":"18446744073709551615","#,
    r#""head":"18446744073709551615","messages":[]}}"#
);

/// Whether a message fits a push, and the answer to a pull that has no other.
pub(crate) fn fits_alone(message: &Message) -> bool {
    let bytes = message_bytes(message);
    let pulled = PULLED.len() + text_bytes(message.conversation.as_str());
    bytes + PUSH.len().max(pulled) <= PACKET_BYTES_MAX
}

/// What is left for messages in the answer to a pull.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Room {
    pub(crate) fn for_messages_of(id: &ConversationId) -> Self {
        Self(PACKET_BYTES_MAX - PULLED.len() - text_bytes(id.as_str()))
    }

    /// Takes what a message needs; false if there is not so much left. The first message always finds room: [`fits_alone`] saw to that.
    pub(crate) fn take(&mut self, message: &Message) -> bool {
        match self.0.checked_sub(message_bytes(message)) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

fn message_bytes(message: &Message) -> usize {
    let names = [Some(message.conversation.as_str()), Some(message.sender.as_str())];
    let to = message.to.as_ref().map(proto::ids::Uid::as_str);
    let names: usize = names.into_iter().chain([to]).flatten().map(text_bytes).sum();
    let body = match &message.body {
        Body::Text(text) => text_bytes(text),
        Body::Data(data) => data.len().div_ceil(3) * 4,
    };
    MESSAGE.len() + names + body
}

/// Bytes of a JSON string less its quotation marks.
fn text_bytes(text: &str) -> usize {
    // Mostly nothing needs an escape, and a loop without a way out of it looks at many bytes at a time.
    let special = |byte: u8| u8::from(matches!(byte, b'"' | b'\\' | 0..0x20));
    if text.bytes().map(special).fold(0, |any, one| any | one) == 0 {
        return text.len();
    }
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | 0x08 | 0x09 | 0x0A | 0x0C | 0x0D => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.len() + text.bytes().map(escaped).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::packet::{Codec, Pulled, ServerBody, ServerPacket, encode_server};

    fn encoded(codec: Codec, packet: ServerPacket) -> usize {
        let mut out = Vec::new();
        encode_server(codec, packet, &mut out);
        out.len()
    }

    fn body() -> impl Strategy<Value = Body> {
        prop_oneof![
            "\\PC{0,200}".prop_map(Body::Text),
            proptest::collection::vec(0u8..0x80, 0..200)
                .prop_map(|bytes| Body::Text(bytes.into_iter().map(char::from).collect())),
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(Body::Data),
        ]
    }

    proptest! {
        #[test]
        fn the_sum_is_never_too_small(
            bodies in proptest::collection::vec(body(), 1..4), name in "[a-z\"\\\\]{1,60}", seq: u64, to: bool
        ) {
            let id: ConversationId = format!("g.{name}").parse().unwrap();
            let message = |body| Message {
                conversation: id.clone(),
                seq,
                sender: name.parse().unwrap(),
                to: to.then(|| name.parse().unwrap()),
                time_ms: seq,
                body,
            };
            let messages: Vec<_> = bodies.into_iter().map(message).collect();
            let sum: usize = messages.iter().map(message_bytes).sum();
            let push = ServerPacket { push_seq: seq, client_id: 0, body: ServerBody::Push(messages[0].clone()) };
            let pulled = Pulled { conversation: id.clone(), from_seq: seq, next_seq: seq, head: seq, messages: messages.clone() };
            for codec in [Codec::Json, Codec::Proto] {
                prop_assert!(encoded(codec, push.clone()) <= PUSH.len() + message_bytes(&messages[0]));
                let answer = ServerPacket::plain(ServerBody::Pulled(pulled.clone()));
                prop_assert!(encoded(codec, answer) <= PULLED.len() + text_bytes(id.as_str()) + sum);
            }
        }
    }

    #[test]
    fn a_message_that_fits_leaves_room_for_itself_in_a_pull() {
        let message = |length| Message {
            conversation: "g.club".parse().unwrap(),
            seq: 1,
            sender: "alice".parse().unwrap(),
            to: None,
            time_ms: 1,
            body: Body::Text("\u{1}".repeat(length)),
        };
        let most = (0..PACKET_BYTES_MAX / 6).rev().find(|length| fits_alone(&message(*length))).unwrap();
        assert!(most > 10_000 && most < PACKET_BYTES_MAX / 6 - 1);
        assert!(Room::for_messages_of(&message(0).conversation).take(&message(most)));
    }
}
