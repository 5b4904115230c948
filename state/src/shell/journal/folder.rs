//! The folder of a state server's journal: the lock that keeps a second process out, the key that secrets are made with, a folder for each shard. Owns these, and what an
//! operator is told of them by [`verify`].

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Journal;
use super::log::{Log, Of, cut};
use super::scan::{Found, Torn, Trouble, scan};

/// A folder that is this process's alone for as long as this lives.
#[derive(Debug)]
pub(in crate::shell) struct Folder {
    path: PathBuf,
    _lock: File,
    boot: [u8; 16],
}

impl Folder {
    /// Takes a folder, which is made if it is not there.
    pub(in crate::shell) fn take(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = path.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: file, boot: this_boot()? }),
            Err(TryLockError::WouldBlock) => {
                let text = format!("{}: another process uses this journal", path.display());
                Err(io::Error::other(text))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The key that the secrets of sessions are made with; the first time, a new one.
    pub(in crate::shell) fn secret_key(&self, fresh: [u8; 32]) -> io::Result<[u8; 32]> {
        let path = self.path.join("secret-key");
        let mut key = [0; 32];
        match File::open(&path) {
            Ok(mut file) if file.metadata()?.len() == 32 => return file.read_exact(&mut key).map(|()| key),
            Ok(_) => {
                let text = format!(
                    "{}: is no key of 32 bytes; without it no session can be resumed",
                    path.display()
                );
                return Err(io::Error::other(text));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Written aside first: half a key must never be there.
        let aside = self.path.join("secret-key.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&fresh)?;
        file.sync_all()?;
        fs::rename(aside, path)?;
        File::open(&self.path)?.sync_all()?;
        Ok(fresh)
    }

    /// Opens the journal of a shard.
    pub(in crate::shell) fn open(
        &self,
        shard: u32,
        shard_count: u32,
        synced: bool,
    ) -> Result<(Found, Box<dyn Journal>), Trouble> {
        let of = Of { shard, shard_count, synced, boot: self.boot };
        let (found, log) = Log::open(&shard_folder(&self.path, shard), of)?;
        Ok((found, Box::new(log)))
    }

    /// Removes the journals of shards that there are no more.
    pub(in crate::shell) fn forget_from(&self, shard_count: u32) -> io::Result<()> {
        for shard in shard_count..proto::limits::SHARDS_MAX {
            match fs::remove_dir_all(shard_folder(&self.path, shard)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn shard_folder(folder: &Path, shard: u32) -> PathBuf {
    folder.join(format!("shard-{shard}"))
}

/// What names this run of the machine: an entry that was not synced may be missing in the next.
fn this_boot() -> io::Result<[u8; 16]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u128::from_str_radix(&digits, 16).map_err(io::Error::other)?;
    Ok(number.to_be_bytes())
}

/// What a journal looks like to whoever keeps it: a line for each shard.
#[derive(Debug, Default)]
pub struct Report {
    shards: Vec<(u32, Found)>,
    /// Torn tails were cut off.
    repaired: bool,
}

/// Reads the whole journal in a folder. With `repair`, cuts torn tails off; nothing else can be repaired.
pub fn verify(folder: &Path, repair: bool) -> io::Result<Report> {
    if !folder.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{}: is no folder", folder.display())));
    }
    let taken = Folder::take(folder)?;
    let mut report = Report { repaired: repair, ..Report::default() };
    for shard in 0..proto::limits::SHARDS_MAX {
        let of_shard = shard_folder(folder, shard);
        if !of_shard.is_dir() {
            continue;
        }
        let found = scan(&of_shard, taken.boot).map_err(io::Error::other)?;
        if let Some(torn) = found.torn.as_ref().filter(|_| repair) {
            cut(torn)?;
        }
        report.shards.push((shard, found));
    }
    Ok(report)
}

impl Report {
    /// Whether nothing needs to be repaired any more.
    pub fn is_whole(&self) -> bool {
        self.repaired || self.shards.iter().all(|(_, found)| found.torn.is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shard, found) in &self.shards {
            let Found { replay, segments, entries, records, bytes, torn, .. } = found;
            writeln!(
                f,
                "shard {shard}: {} sessions; {records} records in {entries} commits, {bytes} bytes in {segments} segments",
                replay.len()
            )?;
            if let Some(Torn { path, offset, bytes }) = torn {
                let done = if self.repaired {
                    "cut off"
                } else {
                    "to be cut off with --repair, or by the next start"
                };
                let path = path.display();
                writeln!(
                    f,
                    "  torn tail: {path} from byte {offset} on, {bytes} bytes of a commit that nobody was told of; {done}"
                )?;
            }
            if found.may_lack {
                writeln!(
                    f,
                    "  written without syncs before the machine's last start: the end may be missing, so it will not be used"
                )?;
            }
        }
        if self.shards.is_empty() {
            writeln!(f, "no journal of any shard is here")?;
        }
        Ok(())
    }
}
