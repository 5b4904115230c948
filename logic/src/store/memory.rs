//! A store in memory, for tests and simulation. Owns a faithful model of losing what was not committed, and faults on demand; keeps nothing
//! over the life of the process.

mod people;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use proto::ids::{ConversationId, Uid};
use proto::limits::OUTCOMES_KEPT;
use proto::packet::Message;

use super::{Conversation, Outcome, Piece, Store, StoreError, Take};
use crate::Device;
use people::Users;

/// See the module's page.
#[derive(Debug, Default)]
pub struct MemoryStore {
    conversations: HashMap<ConversationId, Log>,
    devices: HashMap<Device, BTreeMap<u64, Outcome>>,
    users: Users,
    /// How to take back what is not committed, oldest first.
    undo: Vec<Undo>,
    /// Commits that had a message, and up to which of them all was taken.
    committed: u64,
    taken: u64,
    /// The messages that were not taken when one was committed last, and the open transaction's: each with the place before its commit.
    not_taken: VecDeque<(u64, ConversationId, u64)>,
    fault: Option<(u32, StoreError)>,
}

#[derive(Debug)]
struct Log {
    members: Arc<[Uid]>,
    messages: BTreeMap<u64, Message>,
}

#[derive(Debug)]
enum Undo {
    Create(ConversationId),
    Append(ConversationId, u64),
    Keep(Device, u64),
    Forget(Device, u64, Outcome),
    /// They were like this before.
    Users(Box<Users>),
}

impl MemoryStore {
    /// The machine it runs on loses power: what was not committed is gone. The value is then what the next process finds.
    pub fn crash(&mut self) {
        self.fault = None;
        while let Some(step) = self.undo.pop() {
            match step {
                Undo::Create(id) => {
                    self.conversations.remove(&id);
                }
                Undo::Append(id, seq) => {
                    if let Some(log) = self.conversations.get_mut(&id) {
                        log.messages.remove(&seq);
                    }
                    self.not_taken.pop_back();
                }
                Undo::Keep(device, client_id) => {
                    if let Some(outcomes) = self.devices.get_mut(&device) {
                        outcomes.remove(&client_id);
                    }
                }
                Undo::Users(users) => self.users = *users,
                Undo::Forget(device, client_id, outcome) => {
                    self.devices.entry(device).or_default().insert(client_id, outcome);
                }
            }
        }
    }

    /// Makes one call fail: the next if `calls` is 0, the one after it if it is 1, and so on.
    pub fn fail_after(&mut self, calls: u32, error: StoreError) {
        self.fault = Some((calls, error));
    }

    fn may_fail(&mut self) -> Result<(), StoreError> {
        match self.fault.take() {
            None => Ok(()),
            Some((0, error)) => Err(error),
            Some((calls, error)) => {
                self.fault = Some((calls - 1, error));
                Ok(())
            }
        }
    }

    fn log(&mut self, id: &ConversationId) -> Result<&mut Log, StoreError> {
        let missing = || StoreError::Broken(format!("no conversation {id}"));
        self.conversations.get_mut(id).ok_or_else(missing)
    }
}

impl Store for MemoryStore {
    fn last_client_id(&mut self, device: &Device) -> Result<u64, StoreError> {
        self.may_fail()?;
        let outcomes = self.devices.get(device);
        Ok(outcomes.and_then(BTreeMap::last_key_value).map_or(0, |(client_id, _)| *client_id))
    }

    fn outcome(&mut self, device: &Device, client_id: u64) -> Result<Option<Outcome>, StoreError> {
        self.may_fail()?;
        Ok(self.devices.get(device).and_then(|outcomes| outcomes.get(&client_id)).cloned())
    }

    fn keep_outcome(&mut self, device: &Device, client_id: u64, outcome: &Outcome) -> Result<(), StoreError> {
        self.may_fail()?;
        let outcomes = self.devices.entry(device.clone()).or_default();
        outcomes.insert(client_id, outcome.clone());
        self.undo.push(Undo::Keep(device.clone(), client_id));
        if let Some(oldest) = outcomes.first_entry()
            && *oldest.key() + OUTCOMES_KEPT <= client_id
        {
            let (forgotten, outcome) = oldest.remove_entry();
            self.undo.push(Undo::Forget(device.clone(), forgotten, outcome));
        }
        Ok(())
    }

    fn conversation(&mut self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.may_fail()?;
        Ok(self.conversations.get(id).map(|log| {
            let (head, head_ms) =
                log.messages.last_key_value().map_or((0, 0), |(seq, last)| (*seq, last.time_ms));
            Conversation { head, head_ms, members: log.members.clone() }
        }))
    }

    fn create(&mut self, id: &ConversationId, members: Arc<[Uid]>) -> Result<(), StoreError> {
        self.may_fail()?;
        if self.conversations.contains_key(id) {
            return Err(StoreError::Broken(format!("two conversations {id}")));
        }
        self.conversations.insert(id.clone(), Log { members, messages: BTreeMap::new() });
        self.undo.push(Undo::Create(id.clone()));
        Ok(())
    }

    fn append(&mut self, message: &Message) -> Result<(), StoreError> {
        self.may_fail()?;
        let messages = &mut self.log(&message.conversation)?.messages;
        if messages.last_key_value().is_some_and(|(head, _)| *head >= message.seq) {
            return Err(StoreError::Broken(format!("seq {} is not beyond the head", message.seq)));
        }
        messages.insert(message.seq, message.clone());
        self.not_taken.push_back((self.committed, message.conversation.clone(), message.seq));
        self.undo.push(Undo::Append(message.conversation.clone(), message.seq));
        Ok(())
    }

    fn messages(&mut self, id: &ConversationId, piece: Piece, take: &mut Take<'_>) -> Result<(), StoreError> {
        self.may_fail()?;
        let messages = &self.log(id)?.messages;
        let mut show = |message: &Message| match take(message.clone()) {
            ControlFlow::Continue(()) => Some(()),
            ControlFlow::Break(()) => None,
        };
        match piece {
            Piece::On { from, limit } => {
                messages.range(from..).take(limit as usize).try_for_each(|(_, message)| show(message))
            }
            Piece::Back { from, limit } => {
                messages.range(..=from).rev().take(limit as usize).try_for_each(|(_, message)| show(message))
            }
        };
        Ok(())
    }

    fn committed(&self) -> u64 {
        self.committed
    }

    fn taken(&mut self, place: u64) {
        self.taken = self.taken.max(place);
    }

    fn not_taken(&mut self, take: &mut dyn FnMut(u64, Message)) -> Result<(), StoreError> {
        self.may_fail()?;
        for (after, id, seq) in self.not_taken.iter().filter(|(after, ..)| *after < self.committed) {
            let message = self.conversations.get(id).and_then(|log| log.messages.get(seq));
            take(*after, message.ok_or_else(|| StoreError::Broken(format!("no message {seq}")))?.clone());
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.may_fail()?;
        self.undo.clear();
        if self.not_taken.back().is_some_and(|(after, ..)| *after == self.committed) {
            self.committed += 1;
            while self.not_taken.pop_front_if(|(after, ..)| *after < self.taken).is_some() {}
        }
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), StoreError> {
        self.crash();
        Ok(())
    }
}
