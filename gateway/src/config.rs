//! What the gateway is told by its operator.

use std::net::SocketAddr;
use std::time::Duration;

use proto::limits;

settings::settings! {
    /// What the gateway is told by its operator.
    pub struct Config in "gateway" {
        /// Address for clients: WebSocket and raw TCP on one port.
        listen: SocketAddr = "127.0.0.1:7400",
        /// Address of the admin pages.
        admin: SocketAddr = "127.0.0.1:7401",
        /// Address of the state server's RPC.
        state: SocketAddr = "127.0.0.1:7410",
        /// This gateway's number, unique in the cluster.
        id: u32 [0..=4095] = 0,
        /// Reactor threads; 0 means one per core.
        reactors: u32 [0..=64] = 0,
        /// From accept to the end of the first packet.
        handshake_deadline: Duration ["100ms"..="5m"] = limits::HANDSHAKE_DEADLINE,
        /// How long clients have to leave when the gateway is stopped.
        shutdown_deadline: Duration ["0s"..="10m"] = Duration::from_secs(2),
    }
}
