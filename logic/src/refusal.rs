//! What is refused, and in which words. Owns the wording; leaves the decision to who refuses.

use proto::ids::ConversationId;
use proto::limits::UNAVAILABLE_RETRY_AFTER;
use proto::packet::{Refused, RefusedCode, ServerBody};

/// What comes of a command: what it is answered, or why it is refused.
pub(crate) type Verdict = Result<ServerBody, Refused>;

pub(crate) fn unknown_conversation(field: &str, id: &ConversationId) -> Refused {
    Refused::new(RefusedCode::UnknownConversation, field, format_args!("there is no conversation {id}"))
}

pub(crate) fn not_a_member(field: &str, id: &ConversationId) -> Refused {
    Refused::new(RefusedCode::NotAMember, field, format_args!("the sender is not a member of {id}"))
}

pub(crate) fn out_of_order(client_id: u64, expected: u64) -> Refused {
    let text = if client_id > expected {
        "commands before this one have not arrived"
    } else {
        "so old a command is not remembered"
    };
    Refused { expected_client_id: expected, ..Refused::new(RefusedCode::OutOfOrder, "client_id", text) }
}

pub(crate) fn unavailable() -> ServerBody {
    ServerBody::Refused(for_now("the store cannot take anything at the moment"))
}

/// Nothing was done: too many pushes wait for the state server of somebody who would be told.
pub(crate) fn unconfirmed() -> Refused {
    for_now("a state server has too much to be told at the moment")
}

fn for_now(text: &str) -> Refused {
    let retry_after_ms = UNAVAILABLE_RETRY_AFTER.as_millis() as u32;
    Refused { retry_after_ms, ..Refused::new(RefusedCode::Unavailable, "", text) }
}
