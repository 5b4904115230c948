//! Which pushes have arrived, and when the server is told: delayed, cumulative acks. Owns the push_seqs of one session; what the pushes say
//! is the inbox's business.

use proto::packet::{ClientBody, ClientPacket};
use proto::time::Now;

use super::terms::Terms;
use crate::Output;

/// The pushes of one session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Acks {
    /// All up to here have arrived.
    received: u64,
    /// Bit i: `received + 1 + i` has arrived as well. TCP keeps the order, so this is for servers that do not.
    ahead: u64,
    /// All up to here have been acknowledged.
    acked: u64,
    /// When the next ack is sent at the latest.
    due_ms: Option<u64>,
}

impl Acks {
    /// All up to here have arrived.
    pub(crate) fn arrived(&self) -> u64 {
        self.received
    }

    /// The session goes on, on another connection: what had arrived was acknowledged by taking it up.
    pub(crate) fn resumed(&mut self) {
        (self.acked, self.due_ms) = (self.received, None);
    }

    /// A push arrived, perhaps again.
    pub(crate) fn received(&mut self, now: Now, push_seq: u64, terms: &Terms, out: &mut Vec<Output>) {
        if let Some(distance) = push_seq.checked_sub(self.received + 1).filter(|distance| *distance < 64) {
            self.ahead |= 1 << distance;
            let run = self.ahead.trailing_ones();
            self.ahead = self.ahead.checked_shr(run).unwrap_or(0);
            self.received += u64::from(run);
        }
        // One that came again was not acknowledged in time: it is acknowledged again, soon.
        self.due_ms.get_or_insert(now.mono_ms + u64::from(terms.ack_delay_ms));
        if self.received - self.acked >= u64::from(terms.ack_every) {
            self.send(out);
        }
    }

    /// Sends an ack that is due.
    pub(crate) fn expire(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.due_ms.is_some_and(|due| due <= now.mono_ms) {
            self.send(out);
        }
    }

    /// When [`Acks::expire`] has something to do.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.due_ms
    }

    fn send(&mut self, out: &mut Vec<Output>) {
        self.due_ms = None;
        if self.received > 0 {
            self.acked = self.received;
            let body = ClientBody::Ack { push_seq: self.received };
            out.push(Output::Send(ClientPacket { client_id: 0, body }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Now = Now { mono_ms: 1000, unix_ms: 0 };

    fn acked(out: &mut Vec<Output>) -> Vec<u64> {
        let seqs = out.drain(..).map(|output| match output {
            Output::Send(ClientPacket { client_id: 0, body: ClientBody::Ack { push_seq } }) => push_seq,
            other => panic!("{other:?}"),
        });
        seqs.collect()
    }

    #[test]
    fn an_ack_waits_for_its_delay_and_speaks_for_all_that_came() {
        let (mut acks, terms, mut out) = (Acks::default(), Terms::default(), Vec::new());
        (1..=3).for_each(|seq| acks.received(AT, seq, &terms, &mut out));
        assert_eq!(acks.next_deadline(), Some(1200));
        acks.expire(Now { mono_ms: 1199, unix_ms: 0 }, &mut out);
        assert!(out.is_empty());
        acks.expire(Now { mono_ms: 1200, unix_ms: 0 }, &mut out);
        assert_eq!(acked(&mut out), [3]);
        assert_eq!(acks.next_deadline(), None);
    }

    #[test]
    fn a_full_batch_is_acknowledged_at_once() {
        let (mut acks, terms, mut out) = (Acks::default(), Terms::default(), Vec::new());
        (1..=65).for_each(|seq| acks.received(AT, seq, &terms, &mut out));
        assert_eq!(acked(&mut out), [32, 64]);
        assert_eq!(acks.next_deadline(), Some(1200));
    }

    #[test]
    fn what_is_missing_is_not_acknowledged_and_what_comes_again_is() {
        let (mut acks, terms, mut out) = (Acks::default(), Terms::default(), Vec::new());
        let later = Now { mono_ms: 2000, unix_ms: 0 };
        acks.received(AT, 2, &terms, &mut out);
        acks.expire(later, &mut out);
        assert!(out.is_empty());
        [1, 3, 200].iter().for_each(|seq| acks.received(AT, *seq, &terms, &mut out));
        acks.expire(later, &mut out);
        assert_eq!(acked(&mut out), [3]);
        acks.received(AT, 1, &terms, &mut out);
        acks.expire(later, &mut out);
        assert_eq!(acked(&mut out), [3]);
    }

    #[test]
    fn sixty_four_ahead_close_up_in_one_step() {
        let (mut acks, terms, mut out) =
            (Acks::default(), Terms { ack_every: 1000, ..Terms::default() }, Vec::new());
        (2..=64).for_each(|seq| acks.received(AT, seq, &terms, &mut out));
        acks.received(AT, 1, &terms, &mut out);
        acks.expire(Now { mono_ms: 5000, unix_ms: 0 }, &mut out);
        assert_eq!(acked(&mut out), [64]);
    }
}
