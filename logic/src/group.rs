//! CreateGroup: a conversation with a name and members. Owns who is in it; leaves the bounds of the command to its decoder.

use std::sync::Arc;

use proto::ids::Uid;
use proto::packet::{CreateGroup, Refused, RefusedCode, ServerBody};

use crate::refusal::Verdict;
use crate::store::{Store, StoreError};
use crate::{Device, Logic};

impl<S: Store> Logic<S> {
    pub(crate) fn create_group(&mut self, from: &Device, group: CreateGroup) -> Result<Verdict, StoreError> {
        let CreateGroup { conversation, members } = group;
        if self.store.conversation(&conversation)?.is_some() {
            let text = format_args!("there is a conversation {conversation} already");
            let field = "create_group.conversation";
            return Ok(Err(Refused::new(RefusedCode::ConversationExists, field, text)));
        }
        let members = everybody(from.uid.clone(), members);
        let count = members.len() as u32;
        self.store.create(&conversation, members)?;
        Ok(Ok(ServerBody::GroupOk { conversation, members: count }))
    }
}

/// The creator and the others, each once, in the order that a conversation wants.
fn everybody(creator: Uid, mut members: Vec<Uid>) -> Arc<[Uid]> {
    members.push(creator);
    members.sort_unstable();
    members.dedup();
    members.into()
}
