//! Tokens that are good no more. Owns that a revocation outlives every process: it is kept in the store, and every shard is told of its users' whenever its link comes up,
//! before any login is answered there.

use proto::backend::{Act, Order, Which};
use proto::ids::{Slot, Uid};

use crate::store::{Store, StoreError};
use crate::{LinkId, Logic, Output};

/// What orders are numbered as whose report nobody waits for.
const NO_CALL: u64 = 0;

impl<S: Store> Logic<S> {
    /// Keeps a revocation that a shard has carried out already.
    pub(crate) fn keep_revocation(
        &mut self,
        (link, call): (LinkId, u64),
        uid: &Uid,
        which: &Which,
    ) -> Result<(), StoreError> {
        self.store.keep_revocation(uid, which)?;
        self.tally.revocations += 1;
        self.outputs.push(Output::Kept { link, call });
        Ok(())
    }

    /// Tells a shard of the revocations of its users.
    pub(crate) fn tell_revocations(
        &mut self,
        link: LinkId,
        shard: u32,
        shard_count: u32,
    ) -> Result<(), StoreError> {
        let Self { store, outputs, .. } = self;
        store.revocations(&mut |uid, which| {
            if Slot::of(uid.as_str()).shard(shard_count) == shard {
                let order = Order { call: NO_CALL, uid, which, act: Act::Revoke };
                outputs.push(Output::Order { link, order });
            }
        })
    }
}
