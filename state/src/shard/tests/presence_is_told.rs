//! Logic that wants to know is told who comes and goes: not of every lost connection, one frame at a time, and all of it anew when a link was lost.

use proto::backend::{Presence, Status};

use super::*;

impl Stage {
    /// Logic has come back, and wants to know who is online. What it is told.
    fn link_curious_logic(&mut self) -> Option<Presence> {
        self.handle(Input::LogicUp);
        self.asked();
        self.logic_says(FromLogic::Welcome { presence: true, epoch: EPOCH });
        self.presence()
    }

    /// What logic was told of presence since the last time, and nothing else.
    fn presence(&mut self) -> Option<Presence> {
        let mut asked = self.asked();
        asked.retain(|asked| !matches!(asked, FromState::Attach { .. }));
        match asked.pop() {
            Some(FromState::Presence(presence)) => {
                assert!(asked.is_empty(), "one at a time: {asked:?}");
                Some(presence)
            }
            None => None,
            other => panic!("{other:?}"),
        }
    }

    /// The same, and it is taken.
    fn presence_taken(&mut self) -> Vec<(String, bool)> {
        let users = self.presence().map(|presence| presence.users).unwrap_or_default();
        if !users.is_empty() {
            self.logic_says(FromLogic::PresenceTaken);
        }
        users.into_iter().map(|Status { uid, online, .. }| (uid.as_str().to_owned(), online)).collect()
    }

    fn come(&mut self, index: u32, uid: &str, device: &str) -> LoginOk {
        let packet = packet(Codec::Proto, 0, self.login(uid, device));
        self.open(conn(uid, index), WEBSOCKET, &packet);
        let call = self.asked().into_iter().find_map(|asked| match asked {
            FromState::Attach { call, .. } => Some(call),
            _ => None,
        });
        self.logic_says(FromLogic::Attached { call: call.unwrap(), last_client_id: 0 });
        match self.heard(HOME).pop() {
            Some(Said::Packet(_, ServerPacket { body: ServerBody::LoginOk(ok), .. })) => ok,
            other => panic!("{other:?}"),
        }
    }

    fn lose(&mut self, uid: &str, index: u32) {
        self.gateway_says(HOME, |out| link::closed(out, conn(uid, index), CloseReason::PeerReset));
    }
}

fn curious() -> Stage {
    let mut stage = Stage::unlinked(|_| ());
    let list = stage.link_curious_logic().unwrap();
    assert_eq!(list, Presence { users: vec![], whole: true, last: true });
    stage.logic_says(FromLogic::PresenceTaken);
    stage.link_gateway(HOME, 1, &[]);
    stage
}

#[test]
fn a_user_comes_with_the_first_session_and_goes_with_the_last() {
    let mut stage = curious();
    stage.come(1, "alice", "phone");
    assert_eq!(stage.presence_taken(), [("alice".into(), true)]);
    stage.come(2, "alice", "laptop");
    assert_eq!(stage.presence_taken(), []);
    stage.uplink(conn("alice", 1), &packet(Codec::Proto, 0, ClientBody::Logout));
    assert_eq!(stage.presence_taken(), []);
    stage.uplink(conn("alice", 2), &packet(Codec::Proto, 0, ClientBody::Logout));
    assert_eq!(stage.presence_taken(), [("alice".into(), false)]);
}

#[test]
fn a_resume_within_the_grace_is_no_event_and_its_end_tells_the_last_sign_of_life() {
    let mut stage = curious();
    let ok = stage.come(1, "alice", "phone");
    stage.presence_taken();
    stage.lose("alice", 1);
    stage.wait(Duration::from_mins(1));
    let (uid, device) = ("alice".parse().unwrap(), "phone".parse().unwrap());
    let (session, secret) = (ok.session, ok.secret.unwrap());
    let resume = ClientBody::Resume(Resume { uid, device, session, secret, last_push_seq: 0 });
    stage.open(conn("alice", 2), WEBSOCKET, &packet(Codec::Proto, 0, resume));
    assert_eq!(stage.presence(), None);
    let lost_ms = stage.now.unix_ms;
    stage.lose("alice", 2);
    stage.wait(Duration::from_secs(119));
    assert_eq!(stage.presence(), None);
    stage.wait(Duration::from_secs(2));
    let gone = stage.presence().unwrap();
    assert!(
        !gone.users[0].online && gone.users[0].since_ms.abs_diff(lost_ms) <= 64,
        "{gone:?} after {lost_ms}"
    );
}

#[test]
fn a_gateways_death_puts_its_sessions_into_their_grace_and_nobody_goes_before_it_is_over() {
    let mut stage = curious();
    for index in 1..=3 {
        stage.come(index, &format!("user{index}"), "phone");
        stage.presence_taken();
    }
    stage.handle(Input::GatewayDown(HOME));
    stage.wait(Duration::from_secs(11));
    assert_eq!((stage.shard.away(), stage.presence()), (3, None));
    stage.wait(Duration::from_secs(121));
    let mut gone = stage.presence_taken();
    gone.sort();
    assert_eq!(gone, [1, 2, 3].map(|index| (format!("user{index}"), false)));
}

#[test]
fn who_comes_and_goes_while_logic_thinks_is_told_once_as_it_is_then() {
    let mut stage = curious();
    stage.come(1, "alice", "phone");
    assert!(stage.presence().is_some());
    stage.come(2, "bob", "phone");
    stage.uplink(conn("bob", 2), &packet(Codec::Proto, 0, ClientBody::Logout));
    stage.come(3, "carol", "phone");
    stage.come(4, "alice", "phone");
    assert_eq!(stage.presence(), None, "the first is not taken yet");
    stage.logic_says(FromLogic::PresenceTaken);
    assert_eq!(
        stage.presence_taken(),
        [("carol".into(), true)],
        "bob came and went, alice's login is another"
    );
    stage.logic_says(FromLogic::PresenceTaken);
    assert!(stage.wires.logic_dropped, "nothing was told that could be taken");
}

#[test]
fn a_link_that_comes_back_is_told_of_all_in_pieces_and_then_of_what_happened_meanwhile() {
    let mut stage = curious();
    let users = proto::limits::PRESENCE_USERS_MAX + 2;
    for index in 0..users {
        stage.come(index as u32, &format!("user{index}"), "phone");
        stage.presence_taken();
    }
    stage.handle(Input::LogicDown);
    let first = stage.link_curious_logic().unwrap();
    assert_eq!((first.users.len(), first.whole, first.last), (users - 2, true, false));
    stage.uplink(conn("user0", 0), &packet(Codec::Proto, 0, ClientBody::Logout));
    assert_eq!(stage.presence(), None);
    stage.logic_says(FromLogic::PresenceTaken);
    let second = stage.presence().unwrap();
    assert_eq!((second.users.len(), second.whole, second.last), (2, true, true));
    stage.logic_says(FromLogic::PresenceTaken);
    assert_eq!(stage.presence_taken(), [("user0".into(), false)]);
}
