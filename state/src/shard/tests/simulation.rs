//! Clients, a gateway and a logic server of a few lines each, around a shard, under faults that a seed chooses. What must hold: a command is executed once and
//! in order, every command is answered in the end, pushes are numbered without a gap, nobody hears what is meant for another, and within a session whatever was pushed is
//! heard, once, or told to be pulled, over however many connections and deaths of the shard. It may die at any commit: of what it has recorded a beginning survives, and of what it has said
//! no more was heard than the records that survived allow.
//!
//! A failure prints its seed; `HOLDFAST_SEED=n` runs that one alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;

const SEEDS: u64 = 512;
const STEPS: u32 = 400;
const CLIENTS: usize = 6;

/// Xorshift64 (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

#[derive(Default)]
struct Client {
    uid: String,
    device: String,
    json: bool,
    conn: Option<ConnId>,
    online: bool,
    /// It has asked to take its session up.
    resuming: bool,
    /// Commands that were ever numbered, and those of them without an answer.
    numbered: u64,
    unanswered: Vec<u64>,
    push_seq: u64,
    /// The session that it knows, and its newest secret.
    session: Option<(String, Secret)>,
    /// What was pushed up to here is of no interest to the session.
    since: u64,
    /// What it has heard since, or was told to pull.
    heard: BTreeSet<u64>,
    /// Under which push_seq it has heard each message.
    numbers: BTreeMap<u64, u64>,
    told_everything: bool,
    blocked: bool,
}

impl Client {
    fn leave(&mut self) {
        (self.online, self.conn, self.blocked, self.resuming) = (false, None, false, false);
    }

    fn hear(&mut self, push_seq: u64, body: ServerBody) {
        match body {
            ServerBody::Push(message) => {
                let before = self.numbers.insert(message.seq, push_seq);
                assert!(before.is_none_or(|before| before == push_seq), "{} was pushed twice", message.seq);
                self.heard.insert(message.seq);
            }
            ServerBody::Resync(resync) => {
                self.told_everything |= resync.everything;
                self.heard.extend(resync.missed.iter().flat_map(|missed| missed.from_seq..=missed.to_seq));
            }
            _ => {}
        }
    }

    /// Whether it has heard, or must pull, all that was pushed to it in its session.
    fn check(&self, pushed: &BTreeMap<u64, String>) {
        let expected =
            pushed.range(self.since + 1..).filter(|(_, but)| self.uid == "bob" || **but != self.device);
        for (seq, _) in expected.filter(|_| self.uid != "carol" && !self.told_everything) {
            assert!(self.heard.contains(seq), "{} at {} has not heard {seq}", self.uid, self.device);
        }
    }

    fn form(&self) -> Form {
        if self.json { JSON } else { WEBSOCKET }
    }
}

/// Logic that executes in order and remembers.
#[derive(Default)]
struct Logic {
    up: bool,
    /// It fails now and then; then commands behind the failed one are out of order by rights.
    moody: bool,
    inbox: VecDeque<FromState>,
    executed: BTreeMap<(String, String), u64>,
    seq: u64,
    /// What the shard has not confirmed: it is pushed again when the link is back.
    unconfirmed: BTreeSet<u64>,
    /// What was pushed, and to which device of Alice's not.
    pushed: BTreeMap<u64, String>,
}

struct World {
    stage: Stage,
    random: Random,
    clients: Vec<Client>,
    logic: Logic,
    gateway_up: bool,
    generation: u16,
    /// The time of faults is over.
    healing: bool,
    in_flight_max: u32,
    /// How often the shard has died.
    deaths: u64,
}

/// A moment at which the journal may have ended: what it held, and what had been said.
struct CommitPoint {
    replay: Replay,
    to_gateway: usize,
    to_logic: usize,
    calls: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let client = |number: usize| Client {
            // Two devices of each of three users.
            uid: ["alice", "bob", "carol"][number / 2].into(),
            device: format!("device{}", number % 2),
            json: number.is_multiple_of(3),
            ..Client::default()
        };
        let in_flight_max = if seed.is_multiple_of(3) { 4 } else { proto::limits::IN_FLIGHT_MAX };
        Self {
            stage: Stage::with(|settings| settings.in_flight_max = in_flight_max),
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            clients: (0..CLIENTS).map(client).collect(),
            logic: Logic { up: true, moody: seed.is_multiple_of(2), ..Logic::default() },
            gateway_up: true,
            generation: 0,
            healing: false,
            in_flight_max,
            deaths: 0,
        }
    }

    fn step(&mut self) {
        let who = self.random.below(CLIENTS);
        match self.random.below(33) {
            0..8 => self.speak(who),
            8..12 => self.connect(who),
            12..24 => self.think(),
            24 => self.push(),
            25..27 => self.acknowledge(who),
            27 => match self.random.below(3) {
                0 => self.hang_up(who),
                1 => self.toggle_reader(who),
                // It leaves, and nobody has noticed when it comes back.
                _ => self.clients[who].leave(),
            },
            32 => self.die(),
            28 => self.toggle_gateway(),
            29 => self.toggle_logic(),
            _ => {
                let wait = Duration::from_millis(self.random.below(8000) as u64);
                self.stage.wait(wait);
                self.report_alive();
            }
        }
        self.settle();
    }

    /// A client numbers a new command, or sends any that has no answer: again, or before others.
    fn speak(&mut self, who: usize) {
        let client = &mut self.clients[who];
        if client.unanswered.len() < 6 {
            client.numbered += 1;
            client.unanswered.push(client.numbered);
        }
        let client_id = client.unanswered[self.random.below(client.unanswered.len())];
        self.send_command(who, client_id);
    }

    fn send_command(&mut self, who: usize, client_id: u64) {
        let client = &self.clients[who];
        if client.online {
            self.uplink(who, &submit_as(client.form().codec, client_id));
        }
    }

    fn uplink(&mut self, who: usize, packet: &[u8]) {
        if let Some(conn) = self.clients[who].conn.filter(|_| self.gateway_up) {
            self.stage.uplink(conn, packet);
        }
    }

    fn login(&self, who: usize) -> Vec<u8> {
        let client = &self.clients[who];
        packet(client.form().codec, 0, self.stage.login(&client.uid, &client.device))
    }

    /// What a client begins a connection with.
    fn first_packet(&mut self, who: usize) -> Vec<u8> {
        let client = &self.clients[who];
        let Some((session, secret)) = client.session.clone().filter(|_| self.random.below(4) > 0) else {
            return self.login(who);
        };
        let (uid, device) = (client.uid.parse().unwrap(), client.device.parse().unwrap());
        self.clients[who].resuming = true;
        let client = &self.clients[who];
        let resume = Resume { uid, device, session, secret, last_push_seq: client.push_seq };
        packet(client.form().codec, 0, ClientBody::Resume(resume))
    }

    fn toggle_reader(&mut self, who: usize) {
        if let Some(conn) = self.clients[who].conn.filter(|_| self.gateway_up) {
            let blocked = &mut self.clients[who].blocked;
            *blocked = !*blocked;
            let tell = if *blocked { link::blocked } else { link::writable };
            self.stage.gateway_says(HOME, |out| tell(out, conn));
        }
    }

    fn connect(&mut self, who: usize) {
        if self.gateway_up && self.clients[who].conn.is_none() {
            self.generation += 1;
            // Few indices, so that they are used again.
            let parts = conn(&self.clients[who].uid, who as u32).parts();
            let conn = ConnId::new(ConnParts { generation: self.generation, ..parts });
            self.clients[who].conn = Some(conn);
            let (first, form) = (self.first_packet(who), self.clients[who].form());
            self.stage.open(conn, form, &first);
        }
    }

    fn hang_up(&mut self, who: usize) {
        let conn = self.clients[who].conn;
        self.clients[who].leave();
        if let Some(conn) = conn
            && self.gateway_up
        {
            self.stage.gateway_says(HOME, |out| link::closed(out, conn, CloseReason::PeerClosed));
        }
    }

    fn acknowledge(&mut self, who: usize) {
        let Client { push_seq, online, .. } = self.clients[who];
        if online && push_seq > 0 {
            let ack = packet(self.clients[who].form().codec, 0, ClientBody::Ack { push_seq });
            self.uplink(who, &ack);
        }
    }

    fn report_alive(&mut self) {
        if self.gateway_up {
            let alive = (0..CLIENTS as u32).filter(|who| self.clients[*who as usize].conn.is_some());
            self.stage.gateway_says(HOME, |out| link::alive(out, alive));
        }
    }

    fn toggle_gateway(&mut self) {
        self.gateway_up = !self.gateway_up;
        if self.gateway_up {
            let live = self.clients.iter().filter_map(|client| Some((client.conn?, client.form())));
            let live: Vec<_> = live.collect();
            let heard = self.stage.link_gateway(HOME, 1, &live);
            heard.into_iter().for_each(|said| self.hear(said));
        } else {
            // What was being said is lost with the link.
            for _ in 0..self.random.below(4) {
                self.think();
                self.push();
            }
            self.stage.wires.gateways.clear();
            self.stage.handle(Input::GatewayDown(HOME));
        }
    }

    fn commit_point(&mut self) -> CommitPoint {
        let Wires { gateways, logic, calls, replay, .. } = &self.stage.wires;
        CommitPoint {
            replay: replay.clone(),
            to_gateway: gateways.get(&HOME.0).map_or(0, Vec::len),
            to_logic: logic.len(),
            calls: calls.len(),
        }
    }

    /// The shard dies in the midst of its work and begins again with what survived.
    fn die(&mut self) {
        self.settle();
        let mut points = vec![self.commit_point()];
        for _ in 0..self.random.below(6) {
            let who = self.random.below(CLIENTS);
            match self.random.below(6) {
                0 => self.speak(who),
                1 => self.push(),
                2 => self.acknowledge(who),
                3 => self.hang_up(who),
                4 => self.connect(who),
                _ => self.think(),
            }
            points.push(self.commit_point());
        }
        let survived = self.random.below(points.len());
        let heard = &points[self.random.below(survived + 1)];
        if let Some(said) = self.stage.wires.gateways.get_mut(&HOME.0) {
            said.truncate(heard.to_gateway);
        }
        self.stage.wires.logic.truncate(heard.to_logic);
        // Calls wait for no commit.
        let called = points[self.random.below(points.len())].calls;
        self.stage.wires.calls.truncate(called);
        let gateway_up = std::mem::take(&mut self.gateway_up);
        let asked = self.stage.asked();
        self.logic.inbox.extend(asked);
        self.stage.heard(HOME).into_iter().for_each(|said| self.hear(said));
        for _ in 0..self.random.below(4) {
            self.think();
        }
        self.logic.inbox.clear();
        self.deaths += 1;
        let replay = points.swap_remove(survived).replay;
        self.stage.begin_again(replay, 0xAB + self.deaths, self.in_flight_max);
        if gateway_up {
            self.toggle_gateway();
        }
        if self.logic.up {
            self.link_logic();
        }
    }

    /// The link to logic comes back, and it pushes again what the shard has not taken.
    fn link_logic(&mut self) {
        self.logic.inbox = self.stage.link_logic().into();
        let Taken { epoch, number } = self.stage.taken;
        if epoch == EPOCH {
            self.logic.unconfirmed.retain(|seq| *seq > number);
        }
        self.logic.unconfirmed.clone().into_iter().for_each(|seq| self.send_push(seq));
    }

    fn toggle_logic(&mut self) {
        self.logic.up = !self.logic.up;
        if self.logic.up {
            self.link_logic();
        } else {
            self.stage.handle(Input::LogicDown);
            // Some of what was asked is done, and its answer is lost.
            for _ in 0..self.random.below(4) {
                self.think();
            }
            self.logic.inbox.clear();
        }
    }

    /// Logic treats one thing that it was asked.
    fn think(&mut self) {
        let Some(asked) = self.logic.inbox.pop_front() else { return };
        match asked {
            FromState::Attach { call, uid, device } => {
                let last = self.logic.executed.get(&(uid.into(), device.into()));
                let last_client_id = last.copied().unwrap_or(0);
                self.stage.logic_says(FromLogic::Attached { call, last_client_id });
            }
            FromState::Request { call, uid, device, packet } => {
                let client_id = decode_client(Codec::Proto, &packet).unwrap().client_id;
                let fails = self.logic.moody && !self.healing && self.random.below(6) == 0;
                let last = self.logic.executed.entry((uid.into(), device.into())).or_default();
                let answer = match client_id.checked_sub(*last) {
                    Some(0) | None => submit_ok(client_id),
                    _ if fails => refusal(client_id, RefusedCode::Unavailable),
                    Some(1) => {
                        *last += 1;
                        submit_ok(client_id)
                    }
                    Some(_) => {
                        assert!(self.logic.moody, "command {client_id} came before {}", *last + 1);
                        refusal(client_id, RefusedCode::OutOfOrder)
                    }
                };
                self.stage.reply(call, answer);
            }
            FromState::PushesTaken { number } => self.logic.unconfirmed.retain(|seq| *seq > number),
            other => panic!("nobody has asked for {other:?}"),
        }
    }

    fn push(&mut self) {
        self.logic.seq += 1;
        let but = format!("device{}", self.random.below(2));
        self.logic.pushed.insert(self.logic.seq, but);
        self.logic.unconfirmed.insert(self.logic.seq);
        if self.logic.up {
            self.send_push(self.logic.seq);
        }
    }

    fn send_push(&mut self, seq: u64) {
        let but = self.logic.pushed[&seq].clone();
        let class = PushClass::Chat(Spot { conversation: "g.club".parse().unwrap(), seq });
        self.stage.push_numbered(&[("alice", Some(&but)), ("bob", None)], seq, class, seq);
    }

    /// Lets everything that was said arrive.
    fn settle(&mut self) {
        loop {
            self.logic.inbox.extend(self.stage.asked());
            let heard = self.stage.heard(HOME);
            if heard.is_empty() {
                return;
            }
            assert!(self.gateway_up, "said into the void");
            heard.into_iter().for_each(|said| self.hear(said));
        }
    }

    fn hear(&mut self, said: Said) {
        let (Said::Packet(conn, _) | Said::Close(conn, _)) = &said else { return };
        // A gateway drops what is for a connection that has gone.
        let Some(who) = self.clients.iter().position(|client| client.conn == Some(*conn)) else { return };
        match said {
            Said::Packet(_, packet) => self.read(who, packet),
            Said::Close(_, reason) => {
                let fenced =
                    matches!(reason, CloseReason::Internal | CloseReason::Replaced | CloseReason::Resumed);
                assert!(!fenced, "{reason:?}: no device has two connections here");
                self.hang_up(who);
            }
            Said::Welcome | Said::Superseded => {}
        }
    }

    fn read(&mut self, who: usize, packet: ServerPacket) {
        let client = &mut self.clients[who];
        let executed = self.logic.executed.get(&(client.uid.clone(), client.device.clone()));
        let executed = executed.copied().unwrap_or(0);
        match packet.body {
            ServerBody::LoginOk(ok) => {
                assert!(ok.last_client_id <= executed);
                (client.online, client.push_seq) = (true, 0);
                client.session = Some((ok.session, ok.secret.expect("a secret")));
                (client.since, client.told_everything) = (self.logic.seq, false);
                client.heard.clear();
                client.numbers.clear();
            }
            ServerBody::ResumeOk(ok) if ok.verdict == Verdict::Reset => {
                (client.session, client.resuming) = (None, false);
                let login = self.login(who);
                self.uplink(who, &login);
            }
            ServerBody::ResumeOk(ok) => {
                // It may be said to whoever has logged in and was not told so.
                if client.online || client.resuming {
                    let (_, secret) = client.session.as_mut().expect("it was resumed");
                    *secret = ok.secret.expect("the next secret");
                    (client.online, client.resuming) = (true, false);
                }
            }
            ServerBody::LoginRequired => {
                (client.online, client.resuming) = (false, false);
                let first = self.first_packet(who);
                self.uplink(who, &first);
            }
            ServerBody::SubmitOk(ok) => {
                assert_eq!(ok.seq, packet.client_id, "the answer to another command");
                assert!(packet.client_id <= executed, "nobody executed {}", packet.client_id);
                client.unanswered.retain(|client_id| *client_id != packet.client_id);
            }
            ServerBody::Push(_) | ServerBody::Resync(_) => {
                assert_ne!(client.uid, "carol");
                // Whose LoginOk was lost with a link does not yet know of its session.
                if client.online {
                    assert!(
                        packet.push_seq <= client.push_seq + 1,
                        "{} after {}",
                        packet.push_seq,
                        client.push_seq
                    );
                    client.push_seq = client.push_seq.max(packet.push_seq);
                    client.hear(packet.push_seq, packet.body);
                }
            }
            ServerBody::Refused(refused) => {
                let harmless = [RefusedCode::Unavailable, RefusedCode::OutOfOrder];
                assert!(harmless.contains(&refused.code), "{refused:?}");
            }
            ServerBody::Kicked { .. } | ServerBody::Heartbeat => {}
            ServerBody::GroupOk { .. } | ServerBody::Pulled(_) => panic!("nobody asked for that"),
            ServerBody::Move { .. } => panic!("only gateways say that"),
            ServerBody::Presence(_) => panic!("nobody is watched"),
        }
    }

    /// Everybody reads and acknowledges, until nothing more comes.
    fn catch_up(&mut self) {
        for who in 0..CLIENTS {
            if self.clients[who].blocked {
                self.toggle_reader(who);
            }
        }
        for _ in 0..3 {
            self.settle();
            (0..CLIENTS).for_each(|who| self.acknowledge(who));
        }
        self.settle();
        assert_eq!(self.stage.shard.in_flight(), 0);
        self.clients.iter().for_each(|client| client.check(&self.logic.pushed));
    }

    /// Without faults everything comes to a good end.
    fn heal(&mut self) {
        self.healing = true;
        if !self.gateway_up {
            self.toggle_gateway();
        }
        if !self.logic.up {
            self.toggle_logic();
        }
        for _ in 0..100 {
            self.settle();
            if self.clients.iter().all(|client| client.online && client.unanswered.is_empty()) {
                return self.catch_up();
            }
            for who in 0..CLIENTS {
                self.connect(who);
                for client_id in self.clients[who].unanswered.clone() {
                    self.send_command(who, client_id);
                }
            }
            self.settle();
            while !self.logic.inbox.is_empty() {
                self.think();
                self.settle();
            }
            // Whose login was lost on the way goes and comes again.
            for who in 0..CLIENTS {
                if !self.clients[who].online {
                    self.hang_up(who);
                }
            }
        }
        for client in &self.clients {
            assert!(client.online, "{} at {} stays out", client.uid, client.device);
            assert_eq!(client.unanswered, [0; 0], "{} at {}", client.uid, client.device);
        }
    }
}

#[test]
fn whatever_fails_and_comes_back_commands_are_executed_once_in_order_and_answered() {
    let only = std::env::var("HOLDFAST_SEED").ok().map(|seed| seed.parse().expect("a seed is a number"));
    for seed in only.map_or(1..=SEEDS, |seed| seed..=seed) {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            world.heal();
            let executed: u64 = world.logic.executed.values().sum();
            let numbered: u64 = world.clients.iter().map(|client| client.numbered).sum();
            assert_eq!(executed, numbered);
            assert!(world.stage.wires.dropped.is_empty() && !world.stage.wires.logic_dropped);
            let shard = &world.stage.shard;
            assert_eq!((shard.sessions(), shard.away(), shard.calls()), (CLIENTS, 0, 0));
            let counts = shard.counts();
            let deaths = world.deaths;
            println!(
                "{seed}: {deaths} deaths, then {} resumed, {} with a gap",
                counts.resumed, counts.resumed_with_gap
            );
        });
        assert!(run.is_ok(), "failed: run again with HOLDFAST_SEED={seed}");
    }
}
