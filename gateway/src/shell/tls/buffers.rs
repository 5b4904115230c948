//! Buffers for bytes that wait between two turns: few, reused, and none for a connection that is idle. Owns when to copy and when to keep.

/// A rest up to this size is copied out of a buffer that is larger; then a sender that drips a large message does not have it copied for every drop.
const REST_COPIED_MAX: usize = 4 * 1024;
/// Buffers that are kept for reuse, and the capacity of a single one that is worth keeping.
const BUFFERS_MAX: usize = 256;
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Capacity that the buffer of a read may keep.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// One reactor's.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    spare: Vec<Vec<u8>>,
    /// The one that a read is decrypted into, if nothing was left of the one before.
    read: Vec<u8>,
}

impl Buffers {
    /// An empty buffer.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a buffer back, if it is worth it.
    pub(super) fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity > 0 && capacity <= BUFFER_BYTES_MAX && self.spare.len() < BUFFERS_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// What is to be read on to: what was left, or the buffer for reading.
    pub(super) fn continued(&mut self, rest: &mut Vec<u8>) -> Vec<u8> {
        if rest.is_empty() { std::mem::take(&mut self.read) } else { std::mem::take(rest) }
    }

    /// What is left of a buffer without its first `consumed` bytes.
    pub(super) fn rest(&mut self, mut buffer: Vec<u8>, consumed: usize) -> Vec<u8> {
        let left = buffer.len().saturating_sub(consumed);
        if left > REST_COPIED_MAX {
            buffer.drain(..consumed);
            return buffer;
        }
        let rest = self.copy(&buffer[buffer.len() - left..]);
        if buffer.capacity() > self.read.capacity() && buffer.capacity() <= READ_BYTES_MAX {
            buffer.clear();
            std::mem::swap(&mut buffer, &mut self.read);
        }
        self.give(buffer);
        rest
    }

    /// A copy, which for nothing takes nothing.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        if bytes.is_empty() {
            return Vec::new();
        }
        let mut copy = self.take();
        copy.extend_from_slice(bytes);
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_stays_and_nothing_left_takes_nothing() {
        let mut buffers = Buffers::default();
        assert_eq!(buffers.rest(b"abc".to_vec(), 1), b"bc");
        assert_eq!(buffers.rest(vec![7; 10_000], 1).len(), 9999);
        assert_eq!(buffers.rest(vec![7; 10_000], 10_000).capacity(), 0);
        let mut none = Vec::new();
        assert!(buffers.continued(&mut none).capacity() >= 10_000, "the large one is read into again");
        let mut rest = b"bc".to_vec();
        assert_eq!((buffers.continued(&mut rest), rest), (b"bc".to_vec(), Vec::new()));
        let mut buffers = Buffers::default();
        buffers.give(Vec::with_capacity(BUFFER_BYTES_MAX + 1));
        buffers.give(Vec::with_capacity(16));
        assert_eq!((buffers.take().capacity(), buffers.take().capacity()), (16, 0));
    }
}
