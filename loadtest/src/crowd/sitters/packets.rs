//! What a sitter makes of the bytes and packets that come. Owns the way from frames to their meaning.

use std::time::Duration;

use proto::limits::{FRAGMENTS_MAX, PACKET_BYTES_MAX};
use proto::packet::{Body, LoginOk, RefusedCode, ServerBody, ServerPacket, decode_server};
use proto::tcp;
use proto::ws::{Event, Limits, Opcode, Role, frame};

use super::super::opening::MASK;
use super::super::stamp::Stamp;
use super::*;

const LIMITS: Limits = Limits { message_bytes: PACKET_BYTES_MAX, fragments: FRAGMENTS_MAX };

impl Sitters {
    /// Takes what came: how many bytes are consumed, or why the connection is over.
    pub(super) fn take(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> Result<usize, String> {
        let mut at = 0;
        if self.clients[client as usize].stage == Stage::Opening {
            let answered = self.speech.answered(self.first + u64::from(client), bytes)?;
            let Some(head) = answered else { return Ok(0) };
            at = head;
            self.log_in(client, turn);
        }
        let rest = &mut bytes[at..];
        let consumed = match self.speech {
            Speech::WebSocket { .. } => self.frames(client, rest, turn)?,
            Speech::Bytes | Speech::Lengths => self.lengths(client, rest, turn)?,
        };
        Ok(at + consumed)
    }

    fn lengths(&mut self, client: u32, bytes: &[u8], turn: &mut Turn) -> Result<usize, String> {
        let mut at = 0;
        while let Some(range) = tcp::next(bytes, at, PACKET_BYTES_MAX).map_err(|error| error.to_string())? {
            at = range.end;
            self.packet(client, &bytes[range], turn)?;
        }
        Ok(at)
    }

    fn frames(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> Result<usize, String> {
        let kept = self.clients[client as usize].receiver.take();
        let mut receiver = kept.map_or_else(|| Receiver::new(Role::Client), |kept| *kept);
        let mut at = 0;
        while let Some(event) =
            receiver.next(bytes, &mut at, &LIMITS).map_err(|error| format!("protocol: {error}"))?
        {
            match event {
                Event::Binary(packet) => self.packet(client, packet, turn)?,
                Event::Text(_) => return Err("text where packets are binary".into()),
                Event::Ping(payload) => {
                    turn.say(client, |out| frame::append(out, Opcode::Pong, Some(MASK), &[payload]));
                }
                Event::Pong(_) => {}
                Event::Close { code, reason } => {
                    let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                    return Err(format!("closed by the server: {code} {reason}").trim_end().to_owned());
                }
            }
        }
        if !receiver.is_idle() {
            self.clients[client as usize].receiver = Some(Box::new(receiver));
        }
        Ok(at)
    }

    fn packet(&mut self, client: u32, bytes: &[u8], turn: &mut Turn) -> Result<(), String> {
        let packet = decode_server(Codec::Proto, bytes).map_err(|error| format!("bad packet: {error}"))?;
        let again = packet.push_seq > 0 && self.pushed(client, packet.push_seq as u32, turn);
        let ServerPacket { client_id, body, .. } = packet;
        match body {
            ServerBody::Heartbeat => self.beaten(client, turn),
            ServerBody::LoginOk(ok) => self.logged_in(client, &ok, turn),
            ServerBody::Push(_) if again => turn.count(Count::Resent, 1),
            ServerBody::Push(message) => {
                if let Body::Data(body) = &message.body
                    && let Some(stamp) = Stamp::read(body).filter(|stamp| stamp.run == self.run)
                {
                    self.told(client, stamp, turn);
                }
            }
            ServerBody::SubmitOk(_) => self.group_acked(client, client_id, turn),
            ServerBody::GroupOk { .. } => self.group_made(client),
            // The server has lost the session and not the connection.
            ServerBody::LoginRequired => {
                self.unready(client);
                turn.count(Count::SessionsLost, 1);
                self.log_in(client, turn);
            }
            // It was made on a connection that is lost, and its answer with it.
            ServerBody::Refused(refused) if refused.code == RefusedCode::ConversationExists => {
                self.group_made(client);
            }
            ServerBody::Refused(refused) if client_id > 0 => {
                turn.count(Count::Refused, 1);
                turn.error(&format!("refused: {:?} {} {}", refused.code, refused.field, refused.text));
                self.group_refused(client, client_id);
            }
            ServerBody::Refused(refused) => {
                let for_now = refused.code == RefusedCode::Unavailable;
                if !for_now {
                    self.unready(client);
                    self.clients[client as usize].stage = Stage::Refused;
                }
                return Err(format!("login refused: {:?}", refused.code));
            }
            ServerBody::Kicked { reason, .. } => return Err(format!("kicked: {reason:?}")),
            ServerBody::Move { .. } => return Err("told to move".into()),
            ServerBody::ResumeOk(_)
            | ServerBody::Pulled(_)
            | ServerBody::Resync(_)
            | ServerBody::Presence(_) => {}
        }
        Ok(())
    }

    /// A push has come, and is to be acknowledged; whether it had come before.
    fn pushed(&mut self, client: u32, push_seq: u32, turn: &mut Turn) -> bool {
        let one = &mut self.clients[client as usize];
        let again = push_seq <= one.pushed;
        one.pushed = one.pushed.max(push_seq);
        if !std::mem::replace(&mut one.acking, true) {
            self.acks.push_back((turn.now + self.ack_delay.as_nanos() as u64, client));
        }
        again
    }

    fn unready(&mut self, client: u32) {
        let one = &mut self.clients[client as usize];
        self.ready -= u32::from(one.stage == Stage::Ready);
        (one.stage, one.pushed) = (Stage::LoggingIn, 0);
    }

    fn logged_in(&mut self, client: u32, ok: &LoginOk, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        if one.stage != Stage::LoggingIn {
            return;
        }
        one.stage = Stage::Ready;
        one.unanswered = false;
        self.ready += 1;
        if ok.heartbeat_interval_ms > 0 {
            self.heartbeat = Duration::from_millis(ok.heartbeat_interval_ms.into());
        }
        self.ack_delay = Duration::from_millis(ok.ack_delay_ms.into());
        if !std::mem::replace(&mut self.clients[client as usize].beating, true) {
            self.beats.push_back((turn.now + self.heartbeat.as_nanos() as u64, client));
        }
        self.make_group(client, ok.last_client_id, turn);
    }
}
