//! The side of a handover that gets the connections: [`Taker`], and what of a reactor's snapshot has come: [`Intake`]. Owns what may come when, and the bounds of it; that it is done is
//! the shell's business.
//!
//! Nothing is read from a client, or written to one, before [`Message::Taken`] was said. Once all reactors have everything it is said even if nobody hears it any more: a giver that is gone by then
//! was ended by somebody else, for it would have ended its successor before it served on.

use proto::limits::{HANDOVER_MESSAGE_BYTES_MAX, HANDOVER_SNAPSHOT_BYTES_MAX};

use super::bytes::Malformed;
use super::message::{Message, Offer, Piece};

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It has introduced itself.
    Greeted,
    /// It opens what it needs for so many reactors.
    Preparing { reactors: usize },
    /// The reactors take in what they are given; so many are not done.
    Taking { left: usize },
    /// It serves.
    Serving,
    /// It cannot take over.
    Over,
}

/// What can happen to a taker.
#[derive(Debug)]
pub(crate) enum Event {
    /// The giver says something.
    Said(Message),
    /// Everything that this side opens itself is open.
    Ready,
    /// A reactor has everything.
    Has,
    /// It cannot go on.
    Failed(String),
    /// The giver is gone.
    Gone,
}

/// What is to be done then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait for what comes.
    Wait,
    /// Open what is needed for this.
    Prepare(Offer),
    /// Say that everything is open, and let the reactors take in what they are given.
    Take,
    /// Say that everything is taken, and serve.
    Serve,
    /// Say why not, and end.
    GiveUp(String),
}

/// One handover, as the taker sees it.
#[derive(Debug)]
pub(crate) struct Taker(Phase);

impl Taker {
    pub(crate) fn new() -> Self {
        Self(Phase::Greeted)
    }

    pub(crate) fn handle(&mut self, event: Event) -> Step {
        match (self.0, event) {
            (Phase::Greeted, Event::Said(Message::Offer(offer))) if !offer.descriptors.is_empty() => {
                self.go(Phase::Preparing { reactors: offer.descriptors.len() }, Step::Prepare(offer))
            }
            (Phase::Preparing { reactors }, Event::Ready) => {
                self.go(Phase::Taking { left: reactors }, Step::Take)
            }
            (Phase::Serving | Phase::Over, _) => Step::Wait,
            (_, Event::Failed(why)) => self.go(Phase::Over, Step::GiveUp(why)),
            (_, Event::Gone) => self.go(Phase::Over, Step::GiveUp("whoever handed over is gone".into())),
            (Phase::Taking { left: 1 }, Event::Has) => self.go(Phase::Serving, Step::Serve),
            (Phase::Taking { left }, Event::Has) => self.go(Phase::Taking { left: left - 1 }, Step::Wait),
            _ => self.go(Phase::Over, Step::GiveUp("this is not the order of a handover".into())),
        }
    }

    fn go(&mut self, phase: Phase, step: Step) -> Step {
        self.0 = phase;
        step
    }
}

/// What of a reactor's snapshot has come.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// Bytes and descriptors that there will be.
    announced: Option<(u64, u32)>,
    bytes: Vec<u8>,
    descriptors: u32,
}

impl Intake {
    /// Takes a message that came with so many descriptors.
    pub(crate) fn take(&mut self, message: &[u8], attached: usize) -> Result<(), Malformed> {
        let Some((bytes, descriptors)) = self.announced else { return self.begin(message, attached) };
        match Piece::decode(message)? {
            Piece::Bytes(piece) if attached == 0 && !piece.is_empty() => {
                self.bytes.extend_from_slice(piece);
                if self.bytes.len() as u64 > bytes { Err(Malformed("length of a snapshot")) } else { Ok(()) }
            }
            Piece::Descriptors(count) if count as usize == attached && count > 0 => {
                // The first of them already needs the whole snapshot.
                let in_order = self.snapshot().is_some();
                self.descriptors = self.descriptors.saturating_add(count);
                let fits = in_order && self.descriptors <= descriptors;
                if fits { Ok(()) } else { Err(Malformed("count of descriptors")) }
            }
            _ => Err(Malformed("order of a snapshot")),
        }
    }

    fn begin(&mut self, message: &[u8], attached: usize) -> Result<(), Malformed> {
        match Piece::decode(message)? {
            Piece::Begin { bytes, descriptors } if attached == 0 && bytes <= HANDOVER_SNAPSHOT_BYTES_MAX => {
                self.announced = Some((bytes, descriptors));
                // No more than a message at a time is believed: a length that lies must not cost memory.
                self.bytes.reserve((bytes as usize).min(HANDOVER_MESSAGE_BYTES_MAX));
                Ok(())
            }
            _ => Err(Malformed("beginning of a snapshot")),
        }
    }

    /// The bytes, once all have come.
    pub(crate) fn snapshot(&self) -> Option<&[u8]> {
        let (bytes, _) = self.announced?;
        (self.bytes.len() as u64 == bytes).then_some(&self.bytes)
    }

    /// Descriptors that will have come in the end, once that is known.
    pub(crate) fn descriptors(&self) -> Option<u32> {
        self.announced.map(|(_, descriptors)| descriptors)
    }

    /// Whether nothing is missing any more.
    pub(crate) fn is_whole(&self) -> bool {
        self.snapshot().is_some() && self.descriptors() == Some(self.descriptors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::giver::{self, Giver};

    fn offer(reactors: usize) -> Offer {
        Offer { descriptors: vec![0; reactors], ..Offer::default() }
    }

    #[test]
    fn it_serves_once_every_reactor_has_everything_whatever_became_of_the_giver() {
        let mut taker = Taker::new();
        assert_eq!(taker.handle(Event::Said(Message::Offer(offer(2)))), Step::Prepare(offer(2)));
        assert_eq!(taker.handle(Event::Ready), Step::Take);
        assert_eq!(taker.handle(Event::Has), Step::Wait);
        assert_eq!(taker.handle(Event::Has), Step::Serve);
        assert_eq!(taker.handle(Event::Gone), Step::Wait);
    }

    #[test]
    fn before_that_it_ends_with_the_giver() {
        for events in 0..3 {
            let mut taker = Taker::new();
            let story = [Event::Said(Message::Offer(offer(2))), Event::Ready, Event::Has];
            story.into_iter().take(events + 1).for_each(|event| drop(taker.handle(event)));
            assert!(matches!(taker.handle(Event::Gone), Step::GiveUp(_)), "after {events}");
        }
    }

    #[test]
    fn both_sides_agree_on_who_serves_wherever_the_successor_fails() {
        for fails_at in 0..5 {
            let (mut giver, mut taker) = (Giver::new(&offer(1)), Taker::new());
            let hello = Message::Hello { version: super::super::message::VERSION };
            assert_eq!(giver.handle(giver::Event::Said(hello)), giver::Step::Offer);
            let steps = [Event::Said(Message::Offer(offer(1))), Event::Ready, Event::Has];
            let mut serves = false;
            for (n, event) in steps.into_iter().enumerate() {
                if n == fails_at {
                    break;
                }
                match taker.handle(event) {
                    Step::Take => {
                        assert_eq!(giver.handle(giver::Event::Said(Message::Standby)), giver::Step::Freeze);
                        assert_eq!(giver.handle(giver::Event::Gave), giver::Step::Wait);
                    }
                    Step::Serve => serves = true,
                    _ => {}
                }
            }
            assert_eq!(giver.handle(giver::Event::Failed("it is gone".into())), giver::Step::End);
            let heard = serves && giver.handle(giver::Event::Said(Message::Taken)) == giver::Step::LetGo;
            assert_eq!(heard, serves);
            assert_eq!(matches!(giver.handle(giver::Event::Gone), giver::Step::Keep(_)), !serves);
        }
    }

    #[test]
    fn a_snapshot_that_is_not_what_was_announced_is_refused() {
        let begin = |bytes, descriptors| Piece::Begin { bytes, descriptors }.encode();
        let fed = |messages: &[(Vec<u8>, usize)]| {
            let mut intake = Intake::default();
            let result = messages.iter().try_for_each(|(message, attached)| intake.take(message, *attached));
            result.map(|()| intake.is_whole())
        };
        let bytes = |bytes: &[u8]| (Piece::Bytes(bytes).encode(), 0);
        let descriptors = |count| Piece::Descriptors(count).encode();
        assert_eq!(fed(&[(begin(0, 0), 0)]), Ok(true));
        let whole = [(begin(3, 2), 0), bytes(b"ab"), bytes(b"c"), (descriptors(2), 2)];
        assert_eq!(fed(&whole), Ok(true));
        assert_eq!(fed(&whole[..3]), Ok(false));
        for wrong in [
            &[bytes(b"ab")][..],
            &[(begin(HANDOVER_SNAPSHOT_BYTES_MAX + 1, 0), 0)],
            &[(begin(1, 0), 1)],
            &[(begin(1, 0), 0), (begin(1, 0), 0)],
            &[(begin(1, 0), 0), bytes(b"ab")],
            &[(begin(1, 1), 0), (descriptors(1), 1)],
            &[(begin(0, 1), 0), (descriptors(1), 2)],
            &[(begin(0, 1), 0), (descriptors(2), 2)],
            &[(begin(0, 1), 0), (descriptors(1), 1), (descriptors(1), 1)],
            &[(begin(0, 1), 0), (descriptors(0), 0)],
        ] {
            assert!(fed(wrong).is_err(), "{wrong:?}");
        }
    }
}
