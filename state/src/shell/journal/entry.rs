//! The bytes of a journal's files. Owns the layout of a segment's head and of an entry, which is what one commit has written; leaves the records in it to
//! [`crate::journal`].
//!
//! ```text
//! segment   magic 4 | version 4 | number 8 | first entry 8 | shard 4 | shards 4 | synced 4 | boot 16 | CRC32C 4        56 bytes, then entries
//! entry     CRC32C 4 | length 4 | number 8 | records                                                                  the CRC is of all that follows it
//! ```
//!
//! Numbers are little-endian. Entries are numbered 1, 2, 3, … through all segments.

use std::path::{Path, PathBuf};

/// Bytes before an entry's records.
pub(super) const ENTRY_HEAD_BYTES: usize = 16;
/// Bytes before a segment's entries.
pub(super) const SEGMENT_HEAD_BYTES: usize = 56;

const MAGIC: [u8; 4] = *b"HFJL";
const VERSION: u32 = 1;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Segments are numbered 1, 2, 3, …
    pub(super) number: u64,
    /// The number of its first entry.
    pub(super) first_entry: u64,
    /// Whose.
    pub(super) shard: u32,
    pub(super) shard_count: u32,
    /// Whether each entry was synced before the next one was written.
    pub(super) synced: bool,
    /// Which run of the machine it was written in.
    pub(super) boot: [u8; 16],
}

impl Head {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEAD_BYTES] {
        let Self { number, first_entry, shard, shard_count, synced, boot } = self;
        let mut bytes = Vec::with_capacity(SEGMENT_HEAD_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&first_entry.to_le_bytes());
        for small in [*shard, *shard_count, u32::from(*synced)] {
            bytes.extend_from_slice(&small.to_le_bytes());
        }
        bytes.extend_from_slice(boot);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        let mut head = [0; SEGMENT_HEAD_BYTES];
        head.copy_from_slice(&bytes);
        head
    }

    /// What a segment begins with; `None` if that is no head of this version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; SEGMENT_HEAD_BYTES] = bytes.first_chunk()?;
        let (said, checksum) = head.split_last_chunk::<4>()?;
        let good = crc32c::crc32c(said) == u32::from_le_bytes(*checksum);
        if !good || said[..4] != MAGIC || small(head, 4) != VERSION {
            return None;
        }
        let mut boot = [0; 16];
        boot.copy_from_slice(&head[36..52]);
        Some(Self {
            number: large(head, 8),
            first_entry: large(head, 16),
            shard: small(head, 24),
            shard_count: small(head, 28),
            synced: small(head, 32) == 1,
            boot,
        })
    }
}

/// Fills in the head of an entry whose records stand behind room for it.
pub(super) fn seal(entry: &mut [u8], number: u64) {
    let length = (entry.len() - ENTRY_HEAD_BYTES) as u32;
    entry[4..8].copy_from_slice(&length.to_le_bytes());
    entry[8..16].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32c::crc32c(&entry[4..]);
    entry[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// The number and the records of the entry that `bytes` begin with; `None` if they begin with none.
pub(super) fn open(bytes: &[u8]) -> Option<(u64, &[u8])> {
    if bytes.len() < ENTRY_HEAD_BYTES {
        return None;
    }
    let length = small(bytes, 4) as usize;
    let entry = bytes.get(..ENTRY_HEAD_BYTES.checked_add(length)?)?;
    let good = crc32c::crc32c(&entry[4..]) == small(bytes, 0);
    good.then(|| (large(bytes, 8), &entry[ENTRY_HEAD_BYTES..]))
}

/// Whether a whole entry with a number above `after` stands anywhere in `bytes`: then what is before it had been written, and is damaged.
pub(super) fn any_after(bytes: &[u8], after: u64) -> bool {
    let plausible = |at: &usize| {
        let number = large(bytes, at + 8);
        number > after && number - after <= bytes.len() as u64
    };
    let last = bytes.len().saturating_sub(ENTRY_HEAD_BYTES);
    (0..last).filter(plausible).any(|at| open(&bytes[at..]).is_some())
}

/// The file of a segment.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.journal"))
}

/// The number of the segment that is in a file of this name.
pub(super) fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".journal")?.parse().ok()
}

fn small(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn large(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
