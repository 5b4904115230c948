//! One link from a state shard: its handshake and the way from frames to inputs and from outputs to frames. Leaves the reading and writing to
//! `links`, the meaning to the machine.

use std::fmt;

use mio::{Registry, Token};
use proto::auth::Claim;
use proto::backend::{FromLogic, FromState, LinkError, to_state};
use proto::rpc::FrameError;
use reactor::link::Link;
use reactor::newcomers::Known;

use crate::{Device, Input, LinkId, Output};

/// One link.
#[derive(Debug)]
pub(super) struct Peer {
    id: LinkId,
    pub(super) link: Link,
    /// Who it is, by its proof if it had to give one.
    claim: Claim,
    /// Within what this server numbers its pushes.
    epoch: u64,
    /// Frames that have not left, and bytes before them that have.
    pub(super) out: Vec<u8>,
    /// Bytes that had not left when it was last flushed.
    pub(super) queued: usize,
    /// It has said Hello.
    pub(super) greeted: bool,
    /// It will say nothing more; kept here because the event that told so comes once, and reading may have been put off.
    pub(super) hung_up: bool,
}

/// What breaks a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breach {
    Frame(FrameError),
    Body(LinkError),
    /// The first frame was no Hello.
    HelloFirst,
    /// It was not that of who the link is from.
    Impostor,
    /// There was a second one.
    HelloAgain,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
            Self::HelloFirst => f.write_str("the first frame was no Hello"),
            Self::Impostor => f.write_str("it has proved to be another than it says"),
            Self::HelloAgain => f.write_str("a second Hello"),
        }
    }
}

impl Peer {
    pub(super) fn new(
        (id, epoch): (LinkId, u64),
        known: Known,
        registry: &Registry,
        token: Token,
    ) -> std::io::Result<Self> {
        let Known { stream, claim, unread, .. } = known;
        let mut link = Link::new(stream, registry, token)?;
        link.unread(&unread);
        Ok(Self { id, link, claim, epoch, out: Vec::new(), queued: 0, greeted: false, hung_up: false })
    }

    /// The inputs in all whole frames that have come.
    pub(super) fn frames(&mut self, inputs: &mut Vec<Input>) -> Result<(), Breach> {
        while let Some((kind, body)) = self.link.next_frame().map_err(Breach::Frame)? {
            let link = self.id;
            inputs.push(match (self.greeted, FromState::decode(kind, body).map_err(Breach::Body)?) {
                (false, FromState::Hello { shard, shard_count, boot_epoch, taken }) => {
                    if self.claim != (Claim::State { shard, shard_count, boot_epoch }) {
                        return Err(Breach::Impostor);
                    }
                    tracing::info!(link = link.0, shard, shard_count, boot_epoch, "a state shard has come");
                    self.greeted = true;
                    to_state(&mut self.out, FromLogic::Welcome { presence: true, epoch: self.epoch });
                    Input::LinkUp { link, shard, shard_count, taken }
                }
                (false, _) => return Err(Breach::HelloFirst),
                (true, FromState::Hello { .. }) => return Err(Breach::HelloAgain),
                (true, FromState::Attach { call, uid, device }) => {
                    Input::Attach { link, call, from: Device { uid, device } }
                }
                (true, FromState::Request { call, uid, device, packet }) => {
                    Input::Request { link, call, from: Device { uid, device }, packet }
                }
                (true, FromState::Revocation { call, uid, which }) => {
                    Input::Revocation { link, call, uid, which }
                }
                // Nobody waits for what came of a revocation.
                (true, FromState::Report(_)) => continue,
                (true, FromState::Presence(presence)) => Input::Presence { link, presence },
                (true, FromState::PushesTaken { number }) => Input::PushesTaken { link, number },
            });
        }
        Ok(())
    }
}

/// The link that an output is for.
pub(super) fn link_of(output: &Output) -> LinkId {
    match output {
        Output::Attached { link, .. }
        | Output::Reply { link, .. }
        | Output::PresenceTaken { link }
        | Output::Kept { link, .. }
        | Output::Order { link, .. }
        | Output::Push { link, .. } => *link,
    }
}

/// Appends an output's frame.
pub(super) fn write(out: &mut Vec<u8>, output: Output) {
    let message = match output {
        Output::Attached { call, last_client_id, .. } => FromLogic::Attached { call, last_client_id },
        Output::Reply { call, packet, .. } => FromLogic::Reply { call, packet },
        Output::PresenceTaken { .. } => FromLogic::PresenceTaken,
        Output::Kept { call, .. } => FromLogic::RevocationKept { call },
        Output::Order { order, .. } => FromLogic::Order(order),
        Output::Push { push, .. } => return push.write(out),
    };
    to_state(out, message);
}
