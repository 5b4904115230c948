//! The gateway's shell: reactor threads, their sockets and links, the admin pages. Does all I/O and decides nothing; what is done is the machine's word.

#![allow(clippy::disallowed_methods, reason = "the shell does the I/O")]

mod admin;
mod ask;
mod counters;
pub mod handover;
mod io;
mod listening;
mod operator;
mod passed;
pub(crate) mod tls;
mod worker;

use std::io as std_io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::process::Command as Program;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

use crate::handover::message::{Offer, OfferedDoor};
use crate::{Bounds, Config, Door, Mode, Settings, Tls, Tunables};
use ask::Asker;
use counters::{Counters, Handovers};
use handover::channel::Hatch;
use handover::take::Taking;
use handover::{Giving, Passed, Report};
use listening::Group;
use passed::PassedSockets;
use tls::Pool;
use tls::identity::Identity;
use worker::{Birth, Command, Doors, Worker};

/// Commands that may wait for a reactor.
const COMMANDS: usize = 16;

/// Where a reactor is told what to do, and its thread. The mailbox and the hatch outlive the thread.
#[derive(Debug)]
struct Reactor {
    mailbox: Mailbox<Command>,
    hatch: Hatch,
    thread: JoinHandle<std_io::Result<()>>,
}

/// A running gateway.
#[derive(Debug)]
pub struct Running {
    config: Config,
    boot_epoch: u64,
    /// How often it was handed over before it came to this process.
    handovers: u32,
    counted: Arc<Handovers>,
    /// It has a successor, which has everything.
    replaced: AtomicBool,
    /// Handovers that this process has tried.
    tries: AtomicU64,
    listen: Vec<(&'static str, SocketAddr)>,
    admin: Admin,
    reactors: Vec<Reactor>,
    blocks: Vec<Arc<Counters>>,
    /// Who we are to clients that speak TLS, and who does the handshakes.
    tls: Option<(Arc<Identity>, Pool)>,
    keyring: Keyring,
    /// Held open: the reactors' descriptors are copies of these.
    passed: PassedSockets,
}

/// Starts a gateway: one thread for each reactor, and one for the admin pages. It takes clients at once, and logs them in as soon as the state server is
/// there.
pub fn start(config: &Config) -> std_io::Result<Running> {
    let (running, _) = begin(config, None)?;
    Ok(running)
}

/// Starts a gateway in the place of another one, which hands over everything that it has by this Unix socket. There are as many reactors as it has, whatever the settings say.
/// Returns the stdin of the other one, too, if that is to end with it.
///
/// # Errors
/// Why it cannot take over; the other one was told, and serves on.
pub fn take_over(config: &Config, control: OwnedFd) -> std_io::Result<(Running, Option<OwnedFd>)> {
    sys::raise_open_files()?;
    begin(config, Some(Taking::begin(control, config)?))
}

fn begin(config: &Config, mut taking: Option<Taking>) -> std_io::Result<(Running, Option<OwnedFd>)> {
    let files = sys::raise_open_files()?;
    tracing::debug!(files, "each reactor may open so many files");
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let wanted = if config.reactors == 0 { cores } else { config.reactors as usize };
    let count = taking.as_ref().map_or(wanted, |taking| taking.offer().descriptors.len());
    let count = count.min(proto::limits::REACTORS_MAX);
    let clock = Clock::start();
    let boot_epoch = taking.as_ref().map_or(clock.now().unix_ms, |taking| taking.offer().boot_epoch);
    let mut doors = doors(config);
    let passed = match &taking {
        Some(taking) => taking.passed_sockets(),
        None => PassedSockets::take(&doors.iter().map(|(_, name, _)| *name).collect::<Vec<_>>())?,
    };
    let tls = secure(config, cores, count)?;
    let settings = settings(config, count as u32, files, boot_epoch, tls.is_some());
    let keyring = Keyring::new(secrets(config)?);
    let (mut reactors, group) = (Vec::new(), Group::new(count));
    let blocks: Vec<Arc<Counters>> = (0..count).map(|_| Arc::default()).collect();
    for (number, counters) in blocks.iter().enumerate() {
        let birth = Birth {
            settings: Settings { reactor: number as u8, ..settings.clone() },
            clock,
            coalesce: config.coalesce,
            doors: doors.clone(),
            passed: passed.clone(),
            group: group.clone(),
            state: config.state.clone(),
            keyring: keyring.clone(),
            counters: Arc::clone(counters),
            everybodys: blocks.clone(),
            crew: None,
        };
        let pool = tls.as_ref().map(|(_, pool)| pool);
        let reactor;
        (reactor, doors) = spawn(birth, pool, taking.as_mut().map(|taking| (taking, config)))?;
        reactors.push(reactor);
    }
    // Whatever can fail comes before the word that makes this process the gateway.
    let admin_socket = taking.as_mut().and_then(|taking| taking.admin(config));
    let admin_socket = admin_socket.map_or_else(|| TcpListener::bind(config.admin), Ok)?;
    let mut stdin = None;
    let counted = Arc::<Handovers>::default();
    let handovers = taking.as_ref().map_or(0, |taking| taking.offer().handovers + 1);
    if let Some(mut taking) = taking {
        stdin = taking.stdin();
        doors = taking.take()?;
        let passed = taking.serve();
        note(&counted, handovers, &passed);
    }
    let asker = Asker::new(reactors.iter().map(|reactor| reactor.mailbox.clone()).collect());
    let pages = admin::pages(config.mode, blocks.clone(), Arc::clone(&counted), asker);
    let admin = Admin::on(admin_socket, pages)?;
    let listen = doors.into_iter().map(|(_, name, address)| (name, address)).collect();
    let (config, tries, replaced) = (config.clone(), AtomicU64::new(0), AtomicBool::new(false));
    let running = Running {
        config,
        boot_epoch,
        handovers,
        counted,
        replaced,
        tries,
        listen,
        admin,
        reactors,
        blocks,
        tls,
        keyring,
        passed,
    };
    Ok((running, stdin))
}

/// What the first of so many reactors is told; the others differ in their numbers alone.
fn settings(config: &Config, reactors: u32, files: u64, boot_epoch: u64, has_tls: bool) -> Settings {
    Settings {
        mode: config.mode,
        limits: Limits { message_bytes: config.message_bytes.0, fragments: config.fragments },
        deflate: config.deflate,
        tls: if has_tls { config.tls } else { Tls::Off },
        gateway: config.id as u16,
        reactor: 0,
        boot_epoch,
        tunables: Arc::new(Tunables::from(config)),
        bounds: Bounds::of(config, reactors, files),
    }
}

/// Counts a handover to this process, and tells the log.
fn note(counted: &Handovers, handovers: u32, passed: &[Passed]) {
    let sum = |of: fn(&Passed) -> u64| passed.iter().map(of).sum::<u64>();
    let (connections, bytes) = (sum(|passed| passed.connections), sum(|passed| passed.bytes));
    let silence = passed.iter().filter_map(|passed| passed.freeze).max().unwrap_or_default();
    counted.done.set(handovers.into());
    counted.connections.set(connections);
    counted.bytes.set(bytes);
    counted.silence.set(silence.as_micros() as u64);
    let silence_us = silence.as_micros() as u64;
    tracing::info!(handovers, connections, bytes, silence_us, "took over");
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
        let asker = Asker::new(self.reactors.iter().map(|reactor| reactor.mailbox.clone()).collect());
        move || asker.all_turn()
    }

    /// Has all reactors take on what may be changed while they run: the settings that are marked `@live`. Nobody is disconnected.
    pub fn reload(&self, config: &Config) {
        let tunables = Arc::new(Tunables::from(config));
        for Reactor { mailbox, .. } in &self.reactors {
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

    /// Hands everything over to the process that this program starts. On success nothing is left to do here but [`Running::stop`], which lets those clients go that
    /// could not be handed over. Otherwise nothing has changed.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub fn hand_over(&self, program: Program, stdin: Option<BorrowedFd<'_>>) -> Result<Report, String> {
        if self.blocks.iter().any(|block| block.draining.get() > 0) {
            return Err("this gateway is letting its clients go".into());
        }
        let config = &self.config;
        let told = doors(config).into_iter().map(|(_, _, told)| told).chain([config.admin]);
        let doors = self.addresses().into_iter().zip(told).map(|((setting, bound), told)| OfferedDoor {
            setting: setting.to_owned(),
            told: told.to_string(),
            bound: bound.to_string(),
        });
        let descriptors = self.blocks.iter().map(|block| block.connections.get() as u32);
        let offer = Offer {
            gateway: config.id as u16,
            echo: config.mode == Mode::Echo,
            boot_epoch: self.boot_epoch,
            handovers: self.handovers,
            state: config.state.to_string(),
            doors: doors.collect(),
            stdin: stdin.is_some(),
            passed: self.passed.names(),
            descriptors: descriptors.collect(),
        };
        let attached: Vec<_> =
            [self.admin.as_fd()].into_iter().chain(stdin).chain(self.passed.descriptors()).collect();
        let reactors = self.reactors.iter().map(|reactor| (&reactor.mailbox, &reactor.hatch)).collect();
        let number = self.tries.fetch_add(1, Ordering::Relaxed);
        let outcome = Giving::run(program, &offer, &attached, reactors, number);
        self.counted.failed.add(u64::from(outcome.is_err()));
        self.replaced.store(outcome.is_ok(), Ordering::Relaxed);
        outcome
    }

    /// Takes nobody in any more, lets all clients go over the time that the settings say, and ends the threads.
    pub fn stop(self) -> std_io::Result<()> {
        for Reactor { mailbox, .. } in &self.reactors {
            // A reactor that is gone needs no telling; how it went is told by its thread.
            drop(mailbox.send_blocking(Command::Drain));
        }
        // Until the end it tells how the stopping goes; but once there is a successor, that answers.
        let admin = Some(self.admin).filter(|_| !self.replaced.load(Ordering::Relaxed));
        let (handles, threads): (Vec<_>, Vec<_>) = self
            .reactors
            .into_iter()
            .map(|reactor| ((reactor.mailbox, reactor.hatch), reactor.thread))
            .unzip();
        let ended = threads.into_iter().try_for_each(join);
        if let Some((_, pool)) = self.tls {
            pool.join();
        }
        drop((handles, admin));
        ended
    }
}

/// Starts a reactor, which opens its own listeners or waits for those of the one before it, and tells where these listen: the kernel may have chosen the ports.
fn spawn(
    mut birth: Birth,
    pool: Option<&Pool>,
    taking: Option<(&mut Taking, &Config)>,
) -> std_io::Result<(Reactor, Doors)> {
    let outcomes = pool.map_or(0, |_| proto::limits::TLS_JOBS_MAX);
    let (mailbox, commands) = wake::unregistered(COMMANDS + outcomes)?;
    let hatch = Hatch::new()?;
    birth.crew = pool.map(|pool| pool.crew(mailbox.clone()));
    let (send, receive) = bounded(1);
    let place =
        taking.map(|(taking, config)| taking.place(&mut birth.doors, config, hatch.clone(), send.clone()));
    let place = place.transpose()?;
    let kept_hatch = hatch.clone();
    let thread = thread::Builder::new().name(format!("reactor-{}", birth.settings.reactor)).spawn(move || {
        let kept: Vec<_> = birth.passed.descriptors().chain([commands.as_fd(), kept_hatch.inside()]).collect();
        if let Err(why) = sys::own_descriptors(&kept) {
            tracing::warn!(%why, "the reactors share one table of descriptors, and one limit of open files");
        }
        let worker = match place {
            Some(place) => Worker::in_place(birth, commands, place)?,
            None => {
                let worker = Worker::new(birth, commands)?;
                send.send(worker.doors().clone()).map_err(std_io::Error::other)?;
                worker
            }
        };
        worker.run()
    })?;
    match receive.recv() {
        Ok(doors) => Ok((Reactor { mailbox, hatch, thread }, doors)),
        Err(_) => Err(join(thread).err().unwrap_or_else(|| std_io::Error::other("a reactor ended at once"))),
    }
}

fn join(thread: JoinHandle<std_io::Result<()>>) -> std_io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(std_io::Error::other("a reactor panicked")))
}
