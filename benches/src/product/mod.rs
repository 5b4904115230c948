//! Clients of other products, and of Holdfast, upon the same WebSocket code, who talk and ask what that cost the servers. Owns what all have in
//! common; what a product says is in the file of its [`Dialect`].

mod conn;
mod holdfast;
mod mqtt;
mod nats;
mod nchan;
mod talk;
mod xmpp;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use conn::Socket;
pub use talk::{Outcome, idle, talk};

/// A product, and the way to use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Product {
    /// Messages are on the disk before they are acknowledged.
    Holdfast,
    /// nginx with nchan: the publisher is told that the message is in shared memory.
    Nchan,
    /// MQTT 3.1.1 over WebSocket, QoS 1 on both ways.
    Mosquitto,
    /// The same, QoS 0.
    MosquittoQos0,
    /// NATS without any acknowledgement.
    Nats,
    /// NATS with a `JetStream` that acknowledges what it has in its file, not synced; receivers are told by NATS.
    NatsJetstream,
    /// XMPP with stream management on both sides.
    Ejabberd,
}

impl Product {
    /// What its clients say; `key` is that of Holdfast's tokens.
    pub fn dialect(self, key: Option<&PathBuf>) -> io::Result<Box<dyn Dialect>> {
        Ok(match self {
            Self::Holdfast => Box::new(holdfast::Holdfast::new(key)?),
            Self::Nchan => Box::new(nchan::Nchan),
            Self::Mosquitto => Box::new(mqtt::Mqtt { qos: 1 }),
            Self::MosquittoQos0 => Box::new(mqtt::Mqtt { qos: 0 }),
            Self::Nats => Box::new(nats::Nats { stream: false }),
            Self::Ejabberd => Box::new(xmpp::Xmpp),
            Self::NatsJetstream => Box::new(nats::Nats { stream: true }),
        })
    }
}

/// One client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The topic that it says something in, or listens to.
    pub room: usize,
    /// Nobody else of the room has this number; who speaks has 0.
    pub number: usize,
    /// How many listen in the room.
    pub listeners: usize,
}

impl Who {
    /// Whether it says something; the others listen.
    pub fn speaks(self) -> bool {
        self.number == 0
    }
}

/// What a message from a server was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Messages of this client that the server has acknowledged.
    pub acknowledged: u32,
    /// Messages for this client.
    pub delivered: u32,
}

/// What a client remembers of what it has heard.
#[derive(Debug, Default)]
pub struct Ear {
    /// Bytes of something that is not whole.
    pub left: Vec<u8>,
    /// What was delivered and is not acknowledged yet, by dialects that acknowledge many together.
    pub unacknowledged: u32,
    /// What has come since acknowledgements count.
    pub stanzas: u32,
}

/// What the clients of a product say and understand.
pub trait Dialect: Sync {
    /// The path and the subprotocol to ask for.
    fn door(&self, who: Who) -> (String, Option<&'static str>);

    /// Logs in and subscribes.
    fn enter(&self, who: Who, socket: &mut Socket) -> io::Result<()>;

    /// Appends frames that say the message of this number (1, 2, 3, …) to who listens in the room.
    fn say(&self, who: Who, number: u64, body: &str, out: &mut Vec<u8>);

    /// Takes a message from the server, and appends what it is to be answered with.
    fn hear(&self, ear: &mut Ear, message: &[u8], out: &mut Vec<u8>) -> io::Result<Heard>;

    /// Whether the server acknowledges what is said.
    fn acknowledges(&self) -> bool {
        true
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Work {
    /// Where the server is.
    pub address: SocketAddr,
    /// Its processes.
    pub pids: Vec<u32>,
    /// Rooms, each with one who speaks.
    pub rooms: usize,
    /// Who listens in each.
    pub listeners: usize,
    /// Messages of a room that are on the way.
    pub in_flight: usize,
    /// Bytes of a message.
    pub bytes: usize,
    /// How long it is measured.
    pub time: Duration,
}
