//! The logic server: conversations, the order of their messages, and the promise that what is acknowledged is durable. Owns what a request
//! means; leaves sessions and delivery to `state`, sockets and threads to [`shell`], and bytes on disk to [`store`].
//!
//! [`Logic`] is a machine: it must never open a socket, read a clock, start a thread or log. It has no timers, so it has no deadlines to
//! ask for: everything it does follows from an input. Requests are handled in batches. What they cause comes out of
//! [`Logic::commit`], and may be let out when the batch is durable: at once, unless the store's syncs are another thread's.
//!
//! ```text
//! handle(now, input) … handle(now, input)   commit(&mut out)
//!   └─ one transaction of the store ──────────┘ └─ replies and pushes
//! ```
//!
//! Reading order: [`Input`] and [`Output`], `machine`, `command` (once and in order, however often it is sent), then `submit`, `group`, `pull`,
//! `fan_out` (which link gets a push) and `backlog` (what waits for it).

mod backlog;
mod command;
mod config;
mod fan_out;
mod group;
mod machine;
mod presence;
mod pull;
mod refusal;
mod revocations;
pub mod shell;
mod size;
pub mod store;
mod submit;
mod tally;

use proto::backend::{Order, Presence, Taken, Which};
use proto::ids::{DeviceId, Uid};

pub use backlog::Pushed;
pub use config::Config;
pub use machine::Logic;
pub use tally::Tally;

/// One link from a state shard, as the shell numbers them: 1, 2, 3, …, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// One device of one user: who gives a command, and within what commands are numbered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Device {
    /// Whose.
    pub uid: Uid,
    /// Which of theirs.
    pub device: DeviceId,
}

/// What happens to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A state shard has said Hello on a new link.
    LinkUp {
        /// The link.
        link: LinkId,
        /// The shard …
        shard: u32,
        /// … of so many, at least 1.
        shard_count: u32,
        /// Up to where it has taken pushes, of this machine or of one before it.
        taken: Taken,
    },
    /// A link is gone; what it asked and was not answered will be asked again on another.
    LinkDown {
        /// The link.
        link: LinkId,
    },
    /// A device logs in and its shard wants to know what has been executed for it.
    Attach {
        /// Where the answer goes.
        link: LinkId,
        /// To be carried back in the answer.
        call: u64,
        /// Which device.
        from: Device,
    },
    /// A packet of a logged-in client.
    Request {
        /// Where the answer goes.
        link: LinkId,
        /// To be carried back in the answer.
        call: u64,
        /// Who sends it; the state server has checked that.
        from: Device,
        /// A client packet in protobuf form, as it came.
        packet: Vec<u8>,
    },
    /// A shard tells who is online; answered by [`Output::PresenceTaken`].
    Presence {
        /// Whose link.
        link: LinkId,
        /// What it tells.
        presence: Presence,
    },
    /// A shard has taken all pushes up to a number, for good.
    PushesTaken {
        /// Whose link.
        link: LinkId,
        /// The number.
        number: u64,
    },
    /// An operator of a state server has revoked tokens there.
    Revocation {
        /// Where the answer goes.
        link: LinkId,
        /// To be carried back in the answer.
        call: u64,
        /// Whose tokens.
        uid: Uid,
        /// Which of them.
        which: Which,
    },
}

/// What the machine wants done. An output for a link that is gone is to be dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Answer an [`Input::Attach`].
    Attached {
        /// The link that asked.
        link: LinkId,
        /// Of the question.
        call: u64,
        /// The highest client_id that was executed for the device; 0 if none was.
        last_client_id: u64,
    },
    /// Answer an [`Input::Request`].
    Reply {
        /// The link that asked.
        link: LinkId,
        /// Of the question.
        call: u64,
        /// A server packet in protobuf form.
        packet: Vec<u8>,
    },
    /// Answer an [`Input::Revocation`]: it is kept.
    Kept {
        /// The link that asked.
        link: LinkId,
        /// Of the question.
        call: u64,
    },
    /// Answer an [`Input::Presence`]: the next one may come.
    PresenceTaken {
        /// The link that told.
        link: LinkId,
    },
    /// Have something done to the sessions of a user of a shard's.
    Order {
        /// The link of the shard that owns the user's slot.
        link: LinkId,
        /// What.
        order: Order,
    },
    /// Tell a shard of a new message.
    Push {
        /// The link of the shard that owns the targets' slots.
        link: LinkId,
        /// The message and for whom it is.
        push: Pushed,
    },
}
