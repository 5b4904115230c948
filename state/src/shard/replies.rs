//! The link to logic, and its answers. Owns that every unanswered call is sent again when the link comes back; pushes are treated in `pushes`.

use proto::backend::{FromLogic, FromState, to_logic};
use proto::packet::{RefusedCode, peek_refused};
use proto::time::Now;

use super::{Logic, Note, Shard};
use crate::calls::Asker;
use crate::journal::Record;
use crate::{Event, Fault, Output};

/// No device comes so far; logic that says so is wrong, and numbers beyond need not be thought of.
const CLIENT_ID_MAX: u64 = u64::MAX / 2;

impl Shard {
    pub(super) fn logic_up(&mut self, out: &mut dyn Output) {
        self.logic = Logic::Greeted;
        let Self { settings, .. } = self;
        let (shard, shard_count, boot_epoch) = (settings.shard, settings.shard_count, settings.boot_epoch);
        let taken = self.pushes_taken.introduce();
        to_logic(out.logic(), FromState::Hello { shard, shard_count, boot_epoch, taken });
    }

    pub(super) fn logic_down(&mut self, out: &mut dyn Output) {
        if self.logic != Logic::Down {
            self.logic = Logic::Down;
            self.begin_presence(false);
            out.event(Event::LogicLost { waiting: self.calls.len() });
        }
    }

    pub(super) fn logic_frame(&mut self, now: Now, kind: u8, body: &[u8], out: &mut dyn Output) {
        let result = match (self.logic, FromLogic::decode(kind, body)) {
            // The rest of what came over a link that was dropped.
            (Logic::Down, _) => Ok(()),
            (_, Err(error)) => Err(Fault::Frame(error)),
            (Logic::Greeted, Ok(FromLogic::Welcome { presence, epoch })) => {
                self.logic = Logic::Ready;
                self.pushes_taken.begin(epoch);
                self.begin_presence(presence);
                self.calls.send_again(out.logic_call());
                out.event(Event::LogicLinked { again: self.calls.len() });
                Ok(())
            }
            (Logic::Greeted, Ok(_)) | (Logic::Ready, Ok(FromLogic::Welcome { .. })) => Err(Fault::Order),
            (Logic::Ready, Ok(FromLogic::Attached { call, last_client_id })) => {
                self.attached_frame(now, call, last_client_id, out)
            }
            (Logic::Ready, Ok(FromLogic::Reply { call, packet })) => self.reply(call, &packet, out),
            (Logic::Ready, Ok(FromLogic::Push(push))) => {
                if self.pushes_taken.take(push.number) {
                    self.push(now, push, out);
                } else {
                    self.counts.pushes_repeated += 1;
                }
                Ok(())
            }
            (Logic::Ready, Ok(FromLogic::Order(order))) => {
                let report = self.order(now, &order, out);
                to_logic(out.logic(), FromState::Report(report));
                Ok(())
            }
            (Logic::Ready, Ok(FromLogic::PresenceTaken)) => self.presence_taken(),
            (Logic::Ready, Ok(FromLogic::RevocationKept { call })) => self.revocation_kept(call),
        };
        if let Err(fault) = result {
            self.counts.faults += 1;
            out.event(Event::Fault { link: None, fault });
            out.drop_logic();
            self.logic_down(out);
        }
    }

    fn attached_frame(
        &mut self,
        now: Now,
        call: u64,
        last_client_id: u64,
        out: &mut dyn Output,
    ) -> Result<(), Fault> {
        match self.calls.asker(call) {
            Some(Asker::Login { .. }) if last_client_id > CLIENT_ID_MAX => return Err(Fault::Answer),
            Some(Asker::Login { waiting }) => self.attached(now, waiting, last_client_id, out),
            Some(Asker::Command { .. } | Asker::Aside { .. } | Asker::Revocation) => {
                return Err(Fault::Answer);
            }
            None => self.counts.late_replies += 1,
        }
        Ok(())
    }

    fn reply(&mut self, call: u64, packet: &[u8], out: &mut dyn Output) -> Result<(), Fault> {
        let (place, client_id) = match self.calls.asker(call) {
            Some(Asker::Command { session, client_id }) => (session, Some(client_id)),
            Some(Asker::Aside { session }) => (session, None),
            Some(Asker::Login { .. } | Asker::Revocation) => return Err(Fault::Answer),
            None => {
                self.counts.late_replies += 1;
                return Ok(());
            }
        };
        self.calls.end(call);
        let Some(session) = self.sessions.get_mut(place) else { return Ok(()) };
        match client_id {
            Some(client_id) => {
                let before = session.uplink.answered();
                session.uplink.answer(client_id, was_executed(packet));
                let client_id = session.uplink.answered();
                if client_id > before {
                    out.record(Record::Answered { session: session.number, client_id });
                }
            }
            None => session.uplink.end_aside(call),
        }
        self.counts.replies += 1;
        let line = session.line();
        self.note(place, Note::Answered(packet.len()), out);
        self.pass_on(line, packet, out);
        self.send_held(place, out);
        Ok(())
    }
}

/// Whether an answer to a command says that it has been dealt with, be it by a refusal. Two refusals say that nothing was done: the command may come again.
fn was_executed(answer: &[u8]) -> bool {
    !matches!(peek_refused(answer), Some(RefusedCode::Unavailable | RefusedCode::OutOfOrder))
}
