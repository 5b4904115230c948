//! The machine: takes inputs, collects what they cause, and lets it out when the store has committed. Owns the batch and what becomes of it
//! when the store fails; leaves the meaning of requests to `command` and `pull`.

use proto::packet::{ClientKind, PacketError, Refused, RefusedCode, ServerBody, ServerPacket, peek_client};
use proto::time::Now;

use crate::fan_out::Shards;
use crate::presence::Online;
use crate::refusal::unavailable;
use crate::store::{Store, StoreError};
use crate::{Device, Input, LinkId, Output, Tally};

/// The instant-messaging machine on a store.
///
/// When the store fails in the middle of a batch, nothing of the batch has happened: the transaction is rolled back and all that it would have
/// said is dropped. What the batch's requests are told depends on the failure:
///
/// * It passes (a full disk): each is refused as `UNAVAILABLE`, whose promise is just that ("nothing was done, the same command may be sent
///   again"); an answer now beats a client's time-out. A login cannot be refused here: it stays unanswered and its shard's deadline answers it.
/// * The store is broken (a failed fsync): nobody is told anything, and the machine will do nothing more. What was written may or may not
///   be there; only reading it again tells, so the process must end. The shards send what is unanswered to the next one.
#[derive(Debug)]
pub struct Logic<S> {
    pub(crate) store: S,
    pub(crate) shards: Shards,
    pub(crate) online: Online,
    pub(crate) outputs: Vec<Output>,
    pub(crate) tally: Tally,
    /// What the process before this one may not have pushed has been pushed.
    pub(crate) pushed_again: bool,
    /// The requests of the batch, in case they must be refused.
    asked: Vec<Asked>,
    /// The links that have told who is online in this batch: each must be answered, or it would never tell again.
    told: Vec<LinkId>,
    /// What went wrong in this batch; for ever if it is not transient.
    failure: Option<StoreError>,
}

/// What is kept of a request while its batch is open.
#[derive(Debug)]
struct Asked {
    link: LinkId,
    call: u64,
    client_id: u64,
}

impl<S: Store> Logic<S> {
    /// A machine without links, on a store. `epoch` tells this machine's pushes from those of the ones before it: another value with every start, and not 0.
    pub fn new(store: S, epoch: u64) -> Self {
        Self {
            store,
            shards: Shards::new(epoch),
            online: Online::default(),
            outputs: Vec::new(),
            tally: Tally::default(),
            pushed_again: false,
            asked: Vec::new(),
            told: Vec::new(),
            failure: None,
        }
    }

    /// Takes one input into the open batch. What it causes comes out of [`Logic::commit`].
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::LinkUp { link, shard, shard_count, taken } => {
                self.shards.up(link, shard, shard_count, taken);
                self.attempt(Self::push_again);
                self.attempt(|logic| logic.tell_revocations(link, shard, shard_count));
            }
            Input::LinkDown { link } => {
                self.shards.down(link);
                self.online.link_down(link);
            }
            Input::PushesTaken { link, number } => self.shards.taken(link, number),
            Input::Presence { link, presence } => {
                self.told.push(link);
                self.attempt(|logic| logic.presence(now, link, presence));
            }
            Input::Attach { link, call, from } => {
                self.tally.attaches += 1;
                self.attempt(|logic| {
                    let last_client_id = logic.store.last_client_id(&from)?;
                    logic.outputs.push(Output::Attached { link, call, last_client_id });
                    Ok(())
                });
            }
            Input::Revocation { link, call, uid, which } => {
                self.attempt(|logic| logic.keep_revocation((link, call), &uid, &which));
            }
            Input::Request { link, call, from, packet } => {
                self.tally.requests += 1;
                self.request(now, (link, call), &from, &packet);
            }
        }
    }

    fn request(&mut self, now: Now, (link, call): (LinkId, u64), from: &Device, packet: &[u8]) {
        let peek = peek_client(packet);
        let client_id = peek.as_ref().map_or(0, |peek| peek.client_id);
        self.asked.push(Asked { link, call, client_id });
        self.attempt(|logic| {
            let packet = match peek {
                Ok(peek) if peek.kind.is_command() => logic.command(now, from, peek, packet)?,
                Ok(peek) if peek.kind == ClientKind::Pull => logic.pull(from, packet)?,
                Ok(peek) if peek.kind == ClientKind::Watch => logic.watch(from, packet)?,
                Ok(_) => {
                    let refused = Refused::new(RefusedCode::Invalid, "packet", "is not for the logic server");
                    logic.tally.encode(ServerPacket::plain(ServerBody::Refused(refused)))
                }
                Err(error) => logic.refuse_undecodable(&error),
            };
            logic.outputs.push(Output::Reply { link, call, packet });
            Ok(())
        });
    }

    /// The answer to a packet that nothing is known of: it has no client_id, so it can consume none.
    pub(crate) fn refuse_undecodable(&mut self, error: &PacketError) -> Vec<u8> {
        self.tally.encode(ServerPacket::plain(ServerBody::Refused(error.into())))
    }

    /// Runs a step unless the batch has failed already.
    fn attempt(&mut self, step: impl FnOnce(&mut Self) -> Result<(), StoreError>) {
        if self.failure.is_none()
            && let Err(error) = step(self)
        {
            self.failure = Some(error);
        }
    }

    /// Commits the batch and then appends what it caused to `out`, to be let out when it is durable; on an error, what the type's page says.
    pub fn commit(&mut self, out: &mut Vec<Output>) -> Result<(), StoreError> {
        self.note_confirmed();
        let committed = match self.failure.take() {
            Some(error) => Err(error),
            None => self.store.commit(),
        };
        match &committed {
            Ok(()) => self.shards.let_out(&mut self.outputs, out, &mut self.tally),
            Err(error) => self.discard(error, out),
        }
        self.asked.clear();
        self.told.clear();
        self.tally.unconfirmed_bytes = self.shards.unconfirmed_bytes() as u64;
        committed
    }

    fn discard(&mut self, error: &StoreError, out: &mut Vec<Output>) {
        self.outputs.clear();
        self.shards.forget_fresh();
        self.tally.rolled_back += self.asked.len() as u64;
        if !error.is_transient() {
            self.failure = Some(error.clone());
            return;
        }
        self.failure = self.store.rollback().err();
        out.extend(self.told.drain(..).map(|link| Output::PresenceTaken { link }));
        for Asked { link, call, client_id } in self.asked.drain(..) {
            let packet = self.tally.encode(ServerPacket::answer(client_id, unavailable()));
            out.push(Output::Reply { link, call, packet });
        }
        self.shards.let_out(&mut self.outputs, out, &mut self.tally);
    }

    /// Housekeeping of the store, to be called between batches, when the answers of the last one are on their way.
    pub fn tidy(&mut self) -> Result<(), StoreError> {
        let tidied = self.store.tidy();
        if let Err(error) = &tidied
            && !error.is_transient()
        {
            self.failure = Some(error.clone());
        }
        tidied
    }

    /// What has happened since the machine began, batches that failed included.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The store, for a test that makes it fail.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Ends the machine. What was not committed is still open in the store.
    pub fn into_store(self) -> S {
        self.store
    }
}
