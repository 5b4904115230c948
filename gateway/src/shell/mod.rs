//! The gateway's shell: reactor threads, their sockets and links, the admin pages. Does all I/O and decides nothing; what is done is the machine's word.

#![allow(clippy::disallowed_methods, reason = "the shell does the I/O")]

mod admin;
mod ask;
mod counters;
mod io;
mod listening;
mod operator;
mod passed;
pub(crate) mod tls;
mod worker;

use std::io as std_io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::bounded;
use proto::auth::Secrets;
use proto::ws::Limits;
use reactor::admin::Admin;
use reactor::clock::Clock;
use reactor::keyring::Keyring;
use reactor::sys;
use reactor::wake::{self, Mailbox};
use settings::LinkAddress;

use crate::{Bounds, Config, Door, Settings, Tls, Tunables};
use ask::Asker;
use counters::Counters;
use listening::Group;
use passed::PassedSockets;
use tls::Pool;
use tls::identity::Identity;
use worker::{Birth, Command, Doors, Worker};

/// Commands that may wait for a reactor.
const COMMANDS: usize = 16;

/// Where a reactor is told what to do, and its thread. The mailbox outlives the thread.
type Reactor = (Mailbox<Command>, JoinHandle<std_io::Result<()>>);

/// A running gateway.
#[derive(Debug)]
pub struct Running {
    listen: Vec<(&'static str, SocketAddr)>,
    admin: Admin,
    reactors: Vec<Reactor>,
    /// Who we are to clients that speak TLS, and who does the handshakes.
    tls: Option<(Arc<Identity>, Pool)>,
    keyring: Keyring,
    /// Held open: the reactors' descriptors are copies of these.
    _passed: PassedSockets,
}

/// Starts a gateway: one thread for each reactor, and one for the admin pages. It takes clients at once, and logs them in as soon as the state server is
/// there.
pub fn start(config: &Config) -> std_io::Result<Running> {
    let files = sys::raise_open_files()?;
    tracing::debug!(files, "each reactor may open so many files");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let count = if config.reactors == 0 { cores } else { config.reactors as usize };
    let count = count.min(proto::limits::REACTORS_MAX);
    let clock = Clock::start();
    let boot_epoch = clock.now().unix_ms;
    let mut doors = doors(config);
    let passed = PassedSockets::take(&doors.iter().map(|(_, name, _)| *name).collect::<Vec<_>>())?;
    let tunables = Arc::new(Tunables::from(config));
    let tls = secure(config, cores, count)?;
    let keyring = Keyring::new(secrets(config)?);
    let (mut reactors, group) = (Vec::new(), Group::new(count));
    let blocks: Vec<Arc<Counters>> = (0..count).map(|_| Arc::default()).collect();
    for (number, counters) in blocks.iter().enumerate() {
        let settings = Settings {
            mode: config.mode,
            limits: Limits { message_bytes: config.message_bytes.0, fragments: config.fragments },
            deflate: config.deflate,
            tls: if tls.is_some() { config.tls } else { Tls::Off },
            gateway: config.id as u16,
            reactor: number as u8,
            boot_epoch,
            tunables: Arc::clone(&tunables),
            bounds: Bounds::of(config, count as u32, files),
        };
        let birth = Birth {
            settings,
            clock,
            doors: doors.clone(),
            passed: passed.clone(),
            group: group.clone(),
            state: config.state.clone(),
            keyring: keyring.clone(),
            counters: Arc::clone(counters),
            everybodys: blocks.clone(),
            crew: None,
        };
        let reactor;
        (reactor, doors) = spawn(birth, tls.as_ref().map(|(_, pool)| pool))?;
        reactors.push(reactor);
    }
    let asker = Asker::new(reactors.iter().map(|(mailbox, _)| mailbox.clone()).collect());
    let admin = Admin::start(config.admin, admin::pages(config.mode, blocks, asker))?;
    let listen = doors.into_iter().map(|(_, name, address)| (name, address)).collect();
    Ok(Running { listen, admin, reactors, tls, keyring, _passed: passed })
}

/// The listeners that every reactor has: by the setting that names the address.
fn doors(config: &Config) -> Doors {
    let balancers = config.proxy_listen.map(|address| (Door::Balancers, "proxy_listen", address));
    let tls = config.tls_listen.map(|address| (Door::Tls, "tls_listen", address));
    [(Door::Clients, "listen", config.listen)].into_iter().chain(balancers).chain(tls).collect()
}

/// What links to the state server are proved with.
fn secrets(config: &Config) -> std_io::Result<Option<Secrets>> {
    config.secrets().read().map_err(|(key, error)| std_io::Error::other(format!("{key} {error}")))
}

/// The certificate and the threads for handshakes, if clients may speak TLS.
fn secure(config: &Config, cores: usize, reactors: usize) -> std_io::Result<Option<(Arc<Identity>, Pool)>> {
    let Some((certificate, key)) = config.certificate() else { return Ok(None) };
    let identity = Identity::load(certificate, key)
        .map_err(|error| std_io::Error::new(std_io::ErrorKind::InvalidData, format!("tls_cert {error}")))?;
    let identity = Arc::new(identity);
    let threads = if config.tls_threads == 0 { cores.div_ceil(2) } else { config.tls_threads as usize };
    let pool = Pool::start(threads, reactors, &identity)?;
    Ok(Some((identity, pool)))
}

impl Running {
    /// The bound addresses: where clients and operators find it.
    pub fn addresses(&self) -> Vec<(&'static str, LinkAddress)> {
        let bound = self.listen.iter().copied().chain([("admin", self.admin.address())]);
        bound.map(|(name, address)| (name, address.into())).collect()
    }

    /// Tells whether every reactor turns; to be asked on any thread but theirs.
    pub fn pulse(&self) -> impl Fn() -> bool + Send + 'static {
        let asker = Asker::new(self.reactors.iter().map(|(mailbox, _)| mailbox.clone()).collect());
        move || asker.all_turn()
    }

    /// Has all reactors take on what may be changed while they run: the settings that are marked `@live`. Nobody is disconnected.
    pub fn reload(&self, config: &Config) {
        let tunables = Arc::new(Tunables::from(config));
        for (mailbox, _) in &self.reactors {
            drop(mailbox.send_blocking(Command::Reload(Arc::clone(&tunables))));
        }
        match secrets(config) {
            Ok(secrets) => self.keyring.replace(secrets),
            // They were in order when the settings were checked, a moment ago.
            Err(error) => tracing::error!(%error, "the secrets of links stay as they were"),
        }
        match (&self.tls, config.certificate()) {
            (Some((identity, _)), Some((certificate, key))) => {
                // It was in order when the settings were checked, a moment ago.
                if let Err(error) = identity.reload(certificate, key) {
                    tracing::error!(%error, "the certificate stays as it was: the new one cannot be used");
                }
            }
            (None, None) => {}
            _ => tracing::warn!("TLS begins and ends with a restart only"),
        }
    }

    /// Takes nobody in any more, lets all clients go over the time that the settings say, and ends the threads.
    pub fn stop(self) -> std_io::Result<()> {
        for (mailbox, _) in &self.reactors {
            // A reactor that is gone needs no telling; how it went is told by its thread.
            drop(mailbox.send_blocking(Command::Drain));
        }
        let (mailboxes, threads): (Vec<_>, Vec<_>) = self.reactors.into_iter().unzip();
        let ended = threads.into_iter().try_for_each(join);
        if let Some((_, pool)) = self.tls {
            pool.join();
        }
        drop(mailboxes);
        ended
    }
}

/// Starts a reactor, which opens its own listeners, and tells where these listen: the kernel may have chosen the ports.
fn spawn(mut birth: Birth, pool: Option<&Pool>) -> std_io::Result<(Reactor, Doors)> {
    let outcomes = pool.map_or(0, |_| proto::limits::TLS_JOBS_MAX);
    let (mailbox, commands) = wake::unregistered(COMMANDS + outcomes)?;
    birth.crew = pool.map(|pool| pool.crew(mailbox.clone()));
    let (send, receive) = bounded(1);
    let thread = thread::Builder::new().name(format!("reactor-{}", birth.settings.reactor)).spawn(move || {
        let kept: Vec<_> = birth.passed.descriptors().chain([commands.as_fd()]).collect();
        if let Err(why) = sys::own_descriptors(&kept) {
            tracing::warn!(%why, "the reactors share one table of descriptors, and one limit of open files");
        }
        let worker = Worker::new(birth, commands)?;
        send.send(worker.doors().clone()).map_err(std_io::Error::other)?;
        worker.run()
    })?;
    match receive.recv() {
        Ok(doors) => Ok(((mailbox, thread), doors)),
        Err(_) => Err(join(thread).err().unwrap_or_else(|| std_io::Error::other("a reactor ended at once"))),
    }
}

fn join(thread: JoinHandle<std_io::Result<()>>) -> std_io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(std_io::Error::other("a reactor panicked")))
}
