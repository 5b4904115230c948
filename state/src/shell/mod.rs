//! The state server's shell: the door where gateways come in, a thread for each shard, the admin pages. Does all I/O and decides nothing; what is done is the
//! machine's word.

#![allow(clippy::disallowed_methods, reason = "the shell does the I/O")]

mod admin;
mod ask;
mod counters;
mod door;
mod io;
pub mod journal;
pub(crate) mod keys;
mod operator;
mod recorder;
mod recover;
mod worker;

use std::hash::{BuildHasher as _, RandomState};
use std::io as std_io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use ::settings::LinkAddress;
use proto::auth::Secrets;
use reactor::admin::Admin;
use reactor::clock::Clock;
use reactor::keyring::Keyring;
use reactor::wake::Mailbox;

use crate::token::Keys;
use crate::{Config, Settings};
use ask::{Asker, Question};
use counters::{Counters, DoorCounters};
use door::Door;
use journal::Folder;
use recover::{Recovered, recover};
use worker::{Told, Worker};

/// A running state server.
#[derive(Debug)]
pub struct Running {
    listen: LinkAddress,
    admin: Admin,
    keyring: Keyring,
    door: (Mailbox<door::Stop>, JoinHandle<std_io::Result<()>>),
    shards: Vec<(Mailbox<Told>, JoinHandle<std_io::Result<()>>)>,
    /// The journal's, which is this process's for as long as it runs.
    folder: Option<Folder>,
}

/// Starts a state server: a thread for each shard, one for the door and one for the admin pages. It takes gateways at once, and opens sessions as soon as the
/// logic server is there.
pub fn start(config: &Config) -> std_io::Result<Running> {
    let (keys, unusable) = keys::load(&config.token_keys);
    if !unusable.is_empty() {
        return Err(std_io::Error::other(format!("token_keys {}", unusable.join("; "))));
    }
    let keys = Keys::new(&config.token_audience, keys);
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    let count = if config.shards == 0 { cores } else { config.shards };
    let clock = Clock::start();
    let boot_epoch = clock.now().unix_ms;
    let keyring = Keyring::new(secrets(config)?);
    let count = count.min(proto::limits::SHARDS_MAX);
    let Recovered { folder, secret_key, engines, counters: journals } = recover(config, count)?;
    let (mut shards, mut blocks) = (Vec::new(), Vec::new());
    for (shard, engine) in (0..count).zip(engines) {
        let counters = Arc::new(Counters::default());
        blocks.push(Arc::clone(&counters));
        let settings = Settings {
            shard,
            shard_count: count,
            boot_epoch,
            seed: RandomState::new().hash_one(shard),
            secret_key,
            keys: keys.clone(),
            ..config.settings()
        };
        let links = (config.logic.clone(), keyring.clone());
        let (worker, mailbox) = Worker::new(settings, clock, links, counters, engine)?;
        let thread = thread::Builder::new().name(format!("shard-{shard}")).spawn(move || worker.run())?;
        shards.push((mailbox, thread));
    }
    let door_counters = Arc::new(DoorCounters::default());
    let (door, mailbox) =
        Door::new(&config.listen, keyring.clone(), clock, told(&shards), Arc::clone(&door_counters))?;
    let listen = door.address()?;
    let thread = thread::Builder::new().name("door".into()).spawn(move || door.run())?;
    let admin =
        Admin::start(config.admin, admin::pages(blocks, door_counters, journals, Asker::new(told(&shards))))?;
    Ok(Running { listen, admin, keyring, door: (mailbox, thread), shards, folder })
}

/// What links are proved with.
fn secrets(config: &Config) -> std_io::Result<Option<Secrets>> {
    config.secrets().read().map_err(|(key, error)| std_io::Error::other(format!("{key} {error}")))
}

impl Running {
    /// The bound addresses: where gateways and operators find it.
    pub fn addresses(&self) -> Vec<(&'static str, LinkAddress)> {
        vec![("listen", self.listen.clone()), ("admin", self.admin.address().into())]
    }

    /// Tells whether every shard turns; to be asked on any thread but theirs.
    pub fn pulse(&self) -> impl Fn() -> bool + Send + 'static {
        let asker = Asker::new(told(&self.shards));
        move || asker.all(&Question::Pulse).is_empty()
    }

    /// Has all shards take on what may be changed while they run: the settings that are marked `@live`. No session ends by it.
    pub fn reload(&self, config: &Config) {
        match secrets(config) {
            Ok(secrets) => self.keyring.replace(secrets),
            // They were in order when the settings were checked, a moment ago.
            Err(error) => tracing::error!(%error, "the secrets of links stay as they were"),
        }
        let (keys, unusable) = keys::load(&config.token_keys);
        if !unusable.is_empty() {
            // They were in order when the settings were checked, a moment ago.
            return tracing::error!(?unusable, "the settings stay as they were: keys cannot be used");
        }
        let keys = Keys::new(&config.token_audience, keys);
        let settings = Arc::new(Settings { keys, ..config.settings() });
        for (mailbox, _) in &self.shards {
            drop(mailbox.send_blocking(Told::Reload(Arc::clone(&settings))));
        }
    }

    /// Lets no gateway in any more, gives logic a moment to answer what it was asked, sends what waits, and ends the threads. Gateways hold the clients' connections until a state server is there again.
    pub fn stop(self) -> std_io::Result<()> {
        let (mailbox, door) = self.door;
        // A thread that is gone needs no telling; how it went is told by joining it.
        drop(mailbox.send_blocking(door::Stop));
        let mut result = join(door);
        for (mailbox, _) in &self.shards {
            drop(mailbox.send_blocking(Told::Stop));
        }
        for (_, thread) in self.shards {
            result = result.and(join(thread));
        }
        drop(self.folder);
        result
    }
}

fn told(shards: &[(Mailbox<Told>, JoinHandle<std_io::Result<()>>)]) -> Vec<Mailbox<Told>> {
    shards.iter().map(|(mailbox, _)| mailbox.clone()).collect()
}

fn join(thread: JoinHandle<std_io::Result<()>>) -> std_io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(std_io::Error::other("a thread of the state server panicked")))
}

#[cfg(test)]
mod tests;
