//! The state server: holds the sessions, and everything about a client that has a memory.
//!
//! The machine is here, the shell around it in [`shell`]. A [`Shard`] owns some slots of users: it checks logins, keeps the order of commands, numbers pushes
//! and notices silence. It must never touch a client's socket, nor know what a message means: packets pass unread but for their kind and number.
//!
//! Reading order: [`Input`], [`Output`] and [`Event`] here, then `shard` (what each input does), `session` (what there is to remember), `uplink` and
//! `inflight` (the two directions), [`journal`] (what is written down of it), `secrets` (who may take a session up), `calls` (what logic owes an answer to), `reactors` (who holds a connection), and [`wheel`] and [`token`], which know
//! nothing of the rest.

mod calls;
mod census;
mod config;
mod counts;
mod durable;
mod event;
mod grant;
mod inflight;
pub mod journal;
mod policy;
mod presence;
mod pulse;
mod reactors;
mod revocations;
mod secrets;
mod session;
mod sessions;
mod settings;
mod shard;
pub mod shell;
pub mod token;
mod uplink;
mod waiting;
pub mod wheel;

pub use census::{Found, Seen};
pub use config::{Config, JournalMode};
pub use counts::{Counts, REFUSED_CODES, REFUSED_LABELS};
pub use durable::{Durable, Reach};
pub use event::{Event, Fault, NoResume, SessionName};
pub use grant::Grant;
pub use policy::{DeviceLimit, DevicePolicy};
pub use revocations::Revoked;
pub use secrets::Secrets;
pub use settings::Settings;
pub use shard::{Note, Shard};

use journal::Record;
use proto::link::Hello;

/// A link to a gateway reactor, by a small number that the shell chooses and may use again once the link is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GatewayLink(pub u32);

/// What can happen to a shard.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A gateway reactor has connected; its first frame will say who it is.
    GatewayUp(GatewayLink),
    /// The gateway of a link that has just come up has proved who it is: its introduction must say the same.
    GatewayProved(GatewayLink, Hello),
    /// A frame from a gateway reactor.
    FromGateway {
        /// Over which link.
        link: GatewayLink,
        /// The frame's kind.
        kind: u8,
        /// Its body.
        body: &'a [u8],
    },
    /// A link to a gateway reactor is lost, with all that was on its way.
    GatewayDown(GatewayLink),
    /// The link to logic has just been connected: introduce yourself.
    LogicUp,
    /// A frame from logic.
    FromLogic {
        /// The frame's kind.
        kind: u8,
        /// Its body.
        body: &'a [u8],
    },
    /// The link to logic is lost, with all that was on its way.
    LogicDown,
}

/// What a shard wants done. Frames are appended where they will be sent from, so that a message costs no allocation of its own; the shell sends them at the
/// end of the turn.
pub trait Output {
    /// The frames that go over a link that is up: append.
    fn gateway(&mut self, link: GatewayLink) -> &mut Vec<u8>;

    /// How many bytes wait for a gateway, and perhaps some that have just left. Asked once for each push and each gateway.
    fn waiting(&mut self, link: GatewayLink) -> usize {
        self.gateway(link).len()
    }

    /// The frames that go to logic; asked for only while its link is up: append.
    fn logic(&mut self) -> &mut Vec<u8>;

    /// The same for calls, which need not wait for the journal, and may go before what [`Output::logic`] was given: logic does nothing twice, so one that is
    /// made by what is then lost does no harm.
    fn logic_call(&mut self) -> &mut Vec<u8> {
        self.logic()
    }

    /// Close a link, which the shard counts as down from now on: its peer broke the protocol, or has a newer one.
    fn drop_gateway(&mut self, link: GatewayLink);

    /// Close the link to logic, which the shard counts as down from now on: its peer broke the protocol.
    fn drop_logic(&mut self);

    /// For the log.
    fn event(&mut self, event: Event<'_>);

    /// For the journal. What is said from here on must not be heard before this is durable, if [`Record::holds_back`]; nor may what was said earlier in the same turn. Calls are excepted.
    fn record(&mut self, record: Record<'_>);
}
