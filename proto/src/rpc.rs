//! Framing of the RPC between our own processes: `u32 length | u8 kind | body`, integers in network byte order; `length` counts the
//! kind and the body. Owns the frame; what a kind means is left to [`crate::link`] and [`crate::backend`].

use std::fmt;
use std::ops::Range;

use crate::limits::RPC_BODY_BYTES_MAX;

/// Bytes before a frame's body.
pub const HEAD_BYTES: usize = 5;

/// A frame cannot be right; the link must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The length is 0: there is no kind.
    NoKind,
    /// The length exceeds the kind and [`RPC_BODY_BYTES_MAX`].
    TooLong(u32),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKind => f.write_str("RPC frame of length 0"),
            Self::TooLong(length) => {
                write!(f, "RPC frame of length {length}, over {RPC_BODY_BYTES_MAX} bytes of body")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Appends a frame whose body `write` appends. The body must not exceed [`RPC_BODY_BYTES_MAX`]: the caller's limits see to that.
pub fn frame<R>(out: &mut Vec<u8>, kind: u8, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    let result = write(out);
    let length = out.len() - start - 4;
    debug_assert!(length <= RPC_BODY_BYTES_MAX + 1, "a frame of {length} bytes was built");
    out[start..start + 4].copy_from_slice(&(length as u32).to_be_bytes());
    result
}

/// A whole frame at the head of a buffer: its kind, where its body lies, and where the next frame begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the frame is.
    pub kind: u8,
    /// Its body, as a range of the buffer.
    pub body: Range<usize>,
}

/// Looks for a whole frame at `at`; `None` when more bytes are needed. A lying length is found before anything is allocated for it.
pub fn next(buffer: &[u8], at: usize) -> Result<Option<Found>, FrameError> {
    let Some((head, _)) = buffer.get(at..).and_then(<[u8]>::split_first_chunk::<HEAD_BYTES>) else {
        return match buffer.get(at..).and_then(<[u8]>::split_first_chunk::<4>) {
            Some((length, _)) => check(u32::from_be_bytes(*length)).map(|_| None),
            None => Ok(None),
        };
    };
    let [a, b, c, d, kind] = *head;
    let length = check(u32::from_be_bytes([a, b, c, d]))?;
    let end = at + 4 + length;
    Ok((buffer.len() >= end).then_some(Found { kind, body: at + HEAD_BYTES..end }))
}

fn check(length: u32) -> Result<usize, FrameError> {
    match length as usize {
        0 => Err(FrameError::NoKind),
        n if n > RPC_BODY_BYTES_MAX + 1 => Err(FrameError::TooLong(length)),
        n => Ok(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_however_the_bytes_are_cut() {
        let mut wire = Vec::new();
        frame(&mut wire, 7, |out| out.extend_from_slice(b"hello"));
        frame(&mut wire, 8, |_| ());
        for cut in 0..=wire.len() {
            let (mut at, mut seen) = (0, Vec::new());
            while let Some(found) = next(&wire[..cut], at).unwrap() {
                seen.push((found.kind, &wire[found.body.clone()]));
                at = found.body.end;
            }
            let whole = usize::from(cut >= 10) + usize::from(cut >= 15);
            assert_eq!(seen, [(7, &b"hello"[..]), (8, b"")][..whole]);
        }
    }

    #[test]
    fn a_lying_length_is_refused_from_its_four_bytes() {
        assert_eq!(next(&[0, 0, 0, 0], 0), Err(FrameError::NoKind));
        assert_eq!(next(&[0xFF; 4], 0), Err(FrameError::TooLong(u32::MAX)));
        let most = (RPC_BODY_BYTES_MAX as u32 + 1).to_be_bytes();
        assert_eq!(next(&most, 0), Ok(None));
    }
}
