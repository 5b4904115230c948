//! What a shard counts: [`Counts`]. Owns the numbers; their names in a metrics page are the shell's.

use proto::close::PerReason;
use proto::packet::RefusedCode;

use crate::inflight::Merged;

/// Every kind of refusal that can come from here, in the order of [`Counts::refused`].
pub const REFUSED_CODES: [RefusedCode; 6] = [
    RefusedCode::Invalid,
    RefusedCode::LoginFirst,
    RefusedCode::TokenInvalid,
    RefusedCode::TokenExpired,
    RefusedCode::OutOfOrder,
    RefusedCode::Unavailable,
];

/// What has happened so far. Plain numbers: the shell publishes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that were opened.
    pub opened: u64,
    /// Sessions that were taken up on another connection.
    pub resumed: u64,
    /// Resumes of these that found pushes missing.
    pub resumed_with_gap: u64,
    /// Resumes that came too late, or of a client that has lost count.
    pub resumes_unknown: u64,
    /// Resumes with a secret that is not the session's.
    pub resumes_forged: u64,
    /// Sessions that lost their connection, by [`proto::close::CloseReason::ordinal`].
    pub left: PerReason,
    /// Sessions that ended, by [`proto::close::CloseReason::ordinal`].
    pub ended: PerReason,
    /// Logins whose token was good but for its revocation.
    pub logins_revoked: u64,
    /// Users whose coming or going logic was told, those in lists of all included.
    pub presence_told: u64,
    /// Times that too many came and went to be remembered, so that everybody is told of anew.
    pub presence_overruns: u64,
    /// Orders of logic or an operator about the sessions of a user.
    pub orders: u64,
    /// Revocations that found no room, or named no token.
    pub revocations_refused: u64,
    /// Connections that were asked to log in again.
    pub login_required: u64,
    /// Packets that clients sent.
    pub uplinks: u64,
    /// Packets of connections that hold no session, and were dropped.
    pub stale: u64,
    /// Frames about connections that are not the sender's, or not this shard's, and were dropped.
    pub foreign: u64,
    /// Commands that went to logic for the first time.
    pub commands: u64,
    /// Commands that went to logic though they had been answered.
    pub repeats: u64,
    /// Commands that came early and were held.
    pub held: u64,
    /// Commands that came again while their answer was on its way.
    pub ignored: u64,
    /// Pulls that went to logic.
    pub pulls: u64,
    /// Acknowledgements.
    pub acks: u64,
    /// Heartbeats that the gateway did not answer.
    pub heartbeats: u64,
    /// Answers from logic that were passed on.
    pub replies: u64,
    /// Answers from logic that nobody waits for any more.
    pub late_replies: u64,
    /// Pushes from logic.
    pub pushes: u64,
    /// Pushes from logic that had been taken before.
    pub pushes_repeated: u64,
    /// Sessions that these were sent to.
    pub pushed: u64,
    /// Pushes that were sent to a session again.
    pub resent: u64,
    /// Pushes that a session was not sent because too many were unacknowledged.
    pub missed: u64,
    /// Mergeable pushes that waited for a session and were replaced by a newer one.
    pub merged: u64,
    /// Mergeable pushes that were dropped because too many waited for a session.
    pub merges_dropped: u64,
    /// Sessions that were told what to pull instead.
    pub resyncs: u64,
    /// Packets from logic that could not be given to a client of this form.
    pub bad_packets: u64,
    /// Refusals, by the place of their code in [`REFUSED_CODES`].
    pub refused: [u64; REFUSED_CODES.len()],
    /// Links that were dropped because of what came over them.
    pub faults: u64,
    /// Connections that did not take what they were sent.
    pub blocked: u64,
    /// Times that so much waited for a reactor that its sessions were pushed nothing for a while.
    pub paced: u64,
}

/// How [`REFUSED_CODES`] are called in metrics.
pub const REFUSED_LABELS: [&str; REFUSED_CODES.len()] =
    ["invalid", "login_first", "token_invalid", "token_expired", "out_of_order", "unavailable"];

impl Counts {
    pub(crate) fn merge(&mut self, merged: Merged) {
        self.merged += u64::from(merged.replaced);
        self.merges_dropped += u64::from(merged.dropped);
    }

    pub(crate) fn refuse(&mut self, code: RefusedCode) {
        if let Some(place) = REFUSED_CODES.iter().position(|known| *known == code) {
            self.refused[place] += 1;
        }
    }
}
