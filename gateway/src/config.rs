//! What the gateway is told by its operator.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::limits;
use reactor::keyring::Said;
use settings::{ByteSize, LinkAddress, LogFilter, Secret, Setting};

use crate::shell::tls::identity;
use crate::{Cidr, Mode, Tls};

impl Setting for Mode {
    const KIND: &'static str = "MODE";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "relay" => Ok(Self::Relay),
            "echo" => Ok(Self::Echo),
            _ => Err("is no mode (expected relay or echo)".into()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Relay => "relay".into(),
            Self::Echo => "echo".into(),
        }
    }
}

impl Setting for Tls {
    const KIND: &'static str = "TLS";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "sniff" => Ok(Self::Sniff),
            "required" => Ok(Self::Required),
            _ => Err("is nothing that can be done with TLS (expected off, sniff or required)".into()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Off => "off".into(),
            Self::Sniff => "sniff".into(),
            Self::Required => "required".into(),
        }
    }
}

impl Setting for Cidr {
    const KIND: &'static str = "CIDR";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(String::from)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

settings::settings! {
    /// What the gateway is told by its operator.
    pub struct Config in "gateway" {
        /// What is done with messages: `relay` hands them to the state server, `echo` sends each one back, for measuring and conformance.
        mode: Mode = Mode::Relay,
        /// Address for clients: WebSocket and raw TCP on one port.
        listen: SocketAddr = "127.0.0.1:7400",
        /// Address for balancers, which begin each connection with a PROXY header (version 1 or 2) that tells the client's address; empty: none.
        proxy_listen: Option<SocketAddr> = None,
        /// Ranges of addresses, like 10.0.0.0/8: the balancers that proxy_listen takes connections from.
        @live proxy_from: Vec<Cidr> = [],
        /// Whether clients may (`sniff`) or must (`required`) speak TLS at listen and proxy_listen, or cannot (`off`). Without tls_cert they cannot.
        tls: Tls = Tls::Sniff,
        /// Address for clients that speak TLS and nothing else; empty: none.
        tls_listen: Option<SocketAddr> = None,
        /// The certificate for TLS, as a PEM file: our own, then those that lead to one that clients know.
        @live tls_cert: Option<PathBuf> = None,
        /// The private key of tls_cert, as a PEM file.
        @live tls_key: Option<PathBuf> = None,
        /// Threads that do the work of TLS handshakes; 0 means one for every two cores.
        tls_threads: u32 [0..=64] = 0,
        /// Address of the admin pages.
        admin: SocketAddr = "127.0.0.1:7401",
        /// What to log, like info or gateway=debug; nothing said: what RUST_LOG says, or info.
        @live log: LogFilter = "",
        /// Directory of the socket by which `holdfast upgrade` reaches this gateway; it is made if it is not there. Nothing said: what systemd gives the service, or
        /// `holdfast` in the user's runtime directory, or `holdfast-UID` where temporary files are.
        runtime_dir: Option<PathBuf> = None,
        /// Where the state server's RPC is: host:port, or unix:PATH on the same machine.
        state: LinkAddress = "127.0.0.1:7410",
        /// What this side and the other end of each link to the state server prove to one another that they know: at least 32 bytes, the same on both ends. With two, the first is
        /// used to dial and both are good for who dials us, so that one can be exchanged for another. None: nothing is proved.
        @live rpc_secret: Vec<Secret<String>> = [],
        /// A file with what rpc_secret would have, one a line.
        @live rpc_secret_file: Option<PathBuf> = None,
        /// This gateway's number, unique in the cluster.
        id: u32 [0..=4095] = 0,
        /// Reactor threads; 0 means one per core.
        reactors: u32 [0..=64] = 0,
        /// How long events may gather before a reactor looks again, while its turns find few: one waking then serves many connections, as with a network card's interrupt
        /// coalescing. For many reactors whose very many connections seldom say anything, and not for the sake of latency: with 20ms, 58 reactors spent a seventh less processor
        /// time on 33,000 heartbeats a second, and messages between two people took 22 ms where they took 1 without. 0 means not at all.
        coalesce: Duration ["0s"..="100ms"] = Duration::ZERO,
        /// From accept to the end of the first packet.
        @live handshake_deadline: Duration ["100ms"..="5m"] = limits::HANDSHAKE_DEADLINE,
        /// How long a client may take nothing of what waits for it, before it is closed.
        @live stall_deadline: Duration ["100ms"..="10m"] = limits::STALL_DEADLINE,
        /// Connections that each reactor takes; 0 means as many as it may open files for. A reactor that is nearly full leaves newcomers to the others.
        connections: u32 [0..=16_777_216] = 0,
        /// Handshakes that each reactor has under way at most; a handshake lasts from accept to the end of the first packet. A newcomer then takes the place of the
        /// oldest, if that has had a quarter of its time, and otherwise is turned away.
        handshakes: u32 [16..=1_000_000] = limits::HANDSHAKES_MAX,
        /// New handshakes that each reactor begins in a second; 0 means no limit. What is right depends on what is behind: with TLS a core manages some 2,000.
        handshake_rate: u32 = 0,
        /// Connections at a time from one IPv4 address or one IPv6 /64; 0 means no limit. There is none unless you say so, for behind one address may be one
        /// person, an office, a mobile network with a hundred thousand, or your own balancer. Several reactors hold a source to their shares, with some air.
        source_connections: u32 = 0,
        /// New connections a second from one IPv4 address or one IPv6 /64; 0 means no limit, for the same reason.
        source_rate: u32 = 0,
        /// New connections that may come at once from a source that has come slowly before.
        source_burst: u32 [1..=1_000_000] = 100,
        /// Networks whose connections are not counted for their source, like `10.0.0.0/8`: balancers, proxies, probes.
        source_exempt: Vec<Cidr> = [],
        /// From the first byte of a message to its last.
        message_deadline: Duration ["1s"..="1h"] = limits::MESSAGE_DEADLINE,
        /// Messages a second that one connection may send, pings and pongs included; 0 means no limit. Over it the connection is not read from until it may go on; nothing
        /// is lost. There is none unless you say so: what is much depends on what your clients do, and memory is bounded without it.
        message_rate: u32 = 0,
        /// Messages that a connection may send at once, if it has been silent before.
        message_burst: u32 [1..=1_000_000] = 100,
        /// Bytes a second that one connection may send; 0 means no limit.
        byte_rate: ByteSize = ByteSize(0),
        /// Bytes that a connection may send at once, if it has been silent before.
        byte_burst: ByteSize ["512"..="1GiB"] = ByteSize(4 * limits::PACKET_BYTES_MAX),
        /// Memory that the process may hold for all its clients: what they do not take, and parts of messages. Over it those for whom most is held are closed.
        client_memory: ByteSize ["16MiB"..="1024GiB"] = ByteSize(limits::CLIENT_MEMORY_MAX),
        /// Values of the Host header that are welcome in upgrade requests; none listed: all are.
        @live hosts: Vec<String> = [],
        /// Values of the Origin header that are welcome in upgrade requests; none listed: all are. Clients that send none always are.
        @live origins: Vec<String> = [],
        /// Paths at which clients are served; none listed: at all.
        @live paths: Vec<String> = [],
        /// Bytes of one message. Only an echo may take more than 64 KiB.
        message_bytes: ByteSize ["8KiB"..="256MiB"] = ByteSize(limits::PACKET_BYTES_MAX),
        /// Fragments of one message, empty ones counted.
        fragments: u32 [1..=1_000_000] = limits::FRAGMENTS_MAX,
        /// Compress WebSocket messages (permessage-deflate) of clients that offer it: less traffic, more processor time.
        deflate: bool = false,
        /// When the gateway is stopped its clients are let go evenly over this time, so that they do not all come back at once.
        @live drain: Duration ["0s"..="1h"] = Duration::from_secs(2),
        /// Where clients are then told to come back to, as host:port; nothing said: where they came from.
        @live drain_to: String = "",
    }
    check check
}

fn check(config: &Config) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if config.mode == Mode::Relay && config.message_bytes.0 > limits::PACKET_BYTES_MAX {
        wrong.push(("message_bytes", "is over 64KiB, which only mode = \"echo\" may take".into()));
    }
    let has_port =
        |address: &str| address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if !config.drain_to.is_empty() && !has_port(&config.drain_to) {
        wrong.push(("drain_to", "is no address (expected host:port)".into()));
    }
    if config.proxy_listen.is_some() && config.proxy_from.is_empty() {
        wrong.push(("proxy_from", "is empty, though proxy_listen takes connections from nobody else".into()));
    }
    wrong.extend(config.secrets().mistakes(None));
    if (1..limits::CONNECTIONS_MIN).contains(&config.connections) {
        let least = limits::CONNECTIONS_MIN;
        wrong.push((
            "connections",
            format!("is below {least}, which leaves no air (0 means what open files allow)"),
        ));
    }
    check_tls(config, &mut wrong);
    wrong.extend(rate_mistakes(config));
    wrong
}

/// A connection that is made to wait must not be taken for one that has died.
fn rate_mistakes(config: &Config) -> Vec<(&'static str, String)> {
    let longest = limits::THROTTLED_MAX.as_secs();
    let mut wrong = Vec::new();
    let (messages, burst) = (u64::from(config.message_rate), u64::from(config.message_burst));
    // The smallest frames that one read may bring, at 6 bytes each.
    let most = (limits::METERED_READ_BYTES_MIN as u64 / 6).max(burst * 4 / 3);
    if messages > 0 && most > messages * longest {
        wrong.push((
            "message_rate",
            format!("is so low that {most} messages of one read take over {longest}s"),
        ));
    }
    let (bytes, message) = (config.byte_rate.0 as u64, config.message_bytes.0 as u64);
    let most = message.max(config.byte_burst.0 as u64);
    if bytes > 0 && most > bytes * longest {
        wrong.push((
            "byte_rate",
            format!("is so low that {most} bytes, as many as may come at once, take over {longest}s"),
        ));
    }
    wrong
}

/// What no single value can tell about TLS; among it, what is in the files.
fn check_tls(config: &Config, wrong: &mut Vec<(&'static str, String)>) {
    match (&config.tls_cert, &config.tls_key) {
        (Some(certificate), Some(key)) => {
            if let Err(error) = identity::check(certificate, key) {
                wrong.push(("tls_cert", error.to_string()));
            }
        }
        (Some(_), None) => wrong.push(("tls_key", "is empty, though there is a tls_cert".into())),
        (None, Some(_)) => wrong.push(("tls_cert", "is empty, though there is a tls_key".into())),
        (None, None) if config.tls == Tls::Required => {
            wrong.push(("tls", "is required, and there is no tls_cert".into()));
        }
        (None, None) if config.tls_listen.is_some() => {
            wrong.push(("tls_listen", "is for TLS, and there is no tls_cert".into()));
        }
        (None, None) => {}
    }
}

impl Config {
    /// What it says of the secrets of links.
    pub(crate) fn secrets(&self) -> Said<'_> {
        Said { secret: &self.rpc_secret, file: self.rpc_secret_file.as_ref() }
    }

    /// The files of the certificate and its key.
    pub(crate) fn certificate(&self) -> Option<(&Path, &Path)> {
        Some((self.tls_cert.as_deref()?, self.tls_key.as_deref()?))
    }
}
