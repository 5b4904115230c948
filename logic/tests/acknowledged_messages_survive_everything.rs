//! Random interleavings of commands, retries, commits, lost answers, failing stores and power cuts, on both stores, against what a client may
//! believe: a message that was acknowledged is there once, where it was said to be, and each log is gapless and in each device's order.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod kit;

use std::collections::{BTreeMap, VecDeque};

use kit::*;
use logic::Device;
use logic::store::memory::MemoryStore;
use logic::store::sqlite::{Options, SqliteStore};
use logic::store::{Store, StoreError};
use proptest::prelude::*;
use proto::ids::ConversationId;
use proto::packet::{Body, RefusedCode, ServerBody};
use tempfile::TempDir;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// A device sends its next command to one of the conversations.
    Say { device: usize, to: usize },
    /// A device sends again all that is unanswered.
    Retry { device: usize },
    /// The batch ends; the answers arrive, or the link is lost first.
    Commit { answers_arrive: bool },
    /// One of the next calls of the store fails (memory only).
    Fail { calls: u32 },
    /// Power is lost in the middle of a batch.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..DEVICES.len(), 0..3usize).prop_map(|(device, to)| Step::Say { device, to }),
        2 => (0..DEVICES.len()).prop_map(|device| Step::Retry { device }),
        4 => any::<bool>().prop_map(|answers_arrive| Step::Commit { answers_arrive }),
        1 => (0..12u32).prop_map(|calls| Step::Fail { calls }),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..80)
}

const DEVICES: [(&str, &str); 4] =
    [("alice", "phone"), ("alice", "tablet"), ("bob", "phone"), ("carol", "phone")];

/// A store that can be lost and found.
trait Engine {
    type Store: Store;
    fn start(&mut self) -> Self::Store;
    fn lose_power(&mut self, store: Self::Store);
    fn fail(store: &mut Self::Store, calls: u32);
}

#[derive(Default)]
struct Memory(MemoryStore);

impl Engine for Memory {
    type Store = MemoryStore;
    fn start(&mut self) -> MemoryStore {
        std::mem::take(&mut self.0)
    }
    fn lose_power(&mut self, mut store: MemoryStore) {
        store.crash();
        self.0 = store;
    }
    fn fail(store: &mut MemoryStore, calls: u32) {
        store.fail_after(calls, StoreError::Transient("full".into()));
    }
}

/// A file, and the bytes of its tail.
struct Sqlite(TempDir, usize);

impl Engine for Sqlite {
    type Store = SqliteStore;
    fn start(&mut self) -> SqliteStore {
        let options = Options { cache_bytes: 1 << 20, checkpoint_pages: 16, tail_bytes: self.1 };
        SqliteStore::open(&self.0.path().join("store.db"), options).unwrap()
    }
    fn lose_power(&mut self, store: SqliteStore) {
        drop(store);
    }
    fn fail(_: &mut SqliteStore, _: u32) {}
}

/// What one device believes.
struct Client {
    device: Device,
    next: u64,
    /// In order of client_id: the number, where to, and the packet.
    unanswered: VecDeque<(u64, ConversationId, Vec<u8>)>,
    /// What was acknowledged: by conversation and seq.
    acknowledged: BTreeMap<(ConversationId, u64), u64>,
}

struct World<E: Engine> {
    engine: E,
    rig: Option<Rig<E::Store>>,
    clients: Vec<Client>,
    /// The requests of the batch: device, client_id, call.
    asked: Vec<(usize, u64, u64)>,
}

impl<E: Engine> World<E> {
    fn new(mut engine: E) -> Self {
        let mut rig = Rig::on(engine.start());
        rig.ask(&device("alice", "setup"), 1, group("g.club", &["bob", "carol"]));
        let client = |(uid, name): &(&str, &str)| Client {
            device: device(uid, name),
            next: 1,
            unanswered: VecDeque::new(),
            acknowledged: BTreeMap::new(),
        };
        Self { engine, rig: Some(rig), clients: DEVICES.iter().map(client).collect(), asked: Vec::new() }
    }

    fn rig(&mut self) -> &mut Rig<E::Store> {
        self.rig.as_mut().unwrap()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Say { device, to } => self.say(device, to),
            Step::Retry { device } => self.retry(device),
            Step::Commit { answers_arrive } => self.commit(answers_arrive),
            Step::Fail { calls } => E::fail(self.rig().logic.store_mut(), calls),
            Step::Crash => {
                let rig = self.rig.take().unwrap();
                self.engine.lose_power(rig.logic.into_store());
                self.rig = Some(Rig::on(self.engine.start()));
                self.asked.clear();
            }
        }
    }

    fn say(&mut self, device: usize, to: usize) {
        let client = &mut self.clients[device];
        let (n, uid) = (client.next, client.device.uid.as_str().to_owned());
        client.next += 1;
        let text = format!("{device} {n}");
        let other = ["alice", "bob", "g.club"][to];
        let (conversation, body) = match other.parse::<ConversationId>() {
            Ok(club) => (club.clone(), text_in(&club, &text)),
            Err(_) => (single(&uid, other), text_to(other, &text)),
        };
        client.unanswered.push_back((n, conversation, encode(n, body)));
        self.send(device, self.clients[device].unanswered.len() - 1);
    }

    fn retry(&mut self, device: usize) {
        (0..self.clients[device].unanswered.len()).for_each(|index| self.send(device, index));
    }

    fn send(&mut self, device: usize, index: usize) {
        let client = &self.clients[device];
        let (n, _, packet) = client.unanswered[index].clone();
        let from = client.device.clone();
        let call = self.rig().send(&from, packet);
        self.asked.push((device, n, call));
    }

    fn commit(&mut self, answers_arrive: bool) {
        let (out, _) = self.rig().commit();
        for (device, n, call) in std::mem::take(&mut self.asked) {
            if answers_arrive && let Some(answer) = reply(&out, call) {
                assert_eq!(answer.client_id, n);
                self.believe(device, n, answer.body);
            }
        }
    }

    fn believe(&mut self, device: usize, n: u64, answer: ServerBody) {
        let client = &mut self.clients[device];
        match answer {
            ServerBody::SubmitOk(ok) => {
                let place = (ok.conversation, ok.seq);
                let before = client.acknowledged.insert(place.clone(), n);
                assert!(before.is_none_or(|before| before == n), "two commands have one place");
                if let Some(at) = client.unanswered.iter().position(|(m, ..)| *m == n) {
                    assert_eq!(client.unanswered.remove(at).unwrap().1, place.0);
                }
            }
            ServerBody::Refused(refused) => assert!(
                matches!(refused.code, RefusedCode::Unavailable | RefusedCode::OutOfOrder),
                "{refused:?}"
            ),
            other => panic!("{other:?}"),
        }
    }

    /// The network and the store get well; everybody sends until all is answered. Then the logs must say what the clients believe.
    fn settle_and_check(mut self) {
        self.step(Step::Crash);
        for device in 0..self.clients.len() {
            self.retry(device);
            self.commit(true);
            assert!(self.clients[device].unanswered.is_empty(), "everything is answered in the end");
        }
        let mut logs: BTreeMap<ConversationId, Vec<String>> = BTreeMap::new();
        for device in 0..self.clients.len() {
            let client = &self.clients[device];
            let (from, said, believed) =
                (client.device.clone(), client.next - 1, client.acknowledged.clone());
            let mut numbers: Vec<_> = believed.values().copied().collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=said).collect::<Vec<_>>(), "each command has one place");
            let mut last_by_log = BTreeMap::new();
            for ((id, seq), n) in believed {
                let log =
                    logs.entry(id.clone()).or_insert_with(|| self.rig.as_mut().unwrap().log(&from, &id));
                assert_eq!(log[seq as usize - 1], format!("{device} {n}"));
                let last = last_by_log.insert(id, n);
                assert!(last.is_none_or(|last| last < n), "a device's order is the log's");
            }
        }
        let said: u64 = self.clients.iter().map(|client| client.next - 1).sum();
        assert_eq!(logs.values().map(Vec::len).sum::<usize>() as u64, said, "and nothing else is there");
    }
}

impl<S: Store> Rig<S> {
    /// The texts of a whole log, which must be gapless.
    fn log(&mut self, from: &Device, id: &ConversationId) -> Vec<String> {
        let (mut texts, mut next, mut time) = (Vec::new(), 1, 0);
        loop {
            let pulled = self.pulled(from, id, next, 0);
            for message in pulled.messages {
                assert_eq!(message.seq, texts.len() as u64 + 1, "a gap");
                assert!(message.time_ms >= time);
                time = message.time_ms;
                match message.body {
                    Body::Text(text) => texts.push(text),
                    Body::Data(data) => panic!("{data:?}"),
                }
            }
            next = pulled.next_seq;
            if next > pulled.head {
                return texts;
            }
        }
    }
}

fn run(engine: impl Engine, steps: Vec<Step>) {
    let mut world = World::new(engine);
    steps.into_iter().for_each(|step| world.step(step));
    world.settle_and_check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn on_a_store_in_memory(steps in steps()) {
        run(Memory::default(), steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn on_an_sqlite_file(steps in steps(), tail_bytes in 0..4000usize) {
        run(Sqlite(tempfile::tempdir().unwrap(), tail_bytes), steps);
    }
}
