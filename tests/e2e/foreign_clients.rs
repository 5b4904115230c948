//! A client can be written from the schema and docs/wire.md alone: those of other people, on other libraries in other languages, talk to one another and to
//! the SDK.

use proto::ws::Subprotocol;

use crate::cluster::Cluster;
use crate::device::{Device, Way};
use crate::foreign::{Foreign, Library};

/// A participant of any kind.
enum Participant {
    Ours(Box<Device>),
    Theirs(Foreign),
}

const KINDS: [Option<(Library, Subprotocol)>; 5] = [
    None,
    Some((Library::Python, Subprotocol::Json)),
    Some((Library::Python, Subprotocol::Proto)),
    Some((Library::Node, Subprotocol::Json)),
    Some((Library::Node, Subprotocol::Proto)),
];

impl Participant {
    fn online(cluster: &Cluster, kind: Option<(Library, Subprotocol)>, uid: &str) -> Self {
        match kind {
            None => Self::Ours(Box::new(Device::online(cluster, uid, "sdk", Way::Tcp))),
            Some((library, subprotocol)) => Self::Theirs(Foreign::online(cluster, library, subprotocol, uid)),
        }
    }

    fn say(&mut self, to: &str, text: &str) -> u64 {
        match self {
            Self::Ours(device) => device.say(to, text).seq,
            Self::Theirs(foreign) => foreign.say(to, text),
        }
    }

    fn hear(&mut self, text: &str) -> (String, u64, String) {
        match self {
            Self::Ours(device) => {
                let message = device.hear(text);
                (message.sender.into(), message.seq, text.to_owned())
            }
            Self::Theirs(foreign) => foreign.hear(),
        }
    }
}

#[test]
fn each_kind_of_client_talks_to_each_kind() {
    let cluster = Cluster::start();
    // Two of each kind, so that a kind talks to itself, too.
    let people = |who: &str| {
        KINDS
            .into_iter()
            .enumerate()
            .map(|(kind, client)| (format!("{who}{kind}"), client))
            .map(|(uid, client)| (Participant::online(&cluster, client, &uid), uid))
            .collect::<Vec<_>>()
    };
    let (mut alices, mut bobs) = (people("alice"), people("bob"));
    for (alice, alices_uid) in &mut alices {
        for (bob, bobs_uid) in &mut bobs {
            let text = format!("hello {bobs_uid}, \u{1F44B} \"and\" <so> \\ on");
            assert_eq!(alice.say(bobs_uid, &text), 1);
            assert_eq!(bob.hear(&text), (alices_uid.clone(), 1, text));
            let text = format!("hello {alices_uid}, good to see you");
            assert_eq!(bob.say(alices_uid, &text), 2);
            assert_eq!(alice.hear(&text), (bobs_uid.clone(), 2, text));
        }
    }
    for (participant, uid) in alices.into_iter().chain(bobs) {
        if let Participant::Theirs(foreign) = participant {
            assert_eq!(foreign.log_out(), 1000, "{uid}");
        }
    }
}
