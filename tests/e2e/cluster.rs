//! Gateway, state and logic as three real processes: [`Cluster`], [`Server`]. Owns how they find one another, how they die and come back, and the key that
//! tokens are signed with.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use proto::device::DeviceClass;
use proto::time::Now;
use state::token::{Mint, mint};
use tempfile::TempDir;

use crate::holdfast::Holdfast;

/// What tokens call the key.
const KID: &str = "e2e";
/// The key itself; a file that is no base64 is the secret as it stands.
const SECRET: &[u8] = b"a secret that only the end-to-end tests sign with";

/// Three servers and their data, which is removed when this is dropped. Two reactors and two shards, whatever the machine has, so that messages cross
/// between them.
pub(crate) struct Cluster {
    // In the order in which they are to be dropped: nobody loses what stands behind them.
    pub(crate) gateway: Server,
    pub(crate) state: Server,
    pub(crate) logic: Server,
    folder: TempDir,
}

impl Cluster {
    /// Starts all three and waits until they are ready. Clients may connect at once: their logins wait for what is not linked yet.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more settings for the gateway.
    pub(crate) fn start_with(for_gateway: &[(&'static str, &str)]) -> Self {
        Self::arrange(for_gateway, &Links::default())
    }

    /// The same, with the links between the servers as they are said to be.
    pub(crate) fn linked_by(links: &Links) -> Self {
        Self::arrange(&[], links)
    }

    /// The same, with these settings for the state server.
    pub(crate) fn with_state(settings: &[(&'static str, &str)]) -> Self {
        let for_state = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self::arrange(&[], &Links { for_state, ..Links::default() })
    }

    fn arrange(for_gateway: &[(&'static str, &str)], links: &Links) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = folder.path().join("key");
        std::fs::write(&key, SECRET).expect("the temporary folder can be written");
        let store = folder.path().join("holdfast.db").display().to_string();
        let any = SocketAddr::from((own_address(), 0)).to_string();
        let listen = |part: &str| {
            let path = folder.path().join(format!("{part}.sock"));
            if links.by_unix_sockets { format!("unix:{}", path.display()) } else { any.clone() }
        };
        let more = |settings: Vec<(&'static str, String)>| [settings, links.settings.clone()].concat();

        // So small a tail that what is said reaches the tables in a test, too.
        let store = vec![("store", store), ("store-tail", "64KiB".into())];
        let logic = more([vec![("listen", listen("logic")), ("http", any.clone())], store].concat());
        let logic = Server::start("logic", logic);
        let keys = format!("{KID}:HS256:file:{}", key.display());
        let behind = ("logic", logic.told("listen"));
        let state = vec![("listen", listen("state")), ("admin", any.clone()), behind, ("token-keys", keys)];
        // Its log tells who logs in, and from where.
        let sessions = ("journal-folder", folder.path().join("sessions").display().to_string());
        let own = vec![sessions, ("shards", "2".into()), ("log", "info,state=debug".into())];
        let state = [state, own, links.for_state.clone()].concat();
        let state = Server::start("state", more(state));
        let behind = ("state", state.told("listen"));
        let gateway = vec![("listen", any.clone()), ("admin", any.clone()), behind, ("reactors", "2".into())];
        let runtime_dir = folder.path().join("run").display().to_string();
        let gateway = [gateway, vec![("runtime-dir", runtime_dir)]].concat();
        let asked = for_gateway.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let gateway = Server::start("gateway", more(gateway.into_iter().chain(asked).collect()));
        Self { gateway, state, logic, folder }
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.address("listen")
    }

    /// Starts one more gateway, with these settings on top.
    pub(crate) fn another_gateway(&self, more: &[(&'static str, &str)]) -> Server {
        let mut settings = self.gateway.settings.clone();
        let is_other = |known: &str| more.iter().any(|(name, _)| *name == known);
        settings.retain(|(name, _)| *name != "listen" && *name != "admin" && !is_other(name));
        let any = SocketAddr::from((own_address(), 0)).to_string();
        settings.extend([("listen", any.clone()), ("admin", any)]);
        settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Server::start("gateway", settings)
    }

    /// Starts one more state server with the same settings, elsewhere.
    pub(crate) fn another_state(&self) -> Server {
        let mut settings = self.state.settings.clone();
        settings.retain(|(name, _)| *name != "listen" && *name != "admin");
        let any = SocketAddr::from((own_address(), 0)).to_string();
        settings.extend([("listen", any.clone()), ("admin", any)]);
        Server::start("state", settings)
    }

    /// A folder for a test's own files.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// How the servers of a cluster are linked.
#[derive(Default)]
pub(crate) struct Links {
    /// Over Unix sockets in the cluster's folder, named `state.sock` and `logic.sock`, instead of TCP.
    pub(crate) by_unix_sockets: bool,
    /// What all three are told besides.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// What the state server is told besides.
    pub(crate) for_state: Vec<(&'static str, String)>,
}

/// A token that is good for an hour.
pub(crate) fn token(uid: &str) -> String {
    signed(uid, SECRET, SystemTime::now())
}

/// A token for a device of this class, with an id.
pub(crate) fn token_for(uid: &str, class: DeviceClass, id: &str) -> String {
    let uid = &uid.parse().expect("a uid");
    let audience = &state::Config::default().token_audience;
    let (class, id, ttl) = (Some(class), Some(id), Duration::from_hours(1));
    mint(Mint { kid: KID, audience, uid, device: None, class, id, ttl }, SECRET, now(SystemTime::now()))
}

/// A token that was good once.
pub(crate) fn expired_token(uid: &str) -> String {
    signed(uid, SECRET, SystemTime::now() - Duration::from_hours(2))
}

/// A token that somebody else has signed.
pub(crate) fn forged_token(uid: &str) -> String {
    signed(uid, b"a secret that the state server has never heard of", SystemTime::now())
}

fn signed(uid: &str, secret: &[u8], at: SystemTime) -> String {
    let audience = &state::Config::default().token_audience;
    let uid = &uid.parse().expect("a uid");
    let token =
        Mint { kid: KID, audience, uid, device: None, class: None, id: None, ttl: Duration::from_hours(1) };
    mint(token, secret, now(at))
}

fn now(at: SystemTime) -> Now {
    let unix_ms = at.duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_millis() as u64;
    Now { mono_ms: 0, unix_ms }
}

/// A loopback address for the servers of one cluster alone. A client's own end is at 127.0.0.1, so while a server is down none can take
/// its port: it can always come back on it.
fn own_address() -> Ipv4Addr {
    static CLUSTERS: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, CLUSTERS.fetch_add(1, Ordering::Relaxed).max(1), high, low.clamp(1, 254))
}

/// A server that can be killed and come back where it was.
pub(crate) struct Server {
    /// The subcommand that it is.
    pub(crate) part: &'static str,
    settings: Vec<(&'static str, String)>,
    process: Holdfast,
}

impl Server {
    /// Starts it, and from then on holds it to the ports that the system has chosen.
    fn start(part: &'static str, mut settings: Vec<(&'static str, String)>) -> Self {
        let process = start(part, &settings);
        for (name, value) in &mut settings {
            if let Some(bound) = process.ready.get(name.replace('-', "_")).and_then(serde_json::Value::as_str)
            {
                bound.clone_into(value);
            }
        }
        Self { part, settings, process }
    }

    /// Where it listens: "listen", "admin", "http".
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.process.address(&[name])
    }

    /// The same as it stands in the ready line, which may be no address of TCP.
    pub(crate) fn told(&self, name: &str) -> String {
        self.process.ready[name].as_str().expect("the ready line has it").to_owned()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.program.pid()
    }

    /// A setting that it was given.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Waits until it has said something: the line.
    pub(crate) fn has_said(&self, something: &str) -> String {
        self.process.program.has_said(something)
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits until it has ended: its exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.process.exit_code()
    }

    /// All it has said.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }

    /// Waits until it has said this so many times.
    pub(crate) fn await_times(&self, words: &str, times: usize) {
        self.process.program.await_times(words, times);
    }

    /// Waits until it has said this.
    pub(crate) fn await_words(&self, words: &str) {
        self.process.program.await_words(words);
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process.program.kill();
    }

    /// Ends it in good order.
    pub(crate) fn stop(&mut self) {
        self.process.program.signal("TERM");
        assert_eq!(self.process.exit_code(), Some(0), "{} stops in good order", self.part);
    }

    /// Changes a setting, for the next start.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.into()));
    }

    /// Starts it again, and waits until it is ready.
    pub(crate) fn start_again(&mut self) {
        self.process = start(self.part, &self.settings);
    }

    /// The same, with a fault in its system calls: see [`Holdfast::start_with_fault`].
    pub(crate) fn start_again_with_fault(&mut self, fault: &str) {
        let arguments = arguments(self.part, &self.settings);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.process = Holdfast::start_with_fault(&arguments, fault);
    }
}

fn start(part: &str, settings: &[(&str, String)]) -> Holdfast {
    let arguments = arguments(part, settings);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Holdfast::start(&arguments)
}

fn arguments(part: &str, settings: &[(&str, String)]) -> Vec<String> {
    // Should this process be killed itself, the system closes the other end of their stdin, and they end.
    let first = [part, "--stop-on-stdin-eof", "--log-format=text"].map(str::to_owned);
    first.into_iter().chain(settings.iter().map(|(name, value)| format!("--{name}={value}"))).collect()
}
