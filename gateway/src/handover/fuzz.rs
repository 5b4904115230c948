//! What must hold whatever a snapshot says, for the fuzzer and the tests. Compiled for tests and under the feature `fuzz` only.

use std::net::SocketAddr;
use std::sync::Arc;

use proto::close::CloseReason;
use proto::ids::ConnId;
use proto::time::Now;
use proto::ws::Limits;

use super::message::Message;
use super::snapshot::Snapshot;
use super::taker::Intake;
use crate::{Bounds, Gateway, Input, Mode, Output, Settings, Tls};

/// A shell that has nobody.
#[derive(Debug, Default)]
struct Nowhere {
    frames: Vec<u8>,
}

impl Output for Nowhere {
    fn consumed(&mut self, _: usize) {}
    fn send(&mut self, _: u32, _: &[&[u8]]) -> usize {
        0
    }
    fn reply(&mut self, _: u32, _: &[u8]) {}
    fn finish(&mut self, _: u32) {}
    fn close(&mut self, _: u32) {}
    fn secure(&mut self, _: u32) {}
    fn resume(&mut self, _: u32) {}
    fn peer(&mut self, _: u32) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 9))
    }
    fn held_for(&mut self, _: u32) -> usize {
        0
    }
    fn shard(&mut self, _: u32) -> &mut Vec<u8> {
        &mut self.frames
    }
    fn shards(&mut self, _: u32, _: bool) {}
    fn ended(&mut self, _: u32, _: Option<ConnId>, _: CloseReason) {}
}

/// A snapshot: it is refused, or a machine is put together from it that has as many connections as it tells of, and can go on.
pub fn snapshot(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::decode(bytes) else { return };
    let head = snapshot.head;
    let settings = Settings {
        gateway: head.gateway,
        reactor: head.reactor,
        boot_epoch: head.boot_epoch,
        mode: Mode::Relay,
        limits: Limits { message_bytes: 400, fragments: 4 },
        deflate: false,
        tls: Tls::Off,
        tunables: Arc::default(),
        bounds: Bounds::default(),
    };
    let (mut machine, mut out) = (Gateway::new(settings), Nowhere::default());
    let now = Now { mono_ms: 1_000_000, unix_ms: 0 };
    if machine.take_over(&snapshot, &mut out).is_err() {
        return;
    }
    for record in snapshot.records() {
        let record = record.expect("every record was read before");
        if machine.adopt(now, &record).is_err() {
            return;
        }
    }
    machine.took_over(now, &snapshot, &mut out);
    assert!(machine.connections() <= snapshot.records().count());
    for record in snapshot.records().flatten() {
        let more = b"\x82\x85\0\0\0\0hello";
        let mut rest = [record.held.rest, more].concat();
        let input = Input::Received { index: record.index, bytes: &mut rest, fresh: more.len() };
        machine.handle(now, input, &mut out).expect("a client is no shard");
    }
    machine.expire(Now { mono_ms: u64::MAX / 2, unix_ms: 0 }, &mut out);
}

/// The messages of a reactor, each with a length of two bytes before it and a byte that tells how many descriptors come with it.
pub fn intake(mut bytes: &[u8]) {
    let mut intake = Intake::default();
    while let Some(([low, high, attached], rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (message, rest) = rest.split_at(length);
        bytes = rest;
        if intake.take(message, usize::from(*attached)).is_err() {
            return;
        }
        if let Some(bytes) = intake.snapshot() {
            snapshot(bytes);
        }
    }
}

/// Messages of the main threads: what is read is written the same way again.
pub fn message(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        assert_eq!(Message::decode(&message.encode()), Ok(message));
    }
}
