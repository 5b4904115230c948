//! Clients that nobody here wrote, as child processes: [`Foreign`]. Owns finding and starting them and the packets they need to log in; the programs are in
//! `tests/foreign`, and what they say in a conversation is the tests'.

use std::collections::VecDeque;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use proto::ws::Subprotocol;
use serde_json::{Value, json};

use crate::cluster::{Cluster, token};
use crate::program::Program;

/// Whose WebSocket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// The Python package `websockets`.
    Python,
    /// The npm package `ws`.
    Node,
}

/// A device that a foreign program speaks for. It is as simple as a client can be: it neither reconnects nor retries.
pub(crate) struct Foreign {
    program: Program,
    last_client_id: u64,
    /// Packets that nobody has asked for yet.
    told: VecDeque<Value>,
}

impl Foreign {
    /// Starts the program and logs in.
    pub(crate) fn online(cluster: &Cluster, library: Library, subprotocol: Subprotocol, uid: &str) -> Self {
        let url = format!("ws://{}/", cluster.address());
        Self::online_at(cluster, &url, library, subprotocol, uid)
    }

    /// Starts the program, has it connect to this URL and trust whoever this certificate says, and logs in.
    pub(crate) fn online_trusting(
        cluster: &Cluster,
        url: &str,
        trusted: Option<&Path>,
        library: Library,
        subprotocol: Subprotocol,
        uid: &str,
    ) -> Self {
        let mut command = match library {
            Library::Python => python(&descriptors(cluster), url, subprotocol),
            Library::Node => node(url, subprotocol),
        };
        if let Some(trusted) = trusted {
            let variable = match library {
                Library::Python => "SSL_CERT_FILE",
                Library::Node => "NODE_EXTRA_CA_CERTS",
            };
            command.env(variable, trusted);
        }
        command.env_remove("http_proxy").env_remove("https_proxy");
        let program = Program::start(format!("{library:?} for {uid}"), command);
        let mut foreign = Self { program, last_client_id: 0, told: VecDeque::new() };
        let login = json!({ "uid": uid, "device": "foreign", "token": token(uid), "client": "foreign" });
        foreign.send(&json!({ "login": login }));
        foreign.wait("loginOk");
        foreign
    }

    /// Starts the program, has it connect to this URL, and logs in.
    pub(crate) fn online_at(
        cluster: &Cluster,
        url: &str,
        library: Library,
        subprotocol: Subprotocol,
        uid: &str,
    ) -> Self {
        Self::online_trusting(cluster, url, None, library, subprotocol, uid)
    }

    /// Says something to a user, and waits until it is durable: its seq.
    pub(crate) fn say(&mut self, to: &str, text: &str) -> u64 {
        self.last_client_id += 1;
        let client_id = self.last_client_id.to_string();
        self.send(&json!({ "clientId": client_id, "submit": { "to": to, "text": text } }));
        let answer = self.wait("submitOk");
        assert_eq!(answer["clientId"], *client_id);
        number(&answer["submitOk"]["seq"])
    }

    /// Waits for the next message of another: from whom, at which seq, and what.
    pub(crate) fn hear(&mut self) -> (String, u64, String) {
        let push = self.wait("push");
        let message = &push["push"]["message"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&message["sender"]), number(&message["seq"]), text(&message["text"]))
    }

    /// Logs out: the close code that the server gives.
    pub(crate) fn log_out(mut self) -> u64 {
        self.send(&json!({ "logout": {} }));
        let closed = self.wait("closed");
        assert!(self.program.ended().0.success());
        closed["closed"].as_u64().expect("a code")
    }

    /// Waits for a packet with this body.
    fn wait(&mut self, body: &str) -> Value {
        if let Some(at) = self.told.iter().position(|packet| packet.get(body).is_some()) {
            return self.told.remove(at).expect("it was found there");
        }
        loop {
            let line = self.program.line();
            let packet: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            if let Some(push_seq) = packet.get("pushSeq") {
                self.send(&json!({ "ack": { "pushSeq": push_seq } }));
            }
            if packet.get(body).is_some() {
                return packet;
            }
            self.told.push_back(packet);
        }
    }

    fn send(&mut self, packet: &Value) {
        self.program.say(&packet.to_string());
    }
}

/// A 64-bit number, which the protobuf JSON mapping writes as text.
fn number(value: &Value) -> u64 {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{value} is no number in text"))
}

fn python(descriptors: &Path, url: &str, subprotocol: Subprotocol) -> Command {
    let mut command = Command::new(tool("HOLDFAST_TEST_PYTHON", "python/bin/python"));
    command.arg(file("tests/foreign/chat.py")).args([url, subprotocol.name()]).arg(descriptors);
    command
}

fn node(url: &str, subprotocol: Subprotocol) -> Command {
    let modules = tool("HOLDFAST_TEST_NODE_PATH", "node/node_modules");
    let mut command = Command::new("node");
    command.arg(file("tests/foreign/chat.mjs")).args([url, subprotocol.name()]);
    command.arg(file("proto/schema/holdfast/client/v1/packet.proto")).arg(modules);
    command
}

/// The schema in the form that other languages' protobuf libraries read.
fn descriptors(cluster: &Cluster) -> PathBuf {
    let path = cluster.folder().join("descriptors");
    std::fs::write(&path, codegen::descriptors().expect("the schema is sound")).expect("a file of our own");
    path
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where `scripts/test` has put a tool: it says so in a variable, and in its default place we find it without.
fn tool(variable: &str, place: &str) -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_holdfast"));
    let tools = binary.ancestors().nth(2).expect("the target folder").join("tools");
    let path = env::var_os(variable).map_or_else(|| tools.join(place), PathBuf::from);
    assert!(
        path.exists(),
        "{} is not there: scripts/test installs the foreign clients and sets {variable}",
        path.display()
    );
    path
}
