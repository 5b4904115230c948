//! How a session begins: first packets, tokens, and logic's word on what the device has done before. Owns every check between a connection and a session.

use std::net::SocketAddr;

use proto::backend::{FromState, to_logic};
use proto::close::CloseReason;
use proto::ids::{DeviceId, Slot, Uid};
use proto::limits::PACKET_BYTES_MAX;
use proto::packet::{
    ClientBody, ClientPacket, Codec, Direction, KickedReason, Login, LoginOk, PacketError, Refused,
    RefusedCode, Secret, ServerBody, decode_client,
};
use proto::time::Now;

use super::speech::{Line, unavailable};
use super::{Logic, Note, Shard, tick};
use crate::calls::Asker;
use crate::event::SLOT_BITS;
use crate::grant::Grant;
use crate::reactors::Held;
use crate::secrets::Secrets;
use crate::session::{Session, Start};
use crate::waiting::{Pending, Waiting};
use crate::{Event, Output};

impl Shard {
    /// A connection begins: its first packet must be a login or a resume.
    pub(super) fn first_packet(
        &mut self,
        now: Now,
        line: Line,
        peer: Option<SocketAddr>,
        packet: Result<ClientPacket, PacketError>,
        out: &mut dyn Output,
    ) {
        let (refused, reason) = match packet.map(|packet| packet.body) {
            Ok(ClientBody::Login(login)) => match self.log_in(now, line, peer, login, out) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            Ok(ClientBody::Resume(resume)) => match self.resume(now, line, peer, &resume, out) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
            Ok(_) => {
                let text = "the first packet of a connection must be a login or a resume";
                (Refused::new(RefusedCode::LoginFirst, "", text), CloseReason::FirstPacket)
            }
            Err(error) => (Refused::from(&error), CloseReason::FirstPacket),
        };
        out.event(Event::LoginRefused { conn: line.conn, peer, code: refused.code, text: &refused.text });
        self.refuse_login(line, refused, reason, out);
    }

    /// A packet from a connection without a session. A login is taken, and replaces one that is under way; so is a resume, if none has failed here. What else may still be on its way from a client that
    /// has not yet read that its session is gone is dropped: it will send it again after the login.
    pub(super) fn waiting_packet(&mut self, now: Now, place: u32, packet: &[u8], out: &mut dyn Output) {
        let Some(waiting) = self.waiting.get(place as usize) else { return };
        let (line, peer, may_resume) = (waiting.line(), waiting.peer, waiting.may_resume);
        let packet = decode_client(line.codec, packet);
        match packet.as_ref().map(|packet| &packet.body) {
            Ok(body)
                if matches!(body, ClientBody::Login(_))
                    || may_resume && matches!(body, ClientBody::Resume(_)) =>
            {
                self.end_waiting(place);
                self.first_packet(now, line, peer, packet, out);
            }
            Ok(ClientBody::Logout) => {
                self.close(line, CloseReason::Logout, out);
                self.end_waiting(place);
            }
            Ok(ClientBody::Heartbeat) => self.heartbeat(line, out),
            Ok(_) | Err(_) => self.counts.stale += 1,
        }
    }

    /// Answers a heartbeat that is not written as the gateway knows it.
    pub(super) fn heartbeat(&mut self, line: Line, out: &mut dyn Output) {
        self.counts.heartbeats += 1;
        self.send(line, Codec::heartbeat(line.codec, Direction::Down), out);
    }

    /// Tells a client why it is not let in, and closes.
    pub(super) fn refuse_login(
        &mut self,
        line: Line,
        refused: Refused,
        reason: CloseReason,
        out: &mut dyn Output,
    ) {
        self.refuse(line, 0, refused, out);
        self.close(line, reason, out);
    }

    /// Checks a login and asks logic about the device. An error says what the client is told and how its connection ends.
    fn log_in(
        &mut self,
        now: Now,
        line: Line,
        peer: Option<SocketAddr>,
        login: Login,
        out: &mut dyn Output,
    ) -> Result<(), (Refused, CloseReason)> {
        let Login { uid, device, token, client } = login;
        if Slot::of(uid.as_str()) != line.conn.slot() {
            let refused =
                Refused::new(RefusedCode::Invalid, "login.uid", "is not who this connection began as");
            return Err((refused, CloseReason::LoginRefused));
        }
        let checked = self.settings.keys.check(&token, &uid, &device, now);
        let grant = checked.map_err(|error| {
            (Refused::new(error.code(), "login.token", &error), CloseReason::LoginRefused)
        })?;
        if self.revocations.has(&uid, grant) {
            return Err((self.revoked_token(), CloseReason::Revoked));
        }
        let full = self.sessions.len() + self.waiting.len() >= self.settings.sessions_max;
        if full || !self.calls.has_room(0) {
            return Err((unavailable("there is no room for another session"), CloseReason::Overload));
        }
        let place = self.waiting.vacant_key() as u32;
        let call = self.ask_logic(Asker::Login { waiting: place }, out, |call, frame| {
            to_logic(frame, FromState::Attach { call, uid: uid.clone(), device: device.clone() });
        });
        let login = Some(Box::new(Pending { call, uid, device, grant, client }));
        let Line { conn, reactor, codec } = line;
        let waiting = Waiting { conn, reactor, codec, peer, may_resume: false, login };
        self.wait(now.after(self.settings.attach_deadline), waiting);
        Ok(())
    }

    /// Makes a call; it goes out at once if logic's link is ready.
    pub(super) fn ask_logic(
        &mut self,
        asker: Asker,
        out: &mut dyn Output,
        encode: impl FnOnce(u64, &mut Vec<u8>),
    ) -> u64 {
        let link = (self.logic == Logic::Ready).then(|| out.logic_call());
        self.calls.make(asker, link, encode)
    }

    /// Takes a connection among those that wait.
    pub(super) fn wait(&mut self, deadline_ms: u64, waiting: Waiting) {
        let (conn, reactor) = (waiting.conn, waiting.reactor);
        let place = self.waiting.insert(waiting) as u32;
        self.reactors.hold(reactor, conn, Held::Waiting(place));
        self.logins.arm(place, deadline_ms);
    }

    /// Logic has answered: the session is open, and the only one of its device.
    pub(super) fn attached(&mut self, now: Now, place: u32, last_client_id: u64, out: &mut dyn Output) {
        let Some(waiting) = self.waiting.get_mut(place as usize) else { return };
        let Some(login) = waiting.login.take() else { return };
        let (line, peer) = (waiting.line(), waiting.peer);
        let Pending { call, uid, device, grant, client } = *login;
        self.calls.end(call);
        if self.revocations.has(&uid, grant) {
            // It was good when the login came.
            let refused = self.revoked_token();
            self.refuse_login(line, refused, CloseReason::Revoked, out);
            return self.end_waiting(place);
        }
        if let Some(older) = self.sessions.of_device(uid.as_str(), device.as_str()) {
            self.kick(now, older, KickedReason::Replaced, out);
        }
        self.make_room(now, uid.as_str(), grant.class, out);
        let number = self.open(now, line, (&uid, &device, grant), last_client_id, out);
        self.waiting.remove(place as usize);
        self.logins.cancel(place);
        let session = self.name(number);
        let (uid, device, client) = (uid.as_str(), device.as_str(), client.as_str());
        out.event(Event::SessionOpened { session, conn: line.conn, peer, uid, device, client });
        if let Some(place) = self.sessions.of_device(uid, device).filter(|_| self.traced.is_some()) {
            self.note(place, Note::On(line.conn), out);
        }
        let secret = self.secret_key.secret(number, uid, device, Secrets::new().newest());
        let ok = self.login_ok(now, session.to_string(), last_client_id, secret);
        self.say(line, 0, ServerBody::LoginOk(ok), out);
    }

    /// What a client is told whose token is good no more.
    fn revoked_token(&mut self) -> Refused {
        self.counts.logins_revoked += 1;
        Refused::new(RefusedCode::TokenInvalid, "login.token", "has been revoked")
    }

    fn open(
        &mut self,
        now: Now,
        line: Line,
        who: (&Uid, &DeviceId, Grant),
        last_client_id: u64,
        out: &mut dyn Output,
    ) -> u64 {
        self.counts.opened += 1;
        self.numbered += 1;
        let Line { conn, reactor, codec } = line;
        let (uid, device, grant) = who;
        let number = self.numbered << SLOT_BITS | u64::from(Slot::of(uid.as_str()).0);
        if self.sessions.of_user(uid.as_str()).next().is_none() {
            self.came(now, uid.as_str());
        }
        let start = Start { conn, reactor, codec, number, uid, device, grant, last_client_id };
        let place = self.sessions.insert(Session::new(start, tick(now)));
        self.reactors.hold(reactor, conn, Held::Session(place));
        self.heartbeats.arm(place, now.after(self.settings.heartbeat_deadline));
        self.record_session(place, out);
        number
    }

    fn login_ok(&self, now: Now, session: String, last_client_id: u64, secret: Secret) -> LoginOk {
        let settings = &self.settings;
        let ms = |duration: std::time::Duration| duration.as_millis() as u32;
        LoginOk {
            session,
            last_client_id,
            heartbeat_interval_ms: ms(settings.heartbeat_interval),
            ack_delay_ms: ms(settings.ack_delay),
            ack_every: settings.ack_every,
            submit_timeout_ms: ms(settings.submit_timeout),
            uplink_window: settings.uplink_window,
            reconnect_base_ms: ms(settings.reconnect_base),
            reconnect_max_ms: ms(settings.reconnect_max),
            max_packet_bytes: PACKET_BYTES_MAX as u32,
            server_time_ms: now.unix_ms,
            secret: (!settings.resume_grace.is_zero()).then_some(secret),
            resume_within_ms: ms(settings.resume_grace),
        }
    }
}
