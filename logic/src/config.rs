//! What the logic server is told by its operator.

use std::net::SocketAddr;
use std::path::PathBuf;

use proto::limits;
use settings::{ByteSize, LinkAddress, LogFilter};

settings::settings! {
    /// What the logic server is told by its operator.
    pub struct Config in "logic" {
        /// Where state servers come in: host:port, or unix:PATH for one on the same machine. A loopback address: whoever reaches it may speak for any user.
        listen: LinkAddress = "127.0.0.1:7420",
        /// Address of the HTTP pages: health, readiness, metrics.
        http: SocketAddr = "127.0.0.1:7480",
        /// What to log, like info or gateway=debug; nothing said: what RUST_LOG says, or info.
        @live log: LogFilter = "",
        /// The store's file. It and its folder are made if they are not there.
        store: PathBuf = "data/holdfast.db",
        /// Bytes of the store that are kept in memory.
        store_cache: ByteSize ["1MiB"..="64GiB"] = "64MiB",
        /// Pages (4 KiB) that the write-ahead log may have before they are copied to their places; more make the pause rarer and longer.
        checkpoint_pages: u32 [100..=1_000_000] = 4096,
        /// Requests in one transaction; they never wait for it to be full.
        commit_requests: usize [1..=65_536] = limits::COMMIT_REQUESTS_MAX,
    }
    check check
}

fn check(config: &Config) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if !config.listen.is_local() {
        wrong.push(("listen", "is no loopback address: whoever reaches it may speak for any user".into()));
    }
    wrong
}
