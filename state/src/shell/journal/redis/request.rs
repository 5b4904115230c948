//! What is asked of Redis: [`Requests`], each for one hash slot of a cluster. Owns the bytes of a command (RESP, an array of bulk strings) and which of the 16,384 hash
//! slots a key is in; sending them is `servers`'.

use std::fmt::Write as _;

/// Hash slots of a Redis Cluster.
pub(super) const HASH_SLOTS: usize = 16_384;

/// Commands that are sent together, in the order of their answers.
#[derive(Debug, Default)]
pub(super) struct Requests {
    bytes: Vec<u8>,
    /// The hash slot and the end of each.
    ends: Vec<(u16, usize)>,
}

impl Requests {
    /// Adds a command about keys of one hash slot.
    pub(super) fn push(&mut self, hash_slot: u16, words: &[&[u8]]) {
        command(words, &mut self.bytes);
        self.ends.push((hash_slot, self.bytes.len()));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The hash slot of one.
    pub(super) fn hash_slot(&self, at: usize) -> u16 {
        self.ends[at].0
    }

    /// The bytes of one.
    pub(super) fn bytes(&self, at: usize) -> &[u8] {
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before].1);
        &self.bytes[from..self.ends[at].1]
    }

    /// Leaves none, and keeps memory for as many.
    pub(super) fn clear(&mut self, keep: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep);
        self.ends.clear();
    }
}

/// Appends a command.
pub(super) fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    let head = |mark: char, count: usize, out: &mut Vec<u8>| {
        let mut text = String::with_capacity(16);
        // Into a String it cannot fail.
        let _ = write!(text, "{mark}{count}\r\n");
        out.extend_from_slice(text.as_bytes());
    };
    head('*', words.len(), out);
    for word in words {
        head('$', word.len(), out);
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// The hash slot of all keys with this tag between braces: CRC-16/XMODEM of the tag, modulo 16,384 (Redis Cluster specification, "Key distribution model").
pub(super) fn hash_slot(tag: &str) -> u16 {
    let crc =
        tag.bytes().fold(0u16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            })
        });
    crc % HASH_SLOTS as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_slots_are_those_of_the_specification() {
        // Its own check value, and what CLUSTER KEYSLOT tells.
        assert_eq!(hash_slot("123456789"), 0x31C3);
        assert_eq!(hash_slot("foo"), 12_182);
    }

    #[test]
    fn commands_are_cut_apart_as_they_were_put_together() {
        let mut requests = Requests::default();
        requests.push(7, &[b"GET", b"a"]);
        requests.push(8, &[b"PING"]);
        assert_eq!(requests.bytes(0), b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
        assert_eq!(
            (requests.bytes(1), requests.hash_slot(1), requests.len()),
            (&b"*1\r\n$4\r\nPING\r\n"[..], 8, 2)
        );
    }
}
