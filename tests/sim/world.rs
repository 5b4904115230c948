//! The simulated cluster: two gateways of one reactor each, a state server of one shard or two with a journal, one logic server with its store in memory, and people. Owns
//! the wires between them: bytes move, and commits happen, only when a test says so ([`World::read_client`] and its kin), or until nothing moves any more ([`World::settle`]).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use client::wire::{Received, Transport, Wire};
use client::{Command, Event, Machine};
use gateway::{Bounds, Door, Gateway, Mode, Tls};
use logic::store::memory::MemoryStore;
use logic::{Device, LinkId, Logic};
use proto::backend::{FromLogic, FromState, to_state};
use proto::close::CloseReason;
use proto::ids::{ConnId, DeviceId, Uid};
use proto::limits::{FRAGMENTS_MAX, PACKET_BYTES_MAX};
use proto::packet::{Body, ClientBody, ClientPacket, Login, Submit, Target};
use proto::rpc;
use proto::time::Now;
use proto::ws::Limits;
use state::journal::{Record, Replay};
use state::token::{Keys, Mint, mint};
use state::{GatewayLink, Shard};

const SECRET: &[u8] = b"a secret of thirty-two bytes ...";
const AUDIENCE: &str = "holdfast";
/// Gateways.
pub(crate) const GATES: usize = 2;
/// Where everybody comes from.
const PEER: ([u8; 4], u16) = ([192, 0, 2, 1], 9);

/// Everything.
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) gates: [Gate; GATES],
    pub(crate) hosts: Vec<Host>,
    pub(crate) logic: Logic<MemoryStore>,
    /// Within what it numbers its pushes.
    epoch: u64,
    pub(crate) people: Vec<Person>,
    /// What the shards counted: that are gone, and the one that is there.
    counted: Vec<state::Counts>,
    /// Pushes that a session keeps.
    in_flight_max: u32,
    /// The last link to logic.
    links: u64,
    boots: u64,
}

/// A state shard, and what is around it.
pub(crate) struct Host {
    pub(crate) shard: Shard,
    pub(crate) core: Core,
    /// Frames from logic that it has not read.
    pub(crate) from_logic: Vec<u8>,
    logic_link: LinkId,
}

/// A gateway, and what is around it.
pub(crate) struct Gate {
    pub(crate) machine: Gateway,
    pub(crate) edge: Edge,
    /// The shards to which its link stands.
    linked: BTreeSet<u32>,
}

/// What a gateway wants done.
#[derive(Default)]
pub(crate) struct Edge {
    consumed: usize,
    /// Bytes for each client that it has not read.
    pub(crate) sent: HashMap<u32, Vec<u8>>,
    /// Clients that will see the end after what was sent to them …
    finished: BTreeSet<u32>,
    /// … and those whose socket is closed, so that their index is free.
    closed: BTreeSet<u32>,
    resumed: Vec<u32>,
    /// Frames for each shard that it has not read.
    pub(crate) frames: Vec<Vec<u8>>,
    /// How many there are, once one has told.
    shards: u32,
    pub(crate) reasons: Vec<CloseReason>,
}

/// What a shard wants done.
#[derive(Default)]
pub(crate) struct Core {
    /// Frames for each gateway that wait for the journal …
    pub(crate) gateways: [Vec<u8>; GATES],
    /// … and for logic.
    pub(crate) logic: Vec<u8>,
    /// Frames that may go, and were not read.
    out_gateways: [Vec<u8>; GATES],
    out_logic: Vec<u8>,
    pub(crate) dropped: bool,
    /// What the journal tells …
    committed: Replay,
    /// … and the records that are not committed.
    records: Vec<u8>,
}

/// A device and the one who holds it.
pub(crate) struct Person {
    pub(crate) machine: Machine,
    pub(crate) wire: Wire,
    pub(crate) events: Vec<Event>,
    /// What it asked for and was not done yet.
    wanted: VecDeque<client::Output>,
    device: DeviceId,
    uid: Uid,
    transport: Transport,
    /// Which gateway it dials next.
    pub(crate) home: usize,
    /// Which gateway it dialed last.
    gate: usize,
    /// Its connection there.
    pub(crate) index: Option<u32>,
    /// It reads nothing, and the gateway has noticed.
    pub(crate) stalled: bool,
    /// Bytes that the gateway has not consumed.
    pub(crate) up: Vec<u8>,
    /// Bytes that the wire has not consumed.
    down: Vec<u8>,
}

impl World {
    /// A cluster whose links are up.
    pub(crate) fn new() -> Self {
        Self::with(1, proto::limits::IN_FLIGHT_MAX)
    }

    /// One of so many shards, whose sessions keep so many pushes.
    pub(crate) fn with(shards: u32, in_flight_max: u32) -> Self {
        let host = |shard| Host {
            shard: new_shard((shard, shards), 1, in_flight_max),
            core: Core::default(),
            from_logic: Vec::new(),
            logic_link: LinkId(0),
        };
        let mut world = Self {
            now: Now { mono_ms: 1_000, unix_ms: 1_800_000_000_000 },
            gates: std::array::from_fn(|gate| Gate::new(gate, 1)),
            hosts: (0..shards).map(host).collect(),
            logic: Logic::new(MemoryStore::default(), 1),
            epoch: 1,
            people: Vec::new(),
            counted: Vec::new(),
            in_flight_max,
            links: 0,
            boots: 1,
        };
        (0..world.hosts.len()).for_each(|host| world.connect_logic(host));
        (0..GATES).for_each(|gate| world.connect_gateway(gate));
        world.settle();
        world
    }

    /// Adds a person whose client begins to dial.
    pub(crate) fn join(&mut self, uid: &str, device: &str, transport: Transport) -> usize {
        let number = self.people.len();
        let uid: Uid = uid.parse().unwrap();
        let mut person = Person {
            machine: Machine::new(uid.clone(), number as u64 + 1),
            wire: Wire::new(transport, 1),
            events: Vec::new(),
            wanted: VecDeque::new(),
            device: device.parse().unwrap(),
            uid,
            transport,
            home: 0,
            gate: 0,
            index: None,
            stalled: false,
            up: Vec::new(),
            down: Vec::new(),
        };
        person.tell(self.now, client::Input::Start);
        self.people.push(person);
        self.settle();
        number
    }

    /// Gives a person's client a command to carry out.
    pub(crate) fn say(&mut self, person: usize, ticket: u64, to: &str, text: &str) {
        let submit = Submit { target: Target::User(to.parse().unwrap()), body: Body::Text(text.into()) };
        self.people[person].tell(self.now, client::Input::Command(ticket, Command::Submit(submit)));
    }

    // ---- One step each, in the order of a message's life ----

    /// A client does what it wants done: dials, writes.
    pub(crate) fn run_client(&mut self, person: usize) -> bool {
        let mut moved = false;
        while let Some(wanted) = self.people[person].wanted.pop_front() {
            moved = true;
            self.carry_out(person, wanted);
        }
        moved
    }

    /// The gateway reads what a client has written.
    pub(crate) fn read_client(&mut self, person: usize) -> bool {
        let Person { index: Some(index), gate, up, .. } = &mut self.people[person] else { return false };
        let gate = &mut self.gates[*gate];
        if up.is_empty() || gate.machine.appetite(*index) == 0 {
            return false;
        }
        let fresh = up.len();
        gate.handle(self.now, gateway::Input::Received { index: *index, bytes: up, fresh });
        let consumed = std::mem::take(&mut gate.edge.consumed);
        up.drain(..consumed);
        consumed > 0
    }

    /// Each shard reads what a gateway has written.
    pub(crate) fn read_gateway(&mut self, gate: usize) -> bool {
        let mut moved = false;
        for shard in self.gates[gate].linked.clone() {
            let frames = self.gates[gate].edge.frames.get_mut(shard as usize).map(std::mem::take);
            let (link, now) = (link_of(gate), self.now);
            let host = &mut self.hosts[shard as usize];
            moved |= for_each_frame(&frames.unwrap_or_default(), |kind, body| {
                host.handle(now, state::Input::FromGateway { link, kind, body });
            });
            host.end_turn();
        }
        moved
    }

    /// What a shard has recorded is durable, and what it has said may be heard.
    pub(crate) fn commit_journal(&mut self, host: usize) -> bool {
        self.hosts[host].core.commit()
    }

    /// Logic reads what a shard has written; nothing of it is visible yet.
    pub(crate) fn read_shard(&mut self, host: usize) -> bool {
        let Host { core, from_logic, logic_link, .. } = &mut self.hosts[host];
        let (frames, link, epoch) = (std::mem::take(&mut core.out_logic), *logic_link, self.epoch);
        for_each_frame(&frames, |kind, body| {
            let input = match FromState::decode(kind, body).unwrap() {
                FromState::Hello { shard, shard_count, taken, .. } => {
                    to_state(from_logic, FromLogic::Welcome { presence: true, epoch });
                    logic::Input::LinkUp { link, shard, shard_count, taken }
                }
                FromState::Attach { call, uid, device } => {
                    logic::Input::Attach { link, call, from: Device { uid, device } }
                }
                FromState::Request { call, uid, device, packet } => {
                    logic::Input::Request { link, call, from: Device { uid, device }, packet }
                }
                FromState::Revocation { call, uid, which } => {
                    logic::Input::Revocation { link, call, uid, which }
                }
                FromState::Presence(presence) => logic::Input::Presence { link, presence },
                FromState::PushesTaken { number } => logic::Input::PushesTaken { link, number },
                FromState::Report(_) => return,
            };
            self.logic.handle(self.now, input);
        })
    }

    /// Logic commits what it has read, and answers.
    pub(crate) fn commit(&mut self) -> bool {
        let mut outputs = Vec::new();
        self.logic.commit(&mut outputs).unwrap();
        let moved = !outputs.is_empty();
        for output in outputs {
            let (link, message) = match output {
                logic::Output::Attached { link, call, last_client_id } => {
                    (link, FromLogic::Attached { call, last_client_id })
                }
                logic::Output::Reply { link, call, packet } => (link, FromLogic::Reply { call, packet }),
                logic::Output::PresenceTaken { link } => (link, FromLogic::PresenceTaken),
                logic::Output::Kept { link, call } => (link, FromLogic::RevocationKept { call }),
                logic::Output::Order { link, order } => (link, FromLogic::Order(order)),
                logic::Output::Push { link, push } => (link, FromLogic::Push(push.to_push())),
            };
            if let Some(host) = self.hosts.iter_mut().find(|host| host.logic_link == link) {
                to_state(&mut host.from_logic, message);
            }
        }
        moved
    }

    /// A shard reads what logic has written.
    pub(crate) fn read_logic(&mut self, host: usize) -> bool {
        let (host, now) = (&mut self.hosts[host], self.now);
        let frames = std::mem::take(&mut host.from_logic);
        let moved = for_each_frame(&frames, |kind, body| {
            host.handle(now, state::Input::FromLogic { kind, body });
        });
        host.end_turn();
        moved
    }

    /// A gateway reads what the shards have written, and dials those that it has not known of.
    pub(crate) fn read_state(&mut self, gate: usize) -> bool {
        let mut moved = false;
        for (shard, host) in (0..).zip(&mut self.hosts) {
            let frames = std::mem::take(&mut host.core.out_gateways[gate]);
            moved |= for_each_frame(&frames, |kind, body| {
                self.gates[gate].handle(self.now, gateway::Input::FromState { shard, kind, body });
            });
        }
        if !self.gates[gate].linked.is_empty() {
            self.connect_gateway(gate);
        }
        moved
    }

    /// A client reads what the gateway has sent to it.
    pub(crate) fn read_edge(&mut self, person: usize) -> bool {
        let now = self.now;
        let Person { index: Some(index), gate, down, up, wire, stalled: false, .. } =
            &mut self.people[person]
        else {
            return false;
        };
        let edge = &mut self.gates[*gate].edge;
        let sent = edge.sent.remove(index).unwrap_or_default();
        let over = edge.finished.contains(index) || edge.closed.contains(index);
        if sent.is_empty() && !over {
            return false;
        }
        down.extend_from_slice(&sent);
        let mut received = Vec::new();
        let consumed = wire.receive(down, up, &mut received).unwrap();
        down.drain(..consumed);
        for event in received {
            match event {
                Received::Open => self.people[person].tell(now, client::Input::Connected),
                Received::Packet(packet) => self.people[person].tell(now, client::Input::Packet(packet)),
                Received::Closed { .. } => {}
            }
        }
        if over {
            self.hang_up(person);
            self.people[person].tell(now, client::Input::Disconnected);
        }
        true
    }

    // ---- All of them, and time ----

    /// Lets everything move until nothing does.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut moved = false;
            for person in 0..self.people.len() {
                moved |= self.run_client(person) | self.read_client(person);
            }
            for gate in 0..GATES {
                moved |= self.read_gateway(gate) | self.read_state(gate);
            }
            for host in 0..self.hosts.len() {
                moved |= self.read_shard(host) | self.commit() | self.read_logic(host);
                moved |= self.commit_journal(host);
            }
            for person in 0..self.people.len() {
                moved |= self.read_edge(person);
            }
            if !moved {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Lets time pass; what is due in it happens at its end.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.mono_ms += time.as_millis() as u64;
        self.now.unix_ms += time.as_millis() as u64;
        for person in &mut self.people {
            let mut out = Vec::new();
            person.machine.expire(self.now, &mut out);
            person.take(out);
        }
        for gate in &mut self.gates {
            gate.machine.expire(self.now, &mut gate.edge);
        }
        for host in &mut self.hosts {
            host.shard.expire(self.now, &mut host.core);
            host.end_turn();
        }
    }

    /// The sum of something that shards have counted.
    pub(crate) fn count(&self, of: impl Fn(&state::Counts) -> u64) -> u64 {
        self.counted.iter().chain(self.hosts.iter().map(|host| host.shard.counts())).map(of).sum()
    }

    /// The sum of something that is so at the moment in all shards.
    pub(crate) fn sum(&self, of: impl Fn(&Shard) -> usize) -> usize {
        self.hosts.iter().map(|host| of(&host.shard)).sum()
    }

    // ---- Faults ----

    /// A client's connection breaks; it notices at once.
    pub(crate) fn cut(&mut self, person: usize) {
        if self.people[person].index.is_some() {
            self.hang_up(person);
            self.people[person].tell(self.now, client::Input::Disconnected);
        }
    }

    /// The state server is killed and started again, empty, or with what is committed.
    pub(crate) fn kill_state(&mut self, journal: bool) {
        self.boots += 1;
        let count = self.hosts.len() as u32;
        for (number, host) in (0..).zip(&mut self.hosts) {
            self.counted.push(*host.shard.counts());
            let committed = std::mem::take(&mut host.core).committed;
            host.shard = new_shard((number, count), self.boots, self.in_flight_max);
            if journal {
                host.core.committed = committed.clone();
                host.shard.restore_taken(committed.taken());
                for durable in committed.into_sessions() {
                    assert!(host.shard.restore(self.now, durable, &mut host.core));
                }
            }
        }
        for gate in 0..GATES {
            let linked = std::mem::take(&mut self.gates[gate].linked);
            for shard in linked.iter().copied() {
                self.gates[gate].handle(self.now, gateway::Input::Disconnected { shard });
            }
            if !linked.is_empty() {
                self.connect_gateway(gate);
            }
        }
        for host in 0..self.hosts.len() {
            let link = self.hosts[host].logic_link;
            self.logic.handle(self.now, logic::Input::LinkDown { link });
            self.connect_logic(host);
        }
    }

    /// A gateway is killed and started again; its clients notice at once.
    pub(crate) fn kill_gateway(&mut self, gate: usize) {
        self.boots += 1;
        let linked = self.gates[gate].linked.clone();
        for person in 0..self.people.len() {
            if self.people[person].gate == gate && self.people[person].index.is_some() {
                self.drop_connection(person);
                self.people[person].tell(self.now, client::Input::Disconnected);
            }
        }
        linked.into_iter().for_each(|shard| self.hosts[shard as usize].lose_gateway(self.now, gate));
        self.gates[gate] = Gate::new(gate, self.boots);
        self.connect_gateway(gate);
    }

    /// A client reads nothing more, and its gateway notices; or it reads on.
    pub(crate) fn toggle_reader(&mut self, person: usize) {
        let Person { index: Some(index), gate, stalled, .. } = &mut self.people[person] else { return };
        *stalled = !*stalled;
        let gate = &mut self.gates[*gate];
        if !gate.edge.closed.contains(index) {
            let (index, stalled) = (*index, *stalled);
            let input =
                if stalled { gateway::Input::Blocked { index } } else { gateway::Input::Drained { index } };
            gate.handle(self.now, input);
        }
    }

    /// The clock on the wall is set.
    pub(crate) fn set_wall_clock(&mut self, unix_ms: u64) {
        self.now.unix_ms = unix_ms;
    }

    /// Logic is killed in the middle of whatever it does, and started again on what its store kept.
    pub(crate) fn kill_logic(&mut self) {
        self.epoch += 1;
        let old = std::mem::replace(&mut self.logic, Logic::new(MemoryStore::default(), self.epoch));
        let mut store = old.into_store();
        store.crash();
        self.logic = Logic::new(store, self.epoch);
        (0..self.hosts.len()).for_each(|host| self.cut_logic(host));
    }

    /// The link between a shard and logic breaks and comes back.
    pub(crate) fn cut_logic(&mut self, host: usize) {
        let Host { logic_link: link, .. } = self.hosts[host];
        self.logic.handle(self.now, logic::Input::LinkDown { link });
        self.hosts[host].handle(self.now, state::Input::LogicDown);
        self.hosts[host].core.logic.clear();
        self.hosts[host].core.out_logic.clear();
        self.connect_logic(host);
    }

    /// The link between a gateway and state breaks.
    pub(crate) fn cut_state(&mut self, gate: usize) {
        for shard in std::mem::take(&mut self.gates[gate].linked) {
            self.gates[gate].handle(self.now, gateway::Input::Disconnected { shard });
            self.hosts[shard as usize].lose_gateway(self.now, gate);
        }
    }

    fn connect_logic(&mut self, host: usize) {
        self.links += 1;
        self.hosts[host].logic_link = LinkId(self.links);
        self.hosts[host].from_logic.clear();
        self.hosts[host].handle(self.now, state::Input::LogicUp);
    }

    /// The link between a gateway and state is there (again).
    pub(crate) fn connect_gateway(&mut self, gate: usize) {
        let mut shard = 0;
        while shard < self.gates[gate].edge.shards.max(1) {
            if self.gates[gate].linked.insert(shard) {
                self.hosts[shard as usize].handle(self.now, state::Input::GatewayUp(link_of(gate)));
                self.gates[gate].handle(self.now, gateway::Input::Connected { shard });
            }
            shard += 1;
        }
    }

    fn carry_out(&mut self, person: usize, wanted: client::Output) {
        let now = self.now;
        match wanted {
            client::Output::Dial => {
                let peer = SocketAddr::from(PEER);
                let home = self.people[person].home;
                let gate = &mut self.gates[home];
                let (index, _) = gate.machine.accept(now, peer, Door::Clients, &mut gate.edge).unwrap();
                // Whoever had it before reads to the end of a socket of their own.
                let has = |person: &Person| person.gate == home && person.index == Some(index);
                if let Some(before) = self.people.iter().position(has) {
                    self.people[before].stalled = false;
                    self.read_edge(before);
                }
                // What it left unread went with its socket.
                self.gates[home].edge.forget(index);
                let person = &mut self.people[person];
                (person.gate, person.index, person.stalled) = (home, Some(index), false);
                person.wire = Wire::new(person.transport, u64::from(index) + 1);
                let (mut up, mut received) = (Vec::new(), Vec::new());
                person.wire.start(&"ws://example.com/".parse().unwrap(), &mut up, &mut received);
                person.up = up;
                if !received.is_empty() {
                    person.tell(now, client::Input::Connected);
                }
            }
            client::Output::Login => {
                let person = &mut self.people[person];
                let body = ClientBody::Login(person.login(now));
                person.wire.send(ClientPacket { client_id: 0, body }, &mut person.up);
            }
            client::Output::Resume(resumption) => {
                let person = &mut self.people[person];
                let packet = resumption.packet(person.uid.clone(), person.device.clone());
                person.wire.send(packet, &mut person.up);
            }
            client::Output::Send(packet) => {
                let person = &mut self.people[person];
                person.wire.send(packet, &mut person.up);
            }
            client::Output::Hangup => self.hang_up(person),
            client::Output::Moved(_) => {}
            client::Output::Event(event) => self.people[person].events.push(event),
        }
    }

    fn hang_up(&mut self, person: usize) {
        let Some((gate, index)) = self.drop_connection(person) else { return };
        let gate = &mut self.gates[gate];
        gate.edge.sent.remove(&index);
        gate.edge.finished.remove(&index);
        if !gate.edge.closed.contains(&index) {
            gate.handle(self.now, gateway::Input::Gone { index, reason: CloseReason::PeerReset });
        }
    }

    /// A client forgets its connection: which that was.
    fn drop_connection(&mut self, person: usize) -> Option<(usize, u32)> {
        let person = &mut self.people[person];
        person.up.clear();
        person.down.clear();
        person.stalled = false;
        person.index.take().map(|index| (person.gate, index))
    }
}

impl Gate {
    fn new(gate: usize, boot_epoch: u64) -> Self {
        Self {
            machine: new_gateway(gate as u16 + 1, boot_epoch),
            edge: Edge::default(),
            linked: BTreeSet::new(),
        }
    }

    fn handle(&mut self, now: Now, input: gateway::Input<'_>) {
        self.machine.handle(now, input, &mut self.edge).unwrap();
    }
}

impl Edge {
    /// A socket is another's from now on.
    fn forget(&mut self, index: u32) {
        self.closed.remove(&index);
        self.finished.remove(&index);
        self.sent.remove(&index);
    }
}

impl Host {
    fn handle(&mut self, now: Now, input: state::Input<'_>) {
        self.shard.handle(now, input, &mut self.core);
    }

    fn end_turn(&mut self) {
        self.shard.end_turn(&mut self.core);
    }

    fn lose_gateway(&mut self, now: Now, gate: usize) {
        self.handle(now, state::Input::GatewayDown(link_of(gate)));
        self.core.gateways[gate].clear();
        self.core.out_gateways[gate].clear();
    }
}

impl Core {
    fn commit(&mut self) -> bool {
        let mut records = &std::mem::take(&mut self.records)[..];
        while !records.is_empty() {
            self.committed.apply(Record::decode(&mut records).unwrap()).unwrap();
        }
        let mut moved = !self.logic.is_empty();
        self.out_logic.append(&mut self.logic);
        for (said, out) in self.gateways.iter_mut().zip(&mut self.out_gateways) {
            moved |= !said.is_empty();
            out.append(said);
        }
        moved
    }
}

fn link_of(gate: usize) -> GatewayLink {
    GatewayLink(gate as u32 + 1)
}

impl Person {
    fn tell(&mut self, now: Now, input: client::Input) {
        let mut out = Vec::new();
        self.machine.handle(now, input, &mut out);
        self.take(out);
    }

    fn take(&mut self, out: Vec<client::Output>) {
        self.wanted.extend(out);
    }

    fn login(&self, now: Now) -> Login {
        let Self { uid, device, .. } = self;
        let ttl = Duration::from_hours(1);
        let token = mint(
            Mint { kid: "test", audience: AUDIENCE, uid, device: None, class: None, id: None, ttl },
            SECRET,
            now,
        );
        Login { uid: uid.clone(), device: device.clone(), token, client: "sim".into() }
    }
}

fn new_gateway(gateway: u16, boot_epoch: u64) -> Gateway {
    Gateway::new(gateway::Settings {
        mode: Mode::Relay,
        limits: Limits { message_bytes: PACKET_BYTES_MAX, fragments: FRAGMENTS_MAX },
        deflate: false,
        tls: Tls::Off,
        gateway,
        reactor: 0,
        boot_epoch,
        tunables: Arc::default(),
        bounds: Bounds::default(),
    })
}

fn new_shard((shard, shard_count): (u32, u32), boot_epoch: u64, in_flight_max: u32) -> Shard {
    let spec = state::token::KeySpec::parse("test:HS256:base64:YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyAuLi4=")
        .unwrap();
    let keys = Keys::new(AUDIENCE, vec![spec.key(b"").unwrap()]);
    let settings = state::Settings::new(keys);
    Shard::new(state::Settings { shard, shard_count, boot_epoch, in_flight_max, ..settings })
}

fn for_each_frame(bytes: &[u8], mut take: impl FnMut(u8, &[u8])) -> bool {
    let mut at = 0;
    while let Some(found) = rpc::next(bytes, at).unwrap() {
        at = found.body.end;
        take(found.kind, &bytes[found.body]);
    }
    assert_eq!(at, bytes.len(), "machines write whole frames");
    at > 0
}

impl gateway::Output for Edge {
    fn consumed(&mut self, bytes: usize) {
        self.consumed = bytes;
    }
    fn send(&mut self, index: u32, parts: &[&[u8]]) -> usize {
        let sent = self.sent.entry(index).or_default();
        parts.iter().for_each(|part| sent.extend_from_slice(part));
        0
    }
    fn reply(&mut self, index: u32, bytes: &[u8]) {
        self.send(index, &[bytes]);
    }
    fn finish(&mut self, index: u32) {
        self.finished.insert(index);
    }
    fn close(&mut self, index: u32) {
        self.closed.insert(index);
    }
    fn secure(&mut self, index: u32) {
        unreachable!("nobody speaks TLS here: {index}")
    }
    fn resume(&mut self, index: u32) {
        self.resumed.push(index);
    }
    fn peer(&mut self, _: u32) -> SocketAddr {
        SocketAddr::from(PEER)
    }
    fn held_for(&mut self, _: u32) -> usize {
        0
    }
    fn shard(&mut self, shard: u32) -> &mut Vec<u8> {
        let wanted = self.frames.len().max(shard as usize + 1);
        self.frames.resize_with(wanted, Vec::new);
        &mut self.frames[shard as usize]
    }
    fn shards(&mut self, count: u32, anew: bool) {
        assert!(!anew, "they are as many as at first");
        self.shards = count;
    }
    fn ended(&mut self, _: u32, _: Option<ConnId>, reason: CloseReason) {
        self.reasons.push(reason);
    }
}

impl state::Output for Core {
    fn gateway(&mut self, link: GatewayLink) -> &mut Vec<u8> {
        &mut self.gateways[link.0 as usize - 1]
    }
    fn logic(&mut self) -> &mut Vec<u8> {
        &mut self.logic
    }
    fn drop_gateway(&mut self, _: GatewayLink) {
        self.dropped = true;
    }
    fn drop_logic(&mut self) {
        self.dropped = true;
    }
    fn event(&mut self, _: state::Event<'_>) {}
    fn record(&mut self, record: Record<'_>) {
        record.encode(&mut self.records);
    }
}
