//! Every byte layout of Holdfast: ids, client packets, WebSocket and TCP framing, the RPC between our own processes.
//!
//! Sans-IO: bytes in, values and events out. This crate must never open a socket, read a clock, start a thread or log;
//! who may depend on it: everybody. What the bytes mean to a session or a conversation is left to `state` and `logic`.

pub mod auth;
pub mod backend;
pub mod close;
pub mod device;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod ids;
pub mod limits;
pub mod link;
pub mod packet;
pub mod proxy;
pub mod rpc;
pub mod tcp;
pub mod time;
pub mod ws;

#[allow(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    unused_qualifications,
    rustdoc::all,
    reason = "generated from proto/schema by scripts/gen"
)]
mod r#gen {
    pub mod client {
        include!("gen/holdfast.client.v1.rs");
        include!("gen/holdfast.client.v1.serde.rs");
    }
    pub mod link {
        include!("gen/holdfast.link.v1.rs");
    }
    pub mod backend {
        include!("gen/holdfast.backend.v1.rs");
    }
}
