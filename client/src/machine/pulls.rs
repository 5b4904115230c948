//! Questions for pieces of logs: the app's, and ours for gaps. Owns their bound, their retry and which answer belongs to which
//! question; leaves what the answers say to the app and the inbox.
//!
//! A session answers every pull once, and a Pulled names its conversation; but a refusal names nothing, and refusals may overtake answers. With one pull
//! in flight it is clear which was refused. With several, all of them are asked again after their answers have passed by, one at a time until the refused
//! one is found. No pull is asked again for want of patience: two answers to one question would spoil that count.

use std::collections::VecDeque;

use proto::ids::ConversationId;
use proto::limits::{CLIENT_PULLS_IN_FLIGHT_MAX, CLIENT_PULLS_MAX, CLIENT_RETRY_MIN};
use proto::packet::{ClientBody, ClientPacket, Pull, Pulled};
use proto::time::Now;

use super::inbox::Inbox;
use crate::{Event, Failure, Output, Ticket};

/// Who wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// The app.
    App(Ticket, Pull),
    /// The inbox, because something is missing.
    Gap(ConversationId),
}

#[derive(Debug)]
struct Asked {
    want: Want,
    from_seq: u64,
}

/// Questions that wait and questions that were asked.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    /// The app's first: somebody is looking.
    app: VecDeque<(Ticket, Pull)>,
    gaps: VecDeque<ConversationId>,
    /// In the order of asking, at most [`CLIENT_PULLS_IN_FLIGHT_MAX`].
    asked: VecDeque<Asked>,
    /// Answers still to come to questions that will be asked again; nothing is asked before they have passed by.
    ghosts: usize,
    /// One at a time, since a refusal is looked for.
    alone: bool,
    /// Nothing is asked before this moment: the server said "not now".
    hold_until_ms: u64,
}

/// Whose question was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RefusedPull {
    /// Nobody's.
    None,
    /// One of several; all are asked again.
    Unclear,
    /// This one.
    Of(Want),
}

impl Want {
    fn conversation(&self) -> &ConversationId {
        match self {
            Self::App(_, pull) => &pull.conversation,
            Self::Gap(conversation) => conversation,
        }
    }
}

impl Pulls {
    /// Takes a question of the app, or answers it at once where there is no room.
    pub(crate) fn push(&mut self, ticket: Ticket, pull: Pull, out: &mut Vec<Output>) {
        if self.app.len() >= CLIENT_PULLS_MAX {
            out.push(Output::Event(Event::History(ticket, Err(Failure::QueueFull))));
        } else {
            self.app.push_back((ticket, pull));
        }
    }

    /// Something is missing in this conversation. The inbox says so once until it has the answer, so its number bounds the queue.
    pub(crate) fn want(&mut self, conversation: ConversationId) {
        self.gaps.push_back(conversation);
    }

    /// Asks as much as may be asked.
    pub(crate) fn send(&mut self, now: Now, inbox: &Inbox, out: &mut Vec<Output>) {
        if self.ghosts > 0 || self.hold_until_ms > now.mono_ms {
            return;
        }
        let room = if self.alone { 1 } else { CLIENT_PULLS_IN_FLIGHT_MAX };
        while self.asked.len() < room {
            let (want, pull) = if let Some((ticket, pull)) = self.app.pop_front() {
                (Want::App(ticket, pull.clone()), pull)
            } else if let Some(conversation) = self.gaps.pop_front() {
                let Some(from_seq) = inbox.next(&conversation) else { continue };
                let pull = Pull { conversation: conversation.clone(), from_seq, limit: 0 };
                (Want::Gap(conversation), pull)
            } else {
                self.alone &= !self.asked.is_empty();
                return;
            };
            self.asked.push_back(Asked { want, from_seq: pull.from_seq });
            out.push(Output::Send(ClientPacket { client_id: 0, body: ClientBody::Pull(pull) }));
        }
    }

    /// Whose answer this is: of those who asked about the conversation, whoever asked for that seq, or for the newest, or at all.
    pub(crate) fn answered(&mut self, pulled: &Pulled) -> Option<Want> {
        if self.ghosts > 0 {
            self.ghosts -= 1;
            return None;
        }
        let about = |asked: &Asked| asked.want.conversation() == &pulled.conversation;
        let exact = |asked: &Asked| about(asked) && asked.from_seq == pulled.from_seq;
        let newest = |asked: &Asked| about(asked) && asked.from_seq == 0;
        let at = self.asked.iter().position(exact);
        let at = at.or_else(|| self.asked.iter().position(newest));
        let at = at.or_else(|| self.asked.iter().position(about))?;
        self.asked.remove(at).map(|asked| asked.want)
    }

    /// A pull was refused, for good or for now.
    pub(crate) fn refused(&mut self, for_good: bool) -> RefusedPull {
        match self.asked.len() {
            _ if self.ghosts > 0 => self.ghosts -= 1,
            0 => return RefusedPull::None,
            1 => {
                self.alone &= !for_good;
                return self.asked.pop_front().map_or(RefusedPull::None, |asked| RefusedPull::Of(asked.want));
            }
            several => {
                self.ghosts = several - 1;
                self.alone = for_good;
                self.take_all_back();
            }
        }
        RefusedPull::Unclear
    }

    /// Nothing is asked before `after_ms` milliseconds have passed.
    pub(crate) fn hold(&mut self, now: Now, after_ms: u64) {
        let wait = after_ms.max(CLIENT_RETRY_MIN.as_millis() as u64);
        self.hold_until_ms = self.hold_until_ms.max(now.mono_ms + wait);
    }

    /// The question is asked again, not before `after_ms` milliseconds have passed.
    pub(crate) fn retry(&mut self, now: Now, want: Want, after_ms: u64) {
        self.hold(now, after_ms);
        self.take_back(want);
    }

    /// The session is open: the app's open questions are asked again, and every conversation that is known is asked about.
    pub(crate) fn online(&mut self, inbox: &mut Inbox) {
        self.resumed();
        self.want_all(inbox);
    }

    /// The session goes on, on another connection: the open questions are asked again.
    pub(crate) fn resumed(&mut self) {
        self.take_all_back();
        (self.ghosts, self.alone, self.hold_until_ms) = (0, false, 0);
    }

    /// Something may be missing in every conversation that is known.
    pub(crate) fn want_all(&mut self, inbox: &mut Inbox) {
        self.gaps.clear();
        self.gaps.extend(inbox.all_may_have_gaps().cloned());
    }

    /// When [`Pulls::send`] has something to do that no packet will bring about.
    pub(crate) fn next_deadline(&self, now: Now) -> Option<u64> {
        let waiting = !self.app.is_empty() || !self.gaps.is_empty();
        (waiting && self.hold_until_ms > now.mono_ms).then_some(self.hold_until_ms)
    }

    /// Answers every question of the app with [`Failure::Stopped`].
    pub(crate) fn stop(&mut self, out: &mut Vec<Output>) {
        let stopped = std::mem::take(self);
        let asked = stopped.asked.into_iter().filter_map(|asked| match asked.want {
            Want::App(ticket, _) => Some(ticket),
            Want::Gap(_) => None,
        });
        let waiting = stopped.app.into_iter().map(|(ticket, _)| ticket);
        let failed = |ticket| Output::Event(Event::History(ticket, Err(Failure::Stopped)));
        out.extend(asked.chain(waiting).map(failed));
    }

    fn take_all_back(&mut self) {
        // From the last to the first, so that the oldest is asked first again.
        while let Some(asked) = self.asked.pop_back() {
            self.take_back(asked.want);
        }
    }

    fn take_back(&mut self, want: Want) {
        match want {
            Want::App(ticket, pull) => self.app.push_front((ticket, pull)),
            Want::Gap(conversation) => self.gaps.push_front(conversation),
        }
    }
}
