//! Pairs of whole SDK clients, of which one says and the other hears: [`Talkers`]. Owns what is said and the accounting of what becomes of it; what a client
//! does for its connection, its session and its order is the SDK's own machine. Pure.
//!
//! Client `2 p` of pair `p` says, client `2 p + 1` hears.

mod link;
mod trouble;

use std::collections::VecDeque;

use client::wire::{Address, Received, Transport, Wire};
use client::{Answer, Command, Event, Failure, Input, Machine, Output, StopReason};
use proto::packet::{Body, ClientBody, ClientPacket, Submit, Target};
use proto::time::Now;

use super::account::{Account, Arrival};
use super::overdue::Overdue;
use super::stamp::Stamp;
use super::{Crowd, Span, Turn};
use crate::identity::{Identity, device};
use crate::ledger::{Count, Timing};
use crate::plan::Load;
use crate::schedule::Schedule;
use crate::timers::Timers;
pub(crate) use trouble::Trouble;

/// Messages begun in one turn at most.
const BUDGET: usize = 1024;
const MILLISECOND: u64 = 1_000_000;

/// What pairs do.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) address: Address,
    pub(crate) transport: Transport,
    pub(crate) identity: Identity,
    pub(crate) load: Load,
    pub(crate) body_bytes: usize,
    pub(crate) trouble: Option<Trouble>,
    /// Which run it is.
    pub(crate) run: u64,
    /// Unix time in milliseconds when the run began.
    pub(crate) unix_ms: u64,
}

pub(crate) struct Talkers {
    talk: Talk,
    /// The number of the first client, of those on all threads; and this thread's share of the schedule.
    first: u64,
    share: (u32, u32),
    clients: Vec<Client>,
    accounts: Vec<Account>,
    online: u32,
    timers: Timers,
    sending: Option<Sending>,
    on_the_way: usize,
    /// When clients get into trouble next, and whether they are.
    trouble_at: Option<u64>,
    stalling: bool,
    events: VecDeque<(u32, Event)>,
    outputs: Vec<Output>,
    received: Vec<Received>,
}

struct Client {
    machine: Machine,
    wire: Option<Wire>,
    online: bool,
    /// When it was cut off, until it is back.
    cut_at: Option<u64>,
    dialled: u32,
}

/// What there is while messages are sent, and until the last have arrived.
struct Sending {
    schedule: Option<Schedule>,
    end: u64,
    unacked: Overdue,
    undelivered: Overdue,
}

impl Talkers {
    pub(crate) fn new(talk: Talk, share: crate::plan::Share) -> Self {
        let clients = (0..u64::from(share.count)).map(|client| {
            let number = share.first + client;
            let uid = talk.identity.uid(number).expect("checked for the longest");
            Client { machine: Machine::new(uid, number), wire: None, online: false, cut_at: None, dialled: 0 }
        });
        Self {
            first: share.first,
            share: (share.thread, share.threads),
            clients: clients.collect(),
            accounts: (0..share.count / 2).map(|_| Account::default()).collect(),
            online: 0,
            timers: Timers::default(),
            sending: None,
            on_the_way: 0,
            trouble_at: None,
            stalling: false,
            events: VecDeque::new(),
            outputs: Vec::new(),
            received: Vec::new(),
            talk,
        }
    }

    fn moment(&self, turn: &Turn) -> Now {
        let mono_ms = turn.now / MILLISECOND;
        Now { mono_ms, unix_ms: self.talk.unix_ms + mono_ms }
    }

    fn is_sending(&self, turn: &Turn) -> bool {
        self.sending.as_ref().is_some_and(|sending| turn.now < sending.end)
    }

    /// Sends what is due in an open model.
    fn send_due(&mut self, turn: &mut Turn) {
        let Load::Open { unanswered_max, .. } = self.talk.load else { return };
        for _ in 0..BUDGET {
            let Some(sending) = &mut self.sending else { return };
            let Some((number, due)) = sending.schedule.as_mut().and_then(|schedule| schedule.take(turn.now))
            else {
                return;
            };
            let pair = (number % self.accounts.len() as u64) as u32;
            if self.accounts[pair as usize].on_the_way() < unanswered_max as usize {
                self.say(pair, due, turn);
            } else if let Some(sending) = &mut self.sending {
                sending.unacked.add(due);
                sending.undelivered.add(due);
                turn.count(Count::Missed, 1);
                turn.error("a message was due with too many unanswered");
            }
        }
    }

    /// In a closed loop: sends until as many are on the way as should be.
    fn refill(&mut self, pair: u32, turn: &mut Turn) {
        let Load::Closed { in_flight } = self.talk.load else { return };
        while self.is_sending(turn) && self.accounts[pair as usize].on_the_way() < in_flight as usize {
            self.say(pair, turn.now, turn);
        }
    }

    fn say(&mut self, pair: u32, due: u64, turn: &mut Turn) {
        let number = self.accounts[pair as usize].send(due);
        self.on_the_way += 1;
        let body = Stamp { run: self.talk.run, number, due }.body(self.talk.body_bytes);
        let to = self.first + u64::from(pair) * 2 + 1;
        let to = self.talk.identity.uid(to).expect("checked for the longest");
        let submit = Submit { target: Target::User(to), body: Body::Data(body) };
        turn.was_due(due);
        turn.count(Count::Sent, 1);
        self.give(pair * 2, Input::Command(number, Command::Submit(submit)), turn);
    }

    /// Does something with a pair's account, and keeps the sum of what is on the way.
    fn account<R>(&mut self, pair: u32, act: impl FnOnce(&mut Account) -> R) -> R {
        let account = &mut self.accounts[pair as usize];
        let before = account.on_the_way();
        let result = act(account);
        self.on_the_way = self.on_the_way + account.on_the_way() - before;
        result
    }

    fn acked(&mut self, pair: u32, number: u64, turn: &mut Turn) {
        if let Some(due) = self.account(pair, |account| account.acked(number)) {
            turn.time(Timing::Ack, turn.now.saturating_sub(due));
            turn.count(Count::Answered, 1);
            turn.count(Count::AnsweredInTime, u64::from(self.is_sending(turn)));
        }
        self.refill(pair, turn);
    }

    fn arrived(&mut self, pair: u32, number: u64, turn: &mut Turn) {
        match self.account(pair, |account| account.arrived(number)) {
            Arrival::New { due, late } => {
                turn.time(Timing::Delivery, turn.now.saturating_sub(due));
                turn.count(Count::Delivered, 1);
                turn.count(Count::Reordered, u64::from(late));
            }
            Arrival::Again => turn.count(Count::Doubled, 1),
            Arrival::Stranger => turn.count(Count::Wrong, 1),
        }
        self.refill(pair, turn);
    }

    fn event(&mut self, client: u32, event: Event, turn: &mut Turn) {
        let pair = client / 2;
        match event {
            Event::Answered(number, Ok(Answer::Submitted(_))) => self.acked(pair, number, turn),
            Event::Answered(_, Err(Failure::Stopped)) => {}
            Event::Answered(number, Err(failure)) => {
                self.account(pair, |account| account.refused(number));
                turn.count(Count::Refused, 1);
                turn.error(&format!("submit: {failure}"));
                self.refill(pair, turn);
            }
            Event::Delivered(message) if !client.is_multiple_of(2) => {
                if let Body::Data(body) = &message.body
                    && let Some(stamp) = Stamp::read(body).filter(|stamp| stamp.run == self.talk.run)
                {
                    self.arrived(pair, stamp.number, turn);
                }
            }
            Event::Resumed { .. } => {
                turn.count(Count::Resumed, 1);
                self.is_back(client, turn);
            }
            Event::LoggedIn { .. } if self.clients[client as usize].dialled > 1 => {
                turn.count(Count::SessionsLost, 1);
                self.is_back(client, turn);
            }
            Event::Kicked(reason, _) => turn.error(&format!("kicked: {reason:?}")),
            Event::Refused(refused) => turn.error(&format!("refused: {:?}", refused.code)),
            Event::Stopped(StopReason::LoginRefused(refused)) => {
                turn.count(Count::Failures, 1);
                turn.error(&format!("login refused: {:?}", refused.code));
            }
            Event::Stopped(reason) => turn.error(&format!("stopped: {reason:?}")),
            // The other events tell nothing that was not counted.
            _ => {}
        }
    }

    fn is_back(&mut self, client: u32, turn: &mut Turn) {
        if let Some(cut) = self.clients[client as usize].cut_at.take() {
            turn.time(Timing::Resume, turn.now.saturating_sub(cut));
        }
    }
}

impl Crowd for Talkers {
    fn start(&mut self, client: u32, turn: &mut Turn) {
        self.give(client, Input::Start, turn);
        self.take_events(turn);
    }

    fn opened(&mut self, client: u32, turn: &mut Turn) {
        self.connected(client, turn);
        self.take_events(turn);
    }

    fn received(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> usize {
        let consumed = self.take_bytes(client, bytes, turn);
        self.take_events(turn);
        consumed
    }

    fn lost(&mut self, client: u32, why: &str, turn: &mut Turn) {
        self.disconnected(client, why, turn);
        self.take_events(turn);
    }

    fn begin(&mut self, span: Span, turn: &mut Turn) {
        let schedule = match self.talk.load {
            Load::Open { rate, .. } if !self.accounts.is_empty() => {
                Some(Schedule::new(span.start, span.length, rate, self.share.0, self.share.1))
            }
            _ => None,
        };
        let (unacked, undelivered) = (Overdue::new(span), Overdue::new(span));
        self.sending = Some(Sending { schedule, end: span.end(), unacked, undelivered });
        self.trouble_at = self.talk.trouble.map(|trouble| span.start + trouble.first());
        (0..self.accounts.len() as u32).for_each(|pair| self.refill(pair, turn));
        self.take_events(turn);
    }

    fn expire(&mut self, turn: &mut Turn) {
        self.make_trouble(turn);
        self.send_due(turn);
        let now = self.moment(turn);
        while let Some(client) = self.timers.pop(now.mono_ms) {
            self.clients[client as usize].machine.expire(now, &mut self.outputs);
            self.carry_out(client, turn);
        }
        self.take_events(turn);
    }

    fn settle(&mut self, turn: &mut Turn) {
        let Some(mut sending) = self.sending.take() else { return };
        for fate in self.accounts.iter_mut().flat_map(Account::settle) {
            if !fate.acked {
                turn.count(Count::Unanswered, 1);
                sending.unacked.add(fate.due);
            }
            if !fate.delivered {
                turn.count(Count::Lost, u64::from(fate.acked));
                sending.undelivered.add(fate.due);
            }
        }
        self.on_the_way = 0;
        sending.unacked.settle(Timing::Ack, turn);
        sending.undelivered.settle(Timing::Delivery, turn);
    }

    fn next_deadline(&self) -> Option<u64> {
        let schedule = self.sending.as_ref().and_then(|sending| sending.schedule.as_ref()?.next());
        let timers = self.timers.next().map(|due_ms| due_ms * MILLISECOND);
        [schedule, timers, self.trouble_at].into_iter().flatten().min()
    }

    fn is_ready(&self, client: u32) -> bool {
        self.clients[client as usize].online
    }

    fn ready(&self) -> u32 {
        self.online
    }

    fn is_waiting(&self) -> bool {
        self.on_the_way > 0
    }

    fn is_stalled(&self, client: u32) -> bool {
        // Those who hear, and do not listen.
        self.stalling && !client.is_multiple_of(2)
    }
}
