//! The handover: a gateway's connections pass from one process to another, and no client notices more than a pause. The machines and the layouts are here, the
//! processes, sockets and threads in `shell/handover`.
//!
//! In order: the running gateway, the *giver*, starts its *successor*, which opens what it needs and waits. Then each reactor of the giver stops at the end of a turn, writes down what
//! it knows ([`snapshot`], [`carry`]) and passes it, with duplicates of all its descriptors, to the successor's reactor of the same number. When all reactors of the successor have
//! everything, the successor says so, in one word ([`message::Message::Taken`]): that is the commit. Before it the giver has given nothing away, and can go on at any moment; after it the giver is
//! done. `giver` and `taker` are the two sides.
//!
//! What speaks TLS in this process cannot be passed on, for its keys are in the process's memory: such connections are let go by the giver, after the commit, as when it is stopped.

mod bytes;
mod carry;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub(crate) mod giver;
pub(crate) mod message;
pub(crate) mod snapshot;
pub(crate) mod taker;
