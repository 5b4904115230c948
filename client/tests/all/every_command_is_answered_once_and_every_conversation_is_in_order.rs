//! The machine against the model edge on virtual time, over a connection that breaks, delays, repeats, reorders and loses: whatever happens, once it
//! stops happening every command and pull has exactly one answer, and every conversation has been delivered in the order of its log, whole.

use std::collections::BTreeMap;

use super::edge::{Device, Edge};
use client::{Answer, Command, Event, Input, Machine, Output, Ticket};
use proptest::prelude::*;
use proto::ids::{ConversationId, Uid};
use proto::packet::{
    Body, ClientBody, ClientPacket, LoginOk, Message, Missed, Pull, Refused, RefusedCode, Resume, ResumeOk,
    Resync, Secret, ServerBody, ServerPacket, Submit, Target, Verdict,
};
use proto::time::Now;

/// What the test does to the client and to its connection.
#[derive(Clone, Debug)]
enum Action {
    /// The app says something.
    Submit(u8),
    /// The app asks for history; of the fourth conversation, which does not exist, too.
    Pull(u8, u64),
    /// Somebody else says something.
    Say(u8),
    /// A seq is skipped, as after a crash of logic.
    Skip(u8),
    /// The connection breaks; what is on the way is lost.
    Break,
    /// The state server forgets the session, the connection stays.
    ForgetSession,
    /// The server has no room for the next pushes, and tells what to pull after them.
    Lag(u8),
    /// Logic is away for the next commands and pulls.
    Unavailable(u8),
    /// The next pushes are lost on their way to the state server.
    LosePushes(u8),
    /// The next pushes take so much longer to the state server, and others overtake them.
    DelayPushes(u8, u16),
    /// The next pushes come twice.
    RepeatPushes(u8),
    /// Everything that the server says takes so long from now on.
    Slow(u16),
    /// Nothing, for so long.
    Wait(u16),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let conversation = 0..3u8;
    let action = prop_oneof![
        8 => conversation.clone().prop_map(Action::Submit),
        2 => (0..4u8, 0..5u64).prop_map(|(of, from)| Action::Pull(of, from)),
        8 => conversation.clone().prop_map(Action::Say),
        1 => conversation.prop_map(Action::Skip),
        2 => Just(Action::Break),
        1 => Just(Action::ForgetSession),
        1 => (1..6u8).prop_map(Action::Lag),
        2 => (1..6u8).prop_map(Action::Unavailable),
        2 => (1..6u8).prop_map(Action::LosePushes),
        2 => (1..4u8, 1..300u16).prop_map(|(count, ms)| Action::DelayPushes(count, ms)),
        1 => (1..4u8).prop_map(Action::RepeatPushes),
        1 => (0..1500u16).prop_map(Action::Slow),
        6 => (0..400u16).prop_map(Action::Wait),
    ];
    prop::collection::vec(action, 1..120)
}

#[derive(Default)]
struct Faults {
    unavailable: u8,
    lose: u8,
    delay: (u8, u64),
    repeat: u8,
    lag: u8,
    slow_ms: u64,
}

struct World {
    now: Now,
    machine: Machine,
    edge: Edge,
    alice: Device,
    faults: Faults,
    /// Whether there is a connection, and a session for it.
    connected: bool,
    session: bool,
    /// Whether the server has a session, with or without a connection.
    kept: bool,
    /// Which secret the client has shown, and which is the newest.
    secrets: (u8, u8),
    push_seq: u64,
    acked: u64,
    /// Pushes that are not acknowledged, and what there was no room for.
    unacked: BTreeMap<u64, ServerPacket>,
    missed: BTreeMap<ConversationId, (u64, u64)>,
    resumed: u32,
    /// On the way, by time and order: to the server and to the client.
    up: BTreeMap<(u64, u64), ClientPacket>,
    down: BTreeMap<(u64, u64), ServerPacket>,
    /// On the way between logic and the state server.
    late: BTreeMap<(u64, u64), Message>,
    order: u64,
    last_down_ms: u64,
    tickets: Ticket,
    answers: BTreeMap<Ticket, Vec<Result<Answer, String>>>,
    /// Whether each pull was of a conversation that exists, and whether its answers were histories.
    histories: BTreeMap<Ticket, (bool, Vec<bool>)>,
    delivered: BTreeMap<ConversationId, Vec<Message>>,
}

fn conversation(number: u8) -> ConversationId {
    match number {
        0 => ConversationId::single(&uid("alice"), &uid("bob")),
        n => format!("g.{n}").parse().unwrap(),
    }
}

fn uid(name: &str) -> Uid {
    name.parse().unwrap()
}

impl World {
    fn new() -> Self {
        let mut edge = Edge::new(LoginOk {
            submit_timeout_ms: 500,
            uplink_window: 4,
            ack_every: 3,
            ack_delay_ms: 50,
            reconnect_base_ms: 10,
            reconnect_max_ms: 200,
            ..LoginOk::default()
        });
        for number in 0..3 {
            let members = vec![uid("alice"), uid("bob")];
            edge.conversations
                .insert(conversation(number), super::edge::Conversation { members, ..Default::default() });
        }
        Self {
            now: Now { mono_ms: 1000, unix_ms: 0 },
            machine: Machine::new(uid("alice"), 1),
            edge,
            alice: (uid("alice"), "phone".into()),
            faults: Faults::default(),
            connected: false,
            session: false,
            kept: false,
            secrets: (0, 0),
            push_seq: 0,
            acked: 0,
            unacked: BTreeMap::new(),
            missed: BTreeMap::new(),
            resumed: 0,
            up: BTreeMap::new(),
            down: BTreeMap::new(),
            late: BTreeMap::new(),
            order: 0,
            last_down_ms: 0,
            tickets: 0,
            answers: BTreeMap::new(),
            histories: BTreeMap::new(),
            delivered: BTreeMap::new(),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Submit(number) => self.submit(number),
            Action::Pull(number, from_seq) => {
                self.tickets += 1;
                self.histories.insert(self.tickets, (number < 3, Vec::new()));
                let pull = Pull { conversation: conversation(number), from_seq, limit: 2 };
                self.give(Input::Pull(self.tickets, pull));
            }
            Action::Say(number) => self.somebody_says(number),
            Action::Skip(number) => {
                self.edge.conversations.get_mut(&conversation(number)).unwrap().head += 1;
            }
            Action::Break => self.lose_connection(),
            Action::ForgetSession => {
                self.kept = false;
                if self.session {
                    self.session = false;
                    self.say_down(ServerPacket::plain(ServerBody::LoginRequired));
                }
            }
            Action::Lag(count) => self.faults.lag = count,
            Action::Unavailable(count) => self.faults.unavailable = count,
            Action::LosePushes(count) => self.faults.lose = count,
            Action::DelayPushes(count, ms) => self.faults.delay = (count, u64::from(ms)),
            Action::RepeatPushes(count) => self.faults.repeat = count,
            Action::Slow(ms) => self.faults.slow_ms = u64::from(ms),
            Action::Wait(ms) => self.run_for(u64::from(ms)),
        }
    }

    fn submit(&mut self, number: u8) {
        self.tickets += 1;
        self.answers.insert(self.tickets, Vec::new());
        let target = match number {
            0 => Target::User(uid("bob")),
            n => Target::Conversation(conversation(n)),
        };
        let body = Body::Text(self.tickets.to_string());
        self.give(Input::Command(self.tickets, Command::Submit(Submit { target, body })));
    }

    fn somebody_says(&mut self, number: u8) {
        let target = match number {
            0 => Target::User(uid("alice")),
            n => Target::Conversation(conversation(n)),
        };
        let body = Body::Text("from bob".into());
        let message = self.edge.say(&uid("bob"), Submit { target, body }).unwrap();
        self.push(message);
    }

    fn lose_connection(&mut self) {
        if self.connected {
            (self.connected, self.session) = (false, false);
            self.up.clear();
            self.down.clear();
            self.give(Input::Disconnected);
        }
    }

    fn run_for(&mut self, ms: u64) {
        let end = self.now.mono_ms + ms;
        loop {
            let arrivals = [self.up.keys().next(), self.down.keys().next(), self.late.keys().next()];
            let next = arrivals.into_iter().flatten().map(|(at, _)| *at);
            let next = next.chain(self.machine.next_deadline(self.now)).min().unwrap_or(u64::MAX);
            if next > end {
                break;
            }
            self.now.mono_ms = self.now.mono_ms.max(next);
            let due = (self.now.mono_ms, u64::MAX);
            if let Some(first) = self.up.first_entry().filter(|first| *first.key() <= due) {
                let packet = first.remove();
                self.at_server(packet);
            } else if let Some(first) = self.down.first_entry().filter(|first| *first.key() <= due) {
                let packet = first.remove();
                self.give(Input::Packet(packet));
            } else if let Some(first) = self.late.first_entry().filter(|first| *first.key() <= due) {
                let message = first.remove();
                self.push_now(message);
            } else {
                let mut out = Vec::new();
                self.machine.expire(self.now, &mut out);
                self.carry_out(out);
            }
        }
        self.now.mono_ms = end;
    }

    fn give(&mut self, input: Input) {
        let mut out = Vec::new();
        self.machine.handle(self.now, input, &mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Dial => {
                    assert!(!self.connected);
                    self.connected = true;
                    self.give(Input::Connected);
                }
                Output::Resume(resumption) => {
                    let device = self.alice.1.parse().unwrap();
                    self.say_up(resumption.packet(self.alice.0.clone(), device));
                }
                Output::Login => self.say_up(ClientPacket {
                    client_id: 0,
                    body: ClientBody::Logout, // stands for a login, whose contents do not matter here
                }),
                Output::Send(packet) => self.say_up(packet),
                Output::Hangup => {
                    (self.connected, self.session) = (false, false);
                    self.up.clear();
                    self.down.clear();
                }
                Output::Moved(_) => {}
                Output::Event(event) => self.note(event),
            }
        }
    }

    fn say_up(&mut self, packet: ClientPacket) {
        assert!(self.connected, "nothing is sent into nothing");
        self.order += 1;
        self.up.insert((self.now.mono_ms + 1, self.order), packet);
    }

    fn say_down(&mut self, packet: ServerPacket) {
        self.order += 1;
        // What the server says on a connection keeps its order.
        self.last_down_ms = self.last_down_ms.max(self.now.mono_ms + 1 + self.faults.slow_ms);
        self.down.insert((self.last_down_ms, self.order), packet);
    }

    fn push(&mut self, message: Message) {
        if self.faults.lose > 0 {
            self.faults.lose -= 1;
        } else if self.faults.delay.0 > 0 {
            self.faults.delay.0 -= 1;
            self.order += 1;
            self.late.insert((self.now.mono_ms + self.faults.delay.1, self.order), message);
        } else {
            self.push_now(message);
        }
    }

    fn push_now(&mut self, message: Message) {
        if !self.kept {
            return;
        }
        if self.faults.lag > 0 {
            let missed = self.missed.entry(message.conversation).or_insert((message.seq, message.seq));
            *missed = (missed.0.min(message.seq), missed.1.max(message.seq));
            self.faults.lag -= 1;
            if self.faults.lag == 0 {
                self.resync();
            }
        } else {
            self.track(ServerBody::Push(message));
        }
    }

    /// Sends what must be acknowledged, and keeps it until it is.
    fn track(&mut self, body: ServerBody) {
        self.push_seq += 1;
        let packet = ServerPacket { push_seq: self.push_seq, client_id: 0, body };
        self.unacked.insert(self.push_seq, packet.clone());
        if !self.session {
            return;
        }
        if self.faults.repeat > 0 {
            self.faults.repeat -= 1;
            self.say_down(packet.clone());
        }
        self.say_down(packet);
    }

    fn resync(&mut self) {
        let missed = std::mem::take(&mut self.missed).into_iter();
        let missed =
            missed.map(|(conversation, (from_seq, to_seq))| Missed { conversation, from_seq, to_seq });
        self.track(ServerBody::Resync(Resync { missed: missed.collect(), everything: false }));
    }

    fn resume(&mut self, resume: &Resume) {
        let Secret([number, ..]) = resume.secret;
        let good = number == self.secrets.0 || number == self.secrets.1;
        let mut ok = ResumeOk { verdict: Verdict::Reset, secret: None, last_client_id: 0, server_time_ms: 0 };
        if self.kept {
            assert!(good, "the client shows its newest secret: {number}, not one of {:?}", self.secrets);
            self.secrets = (number, self.secrets.1.wrapping_add(1));
            self.session = true;
            self.resumed += 1;
            self.acknowledged(resume.last_push_seq);
            (ok.verdict, ok.secret) = (Verdict::Complete, Some(Secret([self.secrets.1; 16])));
        }
        self.say_down(ServerPacket::plain(ServerBody::ResumeOk(ok)));
        if self.kept {
            self.unacked.clone().into_values().for_each(|packet| self.say_down(packet));
        }
    }

    fn acknowledged(&mut self, push_seq: u64) {
        assert!(push_seq <= self.push_seq && push_seq >= self.acked);
        self.acked = push_seq;
        self.unacked = self.unacked.split_off(&(push_seq + 1));
    }

    fn at_server(&mut self, packet: ClientPacket) {
        if self.session {
            self.secrets.0 = self.secrets.1;
        }
        match packet.body {
            ClientBody::Logout => {
                (self.session, self.kept, self.push_seq, self.acked) = (true, true, 0, 0);
                self.secrets = (self.secrets.1.wrapping_add(1), self.secrets.1.wrapping_add(1));
                self.unacked.clear();
                self.missed.clear();
                let ServerBody::LoginOk(mut ok) = self.edge.login_ok(&self.alice) else {
                    panic!("it is one")
                };
                ok.secret = Some(Secret([self.secrets.0; 16]));
                self.say_down(ServerPacket::plain(ServerBody::LoginOk(ok)));
            }
            ClientBody::Resume(resume) => self.resume(&resume),
            _ if !self.session => {}
            ClientBody::Heartbeat => self.say_down(ServerPacket::plain(ServerBody::Heartbeat)),
            ClientBody::Ack { push_seq } => {
                self.acknowledged(push_seq);
            }
            _ if self.faults.unavailable > 0 => {
                self.faults.unavailable -= 1;
                let refused = Refused::new(RefusedCode::Unavailable, "", "");
                self.say_down(ServerPacket::answer(packet.client_id, ServerBody::Refused(refused)));
            }
            _ => {
                let effects = self.edge.handle(&self.alice, packet);
                effects.answer.into_iter().for_each(|answer| self.say_down(answer));
            }
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Answered(ticket, result) => {
                let result = result.map_err(|failure| failure.to_string());
                self.answers.get_mut(&ticket).expect("asked for").push(result);
            }
            Event::History(ticket, result) => {
                self.histories.get_mut(&ticket).expect("asked for").1.push(result.is_ok());
            }
            Event::Delivered(message) => {
                self.delivered.entry(message.conversation.clone()).or_default().push(message);
            }
            Event::LoggedIn { .. } | Event::Resumed { .. } | Event::Offline { .. } => {}
            Event::Presence(users) => panic!("{users:?}"),
            Event::Kicked(reason, _) => panic!("{reason:?}"),
            Event::Refused(refused) => panic!("{refused:?}"),
            Event::Stopped(reason) => panic!("{reason:?}"),
        }
    }

    /// Lets everything come to rest, with one more message in each conversation so that the last ones are missed, too.
    fn settle(&mut self) {
        self.faults = Faults::default();
        if !self.missed.is_empty() {
            self.resync();
        }
        self.run_for(60_000);
        (0..3).for_each(|number| self.somebody_says(number));
        self.run_for(60_000);
    }

    fn check(&self) {
        for (ticket, answers) in &self.answers {
            let [Ok(Answer::Submitted(ok))] = &answers[..] else { panic!("{ticket}: {answers:?}") };
            let log = &self.edge.conversations[&ok.conversation].log;
            assert_eq!(log[&ok.seq].body, Body::Text(ticket.to_string()));
        }
        let answered = |(exists, answers): &(bool, Vec<bool>)| answers == &[*exists];
        assert!(self.histories.values().all(answered), "{:?}", self.histories);
        let mut said = 0;
        for (id, conversation) in &self.edge.conversations {
            let mine = conversation.log.values().filter(|message| message.sender == self.alice.0);
            let tickets: Vec<u64> = mine.map(|message| text(message).parse().unwrap()).collect();
            assert!(tickets.is_sorted_by(|one, other| one < other), "said in order, once: {tickets:?}");
            said += tickets.len();
            let delivered = self.delivered.get(id).map_or(&[][..], |messages| messages);
            let first = delivered.first().map_or(0, |message| message.seq);
            let expected: Vec<_> = conversation.log.range(first..).map(|(_, message)| message.seq).collect();
            let seqs: Vec<_> = delivered.iter().map(|message| message.seq).collect();
            assert_eq!(seqs, expected, "{id}");
            assert!(delivered.iter().all(|message| message.body == conversation.log[&message.seq].body));
        }
        assert_eq!(said, self.answers.len(), "every command was executed once");
        assert_eq!(self.acked, self.push_seq, "everything is acknowledged in the end");
    }
}

fn text(message: &Message) -> &str {
    match &message.body {
        Body::Text(text) => text,
        Body::Data(_) => panic!("nobody says that"),
    }
}

// The minimal case is printed whole, so nothing is kept in files.
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_connection_does(actions in actions()) {
        let mut world = World::new();
        world.give(Input::Start);
        for action in actions {
            world.act(action);
        }
        world.settle();
        world.check();
    }
}
