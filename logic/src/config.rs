//! What the logic server is told by its operator.

use std::net::SocketAddr;
use std::path::PathBuf;

use proto::limits;
use reactor::keyring::Said;
use settings::{ByteSize, LinkAddress, LogFilter, Secret};

settings::settings! {
    /// What the logic server is told by its operator.
    pub struct Config in "logic" {
        /// Where state servers come in: host:port, or unix:PATH for one on the same machine.
        /// Beyond loopback only with rpc_secret: whoever reaches it could speak for any user.
        listen: LinkAddress = "127.0.0.1:7420",
        /// What this side and the other end of each link from state shards prove to one another that they know: at least 32 bytes, the same on both ends. With two, the first is
        /// used to dial and both are good for who dials us, so that one can be exchanged for another. None: nothing is proved.
        @live rpc_secret: Vec<Secret<String>> = [],
        /// A file with what rpc_secret would have, one a line.
        @live rpc_secret_file: Option<PathBuf> = None,
        /// Address of the HTTP pages: health, readiness, metrics.
        http: SocketAddr = "127.0.0.1:7480",
        /// What to log, like info or gateway=debug; nothing said: what RUST_LOG says, or info.
        @live log: LogFilter = "",
        /// The store's file. It and its folder are made if they are not there.
        store: PathBuf = "data/holdfast.db",
        /// Bytes of the store that are kept in memory.
        store_cache: ByteSize ["1MiB"..="64GiB"] = "64MiB",
        /// Bytes of the newest messages that are kept in memory until many go to their tables together; more make that cheaper and a start longer.
        store_tail: ByteSize ["64KiB"..="4GiB"] = "128MiB",
        /// Pages (4 KiB) that the write-ahead log may have before they are copied to their places; more make the pause rarer and longer.
        checkpoint_pages: u32 [100..=1_000_000] = 4096,
        /// Requests in one transaction; they never wait for it to be full.
        commit_requests: usize [1..=65_536] = limits::COMMIT_REQUESTS_MAX,
    }
    check check
}

fn check(config: &Config) -> Vec<(&'static str, String)> {
    config.secrets().mistakes(Some((&config.listen, "speak for any user")))
}

impl Config {
    /// What it says of the secrets of links.
    pub(crate) fn secrets(&self) -> Said<'_> {
        Said { secret: &self.rpc_secret, file: self.rpc_secret_file.as_ref() }
    }
}
