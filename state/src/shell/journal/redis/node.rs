//! One Redis server: [`Node`]. Owns its connection, what must be known of it before it is trusted with anything (its scripts, what it keeps on its disk, whether it forgets),
//! and taking answers one by one; where it stands in a cluster is `servers`'.

use std::io;

use proto::limits::{REDIS_ANSWER_PATIENCE, REDIS_CONNECT_PATIENCE};
use redis::{ConnectionInfo, ErrorKind, RedisError, Value};

use super::request::command;
use super::script;

/// A server, whether there is a connection to it or not.
pub(super) struct Node {
    info: ConnectionInfo,
    connection: Option<redis::Connection>,
    /// It has the scripts, as far as is known.
    has_scripts: bool,
    /// What it told at its last greeting.
    pub(super) told: Told,
}

/// What a server tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Names this run of its process.
    pub(super) run_id: String,
    /// Every write is on its disk before it is answered.
    pub(super) syncs_always: bool,
}

/// An answer that is none.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The server says no: its error's first word, and the rest.
    Said(String, String),
    /// There is no connection any more.
    Lost(io::Error),
}

impl Refusal {
    /// For whoever cannot do anything about it.
    pub(super) fn into_io(self, of: &str) -> io::Error {
        match self {
            Self::Said(code, text) => {
                let kind = match &*code {
                    "NOAUTH" | "WRONGPASS" | "NOPERM" => io::ErrorKind::PermissionDenied,
                    _ => io::ErrorKind::Other,
                };
                io::Error::new(kind, format!("Redis at {of}: {code} {text}"))
            }
            Self::Lost(error) => io::Error::new(error.kind(), format!("Redis at {of}: {error}")),
        }
    }
}

impl From<RedisError> for Refusal {
    fn from(error: RedisError) -> Self {
        if let (ErrorKind::Server(_) | ErrorKind::Extension, Some(code)) = (error.kind(), error.code()) {
            return Self::Said(code.into(), error.detail().unwrap_or_default().into());
        }
        let kind = match error.kind() {
            ErrorKind::AuthenticationFailed => io::ErrorKind::PermissionDenied,
            ErrorKind::InvalidClientConfig => io::ErrorKind::InvalidInput,
            _ if error.is_timeout() => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        Self::Lost(io::Error::new(kind, error.to_string()))
    }
}

impl Node {
    /// A server that is not connected to yet.
    pub(super) fn new(info: ConnectionInfo) -> Self {
        Self { info, connection: None, has_scripts: false, told: Told::default() }
    }

    /// Where it is.
    pub(super) fn address(&self) -> String {
        self.info.addr().to_string()
    }

    /// What it is connected to by.
    pub(super) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// Makes sure that there is a connection, and that the server has the scripts; `true` if the connection is a new one.
    pub(super) fn connect(&mut self) -> Result<bool, Refusal> {
        if self.connection.is_some() {
            if !self.has_scripts {
                self.load_scripts()?;
            }
            return Ok(false);
        }
        let client = redis::Client::open(self.info.clone())?;
        let connection = client.get_connection_with_timeout(REDIS_CONNECT_PATIENCE)?;
        connection.set_read_timeout(Some(REDIS_ANSWER_PATIENCE))?;
        connection.set_write_timeout(Some(REDIS_ANSWER_PATIENCE))?;
        self.connection = Some(connection);
        let greeted = self.greet();
        if greeted.is_err() {
            self.connection = None;
        }
        greeted.map(|()| true)
    }

    /// Gives it the scripts, and asks what it is.
    fn greet(&mut self) -> Result<(), Refusal> {
        self.load_scripts()?;
        let info = self.ask(&[b"INFO"])?;
        let info = redis::from_redis_value::<String>(info).map_err(RedisError::from)?;
        let of = |key: &str| {
            info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap_or_default()
        };
        if of("maxmemory_policy").starts_with("allkeys") && of("maxmemory") != "0" {
            let text = "its maxmemory-policy lets it forget any key, sessions too: noeviction is needed";
            return Err(Refusal::Lost(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        let run_id = of("run_id").to_owned();
        let syncs_always = self.is_set("appendonly", "yes")? && self.is_set("appendfsync", "always")?;
        self.told = Told { run_id, syncs_always };
        Ok(())
    }

    /// Whether the server says so of its configuration. One that does not let itself be asked does not.
    fn is_set(&mut self, key: &str, value: &str) -> Result<bool, Refusal> {
        match self.ask(&[b"CONFIG", b"GET", key.as_bytes()]) {
            Ok(told) => {
                let told: Vec<String> = redis::from_redis_value(told).map_err(RedisError::from)?;
                Ok(told.get(1).is_some_and(|told| told == value))
            }
            Err(Refusal::Said(..)) => Ok(false),
            Err(lost) => Err(lost),
        }
    }

    fn load_scripts(&mut self) -> Result<(), Refusal> {
        for text in [script::TAKE, script::COMMIT] {
            self.ask(&[b"SCRIPT", b"LOAD", text.as_bytes()])?;
        }
        self.has_scripts = true;
        Ok(())
    }

    /// It has said that it does not know them: somebody has flushed them.
    pub(super) fn lacks_scripts(&mut self) {
        self.has_scripts = false;
    }

    /// Sends one command and takes its answer.
    pub(super) fn ask(&mut self, words: &[&[u8]]) -> Result<Value, Refusal> {
        let mut bytes = Vec::new();
        command(words, &mut bytes);
        self.send(&bytes)?;
        self.answer()
    }

    /// Sends commands.
    pub(super) fn send(&mut self, commands: &[u8]) -> Result<(), Refusal> {
        let connection = self.connection.as_mut().ok_or_else(not_connected)?;
        let sent = connection.send_packed_command(commands);
        self.judged(sent)
    }

    /// Takes the answer to the oldest command that has none.
    pub(super) fn answer(&mut self) -> Result<Value, Refusal> {
        let connection = self.connection.as_mut().ok_or_else(not_connected)?;
        let answer = connection.recv_response().and_then(Value::extract_error);
        self.judged(answer)
    }

    /// Gives up the connection if an error leaves open what was answered.
    fn judged<T>(&mut self, result: Result<T, RedisError>) -> Result<T, Refusal> {
        let result = result.map_err(Refusal::from);
        if let Err(Refusal::Lost(_)) = result {
            self.connection = None;
        }
        result
    }
}

fn not_connected() -> Refusal {
    Refusal::Lost(io::ErrorKind::NotConnected.into())
}
