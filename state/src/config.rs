//! What the state server is told by its operator. Owns the keys, their bounds and what must hold between them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ::settings::{LinkAddress, LogFilter, Secret, Setting};
use proto::limits;
use reactor::keyring::Said;

use crate::Settings;
use crate::policy::{DeviceLimit, DevicePolicy};
use crate::shell::journal::RedisUrl;
use crate::shell::keys;
use crate::token::{KeySpec, Keys};

::settings::settings! {
    /// What the state server is told by its operator.
    pub struct Config in "state" {
        /// Where gateways come in: host:port, or unix:PATH for gateways on the same machine.
        /// Beyond loopback only with rpc_secret: whoever reaches it could speak for any gateway.
        listen: LinkAddress = "127.0.0.1:7410",
        /// Address of the admin pages.
        admin: SocketAddr = "127.0.0.1:7411",
        /// What to log, like info or gateway=debug; nothing said: what RUST_LOG says, or info.
        @live log: LogFilter = "",
        /// Where the logic server's RPC is: host:port, or unix:PATH on the same machine.
        logic: LinkAddress = "127.0.0.1:7420",
        /// What this side and the other end of each link, from gateways and to logic, prove to one another that they know: at least 32 bytes, the same on both ends. With two, the first is
        /// used to dial and both are good for who dials us, so that one can be exchanged for another. None: nothing is proved.
        @live rpc_secret: Vec<Secret<String>> = [],
        /// A file with what rpc_secret would have, one a line.
        @live rpc_secret_file: Option<PathBuf> = None,
        /// Whether sessions outlive this process, and what else.
        /// sync: a loss of power as well, for what is answered is on the disk. async: the death of the process alone; after the machine's, clients log in again. off: neither.
        /// redis: this machine, too, for they are kept by the servers of redis_urls, as durable as these make them.
        journal: JournalMode = JournalMode::Sync,
        /// The journal's folder. It is made if it is not there; no other process may use it.
        journal_folder: PathBuf = "data/sessions",
        /// Where the Redis of a journal is: redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], or redis+unix:///PATH.
        /// More than one are servers of one Redis Cluster; the others of it are found through any of them.
        redis_urls: Vec<RedisUrl> = [],
        /// What the names of all keys in Redis begin with. State servers with different users must not have the same.
        redis_prefix: String = "holdfast",
        /// Shard threads; 0 means one per core.
        shards: u32 [0..=limits::SHARDS_MAX] = 0,
        /// Keys that tokens are verified with, each as KID:ALG:SOURCE.
        /// ALG is HS256 or EdDSA. SOURCE is base64:TEXT or file:PATH: a secret of at least 32 bytes, or an Ed25519 public key (in a file, as PEM).
        @live token_keys: Vec<KeySpec> = [],
        /// What tokens must have as their audience.
        @live token_audience: String = "holdfast",
        /// How often a client shall give a sign of life.
        heartbeat_interval: Duration ["100ms"..="10m"] = limits::HEARTBEAT_INTERVAL,
        /// A connection without a sign of life for so long is given up, a 64th of that later at most.
        heartbeat_deadline: Duration ["500ms"..="1h"] = limits::HEARTBEAT_DEADLINE,
        /// A client shall acknowledge a push at the latest after this.
        ack_delay: Duration ["0s"..="10s"] = limits::ACK_DELAY,
        /// A client shall acknowledge when so many pushes wait for it.
        ack_every: u32 [1..=65_536] = limits::ACK_EVERY,
        /// A client's patience before it sends a command again.
        submit_timeout: Duration ["100ms"..="5m"] = limits::SUBMIT_TIMEOUT,
        /// Commands of a session that may be unanswered.
        uplink_window: u32 [1..=4096] = limits::UPLINK_WINDOW,
        /// Pushes of a session that are kept until they are acknowledged.
        @live in_flight_max: u32 [1..=1_048_576] = limits::IN_FLIGHT_MAX,
        /// A push that is not acknowledged for so long is sent again; the wait doubles with each try.
        @live resend_timeout: Duration ["100ms"..="5m"] = limits::RESEND_TIMEOUT,
        /// So many tries without any progress, then the connection is presumed dead.
        @live resend_tries: u32 [0..=16] = limits::RESEND_TRIES,
        /// How long a session outlives its connection and can be resumed; 0 means not at all.
        resume_grace: Duration ["0s"..="1d"] = limits::RESUME_GRACE,
        /// A gateway whose link is lost for so long counts as dead: its sessions wait for a resume.
        gateway_lease: Duration ["100ms"..="1h"] = limits::GATEWAY_LEASE,
        /// Clients reconnect after a random time below this, doubled with every failure.
        @live reconnect_base: Duration ["1ms"..="1m"] = limits::RECONNECT_BASE,
        /// The longest time that a client waits before it reconnects.
        @live reconnect_max: Duration ["1ms"..="1h"] = limits::RECONNECT_MAX,
        /// How long a login waits for the logic server.
        @live attach_deadline: Duration ["100ms"..="5m"] = limits::ATTACH_DEADLINE,
        /// So many devices of a class that a user may have at a time, as in ["phone=1", "desktop=1", "web=16"].
        /// A newer login beyond the number ends the oldest session of the class. The classes are phone, tablet, desktop, web and other; a token tells
        /// which (its claim cls). A class that is not named is limited by devices_per_user alone.
        @live devices: Vec<DeviceLimit> = [],
        /// Devices of all classes that a user may have at a time; a newer login beyond it ends the oldest session.
        @live devices_per_user: u32 [1..=limits::DEVICES_PER_USER_MAX] = limits::DEVICES_PER_USER,
        /// Sessions of one shard, at most.
        @live sessions_max: usize [1..=limits::SESSIONS_PER_SHARD_MAX] = limits::SESSIONS_PER_SHARD_MAX,
    }
    check mistakes
}

impl Config {
    /// What it says of the secrets of links.
    pub(crate) fn secrets(&self) -> Said<'_> {
        Said { secret: &self.rpc_secret, file: self.rpc_secret_file.as_ref() }
    }

    /// What every shard is told alike; who it is and what it checks tokens with comes from where it is started.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            heartbeat_interval: self.heartbeat_interval,
            heartbeat_deadline: self.heartbeat_deadline,
            ack_delay: self.ack_delay,
            ack_every: self.ack_every,
            submit_timeout: self.submit_timeout,
            uplink_window: self.uplink_window,
            in_flight_max: self.in_flight_max,
            resend_timeout: self.resend_timeout,
            resend_tries: self.resend_tries,
            resume_grace: self.resume_grace,
            gateway_lease: self.gateway_lease,
            reconnect_base: self.reconnect_base,
            reconnect_max: self.reconnect_max,
            attach_deadline: self.attach_deadline,
            devices: DevicePolicy::new(&self.devices, self.devices_per_user),
            sessions_max: self.sessions_max,
            ..Settings::new(Keys::new(&self.token_audience, Vec::new()))
        }
    }
}

/// What sessions outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalMode {
    /// Nothing: they are not written down.
    Off,
    /// This process: they are written down.
    Async,
    /// The machine's, too: they are on the disk.
    Sync,
    /// Its disk's, too: they are in Redis.
    Redis,
}

impl Setting for JournalMode {
    const KIND: &'static str = "sync|async|redis|off";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "async" => Ok(Self::Async),
            "sync" => Ok(Self::Sync),
            "redis" => Ok(Self::Redis),
            _ => Err("is none of sync, async, redis and off".into()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Off => "off",
            Self::Async => "async",
            Self::Sync => "sync",
            Self::Redis => "redis",
        }
        .into()
    }
}

impl Setting for KeySpec {
    const KIND: &'static str = "KID:ALG:SOURCE";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }

    fn show(&self) -> String {
        self.to_text()
    }
}

/// What no single value can tell; among it, what is in the files of the keys.
fn mistakes(config: &Config) -> Vec<(&'static str, String)> {
    let mut mistakes = Vec::new();
    mistakes.extend(config.secrets().mistakes(Some((&config.listen, "speak for any gateway"))));
    if config.token_keys.is_empty() {
        mistakes.push(("token_keys", "is empty: nobody could log in".into()));
    }
    let (_, unusable) = keys::load(&config.token_keys);
    mistakes.extend(unusable.into_iter().map(|text| ("token_keys", text)));
    for (place, key) in config.token_keys.iter().enumerate() {
        if config.token_keys[..place].iter().any(|other| other.kid == key.kid) {
            mistakes.push(("token_keys", format!("has more than one key of the name {:?}", key.kid)));
        }
    }
    if config.journal == JournalMode::Redis && config.redis_urls.is_empty() {
        mistakes
            .push(("redis_urls", "is empty: the journal is to be kept in Redis, and there is none".into()));
    }
    let named = |byte: u8| byte.is_ascii_graphic() && !b"{}*?[]\\".contains(&byte);
    if config.redis_prefix.is_empty() || !config.redis_prefix.bytes().all(named) {
        mistakes
            .push(("redis_prefix", "must be of visible ASCII characters, without any of {}*?[]\\".into()));
    }
    if config.token_audience.is_empty() {
        mistakes.push(("token_audience", "is empty".into()));
    }
    if config.heartbeat_deadline <= 2 * config.heartbeat_interval {
        mistakes.push(("heartbeat_deadline", "must be more than twice heartbeat_interval".into()));
    }
    if config.resend_timeout <= config.ack_delay {
        mistakes.push(("resend_timeout", "must be longer than ack_delay".into()));
    }
    if config.ack_every > config.in_flight_max {
        mistakes.push(("ack_every", "must not be more than in_flight_max".into()));
    }
    for (place, limit) in config.devices.iter().enumerate() {
        if config.devices[..place].iter().any(|other| other.class == limit.class) {
            mistakes.push(("devices", format!("has more than one number for {}", limit.class)));
        }
    }
    if config.reconnect_base > config.reconnect_max {
        mistakes.push(("reconnect_base", "must not be longer than reconnect_max".into()));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use ::settings::{Settings as _, Sources};

    use super::*;

    const KEY: &str = "a:HS256:base64:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

    fn load(flags: &[(&str, &str)]) -> Result<Config, String> {
        let flags: Vec<_> = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        Config::load(&Sources { flags: &flags, ..Sources::default() })
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn a_key_is_all_that_must_be_said() {
        let config = load(&[("token_keys", KEY)]).unwrap();
        assert_eq!((config.token_keys[0].show(), config.uplink_window), (KEY.to_owned(), 64));
    }

    #[test]
    fn the_links_are_not_offered_to_the_world() {
        let told = load(&[("token_keys", KEY), ("listen", "0.0.0.0:7410")]).unwrap_err();
        assert!(told.contains("is no loopback address"), "{told}");
    }

    #[test]
    fn a_journal_in_redis_needs_one_and_says_no_password() {
        let told = load(&[("token_keys", KEY), ("journal", "redis"), ("redis_prefix", "a{b")]).unwrap_err();
        assert!(told.contains("redis_urls") && told.contains("redis-prefix"), "{told}");
        let urls = "redis://:hunter2@127.0.0.1:7000,redis://:hunter2@127.0.0.1:7001";
        let config = load(&[("token_keys", KEY), ("journal", "redis"), ("redis_urls", urls)]).unwrap();
        assert!(config.redis_urls.len() == 2 && !format!("{config:?}").contains("hunter2"));
        assert!(!::settings::effective(&config).contains("hunter2"));
    }

    #[test]
    fn all_mistakes_are_told_at_once_and_no_secret_with_them() {
        let files = "b:HS256:file:/nowhere/key,b:HS256:file:/nowhere/other";
        let told = load(&[("token_keys", files), ("heartbeat_deadline", "31s"), ("reconnect_base", "1m")])
            .unwrap_err();
        for text in ["/nowhere/key", "/nowhere/other", "more than one key", "twice", "reconnect_max"] {
            assert!(told.contains(text), "{told}");
        }
        let told = load(&[("token_keys", "a:HS256:base64:c2VjcmV0")]).unwrap_err();
        assert!(told.contains("less than 32 bytes") && !told.contains("c2VjcmV0"), "{told}");
        assert!(load(&[]).unwrap_err().contains("nobody could log in"));
    }
}
