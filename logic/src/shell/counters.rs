//! The logic server's metrics. Owns their names; what they count is the machine's and the threads'.

use std::time::Duration;

use reactor::newcomers::{Newcomers, TurnedAway};

use crate::Tally;

/// Upper bounds of the sizes that batches are counted by, as labels of [`WriterCounters::commits`]; the last takes all that are larger.
const SIZES: [usize; 6] = [1, 8, 64, 256, 1024, usize::MAX];
const SIZE_LABELS: [&str; SIZES.len()] = ["1", "8", "64", "256", "1024", "more"];

reactor::counters! {
    /// Of the thread that holds the links.
    pub(super) struct LinkCounters {
        /// Links from state shards that are open.
        gauge links = "holdfast_logic_links";
        /// Inputs that wait for the writer or are with it.
        gauge waiting = "holdfast_logic_waiting_inputs";
        /// Links that were accepted.
        counter accepted = "holdfast_logic_links_accepted";
        /// Links that have not introduced themselves.
        gauge newcomers = "holdfast_logic_newcomers";
        /// Links that were turned away before they were a shard's, by reason.
        counter strangers["why"; TurnedAway::LABELS] = "holdfast_logic_links_turned_away";
        /// Links of shards that were closed at once, because there are too many.
        counter turned_away = "holdfast_logic_links_too_many";
        /// Links that ended, by reason.
        counter closed["reason"; ["gone", "protocol", "slow"]] = "holdfast_logic_links_closed";
        /// Times that reading from a link was put off because the writer or the link had too much to do.
        counter paused = "holdfast_logic_links_paused";
        /// Answers and pushes for links that had gone.
        counter stale = "holdfast_logic_stale_outputs";
        /// Turns of the event loop.
        counter turns = "holdfast_logic_turns";
    }
}

reactor::counters! {
    /// Of the thread that writes.
    pub(super) struct WriterCounters {
        /// 1 while the store takes nothing.
        gauge failing = "holdfast_logic_store_failing";
        /// Logins that asked for the last client_id.
        counter attaches = "holdfast_logic_attaches";
        /// Client packets that were taken.
        counter requests = "holdfast_logic_requests";
        /// Commands that were executed.
        counter executed = "holdfast_logic_commands_executed";
        /// Commands that were answered from memory.
        counter retries = "holdfast_logic_commands_retried";
        /// Pulls that were answered.
        counter pulls = "holdfast_logic_pulls";
        /// Push frames.
        counter pushes = "holdfast_logic_pushes";
        /// Users that the push frames were for.
        counter push_targets = "holdfast_logic_push_targets";
        /// Users that were not told who is online, because their shard has no room for it.
        counter push_targets_dropped = "holdfast_logic_push_targets_dropped";
        /// Bytes of pushes that state shards have not confirmed.
        gauge unconfirmed_bytes = "holdfast_logic_unconfirmed_bytes";
        /// Messages that the process before this one may not have pushed, and this one did.
        counter pushed_again = "holdfast_logic_pushed_again";
        /// Older messages that it did not, because there were too many.
        counter not_pushed_again = "holdfast_logic_not_pushed_again";
        /// Commands that were put off because too much was not confirmed.
        counter put_off = "holdfast_logic_commands_put_off";
        /// Users that shards have told of, coming, going or being there.
        counter presence = "holdfast_logic_presence_heard";
        /// Revocations that were kept.
        counter revocations = "holdfast_logic_revocations";
        /// Requests whose batch failed.
        counter rolled_back = "holdfast_logic_requests_rolled_back";
        /// Refusals, by code.
        counter refused["code"; Tally::CODE_LABELS] = "holdfast_logic_refused";
        /// Batches, by the most inputs that they may have had.
        counter commits["up_to"; SIZE_LABELS] = "holdfast_logic_commits";
        /// Batches that failed.
        counter failed_commits = "holdfast_logic_commits_failed";
        /// Inputs in all batches.
        counter inputs = "holdfast_logic_batched_inputs";
        /// Time spent on handling inputs.
        counter handle_microseconds = "holdfast_logic_handle_microseconds";
        /// Time spent on committing batches.
        counter commit_microseconds = "holdfast_logic_commit_microseconds";
        /// Time spent on writing the log back, as far as requests waited for it.
        counter tidy_microseconds = "holdfast_logic_tidy_microseconds";
    }
}

reactor::counters! {
    /// Of the thread that makes batches durable.
    pub(super) struct DiskCounters {
        /// Time spent on making batches durable.
        counter sync_microseconds = "holdfast_logic_sync_microseconds";
    }
}

impl LinkCounters {
    /// Makes the numbers of those who wait to be known visible. Called once a turn by the thread that owns both.
    pub(super) fn newcomers(&self, newcomers: &Newcomers) {
        self.newcomers.set(newcomers.waiting() as u64);
        for (cell, count) in self.strangers.iter().zip(newcomers.turned_away()) {
            cell.set(*count);
        }
    }
}

impl WriterCounters {
    /// Counts a batch.
    pub(super) fn batch(&self, size: usize, committing: Duration) {
        let index = SIZES.iter().position(|most| size <= *most).unwrap_or(SIZES.len() - 1);
        self.commits[index].add(1);
        self.inputs.add(size as u64);
        self.commit_microseconds.add(committing.as_micros() as u64);
    }

    /// Makes the machine's numbers visible. Called once a batch by the thread that owns both.
    pub(super) fn publish(&self, tally: &Tally) {
        let Tally {
            attaches,
            requests,
            executed,
            retries,
            pulls,
            pushes,
            push_targets,
            push_targets_dropped,
            unconfirmed_bytes,
            pushed_again,
            not_pushed_again,
            put_off,
            presence,
            revocations,
            rolled_back,
            refused: _,
        } = tally;
        self.attaches.set(*attaches);
        self.requests.set(*requests);
        self.executed.set(*executed);
        self.retries.set(*retries);
        self.pulls.set(*pulls);
        self.pushes.set(*pushes);
        self.push_targets.set(*push_targets);
        self.push_targets_dropped.set(*push_targets_dropped);
        self.unconfirmed_bytes.set(*unconfirmed_bytes);
        self.pushed_again.set(*pushed_again);
        self.not_pushed_again.set(*not_pushed_again);
        self.put_off.set(*put_off);
        self.presence.set(*presence);
        self.revocations.set(*revocations);
        self.rolled_back.set(*rolled_back);
        for (cell, (_, count)) in self.refused.iter().zip(tally.refusals()) {
            cell.set(count);
        }
    }
}
