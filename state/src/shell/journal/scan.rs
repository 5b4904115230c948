//! Reads a journal from its first byte to its last: [`scan`]. Owns the difference between a torn tail, which is the rest of a commit that nobody was told of, and damage;
//! changes nothing on the disk.
//!
//! A commit is written after the one before it is done, so an entry that is not whole can only be the last one. If a whole entry stands anywhere behind it, its bytes were
//! good once.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::entry::{self, ENTRY_HEAD_BYTES, Head, SEGMENT_HEAD_BYTES};
use crate::journal::{Record, Replay};

/// What a journal holds.
#[derive(Debug, Default)]
pub struct Found {
    /// The sessions, as they were last written down.
    pub replay: Replay,
    /// Segments that were read.
    pub segments: u64,
    /// Commits in them.
    pub entries: u64,
    /// Changes in these.
    pub records: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// What is left of a last commit that was never done.
    pub torn: Option<Torn>,
    /// The newest segment's head.
    pub(super) last: Option<Head>,
    /// The number of the last entry.
    pub(super) last_entry: u64,
    /// Some segment was written without syncs, in another run of the machine than `boot`: its end may be missing.
    pub(super) may_lack: bool,
}

/// The rest of a commit that was never done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// In which file.
    pub path: PathBuf,
    /// Where the good part ends.
    pub offset: u64,
    /// How many bytes come after it.
    pub bytes: u64,
}

/// Why a journal cannot be used.
#[derive(Debug)]
pub enum Trouble {
    /// A file or folder cannot be read.
    Io(PathBuf, io::Error),
    /// Bytes have changed since they were written.
    Damaged {
        /// In which file.
        path: PathBuf,
        /// At which byte.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Damaged { path, offset, what } => {
                write!(f, "the journal is damaged: {} at byte {offset}: {what}", path.display())
            }
        }
    }
}

impl std::error::Error for Trouble {}

/// Reads the journal in a folder; `boot` is this run of the machine. An empty folder holds no sessions.
pub(super) fn scan(folder: &Path, boot: [u8; 16]) -> Result<Found, Trouble> {
    let mut found = Found::default();
    let numbers = segments(folder)?;
    let last = numbers.last().copied();
    for number in &numbers {
        let path = entry::path(folder, *number);
        let bytes = fs::read(&path).map_err(|error| Trouble::Io(path.clone(), error))?;
        let mut segment = Segment { path: &path, bytes: &bytes, is_last: Some(*number) == last };
        segment.read(*number, boot, &mut found)?;
    }
    let begins = numbers.first().copied();
    if begins.is_some_and(|first| first != 1) && !found.replay.is_complete() && found.entries > 0 {
        let path = entry::path(folder, begins.unwrap_or_default());
        let what = "the segments before this one are missing".into();
        return Err(Trouble::Damaged { path, offset: 0, what });
    }
    Ok(found)
}

/// The numbers of the segments in a folder, in their order.
fn segments(folder: &Path) -> Result<Vec<u64>, Trouble> {
    let trouble = |error| Trouble::Io(folder.to_owned(), error);
    let mut numbers = Vec::new();
    for file in fs::read_dir(folder).map_err(trouble)? {
        numbers.extend(entry::number_of(&file.map_err(trouble)?.path()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

struct Segment<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    is_last: bool,
}

impl Segment<'_> {
    fn read(&mut self, number: u64, boot: [u8; 16], found: &mut Found) -> Result<(), Trouble> {
        found.segments += 1;
        found.bytes += self.bytes.len() as u64;
        let Some(head) = Head::decode(self.bytes).filter(|head| head.number == number) else {
            // A head is written and synced before the first entry.
            if self.is_last && self.bytes.len() <= SEGMENT_HEAD_BYTES {
                self.torn(0, found);
                return Ok(());
            }
            return Err(self.damaged(0, "this is no head of such a segment"));
        };
        let follows = found.last.is_none_or(|last| {
            head.number == last.number + 1
                && head.first_entry == found.last_entry + 1
                && (head.shard, head.shard_count) == (last.shard, last.shard_count)
        });
        if !follows {
            return Err(self.damaged(0, "this segment does not follow the one before it"));
        }
        found.last = Some(head);
        found.last_entry = head.first_entry - 1;
        found.may_lack |= !head.synced && head.boot != boot;
        let mut at = SEGMENT_HEAD_BYTES;
        while at < self.bytes.len() {
            let Some((number, records)) = entry::open(&self.bytes[at..]) else {
                return self.broken(at, found);
            };
            if number != found.last_entry + 1 {
                return Err(self.damaged(at, "this commit does not follow the one before it"));
            }
            self.records(at + ENTRY_HEAD_BYTES, records, found)?;
            found.entries += 1;
            found.last_entry = number;
            at += ENTRY_HEAD_BYTES + records.len();
        }
        Ok(())
    }

    fn records(&self, at: usize, mut records: &[u8], found: &mut Found) -> Result<(), Trouble> {
        let length = records.len();
        while !records.is_empty() {
            let offset = at + length - records.len();
            let record =
                Record::decode(&mut records).map_err(|error| self.damaged(offset, &error.to_string()))?;
            found.replay.apply(record).map_err(|error| self.damaged(offset, &error.to_string()))?;
            found.records += 1;
        }
        Ok(())
    }

    /// An entry that is not whole.
    fn broken(&self, at: usize, found: &mut Found) -> Result<(), Trouble> {
        let rest = &self.bytes[at..];
        if self.is_last && !entry::any_after(&rest[1..], found.last_entry + 1) {
            self.torn(at, found);
            return Ok(());
        }
        Err(self.damaged(at, "a commit does not match its checksum, and others come after it"))
    }

    fn torn(&self, at: usize, found: &mut Found) {
        let (offset, bytes) = (at as u64, (self.bytes.len() - at) as u64);
        found.torn = Some(Torn { path: self.path.to_owned(), offset, bytes });
    }

    fn damaged(&self, at: usize, what: &str) -> Trouble {
        Trouble::Damaged { path: self.path.to_owned(), offset: at as u64, what: what.into() }
    }
}
