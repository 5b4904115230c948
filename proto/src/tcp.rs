//! Raw TCP framing: the magic `HFT1` once, then packets as `u32 length | packet`, length in network byte order. Owns the framing and its errors;
//! the packets inside are [`crate::packet`]'s, always in protobuf form. The server sends no magic of its own.

use std::fmt;
use std::ops::Range;

/// The first four bytes of a raw TCP connection: protocol and framing version.
pub const MAGIC: [u8; 4] = *b"HFT1";

/// Bytes before a packet.
pub const HEAD_BYTES: usize = 4;

/// The announced packet is larger than is taken; the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The announced length, in bytes.
    pub length: u32,
    /// The most that is taken.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TCP frame of {} bytes, over the limit of {}", self.length, self.limit)
    }
}

impl std::error::Error for TooLong {}

/// The header of a packet of `length` bytes.
pub fn head(length: usize) -> [u8; HEAD_BYTES] {
    (length as u32).to_be_bytes()
}

/// Looks for a whole packet at `at`: its range in the buffer, or `None` when more bytes are needed.
pub fn next(buffer: &[u8], at: usize, limit: usize) -> Result<Option<Range<usize>>, TooLong> {
    let Some((head, _)) = buffer.get(at..).and_then(<[u8]>::split_first_chunk::<HEAD_BYTES>) else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*head);
    if length as usize > limit {
        return Err(TooLong { length, limit });
    }
    let start = at + HEAD_BYTES;
    let end = start + length as usize;
    Ok((buffer.len() >= end).then_some(start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_back_in_order_and_oversize_is_found_in_the_head() {
        let mut wire = Vec::from(head(3));
        wire.extend_from_slice(b"abc");
        wire.extend_from_slice(&head(0));
        assert_eq!(next(&wire, 0, 3), Ok(Some(4..7)));
        assert_eq!(next(&wire, 7, 3), Ok(Some(11..11)));
        assert_eq!(next(&wire[..6], 0, 3), Ok(None));
        assert_eq!(next(&wire[..3], 0, 3), Ok(None));
        assert_eq!(next(&wire, 0, 2), Err(TooLong { length: 3, limit: 2 }));
    }
}
