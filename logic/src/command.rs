//! Commands: each is executed once and in the order of its client_id, however often it is sent. Owns that promise; leaves what a
//! command does to `submit` and `group`.
//!
//! With `last` the highest client_id that was executed for the device, a command with
//!
//! | client_id | gets |
//! | --- | --- |
//! | last + 1 | executed. Its answer is kept in the same transaction, whether it succeeded or was refused |
//! | up to last | the answer it had, if it is the same command; `CLIENT_ID_REUSED` if not; `OUT_OF_ORDER` if the answer is forgotten |
//! | beyond | `OUT_OF_ORDER`; nothing is kept |
//!
//! A command whose inside cannot be decoded is refused like any other and uses up its client_id: the same bytes would fail again,
//! and the commands behind it must not wait for ever.

use proto::limits::OUTCOMES_KEPT;
use proto::packet::{
    ClientBody, ClientKind, ClientPacket, Codec, Peek, Refused, RefusedCode, ServerBody, ServerPacket,
    decode_client,
};
use proto::time::Now;
use sha2::{Digest as _, Sha256};

use crate::refusal::{Verdict, out_of_order};
use crate::store::{Outcome, Store, StoreError};
use crate::{Device, Logic};

impl<S: Store> Logic<S> {
    /// The answer to a command.
    pub(crate) fn command(
        &mut self,
        now: Now,
        from: &Device,
        peek: Peek<'_>,
        packet: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let client_id = peek.client_id;
        let last = self.store.last_client_id(from)?;
        let digest = digest(peek);
        if client_id == last + 1 {
            let verdict = self.execute(now, from, packet)?;
            let put_off = matches!(&verdict, Err(refused) if refused.code == RefusedCode::Unavailable);
            let body = verdict.unwrap_or_else(ServerBody::Refused);
            let reply = self.tally.encode(ServerPacket::answer(client_id, body));
            if put_off {
                return Ok(reply);
            }
            self.tally.executed += 1;
            let outcome = Outcome { digest, reply };
            self.store.keep_outcome(from, client_id, &outcome)?;
            return Ok(outcome.reply);
        }
        let forgotten = client_id > last || last - client_id >= OUTCOMES_KEPT;
        let kept = if forgotten { None } else { self.store.outcome(from, client_id)? };
        let refused = match kept {
            Some(outcome) if outcome.digest == digest => {
                self.tally.retries += 1;
                return Ok(outcome.reply);
            }
            Some(_) => {
                let text = "this client_id was used before for another command";
                Refused::new(RefusedCode::ClientIdReused, "client_id", text)
            }
            None => out_of_order(client_id, last + 1),
        };
        Ok(self.tally.encode(ServerPacket::answer(client_id, ServerBody::Refused(refused))))
    }

    fn execute(&mut self, now: Now, from: &Device, packet: &[u8]) -> Result<Verdict, StoreError> {
        match decode_client(Codec::Proto, packet) {
            Ok(ClientPacket { body: ClientBody::Submit(submit), .. }) => self.submit(now, from, submit),
            Ok(ClientPacket { body: ClientBody::CreateGroup(group), .. }) => self.create_group(from, group),
            Ok(_) => Ok(Err(Refused::new(RefusedCode::Invalid, "packet", "is no command"))),
            Err(error) => Ok(Err((&error).into())),
        }
    }
}

/// What a retry is recognised by: the first 8 bytes of SHA-256 over one byte for the kind and the encoded body. It is stored, so it must never change.
fn digest(peek: Peek<'_>) -> u64 {
    let mut hash = Sha256::new();
    hash.update([u8::from(peek.kind == ClientKind::CreateGroup)]);
    hash.update(peek.body);
    let hash = <[u8; 32]>::from(hash.finalize());
    hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
