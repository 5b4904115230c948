//! What a durable message costs logic: the machine and its store without sockets, on a file. Messages of random pairs come in batches, as many of a batch as
//! would gather while the batch before it was synced. The folder should be on the disk that is to be measured: a sync of a file in memory costs nothing.
//!
//! `cargo run --release -p benches --bin submit -- --folder target`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use benches::table;
use clap::Parser;
use logic::store::sqlite::SqliteStore;
use logic::{Config, Device, Input, LinkId, Logic};
use proto::backend::Taken;
use proto::packet::{Body, ClientBody, ClientPacket, Codec, Submit, Target, encode_client};
use proto::time::Now;

/// Lets pairs of users talk, and asks what that cost.
#[derive(Parser)]
struct Arguments {
    /// Cells: pairs x messages in a batch x bytes.
    #[arg(long, value_delimiter = ',', default_value = "4x250x200,500x250x200,500x1000x200,20000x250x200")]
    cells: Vec<String>,
    /// Messages of one run.
    #[arg(long, default_value_t = 400_000)]
    messages: usize,
    /// Where the store's file is made.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

struct Cell {
    pairs: usize,
    batch: usize,
    bytes: usize,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    table::head(&["pairs × batch × bytes", "CPU µs a message", "messages/s", "longest batch ms", "file MiB"]);
    for text in &arguments.cells {
        let cell = cell(text).ok_or_else(|| io::Error::other(format!("{text} is no cell")))?;
        let folder = tempfile::tempdir_in(&arguments.folder)?;
        run(text, &cell, arguments.messages, &folder.path().join("store.db"))?;
    }
    Ok(())
}

fn cell(text: &str) -> Option<Cell> {
    let numbers: Option<Vec<usize>> = text.split('x').map(|number| number.parse().ok()).collect();
    match numbers?[..] {
        [pairs, batch, bytes] if pairs > 0 && batch > 0 => Some(Cell { pairs, batch, bytes }),
        _ => None,
    }
}

/// First messages in one batch.
const FIRST_BATCH: usize = 256;
/// The state server has taken all that was pushed to it.
const TAKEN: Input = Input::PushesTaken { link: LinkId(1), number: u64::MAX };

fn run(name: &str, cell: &Cell, messages: usize, path: &Path) -> io::Result<()> {
    let store = SqliteStore::open(path, (&Config::default()).into()).map_err(io::Error::other)?;
    let mut logic = Logic::new(store, 1);
    let now = Now { mono_ms: 0, unix_ms: 1_800_000_000_000 };
    logic.handle(now, Input::LinkUp { link: LinkId(1), shard: 0, shard_count: 1, taken: Taken::default() });
    let mut talk = Talk { pairs: vec![0; cell.pairs], random: 0x9E37_79B9_7F4A_7C15, bytes: cell.bytes };
    let mut outputs = Vec::new();
    // Everybody's first message makes a conversation and a device, once and for all.
    for first in 0..cell.pairs {
        logic.handle(now, talk.say(first));
        if first % FIRST_BATCH == FIRST_BATCH - 1 || first == cell.pairs - 1 {
            logic.commit(&mut outputs).map_err(io::Error::other)?;
            logic.handle(now, TAKEN);
        }
    }
    let batches: Vec<Vec<Input>> =
        (0..messages / cell.batch).map(|_| (0..cell.batch).map(|_| talk.next()).collect()).collect();
    let (began, cpu) = (Instant::now(), cpu_nanos()?);
    let mut longest = 0.0_f64;
    for batch in batches {
        let began = Instant::now();
        outputs.clear();
        batch.into_iter().for_each(|input| logic.handle(now, input));
        logic.commit(&mut outputs).map_err(io::Error::other)?;
        logic.handle(now, TAKEN);
        logic.tidy().map_err(io::Error::other)?;
        longest = longest.max(began.elapsed().as_secs_f64());
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_nanos()? - cpu);
    let mebibytes: u64 = fs::read_dir(path.with_file_name(""))?
        .map(|file| Ok(file?.metadata()?.len()))
        .sum::<io::Result<u64>>()?
        >> 20;
    table::row(&[
        name.replace('x', " × "),
        format!("{:.2}", cpu as f64 / 1e3 / messages as f64),
        format!("{:.0}", messages as f64 / seconds),
        format!("{:.1}", longest * 1e3),
        mebibytes.to_string(),
    ]);
    Ok(())
}

/// Pairs that talk, and how many messages each has said.
struct Talk {
    pairs: Vec<u64>,
    random: u64,
    bytes: usize,
}

impl Talk {
    /// The next message of whichever pair.
    fn next(&mut self) -> Input {
        // Xorshift (Marsaglia 2003): even enough to choose a pair.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.say((self.random % self.pairs.len() as u64) as usize)
    }

    fn say(&mut self, pair: usize) -> Input {
        self.pairs[pair] += 1;
        let uid = |side: &str| format!("user-{pair}-{side}").parse().expect("a short name");
        let submit = Submit { target: Target::User(uid("b")), body: Body::Text("x".repeat(self.bytes)) };
        let mut packet = Vec::new();
        let client_id = self.pairs[pair];
        encode_client(
            Codec::Proto,
            ClientPacket { client_id, body: ClientBody::Submit(submit) },
            &mut packet,
        );
        let from = Device { uid: uid("a"), device: "phone".parse().expect("a short name") };
        Input::Request { link: LinkId(1), call: client_id, from, packet }
    }
}

/// CPU time of this thread, the kernel's part of it included.
fn cpu_nanos() -> io::Result<u64> {
    // What has run since the last tick of the clock is counted when the thread steps back.
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    text.split(' ')
        .next()
        .and_then(|nanos| nanos.parse().ok())
        .ok_or_else(|| io::Error::other("no schedstat"))
}
