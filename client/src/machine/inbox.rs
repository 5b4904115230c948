//! The place of this client in each conversation it knows: delivery in order of seq, no gaps, no doubles. Owns the cursors and what came too
//! early; leaves asking for what is missing to [`super::pulls`].

use std::collections::BTreeMap;

use proto::ids::ConversationId;
use proto::limits::{CLIENT_CONVERSATIONS_MAX, CLIENT_EARLY_BYTES_MAX, CLIENT_EARLY_MAX};
use proto::packet::{Message, Missed, Pulled};

use crate::{Event, Output};

/// The conversations that have been heard of. A map in order of names, so that a simulation runs the same way twice.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    conversations: BTreeMap<ConversationId, Conversation>,
    /// Bytes of all early messages.
    early_bytes: usize,
    /// Counts what was heard, as the clock of [`Conversation::heard`].
    heard: u64,
    /// Early messages that found no room; they are pulled.
    pub(crate) early_dropped: u64,
    /// Conversations that were forgotten to make room for others.
    pub(crate) forgotten: u64,
}

#[derive(Debug)]
struct Conversation {
    /// The next seq to deliver.
    next: u64,
    /// The highest seq that is known to exist; from `next` on something is missing.
    head: u64,
    /// Messages beyond `next`, by seq.
    early: BTreeMap<u64, Message>,
    /// Whether a pull is wanted or asked for.
    pulling: bool,
    heard: u64,
}

/// Whether something is missing that must be pulled; said once until the pull is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing is, or a pull is under way.
    None,
    /// A pull is needed.
    Pull,
    /// A pull is needed, but the last one did not help: not at once.
    PullLater,
}

impl Inbox {
    /// A message exists: pushed by the server, or said by this device. The first one of a conversation sets its cursor.
    pub(crate) fn arrived(&mut self, message: Message, out: &mut Vec<Output>) -> Gap {
        self.heard += 1;
        if !self.conversations.contains_key(message.conversation.as_str()) {
            self.know(message.conversation.clone(), message.seq);
        }
        let Some(conversation) = self.conversations.get_mut(message.conversation.as_str()) else {
            return Gap::None;
        };
        conversation.heard = self.heard;
        conversation.head = conversation.head.max(message.seq);
        if message.seq == conversation.next {
            deliver(&mut conversation.next, message, out);
            self.early_bytes -= conversation.drain(out);
        } else if message.seq > conversation.next && !conversation.early.contains_key(&message.seq) {
            let bytes = message.body.len();
            let full = conversation.early.len() >= CLIENT_EARLY_MAX;
            if full || self.early_bytes + bytes > CLIENT_EARLY_BYTES_MAX {
                self.early_dropped += 1;
            } else {
                self.early_bytes += bytes;
                conversation.early.insert(message.seq, message);
            }
        }
        conversation.gap()
    }

    /// Messages exist that the server will not push. One from a conversation that is new sets its cursor.
    pub(crate) fn missed(&mut self, missed: &Missed) -> Gap {
        self.heard += 1;
        if !self.conversations.contains_key(missed.conversation.as_str()) {
            self.know(missed.conversation.clone(), missed.from_seq);
        }
        let Some(conversation) = self.conversations.get_mut(missed.conversation.as_str()) else {
            return Gap::None;
        };
        conversation.heard = self.heard;
        conversation.head = conversation.head.max(missed.to_seq);
        conversation.gap()
    }

    /// The answer to a pull for a gap.
    pub(crate) fn pulled(&mut self, pulled: Pulled, out: &mut Vec<Output>) -> Gap {
        let Some(conversation) = self.conversations.get_mut(pulled.conversation.as_str()) else {
            return Gap::None;
        };
        conversation.pulling = false;
        conversation.head = conversation.head.max(pulled.head);
        // What lies beyond the end cannot have been spoken for.
        let end = pulled.next_seq.min(pulled.head.saturating_add(1));
        if pulled.from_seq > conversation.next || end <= pulled.from_seq {
            // It says nothing about what is missing. To ask again at once would be to ask for ever.
            return match conversation.gap() {
                Gap::None => Gap::None,
                Gap::Pull | Gap::PullLater => Gap::PullLater,
            };
        }
        for message in pulled.messages {
            if (conversation.next..end).contains(&message.seq) {
                self.early_bytes += message.body.len();
                if let Some(known) = conversation.early.insert(message.seq, message) {
                    self.early_bytes -= known.body.len();
                }
            }
        }
        // What is in the range and not among the messages does not exist.
        let rest = conversation.early.split_off(&end);
        for (_, message) in std::mem::replace(&mut conversation.early, rest) {
            self.early_bytes -= message.body.len();
            deliver(&mut conversation.next, message, out);
        }
        conversation.next = conversation.next.max(end);
        self.early_bytes -= conversation.drain(out);
        conversation.gap()
    }

    /// The app has seen this conversation's log up to its end: it is followed from there, unless it is followed already.
    pub(crate) fn follow(&mut self, pulled: &Pulled) {
        if pulled.next_seq > pulled.head && !self.conversations.contains_key(pulled.conversation.as_str()) {
            self.heard += 1;
            // What was asked for may begin beyond the end; what comes next comes right behind it.
            self.know(pulled.conversation.clone(), pulled.head.saturating_add(1));
        }
    }

    /// The server will not let us pull: what is here is delivered, and the conversation is forgotten.
    pub(crate) fn unreachable(&mut self, conversation: &ConversationId, out: &mut Vec<Output>) {
        if let Some(mut conversation) = self.conversations.remove(conversation.as_str()) {
            for (_, message) in conversation.early {
                self.early_bytes -= message.body.len();
                deliver(&mut conversation.next, message, out);
            }
        }
    }

    /// The connection is gone, and the pulls with it: after the next login every conversation may have a gap.
    pub(crate) fn all_may_have_gaps(&mut self) -> impl Iterator<Item = &ConversationId> {
        self.conversations.iter_mut().map(|(id, conversation)| {
            conversation.pulling = true;
            id
        })
    }

    /// The first seq that is missing in a conversation.
    pub(crate) fn next(&self, conversation: &ConversationId) -> Option<u64> {
        self.conversations.get(conversation.as_str()).map(|conversation| conversation.next)
    }

    fn know(&mut self, id: ConversationId, next: u64) {
        if self.conversations.len() >= CLIENT_CONVERSATIONS_MAX {
            let quiet = self.conversations.iter().min_by_key(|(_, conversation)| conversation.heard);
            if let Some(id) = quiet.map(|(id, _)| id.clone())
                && let Some(forgotten) = self.conversations.remove(id.as_str())
            {
                self.forgotten += 1;
                self.early_bytes -= forgotten.early.values().map(|message| message.body.len()).sum::<usize>();
            }
        }
        let head = next.saturating_sub(1);
        let heard = self.heard;
        let conversation = Conversation { next, head, early: BTreeMap::new(), pulling: false, heard };
        self.conversations.insert(id, conversation);
    }
}

impl Conversation {
    /// Delivers what has become due; the bytes of that.
    fn drain(&mut self, out: &mut Vec<Output>) -> usize {
        let mut bytes = 0;
        while let Some(first) = self.early.first_entry().filter(|first| *first.key() <= self.next) {
            let message = first.remove();
            bytes += message.body.len();
            if message.seq == self.next {
                deliver(&mut self.next, message, out);
            }
        }
        bytes
    }

    fn gap(&mut self) -> Gap {
        if self.next > self.head || self.pulling {
            return Gap::None;
        }
        self.pulling = true;
        Gap::Pull
    }
}

fn deliver(next: &mut u64, message: Message, out: &mut Vec<Output>) {
    *next = message.seq.saturating_add(1);
    out.push(Output::Event(Event::Delivered(message)));
}

#[cfg(test)]
mod tests;
