//! Where gateways come in: one address for all shards. Owns the thread on which they introduce themselves; a link that has then goes to the thread of the shard that
//! it is for, with all its bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::settings::LinkAddress;
use crossbeam_channel::Receiver;
use mio::Token;
use proto::auth::{Claim, Role};
use reactor::clock::Clock;
use reactor::keyring::Keyring;
use reactor::newcomers::{Known, Newcomers};
use reactor::poll::Poller;
use reactor::wake::{Mailbox, mailbox};

use super::counters::DoorCounters;
use super::worker::Told;

const EVENTS: usize = 64;
const LISTENER: Token = Token(0);
const MAILBOX: Token = Token(1);
const NEWCOMERS: usize = 2;

/// Told to a door: let nobody in any more.
#[derive(Debug)]
pub(super) struct Stop;

/// The thread that accepts gateways.
pub(super) struct Door {
    clock: Clock,
    poller: Poller,
    newcomers: Newcomers,
    inbox: Receiver<Stop>,
    shards: Vec<Mailbox<Told>>,
    counters: Arc<DoorCounters>,
}

impl Door {
    pub(super) fn new(
        address: &LinkAddress,
        keyring: Keyring,
        clock: Clock,
        shards: Vec<Mailbox<Told>>,
        counters: Arc<DoorCounters>,
    ) -> io::Result<(Self, Mailbox<Stop>)> {
        let poller = Poller::new(EVENTS)?;
        let newcomers =
            Newcomers::listen(address, poller.registry(), LISTENER, NEWCOMERS, Role::Gateway, keyring)?;
        let (mailbox, inbox) = mailbox(poller.registry(), MAILBOX, 1)?;
        Ok((Self { clock, poller, newcomers, inbox, shards, counters }, mailbox))
    }

    pub(super) fn address(&self) -> io::Result<LinkAddress> {
        self.newcomers.address()
    }

    pub(super) fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(EVENTS);
        loop {
            self.poller.turn(self.timeout(), &mut ready)?;
            let now = self.clock.now();
            for event in &ready {
                if event.token == MAILBOX {
                    if self.inbox.try_recv().is_ok() {
                        return Ok(());
                    }
                } else if let Some(known) = self.newcomers.ready(event.token, now, &mut self.poller) {
                    self.hand_over(known);
                }
            }
            self.newcomers.expire(now, &mut self.poller);
            self.counters.publish(&self.newcomers);
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let next = self.newcomers.next_deadline()?;
        Some(Duration::from_millis(next.saturating_sub(self.clock.now().mono_ms)))
    }

    fn hand_over(&self, known: Known) {
        let Known { stream, peer, claim, is_proved, unread } = known;
        let Claim::Gateway(hello) = claim else { return };
        let Some(mailbox) = self.shards.get(hello.shard as usize) else {
            tracing::warn!(%peer, hello.shard, "a gateway asked for a shard that is not here");
            return;
        };
        if mailbox.send(Told::Gateway { stream, unread, proved: is_proved.then_some(hello) }).is_err() {
            tracing::warn!(%peer, hello.shard, "a gateway could not be handed to its shard and must come again");
        }
    }
}
