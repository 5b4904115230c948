//! The side of a handover that has the connections: [`Giver`]. Owns what may be said to it when, and what it does then; that it is done is the shell's business.
//!
//! The giver keeps everything until its successor has said [`Message::Taken`]. Whatever goes wrong before, it ends the successor, makes sure that it is gone, and serves on. A successor
//! that is gone can have said the word a moment before: so everything it said is heard to the end before the giver goes on.

use super::message::{Message, Offer, VERSION};

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The successor was started and has said nothing.
    Started,
    /// It knows what there is.
    Offered,
    /// The reactors hand over, of which so many are not done.
    Giving { left: usize },
    /// The successor has been given everything.
    Given,
    /// It is being ended.
    Ending { had_everything: bool },
    /// It has the connections.
    LetGo,
    /// It has not.
    Kept,
}

/// What can happen to a giver.
#[derive(Debug)]
pub(crate) enum Event {
    /// The successor says something.
    Said(Message),
    /// A reactor has given everything that it has to the one that takes its place.
    Gave,
    /// It cannot go on, because of this: a deadline, a mistake, the end of the successor.
    Failed(String),
    /// The successor is gone, and nothing of what it said is left.
    Gone,
}

/// What is to be done then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait for what comes.
    Wait,
    /// Say what there is.
    Offer,
    /// Let the reactors stop where they are, and hand over.
    Freeze,
    /// End the successor, and say when it is gone.
    End,
    /// It is the successor that serves: let go of everything.
    LetGo,
    /// Serve on, as if nothing had been tried. Why.
    Keep(String),
}

/// One handover, as the giver sees it.
#[derive(Debug)]
pub(crate) struct Giver {
    phase: Phase,
    reactors: usize,
    why: String,
}

impl Giver {
    pub(crate) fn new(offer: &Offer) -> Self {
        Self { phase: Phase::Started, reactors: offer.descriptors.len(), why: String::new() }
    }

    pub(crate) fn handle(&mut self, event: Event) -> Step {
        match (self.phase, event) {
            (Phase::Started, Event::Said(Message::Hello { version: VERSION })) => {
                self.go(Phase::Offered, Step::Offer)
            }
            (Phase::Started, Event::Said(Message::Hello { version })) => self.end(format!(
                "the successor speaks version {version} of the handover, and this is version {VERSION}"
            )),
            (Phase::Offered, Event::Said(Message::Standby)) => {
                self.go(Phase::Giving { left: self.reactors }, Step::Freeze)
            }
            (Phase::Giving { left: 1 }, Event::Gave) => self.go(Phase::Given, Step::Wait),
            (Phase::Giving { left }, Event::Gave) if left > 0 => {
                self.go(Phase::Giving { left: left - 1 }, Step::Wait)
            }
            (Phase::Given | Phase::Ending { had_everything: true }, Event::Said(Message::Taken)) => {
                self.go(Phase::LetGo, Step::LetGo)
            }
            (Phase::Ending { .. }, Event::Gone) => {
                let why = std::mem::take(&mut self.why);
                self.go(Phase::Kept, Step::Keep(why))
            }
            (Phase::Ending { .. } | Phase::LetGo | Phase::Kept, _) => Step::Wait,
            (_, Event::Said(Message::Refused(why))) => self.end(format!("the successor refuses: {why}")),
            (_, Event::Said(_)) => self.end("the successor says what it must not".into()),
            (_, Event::Failed(why)) => self.end(why),
            (_, Event::Gone) => self.end("the successor is gone".into()),
            (_, Event::Gave) => self.end("a reactor gave what nobody asked it for".into()),
        }
    }

    fn go(&mut self, phase: Phase, step: Step) -> Step {
        self.phase = phase;
        step
    }

    fn end(&mut self, why: String) -> Step {
        self.why = why;
        self.go(Phase::Ending { had_everything: self.phase == Phase::Given }, Step::End)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn giver(reactors: usize) -> Giver {
        Giver::new(&Offer { descriptors: vec![0; reactors], ..Offer::default() })
    }

    fn hello() -> Event {
        Event::Said(Message::Hello { version: VERSION })
    }

    #[test]
    fn the_connections_go_with_the_word_of_a_successor_that_has_everything() {
        let mut giver = giver(2);
        assert_eq!(giver.handle(hello()), Step::Offer);
        assert_eq!(giver.handle(Event::Said(Message::Standby)), Step::Freeze);
        assert_eq!(giver.handle(Event::Gave), Step::Wait);
        assert_eq!(giver.handle(Event::Gave), Step::Wait);
        assert_eq!(giver.handle(Event::Said(Message::Taken)), Step::LetGo);
        assert_eq!(
            giver.handle(Event::Gone),
            Step::Wait,
            "what becomes of it is no more this one's business"
        );
    }

    #[test]
    fn whoever_speaks_another_version_is_ended_before_anything_stops() {
        let mut giver = giver(1);
        let step = giver.handle(Event::Said(Message::Hello { version: VERSION + 1 }));
        assert_eq!(step, Step::End);
        assert!(matches!(giver.handle(Event::Gone), Step::Keep(why) if why.contains("version")));
    }

    #[test]
    fn a_word_that_was_said_before_the_end_counts() {
        let mut giver = giver(1);
        giver.handle(hello());
        giver.handle(Event::Said(Message::Standby));
        giver.handle(Event::Gave);
        assert_eq!(giver.handle(Event::Failed("it takes too long".into())), Step::End);
        assert_eq!(giver.handle(Event::Said(Message::Taken)), Step::LetGo);
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..3_u32).prop_map(|version| Event::Said(Message::Hello { version })),
            Just(()).prop_map(|()| Event::Said(Message::Standby)),
            Just(()).prop_map(|()| Event::Said(Message::Taken)),
            Just(()).prop_map(|()| Event::Said(Message::Refused("no".into()))),
            Just(()).prop_map(|()| Event::Gave),
            Just(()).prop_map(|()| Event::Failed("late".into())),
            Just(()).prop_map(|()| Event::Gone),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order: it lets go once at most, only to a successor that said it has taken what every reactor gave, and never both
        /// lets go and keeps; and it keeps nothing before the successor is gone.
        #[test]
        fn there_is_one_owner(reactors in 1..3_usize, events in proptest::collection::vec(event(), 0..24)) {
            let mut giver = giver(reactors);
            let (mut gave, mut let_go, mut kept, mut ended) = (0, 0, 0, false);
            for event in events {
                gave += usize::from(matches!(event, Event::Gave));
                let taken = matches!(event, Event::Said(Message::Taken));
                let gone = matches!(event, Event::Gone);
                match giver.handle(event) {
                    Step::LetGo => {
                        prop_assert!(taken && gave >= reactors);
                        let_go += 1;
                    }
                    Step::Keep(_) => {
                        prop_assert!(gone && ended);
                        kept += 1;
                    }
                    Step::End => ended = true,
                    _ => {}
                }
            }
            prop_assert!(let_go + kept <= 1);
        }
    }
}
