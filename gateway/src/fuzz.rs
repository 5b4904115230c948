//! What must hold whatever peers send, for the fuzzer and for the test that replays its corpora (`fuzz/corpus`): one function for the whole machine, one
//! for the settings. Compiled for tests and under the feature `fuzz` only.
//!
//! The bytes are a story: operations of a shell, each a byte and what it needs. The shell keeps its own rules (it tells of a client only while that is
//! there, and of a shard's frames only while its link is up); what clients and shards say is up to the bytes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proto::close::CloseReason;
use proto::ids::ConnId;
use proto::limits::SHARD_OUT_BYTES_MAX;
use proto::link::FromGateway;
use proto::rpc;
use proto::time::Now;
use proto::ws::Limits;
use settings::Settings as _;

use crate::{
    Bounds, Config, Door, Gateway, HandshakeLimits, Input, Mode, Output, Settings, SourceLimits, Tls,
    Tunables,
};

/// No client is here for longer than this after all are asked to go: every deadline of the machine is over.
const ALL_OVER: Duration = Duration::from_hours(1);

/// A file of settings: it is refused, or all its values are read again as they are shown.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = settings::File { name: "fuzz", text, other_sections: &["state", "logic"] };
    let Ok(config) = Config::load(&settings::Sources { file: Some(file), ..Default::default() }) else {
        return;
    };
    let values = config.values();
    let again = Config::load(&settings::Sources { flags: &values, ..Default::default() });
    assert_eq!(again.expect("what was taken is taken again").values(), values);
}

/// A gateway's life, as the bytes tell it. The first byte chooses its settings.
pub fn machine(bytes: &[u8]) {
    let Some((kind, story)) = bytes.split_first() else { return };
    let mut shell = Shell::new(*kind);
    let mut story = Story(story);
    while let Some(operation) = story.byte() {
        shell.step(operation, &mut story);
        shell.frames_are_well_formed();
    }
    shell.ends();
}

/// What is left of the bytes.
struct Story<'a>(&'a [u8]);

impl<'a> Story<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A length of one byte, then as many bytes; the last may be short.
    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte().unwrap_or(0)).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }
}

/// A shell without sockets.
struct Shell {
    machine: Gateway,
    now: Now,
    done: Done,
    /// The link to each shard is up.
    links: Vec<bool>,
    draining: bool,
}

#[derive(Default)]
struct Done {
    consumed: usize,
    clients: HashMap<u32, Client>,
    frames: Vec<Vec<u8>>,
    shards: Option<(u32, bool)>,
}

/// A client's socket.
#[derive(Default)]
struct Client {
    /// Bytes that were not consumed yet.
    kept: Vec<u8>,
    /// Bytes that were sent to it.
    sent: usize,
    blocked: bool,
    finished: bool,
}

impl Output for Done {
    fn consumed(&mut self, bytes: usize) {
        self.consumed = bytes;
    }

    fn send(&mut self, index: u32, parts: &[&[u8]]) -> usize {
        let client = self.clients.get_mut(&index).expect("only who is there is spoken to");
        assert!(!client.finished, "nothing follows the last word");
        client.sent += parts.iter().map(|part| part.len()).sum::<usize>();
        if client.blocked { client.sent } else { 0 }
    }

    fn reply(&mut self, index: u32, bytes: &[u8]) {
        self.send(index, &[bytes]);
    }

    fn finish(&mut self, index: u32) {
        let client = self.clients.get_mut(&index).expect("only who is there is let go");
        assert!(!std::mem::replace(&mut client.finished, true), "a connection ends once");
    }

    fn close(&mut self, index: u32) {
        assert!(self.clients.remove(&index).is_some(), "only who is there is closed");
    }

    fn secure(&mut self, _: u32) {}

    fn resume(&mut self, _: u32) {}

    fn peer(&mut self, _: u32) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 9))
    }

    fn held_for(&mut self, index: u32) -> usize {
        self.clients.get(&index).map_or(0, |client| client.kept.len() + client.sent)
    }

    fn shard(&mut self, shard: u32) -> &mut Vec<u8> {
        &mut self.frames[shard as usize]
    }

    fn shards(&mut self, count: u32, anew: bool) {
        self.shards = Some((count, anew));
        if anew {
            self.frames.iter_mut().for_each(Vec::clear);
        }
        self.frames.resize_with(count as usize, Vec::new);
    }

    fn ended(&mut self, _: u32, _: Option<ConnId>, _: CloseReason) {}
}

impl Shell {
    fn new(kind: u8) -> Self {
        let mode = if kind & 1 == 0 { Mode::Relay } else { Mode::Echo };
        let mut bounds = Bounds::default();
        if kind & 4 != 0 {
            bounds.sources = SourceLimits { connections: 3, per_second: 4, burst: 2, exempt: Vec::new() };
            bounds.handshakes = HandshakeLimits { places: 2, per_second: 3 };
        }
        let settings = Settings {
            mode,
            bounds,
            gateway: 5,
            reactor: 1,
            boot_epoch: 77,
            tunables: Arc::new(Tunables {
                proxy_from: vec!["192.0.2.0/24".parse().expect("a range")],
                ..Tunables::default()
            }),
            deflate: kind & 2 != 0,
            tls: if kind & 8 == 0 { Tls::Off } else { Tls::Sniff },
            limits: Limits { message_bytes: 400, fragments: 4 },
        };
        let done = Done { frames: vec![Vec::new()], ..Done::default() };
        Self {
            machine: Gateway::new(settings),
            now: Now::default(),
            done,
            links: vec![false],
            draining: false,
        }
    }

    fn step(&mut self, operation: u8, story: &mut Story<'_>) {
        match operation % 16 {
            0 | 1 => self.accept(if operation == 1 { Door::Balancers } else { Door::Clients }),
            2..=6 => {
                let client = self.client(story);
                let bytes = story.bytes();
                client.into_iter().for_each(|index| self.receive(index, bytes));
            }
            7 | 8 => self.hear(story),
            9 => self.connect(story),
            10 => self.disconnect(self.shard(story)),
            11 => {
                let bytes = usize::from(story.byte().unwrap_or(0)) * SHARD_OUT_BYTES_MAX / 255;
                let shard = self.shard(story);
                self.tell(Input::Backlog { shard, bytes });
            }
            12 => {
                let client = self.client(story);
                client.into_iter().for_each(|index| self.block(index));
            }
            13 => {
                let kicked = operation & 16 != 0;
                if let Some(index) = self.client(story) {
                    self.tell(if kicked {
                        Input::Kick { index }
                    } else {
                        Input::Gone { index, reason: CloseReason::PeerReset }
                    });
                }
            }
            14 => self.wait(Duration::from_millis(1 << (story.byte().unwrap_or(0) % 16))),
            _ => self.drain(),
        }
    }

    fn accept(&mut self, door: Door) {
        if self.draining || self.done.clients.len() >= 8 {
            return;
        }
        let peer = self.done.peer(0);
        if let Ok((index, _)) = self.machine.accept(self.now, peer, door, &mut self.done) {
            let before = self.done.clients.insert(index, Client::default());
            assert!(before.is_none(), "an index is one client's");
        }
    }

    /// One of the clients that are there.
    fn client(&self, story: &mut Story<'_>) -> Option<u32> {
        let mut there: Vec<u32> = self.done.clients.keys().copied().collect();
        there.sort_unstable();
        let choice = usize::from(story.byte()?);
        (!there.is_empty()).then(|| there[choice % there.len()])
    }

    fn shard(&self, story: &mut Story<'_>) -> u32 {
        u32::from(story.byte().unwrap_or(0)) % self.links.len() as u32
    }

    fn receive(&mut self, index: u32, bytes: &[u8]) {
        if self.machine.appetite(index) == 0 {
            return;
        }
        let Some(client) = self.done.clients.get_mut(&index) else { return };
        let mut all = std::mem::take(&mut client.kept);
        all.extend_from_slice(bytes);
        self.done.consumed = 0;
        self.tell(Input::Received { index, bytes: &mut all, fresh: bytes.len() });
        assert!(self.done.consumed <= all.len(), "no more is consumed than there is");
        if let Some(client) = self.done.clients.get_mut(&index) {
            client.kept = all.split_off(self.done.consumed);
        }
    }

    fn hear(&mut self, story: &mut Story<'_>) {
        let shard = self.shard(story);
        let kind = story.byte().unwrap_or(0);
        let body = story.bytes();
        if !self.links[shard as usize] {
            return;
        }
        let input = Input::FromState { shard, kind, body };
        if self.machine.handle(self.now, input, &mut self.done).is_err() {
            self.disconnect(shard);
        }
        if let Some((count, anew)) = self.done.shards.take() {
            if anew {
                self.links.clear();
            }
            self.links.resize(count as usize, false);
        }
    }

    fn connect(&mut self, story: &mut Story<'_>) {
        let shard = self.shard(story);
        if !std::mem::replace(&mut self.links[shard as usize], true) {
            self.tell(Input::Connected { shard });
        }
    }

    fn disconnect(&mut self, shard: u32) {
        if std::mem::replace(&mut self.links[shard as usize], false) {
            self.tell(Input::Disconnected { shard });
        }
    }

    /// Lets a client block, or go on if it was blocked.
    fn block(&mut self, index: u32) {
        let Some(client) = self.done.clients.get_mut(&index) else { return };
        client.blocked = !client.blocked;
        client.sent = 0;
        let input = if client.blocked { Input::Blocked { index } } else { Input::Drained { index } };
        self.tell(input);
    }

    fn drain(&mut self) {
        if !std::mem::replace(&mut self.draining, true) {
            self.tell(Input::Drain);
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now.mono_ms = self.now.after(time);
        self.machine.expire(self.now, &mut self.done);
        let next = self.machine.next_deadline();
        assert!(next.is_none_or(|next| next > self.now.mono_ms), "what was due is done");
    }

    fn tell(&mut self, input: Input<'_>) {
        self.machine.handle(self.now, input, &mut self.done).expect("only a frame can be a shard's fault");
    }

    /// Shards understand what they are told, and it leaves at the end of the turn.
    fn frames_are_well_formed(&mut self) {
        for bytes in &mut self.done.frames {
            let mut at = 0;
            while let Some(found) = rpc::next(bytes, at).expect("frames are within bounds") {
                at = found.body.end;
                FromGateway::decode(found.kind, &bytes[found.body]).expect("a shard understands it");
            }
            assert_eq!(at, bytes.len(), "frames are whole");
            bytes.clear();
        }
    }

    /// Whatever happened, everybody has left in the end, and the books are right.
    fn ends(mut self) {
        assert_eq!(self.machine.connections(), self.done.clients.len());
        self.drain();
        self.wait(ALL_OVER);
        self.wait(ALL_OVER);
        assert_eq!((self.machine.connections(), self.done.clients.len()), (0, 0), "nobody stays");
        let counts = self.machine.counts();
        assert_eq!(counts.closed.iter().sum::<u64>(), counts.accepted, "each ended for one reason");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use crate::handover::fuzz as handover;

    type Target = fn(&[u8]);

    const TARGETS: [(&str, Target); 5] = [
        ("gateway", super::machine),
        ("handover_intake", handover::intake),
        ("handover_message", handover::message),
        ("handover_snapshot", handover::snapshot),
        ("settings", super::settings),
    ];

    #[test]
    fn the_corpora_are_replayed_with_all_beginnings_of_their_inputs() {
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
            let inputs =
                fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            let mut count = 0;
            for input in inputs {
                let bytes = fs::read(input.unwrap().path()).unwrap();
                (0..=bytes.len()).for_each(|end| target(&bytes[..end]));
                count += 1;
            }
            assert!(count > 0, "{name} has no inputs");
        }
    }
}
