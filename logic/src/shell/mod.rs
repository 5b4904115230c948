//! The logic server's shell: a thread for the links to state shards, one for the store and two that wait for its disk, the HTTP pages. Does all I/O and decides nothing.
//!
//! ```text
//! state shards ─ links (one reactor) ── Vec<Input> ──> writer (the machine and its store)
//!                                    <─ Vec<Output> ── disk (syncs) <─ a batch, committed ─┘
//! ```
//!
//! Requests cross in one piece a turn and answers in one piece a commit, so the crossing costs next to nothing when there is much to do. While
//! the disk is at one batch, the next gathers by itself and is handled: nobody waits for a batch to fill.

#![allow(clippy::disallowed_methods, reason = "the shell does the I/O")]

mod admin;
mod counters;
mod disk;
mod links;
mod peer;
mod writer;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::unbounded;
use proto::auth::Secrets;
use reactor::admin::Admin;
use reactor::clock::Clock;
use reactor::keyring::Keyring;
use reactor::wake::Mailbox;
use settings::LinkAddress;

use crate::store::sqlite::SqliteStore;
use crate::{Config, Logic};
use counters::{DiskCounters, LinkCounters, WriterCounters};
use disk::Disk;
use links::{Links, Told};
use writer::Writer;

/// A running logic server. If its store breaks, it ends the process with status 74: see [`Logic`].
#[derive(Debug)]
pub struct Running {
    listen: LinkAddress,
    admin: Admin,
    keyring: Keyring,
    links: Mailbox<Told>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// Opens the store, recovers it if need be, and starts the server.
pub fn start(config: &Config) -> io::Result<Running> {
    let mut store = SqliteStore::open(&config.store, config.into()).map_err(io::Error::other)?;
    let (mut syncer, checkpointer) = (store.syncer()?, store.checkpointer()?);
    let clock = Clock::start();
    let epoch = clock.now().unix_ms.max(1);
    let (link_counters, writer_counters) = <(Arc<LinkCounters>, Arc<WriterCounters>)>::default();
    let disk_counters = Arc::<DiskCounters>::default();
    let (requests, inbox) = unbounded();
    let keyring = Keyring::new(secrets(config)?);
    let (links, mailbox) =
        Links::new((&config.listen, keyring.clone()), (clock, epoch), requests, Arc::clone(&link_counters))?;
    let listen = links.address().clone();
    let sync = Box::new(move || syncer.sync());
    let (disk, durable) = Disk::new(sync, mailbox.clone(), Arc::clone(&disk_counters));
    let writer = Writer {
        logic: Logic::new(store, epoch),
        clock,
        inbox,
        disk,
        commit_requests: config.commit_requests,
        counters: Arc::clone(&writer_counters),
    };
    let admin = Admin::start(config.http, admin::pages(link_counters, writer_counters, disk_counters))?;
    let threads = vec![
        spawn("writer", move || writer.run())?,
        spawn("disk", move || durable.run())?,
        spawn("checkpoint", move || checkpointer.run())?,
        thread::Builder::new().name("links".into()).spawn(move || links.run())?,
    ];
    Ok(Running { listen, admin, keyring, links: mailbox, threads })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<io::Result<()>>> {
    thread::Builder::new().name(name.into()).spawn(move || {
        work();
        Ok(())
    })
}

/// What links are proved with.
fn secrets(config: &Config) -> io::Result<Option<Secrets>> {
    config.secrets().read().map_err(|(key, error)| io::Error::other(format!("{key} {error}")))
}

impl Running {
    /// The bound addresses: where state servers and operators find it.
    pub fn addresses(&self) -> Vec<(&'static str, LinkAddress)> {
        vec![("listen", self.listen.clone()), ("http", self.admin.address().into())]
    }

    /// Takes on what may be changed while it runs: the secrets that links are proved with. Links that are up stay.
    pub fn reload(&self, config: &Config) {
        match secrets(config) {
            Ok(secrets) => self.keyring.replace(secrets),
            // They were in order when the settings were checked, a moment ago.
            Err(error) => tracing::error!(%error, "the secrets of links stay as they were"),
        }
    }

    /// Takes nothing new, commits and answers what was taken, closes the store and ends the threads.
    pub fn stop(self) -> io::Result<()> {
        // Links that are gone need no telling; how they went is told by their thread.
        drop(self.links.send_blocking(Told::Stop));
        self.threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the logic server panicked")))
        })
    }
}

#[cfg(test)]
mod tests;
