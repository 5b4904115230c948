//! A user's device on the SDK: [`Device`]. Owns the waiting for what the SDK tells; what is said and what must come of it is the tests'.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use client::{Answer, Client, Event, Failure, Options, StopReason, Ticket};
use proto::ids::{ConversationId, Uid};
use proto::packet::{Body, Codec, Message, SubmitOk, Target};

use crate::cluster::{Cluster, token};
use crate::program::PATIENCE;

/// How a device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    WebSocketProto,
    WebSocketJson,
    Tcp,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::WebSocketProto, Self::WebSocketJson, Self::Tcp];
}

/// A device that is online, or will be.
pub(crate) struct Device {
    pub(crate) uid: Uid,
    client: Client,
    /// What it was told and nobody has asked for yet.
    told: VecDeque<Event>,
}

impl Device {
    /// A device that has logged in.
    pub(crate) fn online(cluster: &Cluster, uid: &str, device: &str, way: Way) -> Self {
        let mut device = Self::connect(cluster.address(), uid, device, way, token(uid));
        device.wait("the login", |event| matches!(event, Event::LoggedIn { .. }).then_some(()));
        device
    }

    /// A device that tries to log in.
    pub(crate) fn connect(edge: SocketAddr, uid: &str, device: &str, way: Way, token: String) -> Self {
        let (scheme, codec) = match way {
            Way::WebSocketProto => ("ws", Codec::Proto),
            Way::WebSocketJson => ("ws", Codec::Json),
            Way::Tcp => ("tcp", Codec::Proto),
        };
        let url = format!("{scheme}://{edge}").parse().expect("a URL");
        let (uid, device): (Uid, _) = (uid.parse().expect("a uid"), device.parse().expect("a device"));
        let options = Options { url, uid: uid.clone(), device, token, codec };
        Self { uid, client: Client::connect(options).expect("a thread"), told: VecDeque::new() }
    }

    /// Says something without waiting for the answer.
    pub(crate) fn submit(&self, target: Target, text: &str) -> Result<Ticket, Failure> {
        self.client.submit(target, Body::Text(text.into()))
    }

    /// Says something to a user, and waits until it is durable.
    pub(crate) fn say(&mut self, to: &str, text: &str) -> SubmitOk {
        self.say_in(to_user(to), text).unwrap_or_else(|failure| panic!("{text:?} is not sent: {failure}"))
    }

    /// Says something, and waits for the answer.
    pub(crate) fn say_in(&mut self, target: Target, text: &str) -> Result<SubmitOk, Failure> {
        let ticket = self.submit(target, text)?;
        self.answer(ticket).map(|answer| match answer {
            Answer::Submitted(ok) => ok,
            answer @ Answer::GroupMade { .. } => panic!("{answer:?} to {text:?}"),
        })
    }

    /// Makes a group with these others, and waits for the answer.
    pub(crate) fn make_group(&mut self, name: &str, members: &[&str]) -> Result<u32, Failure> {
        let members = members.iter().map(|uid| uid.parse().expect("a uid")).collect();
        let ticket = self.client.create_group(name.parse().expect("a conversation"), members)?;
        self.answer(ticket).map(|answer| match answer {
            Answer::GroupMade { members, .. } => members,
            answer @ Answer::Submitted(_) => panic!("{answer:?} to a new group"),
        })
    }

    fn answer(&mut self, wanted: Ticket) -> Result<Answer, Failure> {
        self.wait("an answer", |event| match event {
            Event::Answered(ticket, answer) if *ticket == wanted => Some(answer.clone()),
            _ => None,
        })
    }

    /// Waits for the next message that another device has said.
    pub(crate) fn hear(&mut self, text: &str) -> Message {
        self.wait(&format!("the message {text:?}"), |event| match event {
            Event::Delivered(message) if message.body == Body::Text(text.into()) => Some(message.clone()),
            _ => None,
        })
    }

    /// Pulls a whole conversation.
    pub(crate) fn history(&mut self, conversation: &ConversationId) -> Result<Vec<Message>, Failure> {
        let (mut messages, mut from) = (Vec::new(), 1);
        loop {
            let wanted = self.client.pull(conversation.clone(), from, 0)?;
            let pulled = self.wait("a piece of history", |event| match event {
                Event::History(ticket, pulled) if *ticket == wanted => Some(pulled.clone()),
                _ => None,
            })?;
            assert_eq!(pulled.from_seq, from);
            messages.extend(pulled.messages);
            if pulled.next_seq > pulled.head {
                return Ok(messages);
            }
            assert!(pulled.next_seq > from, "a pull gets on");
            from = pulled.next_seq;
        }
    }

    /// Wants to know of these who is online.
    pub(crate) fn watch(&self, users: &[&str]) {
        let users = users.iter().map(|uid| uid.parse().expect("a uid")).collect();
        self.client.watch(users).expect("it runs");
    }

    /// Waits until the client has stopped for good: why.
    pub(crate) fn stopped(&mut self) -> StopReason {
        self.wait("the end", |event| match event {
            Event::Stopped(reason) => Some(reason.clone()),
            _ => None,
        })
    }

    /// Waits until it has been told something that `pick` takes, and takes that alone out of what it was told.
    ///
    /// # Panics
    /// When that does not come in time.
    pub(crate) fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        if let Some((at, picked)) =
            self.told.iter().enumerate().find_map(|(at, event)| Some((at, pick(event)?)))
        {
            self.told.remove(at);
            return picked;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let event = self.next(deadline);
            let Some(event) = event else {
                panic!("{} waits in vain for {what}; it was told {:#?}", self.uid, self.told)
            };
            if let Some(picked) = pick(&event) {
                return picked;
            }
            self.told.push_back(event);
        }
    }

    /// The next thing that the SDK tells, which nobody has waited for; `None` after the deadline or at the end.
    pub(crate) fn next(&self, deadline: Instant) -> Option<Event> {
        self.client.events().recv_deadline(deadline).ok()
    }

    /// Whether the connection was lost, as far as the device was told until now.
    pub(crate) fn was_offline(&mut self) -> bool {
        self.told.extend(self.client.events().try_iter());
        self.told.iter().any(|event| matches!(event, Event::Offline { .. }))
    }

    /// Commands that have no answer yet.
    pub(crate) fn unanswered(&self) -> usize {
        self.client.unanswered()
    }
}

/// The single chat with a user.
pub(crate) fn to_user(uid: &str) -> Target {
    Target::User(uid.parse().expect("a uid"))
}

/// A conversation by its name.
pub(crate) fn to_conversation(name: &str) -> Target {
    Target::Conversation(name.parse().expect("a conversation"))
}
