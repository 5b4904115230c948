//! What the machine counts. Owns the numbers; leaves their names in a metrics page to the shell.

use proto::packet::{Codec, RefusedCode, ServerBody, ServerPacket, encode_server};

/// Every kind of refusal that can come from here, in the order of [`Tally::refusals`].
const CODES: [RefusedCode; 7] = [
    RefusedCode::Invalid,
    RefusedCode::UnknownConversation,
    RefusedCode::NotAMember,
    RefusedCode::OutOfOrder,
    RefusedCode::ClientIdReused,
    RefusedCode::ConversationExists,
    RefusedCode::Unavailable,
];

/// Counts since the machine began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Logins asked about.
    pub attaches: u64,
    /// Client packets taken.
    pub requests: u64,
    /// Commands executed, the refused ones among them.
    pub executed: u64,
    /// Commands answered from memory.
    pub retries: u64,
    /// Pulls answered.
    pub pulls: u64,
    /// Push frames sent …
    pub pushes: u64,
    /// … the users they were for …
    pub push_targets: u64,
    /// … and the users whose shard has no room for what may be lost: who is online.
    pub push_targets_dropped: u64,
    /// Bytes of the pushes that are not confirmed at the moment.
    pub unconfirmed_bytes: u64,
    /// Messages that the process before this one may not have pushed, and this one did.
    pub pushed_again: u64,
    /// Older messages that it did not, because there were too many.
    pub not_pushed_again: u64,
    /// Commands that were put off because too much was not confirmed.
    pub put_off: u64,
    /// Users that shards have told of, coming, going or being there.
    pub presence: u64,
    /// Revocations that were kept.
    pub revocations: u64,
    /// Requests whose batch failed.
    pub rolled_back: u64,
    pub(crate) refused: [u64; CODES.len()],
}

impl Tally {
    /// The codes of [`Tally::refusals`] as a metrics page spells them.
    pub const CODE_LABELS: [&'static str; CODES.len()] = [
        "invalid",
        "unknown_conversation",
        "not_a_member",
        "out_of_order",
        "client_id_reused",
        "conversation_exists",
        "unavailable",
    ];

    /// How often each code was given as an answer for the first time; retries do not count again.
    pub fn refusals(&self) -> impl Iterator<Item = (RefusedCode, u64)> {
        CODES.into_iter().zip(self.refused)
    }

    /// Encodes an answer, and counts it if it is a refusal.
    pub(crate) fn encode(&mut self, packet: ServerPacket) -> Vec<u8> {
        if let ServerBody::Refused(refused) = &packet.body
            && let Some(index) = CODES.iter().position(|code| *code == refused.code)
        {
            self.refused[index] += 1;
        }
        let mut out = Vec::with_capacity(64);
        encode_server(Codec::Proto, packet, &mut out);
        out
    }
}
