//! What the clients of sessions send: commands in order, acks, pulls, farewells. Owns the decision on each packet; the window itself is `crate::uplink`'s, and
//! what stands in a command or a pull is logic's to check.
//!
//! A packet that is wrong is refused and counted, and the connection stays: clients of other makes live here, and a typing mistake in a console is no attack.

use proto::backend::request;
use proto::close::CloseReason;
use proto::limits::{PULLS_IN_FLIGHT_MAX, UPLINK_BYTES_MAX};
use proto::packet::{
    ClientBody, ClientKind, Codec, PacketError, Peek, Refused, RefusedCode, decode_client, peek_client,
    to_proto,
};
use proto::time::Now;

use super::speech::unavailable;
use super::{Logic, Note, Shard};
use crate::Output;
use crate::calls::Asker;
use crate::session::Session;
use crate::uplink::{Aside, Place};

impl Shard {
    /// A packet in JSON form: everything behind this point sees its protobuf form.
    pub(super) fn json_packet(&mut self, now: Now, place: u32, packet: &[u8], out: &mut dyn Output) {
        let mut proto = std::mem::take(&mut self.scratch.up);
        match to_proto(packet, &mut proto) {
            Ok(()) => self.session_packet(now, place, &proto, out),
            Err(error) => self.bad(place, &error, out),
        }
        proto.clear();
        self.scratch.up = proto;
    }

    /// A packet in protobuf form.
    pub(super) fn session_packet(&mut self, now: Now, place: u32, packet: &[u8], out: &mut dyn Output) {
        let peek = peek_client(packet);
        // Who asks for the session once more may not have heard the newest secret.
        if !matches!(&peek, Ok(peek) if peek.kind == ClientKind::Resume) {
            self.confirm_secret(place, out);
        }
        let peek = match peek {
            Ok(peek) => peek,
            Err(error) => return self.bad(place, &error, out),
        };
        self.note(place, Note::Sent(peek.kind, peek.client_id, packet.len()), out);
        match peek.kind {
            ClientKind::Submit | ClientKind::CreateGroup => self.command(place, peek.client_id, packet, out),
            ClientKind::Ack => self.ack(now, place, peek, out),
            ClientKind::Pull => self.pull(place, "", packet, out),
            ClientKind::Watch => self.pull(place, "watch", packet, out),
            ClientKind::Heartbeat => {
                if let Some(session) = self.sessions.get(place) {
                    self.heartbeat(session.line(), out);
                }
            }
            ClientKind::Logout => self.close_session(now, place, CloseReason::Logout, out),
            ClientKind::Login => self.log_in_anew(now, place, packet, out),
            ClientKind::Resume => {
                let resumes = decode_client(Codec::Proto, packet).is_ok_and(|packet| match packet.body {
                    ClientBody::Resume(resume) => self.resume_again(now, place, &resume, out),
                    _ => false,
                });
                if !resumes {
                    let text = "this connection has a session";
                    self.refuse_in(place, 0, Refused::new(RefusedCode::Invalid, "resume", text), out);
                }
            }
        }
    }

    /// A login on a connection that has a session begins a new one: its client was asked for it more than once, or has a fresh token. What the old one was
    /// owed comes again under the same client_ids.
    fn log_in_anew(&mut self, now: Now, place: u32, packet: &[u8], out: &mut dyn Output) {
        if let Some(line) = self.sessions.get(place).map(Session::line) {
            self.end_session(now, place, CloseReason::Replaced, out);
            self.first_packet(now, line, None, decode_client(Codec::Proto, packet), out);
        }
    }

    fn command(&mut self, place: u32, client_id: u64, packet: &[u8], out: &mut dyn Output) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        let window = self.settings.uplink_window;
        let stands = session.uplink.place(client_id, window);
        let takes_room = matches!(stands, Place::Next | Place::Ahead);
        if takes_room && session.uplink.bytes() + packet.len() > UPLINK_BYTES_MAX {
            let text = "too many bytes of commands wait for an answer";
            return self.refuse_in(place, client_id, unavailable(text), out);
        }
        match stands {
            Place::Next => {
                let asker = Asker::Command { session: place, client_id };
                let Some(call) = self.request(place, asker, packet, out) else {
                    return self.refuse_in(place, client_id, unavailable("logic is behind"), out);
                };
                self.counts.commands += 1;
                if let Some(session) = self.sessions.get_mut(place) {
                    session.uplink.sent(client_id, call, packet.len());
                }
                self.send_held(place, out);
            }
            Place::Ahead => {
                session.uplink.hold(client_id, packet);
                self.counts.held += 1;
            }
            Place::Known => {
                self.counts.ignored += 1;
                self.send_held(place, out);
            }
            Place::Old => self.repeat(place, client_id, packet, out),
            Place::Beyond { expected } => {
                let text =
                    format!("is beyond the window of {window} that begins after the last answered command");
                let refused = Refused::new(RefusedCode::OutOfOrder, "client_id", text);
                self.refuse_in(place, client_id, Refused { expected_client_id: expected, ..refused }, out);
            }
        }
    }

    /// Sends logic the held commands whose turn has come.
    pub(super) fn send_held(&mut self, place: u32, out: &mut dyn Output) {
        let Self { sessions, calls, logic, counts, .. } = self;
        let Some(session) = sessions.get_mut(place) else { return };
        while let Some((client_id, packet)) = session.uplink.next_held() {
            if !calls.has_room(packet.len()) {
                return;
            }
            let link = (*logic == Logic::Ready).then(|| out.logic_call());
            let call = calls.make(Asker::Command { session: place, client_id }, link, |call, frame| {
                request(frame, call, session.uid(), session.device(), packet);
            });
            counts.commands += 1;
            session.uplink.sent_held(call);
        }
    }

    /// A command that was answered before. Logic keeps the answers and knows which of them it has forgotten: it is asked again, outside the window.
    fn repeat(&mut self, place: u32, client_id: u64, packet: &[u8], out: &mut dyn Output) {
        let Some(session) = self.sessions.get(place) else { return };
        let room = session.uplink.repeats() < self.settings.uplink_window as usize;
        match room.then(|| self.request(place, Asker::Aside { session: place }, packet, out)).flatten() {
            Some(call) => {
                self.counts.repeats += 1;
                self.aside(place, Aside::Repeat(call));
            }
            None => self.refuse_in(place, client_id, unavailable("too many repeated commands"), out),
        }
    }

    /// A question that changes nothing in the order of commands. `field` is what a refusal names, so that the client knows which question it is about.
    fn pull(&mut self, place: u32, field: &str, packet: &[u8], out: &mut dyn Output) {
        let Some(session) = self.sessions.get(place) else { return };
        let room = session.uplink.pulls() < PULLS_IN_FLIGHT_MAX as usize;
        match room.then(|| self.request(place, Asker::Aside { session: place }, packet, out)).flatten() {
            Some(call) => {
                self.counts.pulls += 1;
                self.aside(place, Aside::Pull(call));
            }
            None => {
                let refused = unavailable("too many pulls wait for an answer");
                self.refuse_in(place, 0, Refused { field: field.into(), ..refused }, out);
            }
        }
    }

    fn aside(&mut self, place: u32, aside: Aside) {
        if let Some(session) = self.sessions.get_mut(place) {
            session.uplink.add_aside(aside);
        }
    }

    /// Forwards a packet to logic; `None` if there is no room for another call.
    fn request(&mut self, place: u32, asker: Asker, packet: &[u8], out: &mut dyn Output) -> Option<u64> {
        if !self.calls.has_room(packet.len()) {
            return None;
        }
        let session = self.sessions.get(place)?;
        let link = (self.logic == Logic::Ready).then(|| out.logic_call());
        Some(self.calls.make(asker, link, |call, frame| {
            request(frame, call, session.uid(), session.device(), packet);
        }))
    }

    fn ack(&mut self, now: Now, place: u32, peek: Peek<'_>, out: &mut dyn Output) {
        let push_seq = match peek.ack() {
            Ok(push_seq) => push_seq,
            Err(error) => return self.bad(place, &error, out),
        };
        if self.acknowledged(now, place, push_seq, out) {
            self.counts.acks += 1;
            self.note(place, Note::Acknowledged(push_seq), out);
        } else {
            let refused = Refused::new(RefusedCode::Invalid, "ack.push_seq", "has never been sent");
            self.refuse_in(place, 0, refused, out);
        }
    }

    fn bad(&mut self, place: u32, error: &PacketError, out: &mut dyn Output) {
        self.refuse_in(place, 0, Refused::from(error), out);
    }

    fn refuse_in(&mut self, place: u32, client_id: u64, refused: Refused, out: &mut dyn Output) {
        if let Some(line) = self.sessions.get(place).map(Session::line) {
            self.refuse(line, client_id, refused, out);
        }
    }
}
