//! Submit: a message gets its place in a conversation. Owns who may speak where and which seq and time a message has; leaves its delivery to
//! `fan_out`.

use std::sync::Arc;

use proto::ids::{ConversationId, Uid};
use proto::limits::PACKET_BYTES_MAX;
use proto::packet::{Body, Message, Refused, RefusedCode, ServerBody, Submit, SubmitOk, Target};
use proto::time::Now;

use crate::refusal::{Verdict, not_a_member, unconfirmed, unknown_conversation};
use crate::store::{Conversation, Store, StoreError};
use crate::{Device, Logic, size};

impl<S: Store> Logic<S> {
    pub(crate) fn submit(&mut self, now: Now, from: &Device, submit: Submit) -> Result<Verdict, StoreError> {
        let (id, to, field) = match submit.target {
            Target::Conversation(id) => (id, None, "submit.conversation"),
            Target::User(to) => (ConversationId::single(&from.uid, &to), Some(to), "submit.to"),
        };
        let known = self.store.conversation(&id)?;
        let is_new = known.is_none();
        let new = |to| Conversation { head: 0, head_ms: 0, members: pair(&from.uid, to) };
        let Some(conversation) = known.or_else(|| to.map(new)) else {
            return Ok(Err(unknown_conversation(field, &id)));
        };
        if !conversation.has(&from.uid) {
            return Ok(Err(not_a_member(field, &id)));
        }
        if !self.shards.has_room(&conversation.members) {
            self.tally.put_off += 1;
            return Ok(Err(unconfirmed()));
        }
        let message = Message {
            seq: conversation.head + 1,
            sender: from.uid.clone(),
            to: (!id.is_group()).then(|| other(&conversation, &from.uid).clone()),
            // A clock that was set back must not put an answer before its question.
            time_ms: now.unix_ms.max(conversation.head_ms),
            body: submit.body,
            conversation: id,
        };
        if !size::fits_alone(&message) {
            return Ok(Err(too_large(&message.body)));
        }
        if is_new {
            self.store.create(&message.conversation, conversation.members.clone())?;
        }
        self.store.append(&message)?;
        let ok = SubmitOk {
            conversation: message.conversation.clone(),
            seq: message.seq,
            time_ms: message.time_ms,
        };
        self.fan_out(from, &conversation.members, message);
        Ok(Ok(ServerBody::SubmitOk(ok)))
    }
}

/// The members of a single chat, in the order that a [`Conversation`] wants; one if somebody speaks to themselves.
fn pair(one: &Uid, other: Uid) -> Arc<[Uid]> {
    match one.cmp(&other) {
        std::cmp::Ordering::Less => Arc::new([one.clone(), other]),
        std::cmp::Ordering::Equal => Arc::new([other]),
        std::cmp::Ordering::Greater => Arc::new([other, one.clone()]),
    }
}

/// To whom a message in a single chat is said.
fn other<'a>(conversation: &'a Conversation, sender: &'a Uid) -> &'a Uid {
    conversation.members.iter().find(|uid| *uid != sender).unwrap_or(sender)
}

fn too_large(body: &Body) -> Refused {
    let field = match body {
        Body::Text(_) => "submit.text",
        Body::Data(_) => "submit.data",
    };
    let text = format_args!("in its JSON form the message does not fit a packet of {PACKET_BYTES_MAX} bytes");
    Refused::new(RefusedCode::Invalid, field, text)
}
