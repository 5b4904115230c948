//! Logic and operators may list a user's sessions, end them, and revoke the tokens that they were opened with.

use proto::backend::{Act, Order, Report, Which};
use proto::packet::KickedReason;

use super::*;

impl Stage {
    fn order(&mut self, uid: &str, which: Which, act: Act) -> Report {
        let order = Order { call: 7, uid: uid.parse().unwrap(), which, act };
        self.logic_says(FromLogic::Order(order));
        match &self.asked()[..] {
            [FromState::Report(report)] => report.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn log_in_by_token(&mut self, index: u32, device: &str, id: &str) -> Vec<Said> {
        let login = self.login_with("alice", device, Some(DeviceClass::Phone), Some(id));
        self.log_in_as(conn("alice", index), login)
    }

    /// The connections that were told to go for this reason since the last time.
    fn kicked(&mut self, wanted: KickedReason) -> Vec<u32> {
        let told = self.heard(HOME).into_iter().filter_map(|said| match said {
            Said::Packet(conn, ServerPacket { body: ServerBody::Kicked { reason, .. }, .. }) => {
                assert_eq!(reason, wanted);
                Some(conn.index())
            }
            _ => None,
        });
        told.collect()
    }
}

#[test]
fn a_users_sessions_are_told_and_nobody_elses() {
    let mut stage = Stage::new();
    stage.log_in_by_token(1, "phone", "t1");
    stage.log_in_by_token(2, "tablet", "t2");
    stage.log_in(conn("bob", 3), WEBSOCKET, ("bob", "phone"), 0);
    stage.gateway_says(HOME, |out| link::closed(out, conn("alice", 2), CloseReason::PeerReset));
    stage.push(&[("alice", None)], 1);
    stage.wait(Duration::from_secs(3));
    let report = stage.order("alice", Which::All, Act::List);
    assert_eq!((report.call, report.count, report.full), (7, 2, false));
    let mut sessions = report.sessions;
    sessions.sort_by(|a, b| a.device.as_str().cmp(b.device.as_str()));
    assert_eq!((sessions[0].device.as_str(), sessions[0].online, sessions[0].in_flight), ("phone", true, 1));
    assert_eq!((sessions[1].device.as_str(), sessions[1].online), ("tablet", false));
    assert!(sessions.iter().all(|session| session.class == DeviceClass::Phone && session.idle_ms >= 2_900));
    assert_eq!(stage.order("carol", Which::All, Act::List).count, 0);
}

#[test]
fn one_session_a_device_or_all_can_be_ended() {
    let mut stage = Stage::new();
    for (index, device) in [(1, "phone"), (2, "tablet"), (3, "desktop")] {
        stage.log_in_by_token(index, device, "t");
    }
    let name =
        stage.order("alice", Which::Device("tablet".parse().unwrap()), Act::List).sessions.remove(0).session;
    assert_eq!(stage.order("alice", Which::Session(name.clone()), Act::SignOut).count, 1);
    assert_eq!(stage.kicked(KickedReason::SignedOut), [2]);
    assert_eq!(stage.order("alice", Which::Session(name), Act::SignOut).count, 0, "it is gone");
    assert_eq!(stage.order("alice", Which::Device("phone".parse().unwrap()), Act::SignOut).count, 1);
    assert_eq!(stage.kicked(KickedReason::SignedOut), [1]);
    assert_eq!(stage.order("alice", Which::All, Act::SignOut).count, 1);
    assert_eq!(stage.kicked(KickedReason::SignedOut), [3]);
    assert_eq!(stage.shard.counts().ended[CloseReason::SignedOut.ordinal()], 3);
    assert_eq!(stage.log_in_by_token(4, "phone", "t").len(), 1, "whoever was signed out may come again");
}

#[test]
fn a_revoked_token_ends_its_sessions_and_opens_none() {
    let mut stage = Stage::new();
    stage.log_in_by_token(1, "phone", "stolen");
    stage.log_in_by_token(2, "tablet", "good");
    assert_eq!(stage.order("alice", Which::Token("stolen".into()), Act::Revoke).count, 1);
    assert_eq!(stage.kicked(KickedReason::Revoked), [1]);
    let heard = stage.log_in_by_token(3, "phone", "stolen");
    let [Said::Packet(_, refused), Said::Close(_, CloseReason::Revoked)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert!(
        matches!(&refused.body, ServerBody::Refused(refused) if refused.code == RefusedCode::TokenInvalid)
    );
    assert_eq!(stage.log_in_by_token(4, "phone", "good").len(), 1);
    assert_eq!((stage.shard.counts().logins_revoked, stage.shard.revocations()), (1, 2));
}

#[test]
fn tokens_of_before_a_moment_are_revoked_together_and_later_ones_are_good() {
    let mut stage = Stage::new();
    stage.log_in_by_token(1, "phone", "a");
    stage.log_in_by_token(2, "tablet", "b");
    let (old, second) = (stage.login("alice", "phone"), stage.now.unix_ms / 1000 + 5);
    stage.wait(Duration::from_secs(10));
    stage.log_in_by_token(3, "desktop", "c");
    assert_eq!(stage.order("alice", Which::IssuedBefore(second), Act::Revoke).count, 2);
    let mut kicked = stage.kicked(KickedReason::Revoked);
    kicked.sort_unstable();
    assert_eq!(kicked, [1, 2]);
    assert_eq!(stage.log_in_as(conn("alice", 4), old).len(), 2, "refused and closed");
    assert_eq!(stage.log_in_by_token(5, "phone", "d").len(), 1);
}

#[test]
fn a_login_whose_token_is_revoked_while_logic_is_asked_is_refused() {
    let mut stage = Stage::new();
    let login = stage.login_with("alice", "phone", None, Some("t"));
    stage.open(conn("alice", 1), WEBSOCKET, &packet(Codec::Proto, 0, login));
    let asked = stage.asked();
    let [FromState::Attach { call, .. }] = asked[..] else { panic!("{asked:?}") };
    stage.order("alice", Which::Token("t".into()), Act::Revoke);
    stage.logic_says(FromLogic::Attached { call, last_client_id: 0 });
    assert_eq!(stage.refused_and_closed(), (RefusedCode::TokenInvalid, CloseReason::Revoked));
    assert_eq!((stage.shard.sessions(), stage.shard.waiting()), (0, 0));
}

#[test]
fn a_revocation_that_names_no_token_is_told_to_be_none() {
    let mut stage = Stage::new();
    stage.log_in_by_token(1, "phone", "a");
    let report = stage.order("alice", Which::Device("phone".parse().unwrap()), Act::Revoke);
    assert!(report.full && report.count == 1, "the session ends all the same");
    assert_eq!(stage.kicked(KickedReason::Revoked), [1]);
    assert_eq!(stage.shard.counts().revocations_refused, 1);
    assert_eq!(stage.log_in_by_token(2, "phone", "a").len(), 1);
}

impl Stage {
    fn refused_and_closed(&mut self) -> (RefusedCode, CloseReason) {
        let heard = self.heard(HOME);
        match &heard[..] {
            [
                Said::Packet(_, ServerPacket { body: ServerBody::Refused(refused), .. }),
                Said::Close(_, reason),
            ] => (refused.code, *reason),
            _ => panic!("{heard:?}"),
        }
    }
}
