//! Pull: a piece of a conversation's log. Owns how much of it one answer holds; changes nothing, so it needs no client_id.

use std::ops::ControlFlow;

use proto::limits::PULL_MESSAGES_MAX;
use proto::packet::{
    ClientBody, ClientPacket, Codec, Message, Pull, Pulled, Refused, RefusedCode, ServerBody, ServerPacket,
    decode_client,
};

use crate::refusal::{Verdict, not_a_member, unknown_conversation};
use crate::size::Room;
use crate::store::{Piece, Store, StoreError};
use crate::{Device, Logic};

impl<S: Store> Logic<S> {
    /// The answer to a pull.
    pub(crate) fn pull(&mut self, from: &Device, packet: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.tally.pulls += 1;
        let verdict = match decode_client(Codec::Proto, packet) {
            Ok(ClientPacket { body: ClientBody::Pull(pull), .. }) => self.read(from, pull)?,
            Ok(_) => Err(Refused::new(RefusedCode::Invalid, "packet", "is no pull")),
            Err(error) => Err((&error).into()),
        };
        let body = verdict.unwrap_or_else(ServerBody::Refused);
        Ok(self.tally.encode(ServerPacket::plain(body)))
    }

    fn read(&mut self, from: &Device, pull: Pull) -> Result<Verdict, StoreError> {
        let Pull { conversation: id, from_seq, limit } = pull;
        let Some(conversation) = self.store.conversation(&id)? else {
            return Ok(Err(unknown_conversation("pull.conversation", &id)));
        };
        if !conversation.has(&from.uid) {
            return Ok(Err(not_a_member("pull.conversation", &id)));
        }
        let limit = if limit == 0 { PULL_MESSAGES_MAX } else { limit.min(PULL_MESSAGES_MAX) };
        let (piece, newest) = match from_seq {
            0 => (Piece::Back { from: conversation.head, limit }, true),
            _ => (Piece::On { from: from_seq, limit }, false),
        };
        let mut room = Room::for_messages_of(&id);
        let mut messages: Vec<Message> = Vec::new();
        let mut cut = false;
        if from_seq <= conversation.head {
            self.store.messages(&id, piece, &mut |message| {
                if !room.take(&message) {
                    cut = true;
                    return ControlFlow::Break(());
                }
                messages.push(message);
                ControlFlow::Continue(())
            })?;
        }
        // Where nothing stopped the reading, the store has nothing more that way.
        let all = !cut && messages.len() < limit as usize;
        let past = conversation.head + 1;
        let (from_seq, next_seq) = match (messages.last(), newest) {
            (Some(last), false) if !all => (from_seq, last.seq + 1),
            (_, false) => (from_seq, past.max(from_seq)),
            (Some(oldest), true) if !all => (oldest.seq, past),
            (_, true) => (1, past),
        };
        if newest {
            messages.reverse();
        }
        let pulled = Pulled { conversation: id, from_seq, next_seq, head: conversation.head, messages };
        Ok(Ok(ServerBody::Pulled(pulled)))
    }
}
