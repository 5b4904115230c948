//! A state server of one shard in this process, behind sockets; one thread on another core is its gateway and its logic.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use benches::table;
use mio::Token;
use reactor::clock::Clock;
use reactor::link::{Filled, Link};
use reactor::poll::Poller;
use state::shell::{self, Running};
use state::token::KeySpec;
use state::{Config, JournalMode};

use crate::talk::{KEY, Talk};

/// Logins under way.
const LOGINS: u32 = 2000;
/// Of the journal's rate without a sync.
const SYNC_BAR: f64 = 0.6;

/// The driver's ends of the two links.
struct Driver {
    poller: Poller,
    gateway: Link,
    logic: Link,
    to_gateway: Vec<u8>,
    to_logic: Vec<u8>,
}

const GATEWAY: Token = Token(0);
const LOGIC: Token = Token(1);

fn config(logic: SocketAddr, journal: JournalMode, folder: &Path) -> Config {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        listen: any.into(),
        admin: any,
        logic: logic.into(),
        shards: 1,
        token_keys: KeySpec::parse(KEY).into_iter().collect(),
        journal,
        journal_folder: folder.to_owned(),
        heartbeat_deadline: Duration::from_hours(1),
        ..Config::default()
    }
}

impl Driver {
    /// Is the gateway and the logic of a server whose logic listens here.
    fn new(running: &Running, logic: &TcpListener) -> io::Result<Self> {
        let poller = Poller::new(16)?;
        let link = |stream: std::net::TcpStream, token| {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Link::new(mio::net::TcpStream::from_std(stream), poller.registry(), token)
        };
        let state = running.addresses()[0].1.tcp().ok_or_else(|| io::Error::other("no address"))?;
        let logic = link(logic.accept()?.0, LOGIC)?;
        let gateway = link(std::net::TcpStream::connect(state)?, GATEWAY)?;
        let (mut to_state, to_logic) = (Vec::new(), Vec::new());
        Talk::introduce(&mut to_state);
        Ok(Self { poller, gateway, logic, to_gateway: to_state, to_logic })
    }

    /// Reads and answers until `is_done`.
    fn run(
        &mut self,
        talk: &mut Talk,
        mut next: impl FnMut(&mut Talk, u32, &mut Vec<u8>),
        mut refill: impl FnMut(&mut Talk, &mut Vec<u8>),
        is_done: impl Fn(&Talk) -> bool,
    ) -> io::Result<()> {
        let mut ready = Vec::new();
        self.poller.again(GATEWAY);
        self.poller.again(LOGIC);
        while !is_done(talk) {
            refill(talk, &mut self.to_gateway);
            self.gateway.flush(&mut self.to_gateway)?;
            self.logic.flush(&mut self.to_logic)?;
            self.poller.turn(Some(Duration::from_secs(5)), &mut ready)?;
            for event in ready.clone() {
                let link = if event.token == LOGIC { &mut self.logic } else { &mut self.gateway };
                if event.writable {
                    link.writable();
                }
                let filled = link.fill(event.hung_up)?;
                while let Some((kind, body)) = link.next_frame().map_err(io::Error::other)? {
                    if event.token == LOGIC {
                        talk.hear_as_logic(kind, body, &mut self.to_logic);
                    } else {
                        talk.hear_as_gateway(kind, body, &mut self.to_gateway, &mut next);
                    }
                }
                if filled != Filled::Drained {
                    self.poller.again(event.token);
                }
            }
        }
        Ok(())
    }

    fn log_in(&mut self, talk: &mut Talk, people: u32) -> io::Result<()> {
        let (clock, mut asked) = (Clock::start(), 0);
        let refill = |talk: &mut Talk, out: &mut Vec<u8>| {
            while asked < people && asked < talk.online + LOGINS {
                talk.log_in(asked, clock.now(), out);
                asked += 1;
            }
        };
        self.run(talk, |_, _, _| (), refill, |talk| talk.online == people)
    }
}

/// CPU time of the thread of this process that is named so, seconds.
fn cpu_of(name: &str) -> io::Result<f64> {
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == name {
            return cpu(&task);
        }
    }
    Ok(0.0)
}

/// CPU time of this thread, seconds.
fn own_cpu() -> io::Result<f64> {
    cpu(Path::new("/proc/thread-self"))
}

fn cpu(task: &Path) -> io::Result<f64> {
    let spent = fs::read_to_string(task.join("schedstat"))?;
    let nanos: f64 = spent.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    Ok(nanos / 1e9)
}

pub(crate) fn cycles(
    (pairs, in_flight): (u32, u32),
    cycles: u64,
    journal: JournalMode,
    folder: &Path,
) -> io::Result<()> {
    let folder = tempfile::tempdir_in(folder)?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let running = shell::start(&config(listener.local_addr()?, journal, &folder.path().join("sessions")))?;
    let mut driver = Driver::new(&running, &listener)?;
    let mut talk = Talk::new(pairs * 2);
    driver.log_in(&mut talk, pairs * 2)?;
    for pair in 0..in_flight {
        talk.speak(pair, &mut driver.to_gateway);
    }
    let mut speak =
        |talk: &mut Talk, pair: u32, out: &mut Vec<u8>| talk.speak((pair + in_flight) % pairs, out);
    // The first tenth is for warming up.
    driver.run(&mut talk, &mut speak, |_, _| (), |talk| talk.done >= cycles / 10)?;
    let (done, began) = (talk.done, Instant::now());
    let (shard, journals, own) = (cpu_of("shard-0")?, cpu_of("journal-0")?, own_cpu()?);
    driver.run(&mut talk, &mut speak, |_, _| (), |talk| talk.done >= done + cycles)?;
    let count = (talk.done - done) as f64;
    let rate = count / began.elapsed().as_secs_f64();
    let each = |before: f64, after: f64| format!("{:.2}", (after - before) * 1e6 / count);
    table::row(&[
        format!("{journal:?}"),
        format!("{rate:.0}"),
        each(shard, cpu_of("shard-0")?),
        each(journals, cpu_of("journal-0")?),
        each(own, own_cpu()?),
    ]);
    if journal == JournalMode::Sync {
        println!(
            "\nthe bars: 400,000 cycles/s without a journal, and {SYNC_BAR} of that with one that syncs"
        );
    }
    drop(driver);
    running.stop()
}

pub(crate) fn recovery(count: u32, folder: &Path) -> io::Result<()> {
    let folder = tempfile::tempdir_in(folder)?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let config = config(listener.local_addr()?, JournalMode::Sync, &folder.path().join("sessions"));
    let running = shell::start(&config)?;
    let mut driver = Driver::new(&running, &listener)?;
    let mut talk = Talk::new(count);
    let began = Instant::now();
    driver.log_in(&mut talk, count)?;
    println!(
        "{:.0} logins/s, each written down and synced",
        f64::from(count) / began.elapsed().as_secs_f64()
    );
    drop(driver);
    running.stop()?;
    let shards = std::thread::available_parallelism()?;
    for _ in 0..3 {
        let began = Instant::now();
        let running = shell::start(&config)?;
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{seconds:.2} s to {count} sessions, one shard on one of {shards} cores; {}",
            table::at_most((seconds * 100.0).round() / 100.0, Some(3.0))
        );
        running.stop()?;
    }
    Ok(())
}
