//! What a [`Receiver`] remembers between two calls, so that another process can go on with its connection: [`Remembered`]. Owns the way out and the way in; how it is written
//! down is the caller's.

use super::{Assembly, Receiver};
use crate::ws::utf8::Utf8;
use crate::ws::{Opcode, Role};

/// All of it. Nothing here is trusted on its way in: what does not fit is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remembered<'a> {
    /// Bytes of the partial frame's payload that are unmasked already.
    pub done: u32,
    /// The beginning of a cut character: at most three bytes.
    pub character: &'a [u8],
    /// The message of which some fragments have come.
    pub message: Option<Fragments<'a>>,
}

/// The fragments of a message so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragments<'a> {
    /// Its kind: text or binary.
    pub opcode: Opcode,
    /// Whether its payload is compressed.
    pub compressed: bool,
    /// How many there were.
    pub count: u32,
    /// Their payload.
    pub bytes: &'a [u8],
}

impl Receiver {
    /// What it remembers.
    pub fn remembered(&self) -> Remembered<'_> {
        let message = self.assembly.as_ref().filter(|assembly| !assembly.finished);
        let message = message.map(|assembly| {
            let Assembly { opcode, compressed, fragments: count, ref bytes, .. } = **assembly;
            Fragments { opcode, compressed, count, bytes }
        });
        Remembered { done: self.done, character: self.utf8.carried(), message }
    }

    /// A receiver that remembers this; `None` if no receiver can.
    pub fn remembering(role: Role, deflate: bool, remembered: Remembered<'_>) -> Option<Self> {
        let Remembered { done, character, message } = remembered;
        let utf8 = Utf8::begun(character)?;
        if message.is_some_and(|message| !message.is_possible(deflate)) {
            return None;
        }
        let assembly = message.map(|message| {
            let Fragments { opcode, compressed, count: fragments, bytes } = message;
            Box::new(Assembly { opcode, compressed, finished: false, fragments, bytes: bytes.to_vec() })
        });
        Some(Self { assembly, done, utf8, ..Self::with_deflate(role, deflate) })
    }
}

impl Fragments<'_> {
    fn is_possible(self, deflate: bool) -> bool {
        matches!(self.opcode, Opcode::Text | Opcode::Binary) && (deflate || !self.compressed)
    }
}
