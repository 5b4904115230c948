//! The state server's metrics. Owns their names; what they count is the machine's.

use proto::close::CloseReason;
use proto::time::Now;
use reactor::histogram::{Amounts, Times};
use reactor::newcomers::{Newcomers, TurnedAway};

use crate::{Counts, REFUSED_LABELS, Shard};

reactor::counters! {
    /// Of a journal's thread.
    pub(super) struct JournalCounters {
        /// 1 while the journal cannot be written.
        gauge failing = "holdfast_state_journal_failing";
        /// Bytes that the journal takes.
        gauge bytes = "holdfast_state_journal_bytes";
        /// Commits that were not done and were tried again.
        counter failed_commits = "holdfast_state_journal_failed_commits";
        /// Connections to servers of a journal in Redis that were made.
        counter redis_connections = "holdfast_state_journal_redis_connections";
        /// Times that a server of a Redis Cluster has sent a commit to another.
        counter redis_redirects = "holdfast_state_journal_redis_redirects";
        /// Turns that were committed.
        counter batches = "holdfast_state_journal_batches";
        /// Bytes of the records that were committed.
        counter bytes_written = "holdfast_state_journal_written_bytes";
        /// How long a commit took, the sync included.
        histogram commit_seconds: Times = "holdfast_state_journal_commit_seconds";
    }
}

reactor::counters! {
    /// One shard's counters.
    pub(super) struct Counters {
        /// Sessions that are open.
        gauge sessions = "holdfast_state_sessions";
        /// Of these, sessions without a connection.
        gauge away = "holdfast_state_sessions_away";
        /// Pushes that are kept until they are acknowledged.
        gauge in_flight = "holdfast_state_pushes_in_flight";
        /// Connections that wait for their login to be answered, or have been asked for one.
        gauge waiting = "holdfast_state_logins_pending";
        /// Calls that logic has not answered.
        gauge calls = "holdfast_state_calls_unanswered";
        /// Revocations that are remembered, users and tokens together.
        gauge revocations = "holdfast_state_revocations";
        /// Gateway reactors whose link is up.
        gauge gateway_links = "holdfast_state_gateway_links";
        /// Shards that the logic server has welcomed.
        gauge logic_ready = "holdfast_state_logic_ready";
        /// Bytes that wait for gateways.
        gauge gateway_queue_bytes = "holdfast_state_gateway_queue_bytes";
        /// Bytes that wait for logic.
        gauge logic_queue_bytes = "holdfast_state_logic_queue_bytes";
        /// Links to logic that were given up because it did not prove to know the secret, or did not believe us.
        counter logic_unproved = "holdfast_state_logic_links_unproved";
        /// Shards that are stopping.
        gauge stopping = "holdfast_state_stopping_shards";
        /// Bytes that were said and wait for the journal.
        gauge held_bytes = "holdfast_state_held_bytes";
        /// Changes of sessions that were recorded.
        counter records = "holdfast_state_journal_records";
        /// Times that reading from a link was put off because too much waited for the journal.
        counter paused = "holdfast_state_links_paused";
        /// How long it took to write every session down whole.
        histogram checkpoint_seconds: Times = "holdfast_state_journal_checkpoint_seconds";
        /// Turns of the event loop.
        counter turns = "holdfast_state_turns";
        /// How long a turn of a shard took, from waking to its end.
        histogram turn_time: Times = "holdfast_state_turn_seconds";
        /// Links that had something in a turn.
        histogram turn_events: Amounts = "holdfast_state_turn_events";
        /// How late timers were looked at, when they were due.
        histogram wheel_lag: Times = "holdfast_state_wheel_lag_seconds";
        /// Links that were dropped because their gateway did not read.
        counter links_overrun = "holdfast_state_gateway_links_overrun";
        /// Sessions that were opened.
        counter opened = "holdfast_state_sessions_opened";
        /// Sessions that were taken up on another connection.
        counter resumed = "holdfast_state_sessions_resumed";
        /// Resumes of these that found pushes missing.
        counter resumed_with_gap = "holdfast_state_sessions_resumed_with_gap";
        /// Resumes that came too late, or of a client that has lost count.
        counter resumes_unknown = "holdfast_state_resumes_unknown";
        /// Resumes with a secret that is not the session's.
        counter resumes_forged = "holdfast_state_resumes_forged";
        /// Sessions that lost their connection, by reason.
        counter left["reason"; CloseReason::LABELS] = "holdfast_state_sessions_left";
        /// Logins whose token was good but for its revocation.
        counter logins_revoked = "holdfast_state_logins_revoked";
        /// Users whose coming or going logic was told, those in lists of all included.
        counter presence_told = "holdfast_state_presence_told";
        /// Times that too many came and went to be remembered, so that everybody is told of anew.
        counter presence_overruns = "holdfast_state_presence_overruns";
        /// Orders of logic or an operator about the sessions of a user.
        counter orders = "holdfast_state_orders";
        /// Revocations that found no room, or named no token.
        counter revocations_refused = "holdfast_state_revocations_refused";
        /// Connections that were asked to log in again.
        counter login_required = "holdfast_state_logins_required";
        /// Packets that clients sent.
        counter uplinks = "holdfast_state_uplink_packets";
        /// Packets of connections that hold no session, and were dropped.
        counter stale = "holdfast_state_stale_packets";
        /// Frames about connections that are not the sender's, or not this shard's, and were dropped.
        counter foreign = "holdfast_state_foreign_connections";
        /// Commands that went to logic for the first time.
        counter commands = "holdfast_state_commands";
        /// Commands that went to logic though they had been answered.
        counter repeats = "holdfast_state_commands_repeated";
        /// Commands that came early and were held.
        counter held = "holdfast_state_commands_held";
        /// Commands that came again while their answer was on its way.
        counter ignored = "holdfast_state_commands_ignored";
        /// Pulls that went to logic.
        counter pulls = "holdfast_state_pulls";
        /// Acknowledgements.
        counter acks = "holdfast_state_acks";
        /// Heartbeats that the gateway did not answer.
        counter heartbeats = "holdfast_state_heartbeats";
        /// Answers from logic that were passed on.
        counter replies = "holdfast_state_replies";
        /// Answers from logic that nobody waits for any more.
        counter late_replies = "holdfast_state_replies_late";
        /// Pushes from logic.
        counter pushes = "holdfast_state_pushes";
        /// Pushes from logic that came again and had been taken.
        counter pushes_repeated = "holdfast_state_pushes_repeated";
        /// Sessions that these were sent to.
        counter pushed = "holdfast_state_pushes_sent";
        /// Pushes that were sent to a session again.
        counter resent = "holdfast_state_pushes_resent";
        /// Pushes that a session was not sent because too many were unacknowledged.
        counter missed = "holdfast_state_pushes_missed";
        /// Mergeable pushes that waited for a session and were replaced by a newer one.
        counter merged = "holdfast_state_pushes_merged";
        /// Mergeable pushes that were dropped because too many waited for a session.
        counter merges_dropped = "holdfast_state_pushes_merged_dropped";
        /// Sessions that were told what to pull instead.
        counter resyncs = "holdfast_state_resyncs";
        /// Packets from logic that could not be given to a client of this form.
        counter bad_packets = "holdfast_state_bad_packets";
        /// Links that were dropped because the length of a frame could not be right.
        counter bad_frames = "holdfast_state_bad_frames";
        /// Links that were dropped because of what came over them.
        counter faults = "holdfast_state_link_faults";
        /// Connections that did not take what they were sent.
        counter blocked = "holdfast_state_clients_blocked";
        /// Times that so much waited for a gateway reactor that its sessions were pushed nothing for a while.
        counter paced = "holdfast_state_gateways_paced";
        /// Sessions that ended, by reason.
        counter ended["reason"; CloseReason::LABELS] = "holdfast_state_sessions_ended";
        /// Packets that were refused, by code.
        counter refused["code"; REFUSED_LABELS] = "holdfast_state_refused";
    }
}

reactor::counters! {
    /// The door's counters.
    pub(super) struct DoorCounters {
        /// Links that have not introduced themselves.
        gauge waiting = "holdfast_state_newcomers";
        /// Links that were turned away before they were a gateway's, by reason.
        counter turned_away["why"; TurnedAway::LABELS] = "holdfast_state_links_turned_away";
    }
}

impl DoorCounters {
    /// Makes the door's numbers visible. Called once a turn by the thread that owns both.
    pub(super) fn publish(&self, newcomers: &Newcomers) {
        self.waiting.set(newcomers.waiting() as u64);
        for (cell, count) in self.turned_away.iter().zip(newcomers.turned_away()) {
            cell.set(*count);
        }
    }
}

impl Counters {
    /// Takes a turn into the histograms.
    pub(super) fn turn(&self, micros: u64, events: usize) {
        self.turns.add(1);
        self.turn_time.observe(micros);
        self.turn_events.observe(events as u64);
    }

    /// Takes note of how late it is, if something is due.
    pub(super) fn lag(&self, now: Now, deadline_ms: Option<u64>) {
        if let Some(late_ms) = deadline_ms.and_then(|deadline| now.mono_ms.checked_sub(deadline)) {
            self.wheel_lag.observe(late_ms * 1000);
        }
    }

    /// Makes the machine's numbers visible. Called once a turn by the thread that owns both.
    pub(super) fn publish(&self, machine: &Shard) {
        self.sessions.set(machine.sessions() as u64);
        self.away.set(machine.away() as u64);
        self.in_flight.set(machine.in_flight());
        self.waiting.set(machine.waiting() as u64);
        self.calls.set(machine.calls() as u64);
        self.revocations.set(machine.revocations() as u64);
        self.gateway_links.set(machine.gateway_links() as u64);
        self.logic_ready.set(machine.is_logic_ready().into());
        self.publish_counts(machine.counts());
    }

    fn publish_counts(&self, counts: &Counts) {
        for (cell, count) in [
            (&self.opened, counts.opened),
            (&self.resumed, counts.resumed),
            (&self.resumed_with_gap, counts.resumed_with_gap),
            (&self.resumes_unknown, counts.resumes_unknown),
            (&self.resumes_forged, counts.resumes_forged),
            (&self.logins_revoked, counts.logins_revoked),
            (&self.presence_told, counts.presence_told),
            (&self.presence_overruns, counts.presence_overruns),
            (&self.orders, counts.orders),
            (&self.revocations_refused, counts.revocations_refused),
            (&self.login_required, counts.login_required),
            (&self.uplinks, counts.uplinks),
            (&self.stale, counts.stale),
            (&self.foreign, counts.foreign),
            (&self.commands, counts.commands),
            (&self.repeats, counts.repeats),
            (&self.held, counts.held),
            (&self.ignored, counts.ignored),
            (&self.pulls, counts.pulls),
            (&self.acks, counts.acks),
            (&self.heartbeats, counts.heartbeats),
            (&self.replies, counts.replies),
            (&self.late_replies, counts.late_replies),
            (&self.pushes, counts.pushes),
            (&self.pushes_repeated, counts.pushes_repeated),
            (&self.pushed, counts.pushed),
            (&self.resent, counts.resent),
            (&self.missed, counts.missed),
            (&self.merged, counts.merged),
            (&self.merges_dropped, counts.merges_dropped),
            (&self.resyncs, counts.resyncs),
            (&self.bad_packets, counts.bad_packets),
            (&self.faults, counts.faults),
            (&self.blocked, counts.blocked),
            (&self.paced, counts.paced),
        ] {
            cell.set(count);
        }
        for (cell, count) in self.left.iter().zip(counts.left.iter()) {
            cell.set(*count);
        }
        for (cell, count) in self.ended.iter().zip(counts.ended.iter()) {
            cell.set(*count);
        }
        for (cell, count) in self.refused.iter().zip(counts.refused) {
            cell.set(count);
        }
    }
}
