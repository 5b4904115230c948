//! A newer login of a class beyond its number ends the oldest session of that class, and of two logins of one device one wins, in whatever order things happen.

use proptest::prelude::*;
use proto::packet::KickedReason;

use super::*;
use crate::policy::{DeviceLimit, DevicePolicy};

fn one_phone_and_two_tabs(settings: &mut Settings) {
    let limits = [(DeviceClass::Phone, 1), (DeviceClass::Web, 2)];
    settings.devices = DevicePolicy::new(&limits.map(|(class, most)| DeviceLimit { class, most }), 4);
}

impl Stage {
    /// Alice logs in with a device of this class. Which connections are told to go for it.
    fn log_in_with(&mut self, index: u32, device: &str, class: DeviceClass) -> Vec<u32> {
        let login = self.login_with("alice", device, Some(class), None);
        let heard = self.log_in_as(conn("alice", index), login);
        kicked(heard, KickedReason::DeviceLimit)
    }
}

/// The indices of the connections that were kicked for this reason, each closed after it was told.
fn kicked(heard: Vec<Said>, wanted: KickedReason) -> Vec<u32> {
    let mut kicked = Vec::new();
    let mut heard = heard.into_iter();
    while let Some(said) = heard.next() {
        if let Said::Packet(conn, ServerPacket { body: ServerBody::Kicked { reason, .. }, .. }) = said {
            assert_eq!(reason, wanted);
            assert!(matches!(heard.next(), Some(Said::Close(closed, _)) if closed == conn));
            kicked.push(conn.index());
        }
    }
    kicked
}

#[test]
fn the_oldest_of_its_class_goes_and_others_stay() {
    let mut stage = Stage::with(one_phone_and_two_tabs);
    assert!(stage.log_in_with(1, "phone", DeviceClass::Phone).is_empty());
    assert!(stage.log_in_with(2, "tab 1", DeviceClass::Web).is_empty());
    assert!(stage.log_in_with(3, "tab 2", DeviceClass::Web).is_empty());
    assert_eq!(stage.log_in_with(4, "new phone", DeviceClass::Phone), [1]);
    assert_eq!(stage.log_in_with(5, "tab 3", DeviceClass::Web), [2]);
    assert!(stage.log_in_with(6, "desktop", DeviceClass::Desktop).is_empty(), "four in all");
    assert_eq!(stage.log_in_with(7, "watch", DeviceClass::Other), [3], "the oldest of all");
    let ended = stage.shard.counts().ended[CloseReason::DeviceLimit.ordinal()];
    assert_eq!((stage.shard.sessions(), ended), (4, 3));
    let heard =
        stage.log_in_as(conn("bob", 8), stage.login_with("bob", "phone", Some(DeviceClass::Phone), None));
    assert_eq!(heard.len(), 1, "each user has their own");
}

#[test]
fn a_device_that_logs_in_again_takes_its_own_place() {
    let mut stage = Stage::with(one_phone_and_two_tabs);
    stage.log_in_with(1, "tab 1", DeviceClass::Web);
    stage.log_in_with(2, "tab 2", DeviceClass::Web);
    let login = stage.login_with("alice", "tab 2", Some(DeviceClass::Web), None);
    let heard = stage.log_in_as(conn("alice", 3), login);
    assert_eq!(kicked(heard, KickedReason::Replaced), [2]);
    assert_eq!(stage.shard.sessions(), 2);
}

#[test]
fn a_session_that_waits_for_its_client_counts_and_can_be_the_one_that_goes() {
    let mut stage = Stage::with(one_phone_and_two_tabs);
    stage.log_in_with(1, "phone", DeviceClass::Phone);
    stage.gateway_says(HOME, |out| link::closed(out, conn("alice", 1), CloseReason::PeerReset));
    assert!(stage.log_in_with(2, "new phone", DeviceClass::Phone).is_empty(), "there is nobody to tell");
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 0));
}

#[test]
fn a_lower_number_holds_from_the_next_login_on() {
    let mut stage = Stage::new();
    for (index, device) in [(1, "a"), (2, "b"), (3, "c")] {
        stage.log_in_with(index, device, DeviceClass::Phone);
    }
    let mut settings = Settings::new(keys());
    one_phone_and_two_tabs(&mut settings);
    stage.shard.take_on(&settings);
    assert_eq!(stage.shard.sessions(), 3);
    assert_eq!(stage.log_in_with(4, "d", DeviceClass::Phone), [1, 2, 3]);
}

#[derive(Clone, Debug)]
enum Step {
    /// A login of one of two devices on a new connection.
    LogIn(u8),
    /// Logic answers the login that is so far back.
    Answer(u8),
    /// The connection that is so far back is lost.
    Lose(u8),
}

proptest! {
    #[test]
    fn of_logins_that_race_exactly_one_holds_the_session(
        steps in proptest::collection::vec(prop_oneof![
            (0..2u8).prop_map(Step::LogIn),
            (0..4u8).prop_map(Step::Answer),
            (0..4u8).prop_map(Step::Lose),
        ], 1..40),
    ) {
        let mut stage = Stage::with(|settings| {
            settings.devices = DevicePolicy::new(&[DeviceLimit { class: DeviceClass::Phone, most: 1 }], 9);
        });
        let (mut calls, mut index) = (Vec::new(), 0);
        // Connections that have a session, as their clients know it.
        let mut holds = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::LogIn(device) => {
                    index += 1;
                    let login = stage.login_with("alice", &device.to_string(), Some(DeviceClass::Phone), None);
                    stage.open(conn("alice", index), WEBSOCKET, &packet(Codec::Proto, 0, login));
                    for asked in stage.asked() {
                        let FromState::Attach { call, .. } = asked else { panic!("{asked:?}") };
                        calls.push(call);
                    }
                }
                Step::Answer(back) if !calls.is_empty() => {
                    let call = calls.remove(calls.len().saturating_sub(1 + usize::from(back)));
                    stage.logic_says(FromLogic::Attached { call, last_client_id: 0 });
                }
                Step::Lose(back) => {
                    let lost = conn("alice", index.saturating_sub(back.into()));
                    stage.gateway_says(HOME, |out| link::closed(out, lost, CloseReason::PeerReset));
                    holds.remove(&lost);
                }
                Step::Answer(_) => {}
            }
            for said in stage.heard(HOME) {
                match said {
                    Said::Packet(conn, ServerPacket { body: ServerBody::LoginOk(_), .. }) => {
                        holds.insert(conn);
                    }
                    Said::Close(conn, _) => drop(holds.remove(&conn)),
                    _ => {}
                }
            }
            prop_assert!(holds.len() <= 1, "two hold a phone's session: {:?}", holds);
            prop_assert!(stage.shard.sessions() <= 1);
            prop_assert_eq!(holds.len(), stage.shard.sessions() - stage.shard.away());
        }
    }
}
