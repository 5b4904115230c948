//! One device of one user: [`Machine`]. Owns the connection's life (dial, login or resume, heartbeat, silence, back-off) and hands the rest to its
//! parts: `submits`, `acks`, `inbox` and `pulls`. `Input` and `Output` are in the crate's root.

mod acks;
mod backoff;
mod inbox;
mod pulls;
mod resuming;
mod submits;
mod terms;

use proto::ids::Uid;
use proto::limits::{CLIENT_CONNECT_PATIENCE, CLIENT_LOGIN_PATIENCE, CLIENT_LOGOUT_PATIENCE};
use proto::packet::{
    ClientBody, ClientPacket, KickedReason, LoginOk, Message, Pulled, Refused, RefusedCode, ServerBody,
    ServerPacket, SubmitOk, Target,
};
use proto::time::Now;

use crate::{Answer, Command, Event, Failure, Input, Output, StopReason};
use acks::Acks;
use backoff::Backoff;
use inbox::{Gap, Inbox};
use pulls::{Pulls, RefusedPull, Want};
use resuming::Credential;
use submits::{Submits, Verdict};
use terms::Terms;

/// The client of one device. Pure: it is told the time and what happened, and says what to do.
///
/// The caller calls [`Machine::handle`] for each input and [`Machine::expire`] no later than [`Machine::next_deadline`], and carries out
/// the outputs in their order.
#[derive(Debug)]
pub struct Machine {
    uid: Uid,
    phase: Phase,
    terms: Terms,
    backoff: Backoff,
    /// When something was sent last.
    sent_ms: u64,
    /// When something came last.
    heard_ms: u64,
    submits: Submits,
    /// With what the session can be taken up on another connection.
    credential: Option<Box<Credential>>,
    /// Whom the app watches; asked for anew with each connection, since what merges may be lost with one.
    watched: Option<Box<[Uid]>>,
    /// Made when something is first heard or asked: most clients are idle, and a million of them share a machine in load tests.
    reading: Option<Box<Reading>>,
}

/// What a client needs that hears something.
#[derive(Debug, Default)]
struct Reading {
    acks: Acks,
    inbox: Inbox,
    pulls: Pulls,
}

/// Where the connection is. Times are in monotonic milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not started.
    Idle,
    /// No connection; the next attempt is then.
    Waiting { until_ms: u64 },
    /// The shell is connecting; it must be done by then.
    Dialing { until_ms: u64 },
    /// Connected; the login must be answered by then.
    LoggingIn { until_ms: u64 },
    /// Connected; the resume must be answered by then.
    Resuming { until_ms: u64 },
    /// The session is open.
    Online,
    /// Logged out; the server closes, by then.
    Leaving { until_ms: u64 },
    /// For good.
    Stopped,
}

/// What a machine has seen that it could not use, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Pushes that came before a missing one and found no room; they were pulled later.
    pub early_dropped: u64,
    /// Conversations whose place was forgotten to make room for others.
    pub forgotten: u64,
}

impl Machine {
    /// The client of a device of `uid`. `seed` decides its back-off and nothing else.
    pub fn new(uid: Uid, seed: u64) -> Self {
        Self {
            uid,
            phase: Phase::Idle,
            terms: Terms::default(),
            backoff: Backoff::new(seed),
            sent_ms: 0,
            heard_ms: 0,
            submits: Submits::new(),
            credential: None,
            watched: None,
            reading: None,
        }
    }

    /// Whether the session is open.
    pub fn is_online(&self) -> bool {
        self.phase == Phase::Online
    }

    /// What was dropped and why.
    pub fn counters(&self) -> Counters {
        self.reading.as_ref().map_or_else(Counters::default, |reading| Counters {
            early_dropped: reading.inbox.early_dropped,
            forgotten: reading.inbox.forgotten,
        })
    }

    /// Something happened.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        let before = out.len();
        match input {
            Input::Start if self.phase == Phase::Idle => self.dial(now, out),
            Input::Start => {}
            Input::Connected => self.connected(now, out),
            Input::Disconnected => self.disconnected(now, out),
            Input::Packet(packet) => self.packet(now, packet, out),
            Input::Command(ticket, _) if self.phase == Phase::Stopped => {
                out.push(Output::Event(Event::Answered(ticket, Err(Failure::Stopped))));
            }
            Input::Command(ticket, command) => self.submits.push(ticket, command, &self.terms, out),
            Input::Pull(ticket, _) if self.phase == Phase::Stopped => {
                out.push(Output::Event(Event::History(ticket, Err(Failure::Stopped))));
            }
            Input::Pull(ticket, pull) => self.reading().pulls.push(ticket, pull, out),
            Input::Watch(users) => {
                self.watched = Some(users.into());
                self.watch(out);
            }
            Input::Logout => self.logout(now, out),
        }
        self.send_waiting(now, out);
        self.note_sent(now, &out[before..]);
    }

    /// A moment has passed.
    pub fn expire(&mut self, now: Now, out: &mut Vec<Output>) {
        let before = out.len();
        match self.phase {
            Phase::Waiting { until_ms } if until_ms <= now.mono_ms => self.dial(now, out),
            Phase::Dialing { until_ms } | Phase::LoggingIn { until_ms } | Phase::Resuming { until_ms }
                if until_ms <= now.mono_ms =>
            {
                self.give_up_connection(now, 0, out);
            }
            Phase::Leaving { until_ms } if until_ms <= now.mono_ms => {
                out.push(Output::Hangup);
                self.stop(StopReason::LoggedOut, out);
            }
            Phase::Online if self.heard_ms + self.terms.silence_ms() <= now.mono_ms => {
                self.give_up_connection(now, 0, out);
            }
            Phase::Online => {
                if let Some(reading) = &mut self.reading {
                    reading.acks.expire(now, out);
                }
                self.submits.expire(now, &self.terms);
                self.send_waiting(now, out);
                self.note_sent(now, &out[before..]);
                // Whatever went out now is as good as a heartbeat.
                if self.heartbeat_due() <= now.mono_ms {
                    out.push(send(ClientBody::Heartbeat));
                }
            }
            _ => {}
        }
        self.note_sent(now, &out[before..]);
    }

    /// The monotonic millisecond at which [`Machine::expire`] wants to be called, if any.
    pub fn next_deadline(&self, now: Now) -> Option<u64> {
        match self.phase {
            Phase::Waiting { until_ms }
            | Phase::Dialing { until_ms }
            | Phase::LoggingIn { until_ms }
            | Phase::Resuming { until_ms }
            | Phase::Leaving { until_ms } => Some(until_ms),
            Phase::Online => {
                let reading = self.reading.as_ref();
                let acks = reading.and_then(|reading| reading.acks.next_deadline());
                let pulls = reading.and_then(|reading| reading.pulls.next_deadline(now));
                let silence = self.heard_ms + self.terms.silence_ms();
                let others = [acks, self.submits.next_deadline(now, &self.terms), pulls];
                others.into_iter().flatten().chain([self.heartbeat_due(), silence]).min()
            }
            Phase::Idle | Phase::Stopped => None,
        }
    }

    fn packet(&mut self, now: Now, packet: ServerPacket, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Idle | Phase::Waiting { .. } | Phase::Dialing { .. } | Phase::Stopped)
        {
            return; // the rest of what came before a hang-up
        }
        self.heard_ms = now.mono_ms;
        if packet.push_seq > 0 && self.is_online() {
            let terms = self.terms;
            self.reading().acks.received(now, packet.push_seq, &terms, out);
        }
        match packet.body {
            ServerBody::Heartbeat => {}
            ServerBody::LoginOk(ok) => self.logged_in(now, &ok, out),
            ServerBody::ResumeOk(ok) => self.resumed(now, ok, out),
            ServerBody::Resync(resync) => self.resync(now, resync),
            ServerBody::LoginRequired => self.login_required(now, out),
            ServerBody::SubmitOk(ok) => self.submitted(now, packet.client_id, ok, out),
            ServerBody::GroupOk { conversation, members } => {
                if let Some(queued) = self.submits.answered(packet.client_id) {
                    let answer = Answer::GroupMade { conversation, members };
                    out.push(Output::Event(Event::Answered(queued.ticket, Ok(answer))));
                }
            }
            ServerBody::Pulled(pulled) => self.pulled(now, pulled, out),
            ServerBody::Push(message) => self.arrived(now, message, out),
            ServerBody::Refused(refused) => self.refused(now, packet.client_id, refused, out),
            ServerBody::Presence(users) => out.push(Output::Event(Event::Presence(users))),
            ServerBody::Kicked { reason, text } => self.kicked(reason, text, out),
            ServerBody::Move { address, after_ms } => self.moved(now, address, after_ms, out),
        }
    }

    fn dial(&mut self, now: Now, out: &mut Vec<Output>) {
        self.phase = Phase::Dialing { until_ms: now.after(CLIENT_CONNECT_PATIENCE) };
        out.push(Output::Dial);
    }

    fn connected(&mut self, now: Now, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Dialing { .. }) {
            self.heard_ms = now.mono_ms;
            self.begin(now, out);
        }
    }

    fn log_in(&mut self, now: Now, out: &mut Vec<Output>) {
        self.phase = Phase::LoggingIn { until_ms: now.after(CLIENT_LOGIN_PATIENCE) };
        out.push(Output::Login);
    }

    fn logged_in(&mut self, now: Now, ok: &LoginOk, out: &mut Vec<Output>) {
        match self.phase {
            Phase::LoggingIn { .. } => {}
            // Of two logins on one connection each begins a session: the later one holds.
            Phase::Online => self.submits.offline(),
            _ => return,
        }
        self.phase = Phase::Online;
        self.credential = Credential::of(ok);
        self.terms = Terms::of(ok);
        self.backoff.reset();
        self.submits.online(ok.last_client_id);
        if let Some(reading) = &mut self.reading {
            reading.acks = Acks::default();
            reading.pulls.online(&mut reading.inbox);
        }
        // Whatever the login took, the session's silence begins now.
        self.sent_ms = now.mono_ms;
        let (session, server_time_ms) = (ok.session.clone(), ok.server_time_ms);
        out.push(Output::Event(Event::LoggedIn { session, server_time_ms }));
        self.watch(out);
    }

    /// Asks how it stands with those that are watched.
    fn watch(&self, out: &mut Vec<Output>) {
        if let Some(users) = self.watched.as_deref().filter(|_| self.is_online()) {
            out.push(send(ClientBody::Watch(users.to_vec())));
        }
    }

    /// The edge lost our session, not our connection. Also while a login is under way: it may have died with the server that had it.
    fn login_required(&mut self, now: Now, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::LoggingIn { .. } | Phase::Resuming { .. } | Phase::Online) {
            self.submits.offline();
            self.begin(now, out);
        }
    }

    fn submitted(&mut self, now: Now, client_id: u64, ok: SubmitOk, out: &mut Vec<Output>) {
        let Some(queued) = self.submits.answered(client_id) else { return };
        out.push(Output::Event(Event::Answered(queued.ticket, Ok(Answer::Submitted(ok.clone())))));
        let Command::Submit(submit) = queued.command else { return };
        // The server does not push a message to the device that said it.
        let to = match submit.target {
            Target::User(uid) => Some(uid),
            Target::Conversation(_) => None,
        };
        let SubmitOk { conversation, seq, time_ms } = ok;
        let sender = self.uid.clone();
        self.arrived(now, Message { conversation, seq, sender, to, time_ms, body: submit.body }, out);
    }

    fn arrived(&mut self, now: Now, message: Message, out: &mut Vec<Output>) {
        let conversation = message.conversation.clone();
        let reading = self.reading();
        match reading.inbox.arrived(message, out) {
            Gap::None => {}
            Gap::Pull => reading.pulls.want(conversation),
            Gap::PullLater => reading.pulls.retry(now, Want::Gap(conversation), 0),
        }
    }

    fn pulled(&mut self, now: Now, pulled: Pulled, out: &mut Vec<Output>) {
        let Some(reading) = &mut self.reading else { return };
        match reading.pulls.answered(&pulled) {
            None => {}
            Some(Want::App(ticket, _)) => {
                reading.inbox.follow(&pulled);
                out.push(Output::Event(Event::History(ticket, Ok(pulled))));
            }
            Some(Want::Gap(conversation)) => match reading.inbox.pulled(pulled, out) {
                Gap::None => {}
                Gap::Pull => reading.pulls.want(conversation),
                Gap::PullLater => reading.pulls.retry(now, Want::Gap(conversation), 0),
            },
        }
    }

    fn refused(&mut self, now: Now, client_id: u64, refused: Refused, out: &mut Vec<Output>) {
        if refused.code == RefusedCode::LoginFirst && self.is_online() {
            // Said to a packet that met no session: nothing was done with it, and the login will send it again.
            self.login_required(now, out);
        } else if client_id > 0 {
            if self.submits.refused(now, client_id, refused, out) == Verdict::LogInAnew && self.is_online() {
                self.give_up_connection(now, 0, out);
            }
        } else if matches!(self.phase, Phase::LoggingIn { .. }) {
            self.login_refused(now, refused, out);
        } else if matches!(self.phase, Phase::Resuming { .. }) {
            self.resume_refused(now, &refused, out);
        } else {
            self.pull_refused(now, refused, out);
        }
    }

    fn login_refused(&mut self, now: Now, refused: Refused, out: &mut Vec<Output>) {
        if refused.code == RefusedCode::Unavailable {
            self.give_up_connection(now, u64::from(refused.retry_after_ms), out);
        } else {
            out.push(Output::Hangup);
            self.stop(StopReason::LoginRefused(refused), out);
        }
    }

    /// A refusal that names no command: of a pull, unless it names a field of something else.
    fn pull_refused(&mut self, now: Now, refused: Refused, out: &mut Vec<Output>) {
        let for_now = refused.code == RefusedCode::Unavailable;
        let of_a_pull = refused.field.is_empty() || refused.field.starts_with("pull");
        let reading = self.reading();
        let whose = if of_a_pull { reading.pulls.refused(!for_now) } else { RefusedPull::None };
        match whose {
            RefusedPull::None => out.push(Output::Event(Event::Refused(refused))),
            RefusedPull::Unclear if for_now => reading.pulls.hold(now, u64::from(refused.retry_after_ms)),
            RefusedPull::Unclear => {}
            RefusedPull::Of(want) if for_now => {
                reading.pulls.retry(now, want, u64::from(refused.retry_after_ms));
            }
            RefusedPull::Of(Want::App(ticket, _)) => {
                out.push(Output::Event(Event::History(ticket, Err(Failure::Refused(refused)))));
            }
            RefusedPull::Of(Want::Gap(conversation)) => reading.inbox.unreachable(&conversation, out),
        }
    }

    fn kicked(&mut self, reason: KickedReason, text: String, out: &mut Vec<Output>) {
        out.push(Output::Event(Event::Kicked(reason, text)));
        if matches!(self.phase, Phase::Leaving { .. }) {
            return;
        }
        out.push(Output::Hangup);
        let stopped = match reason {
            KickedReason::Replaced => StopReason::Replaced,
            reason => StopReason::Kicked(reason),
        };
        self.stop(stopped, out);
    }

    /// The gateway goes away. That is no failure: the back-off does not grow, and commands without an answer are sent again where the client comes back.
    fn moved(&mut self, now: Now, address: String, after_ms: u32, out: &mut Vec<Output>) {
        if matches!(self.phase, Phase::Leaving { .. }) {
            return;
        }
        if !address.is_empty() {
            out.push(Output::Moved(address));
        }
        out.push(Output::Hangup);
        self.submits.offline();
        let after_ms = after_ms.min(self.terms.reconnect_max_ms);
        let retry_ms = u64::from(after_ms) + self.backoff.jitter(&self.terms);
        self.phase = Phase::Waiting { until_ms: now.mono_ms + retry_ms };
        out.push(Output::Event(Event::Offline { retry_ms }));
    }

    fn logout(&mut self, now: Now, out: &mut Vec<Output>) {
        match self.phase {
            Phase::Online => {
                self.phase = Phase::Leaving { until_ms: now.after(CLIENT_LOGOUT_PATIENCE) };
                out.push(send(ClientBody::Logout));
            }
            Phase::Leaving { .. } | Phase::Stopped => {}
            Phase::Dialing { .. } | Phase::LoggingIn { .. } | Phase::Resuming { .. } => {
                out.push(Output::Hangup);
                self.stop(StopReason::LoggedOut, out);
            }
            Phase::Idle | Phase::Waiting { .. } => self.stop(StopReason::LoggedOut, out),
        }
    }

    fn disconnected(&mut self, now: Now, out: &mut Vec<Output>) {
        match self.phase {
            Phase::Dialing { .. } | Phase::LoggingIn { .. } | Phase::Resuming { .. } | Phase::Online => {
                self.offline(now, 0, out);
            }
            Phase::Leaving { .. } => self.stop(StopReason::LoggedOut, out),
            Phase::Idle | Phase::Waiting { .. } | Phase::Stopped => {}
        }
    }

    fn give_up_connection(&mut self, now: Now, at_least_ms: u64, out: &mut Vec<Output>) {
        out.push(Output::Hangup);
        self.offline(now, at_least_ms, out);
    }

    fn offline(&mut self, now: Now, at_least_ms: u64, out: &mut Vec<Output>) {
        self.submits.offline();
        let retry_ms = self.backoff.next(&self.terms).max(at_least_ms);
        self.phase = Phase::Waiting { until_ms: now.mono_ms + retry_ms };
        out.push(Output::Event(Event::Offline { retry_ms }));
    }

    fn stop(&mut self, reason: StopReason, out: &mut Vec<Output>) {
        self.phase = Phase::Stopped;
        self.submits.stop(out);
        if let Some(reading) = &mut self.reading {
            reading.pulls.stop(out);
        }
        out.push(Output::Event(Event::Stopped(reason)));
    }

    fn send_waiting(&mut self, now: Now, out: &mut Vec<Output>) {
        if !self.is_online() {
            return;
        }
        self.submits.send(now, &self.terms, out);
        if let Some(reading) = &mut self.reading {
            reading.pulls.send(now, &reading.inbox, out);
        }
    }

    /// Anything that was sent is a sign of life.
    fn note_sent(&mut self, now: Now, said: &[Output]) {
        if said.iter().any(|output| matches!(output, Output::Send(_) | Output::Login | Output::Resume(_))) {
            self.sent_ms = now.mono_ms;
        }
    }

    fn heartbeat_due(&self) -> u64 {
        self.sent_ms + u64::from(self.terms.heartbeat_interval_ms)
    }

    fn reading(&mut self) -> &mut Reading {
        self.reading.get_or_insert_default()
    }
}

fn send(body: ClientBody) -> Output {
    Output::Send(ClientPacket { client_id: 0, body })
}

#[cfg(test)]
mod tests;
