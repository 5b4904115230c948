//! The close frame (RFC 6455 sections 5.5.1 and 7.4): its codes, its body, and writing one. Owns what may stand in it; when to send it
//! is the caller's.

use super::{Opcode, WsError, frame};
use crate::limits::CONTROL_PAYLOAD_BYTES_MAX;

/// Whether a peer may send this code: those that the RFC and the IANA registry define for the wire, and 3000–4999.
pub fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Reads a close frame's payload: the code and the reason, or neither.
pub fn parse(payload: &[u8]) -> Result<(Option<u16>, &str), WsError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        let empty = payload.is_empty();
        return if empty { Ok((None, "")) } else { Err(WsError::Protocol("close payload of 1 byte")) };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(WsError::Protocol("close code that may not be sent"));
    }
    Ok((Some(code), std::str::from_utf8(reason).map_err(|_| WsError::Utf8)?))
}

/// Appends a close frame. Without a code it is empty. A reason longer than a control frame has room for is cut between characters.
pub fn append(out: &mut Vec<u8>, mask: Option<[u8; 4]>, code: Option<u16>, reason: &str) {
    let Some(code) = code else { return frame::append(out, Opcode::Close, mask, &[]) };
    let reason = &reason[..reason.floor_char_boundary(CONTROL_PAYLOAD_BYTES_MAX - 2)];
    frame::append(out, Opcode::Close, mask, &[&code.to_be_bytes(), reason.as_bytes()]);
}
