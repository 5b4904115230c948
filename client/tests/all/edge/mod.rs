//! A model of the whole edge in a page, for tests: sessions, commands once and in order, conversations, pulls. Owns what is right; what goes wrong on
//! the way is each test's.

pub(crate) mod server;

use std::collections::BTreeMap;

use proto::ids::{ConversationId, Uid};
use proto::packet::{
    ClientBody, ClientPacket, LoginOk, Message, Pull, Pulled, Refused, RefusedCode, ServerBody, ServerPacket,
    Submit, SubmitOk, Target,
};

/// A user's device.
pub(crate) type Device = (Uid, String);

/// Messages in one answer to a pull.
const PULL_MESSAGES: usize = 3;

#[derive(Default)]
pub(crate) struct Edge {
    pub(crate) conversations: BTreeMap<ConversationId, Conversation>,
    devices: BTreeMap<Device, Commands>,
    terms: LoginOk,
}

#[derive(Default)]
pub(crate) struct Conversation {
    pub(crate) members: Vec<Uid>,
    pub(crate) log: BTreeMap<u64, Message>,
    pub(crate) head: u64,
}

/// What was executed for a device, and what came of it.
#[derive(Default)]
struct Commands {
    outcomes: BTreeMap<u64, ServerBody>,
}

/// What a packet leads to.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) answer: Option<ServerPacket>,
    pub(crate) message: Option<Message>,
}

impl Edge {
    /// An edge that gives its clients these terms.
    pub(crate) fn new(terms: LoginOk) -> Self {
        Self { terms, ..Self::default() }
    }

    /// Takes a packet of a logged-in device, but for the session's own: login, ack, heartbeat and logout.
    pub(crate) fn handle(&mut self, device: &Device, packet: ClientPacket) -> Effects {
        let (client_id, mut message) = (packet.client_id, None);
        let answer = match packet.body {
            ClientBody::Pull(pull) => ServerPacket::plain(self.pull(&device.0, &pull)),
            body @ (ClientBody::Submit(_) | ClientBody::CreateGroup(_)) => {
                let last = self.last_client_id(device);
                if client_id == last + 1 {
                    let (outcome, said) = self.execute(&device.0, body);
                    self.devices.entry(device.clone()).or_default().outcomes.insert(client_id, outcome);
                    message = said;
                }
                let outcome = self.devices.get(device).and_then(|known| known.outcomes.get(&client_id));
                let out_of_order = Refused::new(RefusedCode::OutOfOrder, "client_id", "");
                let expected = Refused { expected_client_id: last + 1, ..out_of_order };
                ServerPacket::answer(client_id, outcome.cloned().unwrap_or(ServerBody::Refused(expected)))
            }
            other => panic!("not for the edge: {other:?}"),
        };
        Effects { answer: Some(answer), message }
    }

    pub(crate) fn login_ok(&self, device: &Device) -> ServerBody {
        ServerBody::LoginOk(LoginOk { last_client_id: self.last_client_id(device), ..self.terms.clone() })
    }

    /// Says something, as logic would.
    pub(crate) fn say(&mut self, sender: &Uid, submit: Submit) -> Result<Message, RefusedCode> {
        let (id, to) = match submit.target {
            Target::User(to) => (ConversationId::single(sender, &to), Some(to)),
            Target::Conversation(id) => (id, None),
        };
        if let Some(to) = &to {
            let single = self.conversations.entry(id.clone()).or_default();
            single.members = vec![sender.clone(), to.clone()];
        }
        let conversation = self.conversations.get_mut(&id).ok_or(RefusedCode::UnknownConversation)?;
        if !conversation.members.contains(sender) {
            return Err(RefusedCode::NotAMember);
        }
        conversation.head += 1;
        let seq = conversation.head;
        let message =
            Message { conversation: id, seq, sender: sender.clone(), to, time_ms: seq, body: submit.body };
        conversation.log.insert(seq, message.clone());
        Ok(message)
    }

    fn last_client_id(&self, device: &Device) -> u64 {
        self.devices.get(device).and_then(|commands| commands.outcomes.keys().last().copied()).unwrap_or(0)
    }

    fn execute(&mut self, uid: &Uid, body: ClientBody) -> (ServerBody, Option<Message>) {
        match body {
            ClientBody::Submit(submit) => match self.say(uid, submit) {
                Err(code) => (ServerBody::Refused(Refused::new(code, "", "")), None),
                Ok(message) => {
                    let Message { conversation, seq, time_ms, .. } = message.clone();
                    (ServerBody::SubmitOk(SubmitOk { conversation, seq, time_ms }), Some(message))
                }
            },
            ClientBody::CreateGroup(group) => {
                let mut members = group.members;
                members.push(uid.clone());
                let count = members.len() as u32;
                let id = group.conversation.clone();
                self.conversations.insert(id, Conversation { members, ..Conversation::default() });
                (ServerBody::GroupOk { conversation: group.conversation, members: count }, None)
            }
            other => panic!("no command: {other:?}"),
        }
    }

    fn pull(&self, uid: &Uid, pull: &Pull) -> ServerBody {
        let Some(found) = self.conversations.get(&pull.conversation) else {
            return ServerBody::Refused(Refused::new(RefusedCode::UnknownConversation, "", ""));
        };
        if !found.members.contains(uid) {
            return ServerBody::Refused(Refused::new(RefusedCode::NotAMember, "", ""));
        }
        let limit = if pull.limit == 0 { PULL_MESSAGES } else { pull.limit as usize };
        let from_seq = match pull.from_seq {
            0 => found.log.keys().rev().nth(limit - 1).or(found.log.keys().next()).copied().unwrap_or(1),
            from => from,
        };
        let messages: Vec<_> =
            found.log.range(from_seq..).take(limit).map(|(_, message)| message.clone()).collect();
        let next_seq = match messages.last() {
            Some(last) if messages.len() == limit => last.seq + 1,
            _ => from_seq.max(found.head + 1),
        };
        let conversation = pull.conversation.clone();
        ServerBody::Pulled(Pulled { conversation, from_seq, next_seq, head: found.head, messages })
    }
}
