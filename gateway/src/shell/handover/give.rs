//! The giving process: starts its successor, asks its reactors to hand over, and hears who owns the connections then. Decides nothing: see `crate::handover::giver`.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::{Child, Command as Program, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use proto::limits::{
    HANDOVER_FREEZE_DEADLINE, HANDOVER_FREEZE_PER_CONNECTION, HANDOVER_READY_DEADLINE,
    HANDOVER_SERVING_DEADLINE,
};
use reactor::wake::Mailbox;

use super::channel::{Channel, Hatch};
use super::fault;
use super::report::{Passed, Report};
use crate::handover::giver::{Event, Giver, Step};
use crate::handover::message::{Message, Offer};
use crate::shell::worker::{Command, Order, Verdict};

/// How long a successor may take to be gone once it was killed.
const KILLED: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A handover that is under way.
pub(in crate::shell) struct Giving<'a> {
    reactors: Vec<(&'a Mailbox<Command>, &'a Hatch)>,
    control: Channel,
    successor: Child,
    giver: Giver,
    /// The successor is being ended: what it has said is heard to the end.
    ending: bool,
    /// Tells this handover's channels from those of one that came to nothing.
    number: u64,
    until: Instant,
    freeze: Duration,
    replies: Option<Receiver<(u8, io::Result<Passed>)>>,
    verdicts: Vec<Sender<Verdict>>,
    passed: Vec<Passed>,
    /// Reactors that have not handed over yet.
    waiting_for: usize,
}

impl<'a> Giving<'a> {
    /// Hands over to the process that `program` starts. On success the successor has everything; otherwise all is as before, and the reason is told.
    pub(in crate::shell) fn run(
        mut program: Program,
        offer: &Offer,
        attached: &[BorrowedFd<'_>],
        reactors: Vec<(&'a Mailbox<Command>, &'a Hatch)>,
        number: u64,
    ) -> Result<Report, String> {
        let began = Instant::now();
        let (control, theirs) = Channel::pair().map_err(|error| error.to_string())?;
        program.stdin(Stdio::from(theirs.into_descriptor()));
        let spawned = program.spawn().map_err(|error| {
            format!("{} cannot be started: {error}", program.get_program().to_string_lossy())
        })?;
        // With it goes this process's own copy of the successor's end.
        drop(program);
        let connections: u32 = offer.descriptors.iter().sum();
        let mut giving = Self {
            reactors,
            control,
            successor: spawned,
            giver: Giver::new(offer),
            ending: false,
            number,
            until: began + HANDOVER_READY_DEADLINE,
            freeze: HANDOVER_FREEZE_DEADLINE + HANDOVER_FREEZE_PER_CONNECTION * connections,
            replies: None,
            verdicts: Vec::new(),
            passed: vec![Passed::default(); offer.descriptors.len()],
            waiting_for: offer.descriptors.len(),
        };
        tracing::info!(successor = giving.successor.id(), "a handover begins");
        giving.drive(offer, attached)?;
        Ok(giving.report(offer, began))
    }

    fn drive(&mut self, offer: &Offer, attached: &[BorrowedFd<'_>]) -> Result<(), String> {
        let mut step = match fault::at("giver-started") {
            Ok(()) => Step::Wait,
            Err(error) => self.giver.handle(Event::Failed(error.to_string())),
        };
        loop {
            let done = match step {
                Step::Wait => Ok(()),
                Step::Offer => self.offer(offer, attached),
                Step::Freeze => self.freeze(),
                Step::End => {
                    self.end();
                    Ok(())
                }
                Step::LetGo => {
                    drop(fault::at("giver-let-go"));
                    return Ok(());
                }
                Step::Keep(why) => {
                    self.tell(Verdict::Keep);
                    return Err(why);
                }
            };
            let event = match done {
                Ok(()) => self.next_event(),
                Err(error) => Event::Failed(error.to_string()),
            };
            step = self.giver.handle(event);
        }
    }

    /// Says what there is, and passes the reactors their ends of the channels.
    fn offer(&mut self, offer: &Offer, attached: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut ends = Vec::new();
        for (_, hatch) in &self.reactors {
            let (ours, theirs) = Channel::pair()?;
            hatch.pass(ours, self.number)?;
            ends.push(theirs.into_descriptor());
        }
        let descriptors: Vec<_> =
            attached.iter().copied().chain(ends.iter().map(|end| end.as_fd())).collect();
        self.control.send(&Message::Offer(offer.clone()).encode(), &descriptors, self.until)?;
        fault::at("giver-offered")
    }

    /// Has all reactors hand over.
    fn freeze(&mut self) -> io::Result<()> {
        self.until = Instant::now() + self.freeze;
        let (done, replies) = bounded(self.reactors.len());
        for (mailbox, hatch) in &self.reactors {
            let (verdict, awaited) = bounded(1);
            let (hatch, number, done) = ((*hatch).clone(), self.number, done.clone());
            let order = Order { hatch, number, until: self.until, done, verdict: awaited };
            self.verdicts.push(verdict);
            if mailbox.send_blocking(Command::Give(Box::new(order))).is_err() {
                return Err(io::Error::other("a reactor is gone"));
            }
        }
        self.replies = Some(replies);
        Ok(())
    }

    /// What happens next, before the deadline.
    fn next_event(&mut self) -> Event {
        if let Some(replies) = &self.replies {
            match replies.recv_deadline(self.until) {
                Ok((reactor, Ok(passed))) => {
                    self.passed[usize::from(reactor)] = passed;
                    self.waiting_for -= 1;
                    if self.waiting_for == 0 {
                        self.replies = None;
                        if let Err(error) = fault::at("giver-given") {
                            return Event::Failed(error.to_string());
                        }
                    }
                    return Event::Gave;
                }
                Ok((_, Err(error))) => {
                    let successor_is_gone =
                        matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
                    let why = error.to_string();
                    return Event::Failed(if successor_is_gone { self.why(&why) } else { why });
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Event::Failed("a reactor did not come to hand over in time".into());
                }
                // They have all answered, and one of them that it failed.
                Err(RecvTimeoutError::Disconnected) => self.replies = None,
            }
        }
        match self.control.receive(self.until) {
            Ok(Some(came)) => match Message::decode(came.bytes) {
                Ok(message) if came.descriptors.is_empty() => Event::Said(message),
                Ok(_) => Event::Failed("the successor sends descriptors".into()),
                Err(error) => Event::Failed(format!("the successor sends a {error}")),
            },
            Ok(None) | Err(_) if self.ending => Event::Gone,
            Ok(None) => Event::Failed(self.why("the successor is gone")),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Event::Failed("the successor does not answer in time".into())
            }
            Err(error) => Event::Failed(error.to_string()),
        }
    }

    /// Why it failed: what the successor has said last, or how it ended, tells more than that it is gone.
    fn why(&mut self, otherwise: &str) -> String {
        let soon = Instant::now() + Duration::from_millis(200);
        if let Ok(Some(came)) = self.control.receive(soon)
            && let Ok(Message::Refused(why)) = Message::decode(came.bytes)
        {
            return format!("the successor refuses: {why}");
        }
        match self.ended(soon) {
            Some(status) => format!("the successor ended early: {status}"),
            None => otherwise.to_owned(),
        }
    }

    fn ended(&mut self, until: Instant) -> Option<std::process::ExitStatus> {
        loop {
            match self.successor.try_wait() {
                Ok(None) if Instant::now() < until => thread::sleep(LOOK_AGAIN),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    /// Ends the successor and hears what it still had to say.
    fn end(&mut self) {
        // What was killed does nothing any more, even if the system takes its time to clear it away.
        if self.successor.kill().is_ok() && self.ended(Instant::now() + KILLED).is_none() {
            tracing::error!(pid = self.successor.id(), "the successor was killed and is not gone yet");
        }
        self.replies = None;
        self.ending = true;
        self.until = Instant::now() + KILLED;
    }

    fn tell(&mut self, verdict: Verdict) {
        for sender in self.verdicts.drain(..) {
            // A reactor that failed did not wait for it.
            let _ = sender.send(verdict);
        }
    }

    /// Waits for the successor's first turns, and only then has the reactors let go: the closing of so many descriptors would keep the cores from those who wait for the successor.
    fn report(mut self, offer: &Offer, began: Instant) -> Report {
        let until = Instant::now() + HANDOVER_SERVING_DEADLINE;
        if let Ok(Some(came)) = self.control.receive(until)
            && let Ok(Message::Serving(turned)) = Message::decode(came.bytes)
        {
            for (passed, turned) in self.passed.iter_mut().zip(turned) {
                passed.freeze = Some(Duration::from_micros(turned.saturating_sub(passed.frozen_at_micros)));
            }
        }
        self.tell(Verdict::LetGo);
        let (handovers, pid) = (offer.handovers + 1, self.successor.id());
        Report { pid, handovers, reactors: self.passed, total: began.elapsed() }
    }
}
