//! The journal in files: [`Log`]. Owns appending, syncing, and segments: a new one for each start, each checkpoint and each so many bytes; those before a whole checkpoint
//! are removed. Reading is `scan`'s.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use proto::limits::JOURNAL_SEGMENT_BYTES;

use super::entry::{self, ENTRY_HEAD_BYTES, Head, SEGMENT_HEAD_BYTES};
use super::scan::{Found, Torn, Trouble, scan};
use super::{Batch, Broken, Journal};

/// The embedded engine: an append-only log.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    file: File,
    head: Head,
    /// Bytes of the segment that are whole entries.
    length: u64,
    last_entry: u64,
    /// The oldest segment that is there.
    oldest: u64,
    /// Bytes of the segments before this one, the oldest first.
    sealed: VecDeque<u64>,
    /// The first segment of the newest checkpoint that was begun.
    checkpoint: u64,
    /// An entry before it is written.
    scratch: Vec<u8>,
}

/// Whose journal it is and how it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of {
    pub(super) shard: u32,
    pub(super) shard_count: u32,
    pub(super) synced: bool,
    /// This run of the machine.
    pub(super) boot: [u8; 16],
}

impl Log {
    /// Opens the journal in a folder, which is made if it is not there: what it holds, and the log behind it. A torn tail is cut off.
    pub(super) fn open(folder: &Path, of: Of) -> Result<(Found, Self), Trouble> {
        let trouble = |error| Trouble::Io(folder.to_owned(), error);
        fs::create_dir_all(folder).map_err(trouble)?;
        let mut found = scan(folder, of.boot)?;
        if let Some(torn) = &found.torn {
            cut(torn).map_err(|error| Trouble::Io(torn.path.clone(), error))?;
        }
        let whole = match &found.torn {
            Some(torn) if torn.offset == 0 => found.segments - 1,
            _ => found.segments,
        };
        let last = found.last.filter(|_| whole > 0);
        let other = last.is_some_and(|last| (last.shard, last.shard_count) != (of.shard, of.shard_count));
        let number = last.map_or(1, |last| last.number + 1);
        let oldest = number - whole;
        if other || found.may_lack {
            tracing::warn!(folder = %folder.display(), sessions = found.replay.len(), other_shards = other,
                "what the journal holds is given up, and sessions begin anew");
            remove(folder, oldest, number).map_err(trouble)?;
            found = Found::default();
            return Ok((found, Self::begin(folder, of, 1, 1, 1).map_err(trouble)?));
        }
        let log = Self::begin(folder, of, number, found.last_entry + 1, oldest).map_err(trouble)?;
        Ok((found, log))
    }

    fn begin(folder: &Path, of: Of, number: u64, first_entry: u64, oldest: u64) -> io::Result<Self> {
        let Of { shard, shard_count, synced, boot } = of;
        let head = Head { number, first_entry, shard, shard_count, synced, boot };
        let file = create(folder, &head)?;
        let size = |number| fs::metadata(entry::path(folder, number)).map(|file| file.len());
        let sealed = (oldest..number).map(size).collect::<io::Result<_>>()?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            head,
            length: SEGMENT_HEAD_BYTES as u64,
            last_entry: first_entry - 1,
            oldest,
            sealed,
            checkpoint: oldest,
            scratch: Vec::new(),
        })
    }

    fn next_segment(&mut self) -> io::Result<()> {
        let head = Head { number: self.head.number + 1, first_entry: self.last_entry + 1, ..self.head };
        self.file = create(&self.folder, &head)?;
        self.sealed.push_back(self.length);
        (self.head, self.length) = (head, SEGMENT_HEAD_BYTES as u64);
        Ok(())
    }
}

impl Journal for Log {
    fn commit(&mut self, batches: &[Batch]) -> Result<u64, Broken> {
        let begins = batches.iter().any(|batch| batch.begins_checkpoint);
        if self.length > JOURNAL_SEGMENT_BYTES || begins && self.length > SEGMENT_HEAD_BYTES as u64 {
            self.next_segment().map_err(Broken::of_write)?;
        }
        self.scratch.clear();
        self.scratch.resize(ENTRY_HEAD_BYTES, 0);
        batches.iter().for_each(|batch| self.scratch.extend_from_slice(&batch.records));
        entry::seal(&mut self.scratch, self.last_entry + 1);
        if let Err(error) = self.file.write_all(&self.scratch) {
            // What has come to the disk of it must not stand before what comes next.
            self.file.set_len(self.length).map_err(Broken::ForGood)?;
            self.file.seek(SeekFrom::Start(self.length)).map_err(Broken::ForGood)?;
            return Err(Broken::of_write(error));
        }
        if self.head.synced {
            // After a failed sync nobody knows what is on the disk but who reads it anew.
            self.file.sync_data().map_err(Broken::ForGood)?;
        }
        self.last_entry += 1;
        let written = self.scratch.len() as u64;
        self.length += written;
        self.scratch.shrink_to(JOURNAL_SCRATCH_BYTES);
        if begins {
            self.checkpoint = self.head.number;
        }
        if batches.iter().any(|batch| batch.ends_checkpoint) {
            remove(&self.folder, self.oldest, self.checkpoint).map_err(Broken::ForGood)?;
            self.sealed.drain(..(self.checkpoint - self.oldest) as usize);
            self.oldest = self.checkpoint;
        }
        Ok(written)
    }

    fn bytes(&self) -> u64 {
        self.sealed.iter().sum::<u64>() + self.length
    }
}

/// Capacity that the buffer of an entry keeps.
const JOURNAL_SCRATCH_BYTES: usize = 1024 * 1024;

/// Makes a segment's file, durable with its head. One that was left by a process that died here is written over.
fn create(folder: &Path, head: &Head) -> io::Result<File> {
    let path = entry::path(folder, head.number);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(&head.encode())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Removes the segments from `from` up to, and without, `to`: the oldest first, so that what is left has no hole.
fn remove(folder: &Path, from: u64, to: u64) -> io::Result<()> {
    for number in from..to {
        match fs::remove_file(entry::path(folder, number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Cuts a torn tail off; a segment that has not even a head is removed.
pub(super) fn cut(torn: &Torn) -> io::Result<()> {
    tracing::warn!(path = %torn.path.display(), offset = torn.offset, bytes = torn.bytes,
        "the journal's last commit was not done, and is cut off");
    if torn.offset == 0 {
        return fs::remove_file(&torn.path);
    }
    let file = OpenOptions::new().write(true).open(&torn.path)?;
    file.set_len(torn.offset)?;
    file.sync_all()
}
