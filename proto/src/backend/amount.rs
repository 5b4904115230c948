//! How often a field stands in a message, told before anything is decoded: an item that is two bytes on the wire may take fifty in memory, so a frame within its
//! bounds could still ask for fifty times its size.

use prost::encoding::{DecodeContext, decode_key, skip_field};

/// Whether field `number` stands at the top of a message at most so often. What is no message is for its decoder to refuse, which gets no further than this.
pub(super) fn is_at_most(body: &[u8], number: u32, most: usize) -> bool {
    let (mut rest, mut count) = (body, 0);
    while let Ok((found, wire_type)) = decode_key(&mut rest) {
        count += usize::from(found == number);
        if count > most {
            return false;
        }
        if skip_field(wire_type, found, &mut rest, DecodeContext::default()).is_err() {
            break;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::backend::{FromLogic, FromState, LinkError, PRESENCE, PUSH, REPORT};
    use crate::r#gen::backend as wire;
    use crate::limits::{PRESENCE_USERS_MAX, PUSH_TARGETS_MAX, REPORTED_SESSIONS_MAX};

    #[test]
    fn items_are_counted_whatever_stands_between_them() {
        let target = || wire::Target { uid: "u".into(), except_device: String::new() };
        let push =
            wire::Push { targets: vec![target(), target()], packet: vec![0x0A; 40], ..Default::default() };
        let body = push.encode_to_vec();
        assert!(is_at_most(&body, 1, 2) && !is_at_most(&body, 1, 1) && is_at_most(&body, 9, 0));
        for end in 0..body.len() {
            is_at_most(&body[..end], 1, 2);
        }
        assert!(is_at_most(&[0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], 1, 1), "a length that lies ends it");
    }

    #[test]
    fn a_frame_of_tiny_items_is_refused_before_they_are_made() {
        let tiny = |number: u8, items: usize| [number << 3 | 2, 0].repeat(items);
        for items in [PUSH_TARGETS_MAX + 1, 500_000] {
            assert_eq!(FromLogic::decode(PUSH, &tiny(1, items)), Err(LinkError::Body("push")));
        }
        assert_eq!(
            FromState::decode(REPORT, &tiny(3, REPORTED_SESSIONS_MAX + 1)),
            Err(LinkError::Body("report"))
        );
        assert_eq!(
            FromState::decode(PRESENCE, &tiny(1, PRESENCE_USERS_MAX + 1)),
            Err(LinkError::Body("presence"))
        );
    }
}
