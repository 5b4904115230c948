//! Sessions are resumed.

use super::pushes_reach_every_device::pushed;
use super::*;

const OTHER: GatewayLink = GatewayLink(5);

/// A session that has just begun on the connection with index 1, and what its client was told.
fn online() -> (Stage, ConnId, LoginOk) {
    online_with(|_| ())
}

fn online_with(change: impl FnOnce(&mut Settings)) -> (Stage, ConnId, LoginOk) {
    let mut stage = Stage::with(change);
    let alice = conn("alice", 1);
    let ok = stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    (stage, alice, ok)
}

fn hang_up(stage: &mut Stage, conn: ConnId) {
    stage.gateway_says(HOME, |out| link::closed(out, conn, CloseReason::PeerReset));
}

/// A resume of Alice's phone.
fn resume(ok: &LoginOk, secret: Secret, last_push_seq: u64) -> Resume {
    let (uid, device) = ("alice".parse().unwrap(), "phone".parse().unwrap());
    Resume { uid, device, session: ok.session.clone(), secret, last_push_seq }
}

/// Resumes on a connection of reactor 2 of gateway 1. What the gateway hears.
fn try_resume(stage: &mut Stage, conn: ConnId, form: Form, resume: Resume) -> Vec<Said> {
    let packet = packet(form.codec, 0, ClientBody::Resume(resume));
    stage.open(conn, form, &packet);
    stage.heard(HOME)
}

/// The verdict, the next secret, and what else was said to the connection that resumed.
#[track_caller]
fn verdict(heard: &[Said], to: ConnId) -> (Verdict, Option<Secret>, Vec<Said>) {
    let place = heard.iter().position(|said| {
        matches!(said, Said::Packet(at, ServerPacket { body: ServerBody::ResumeOk(_), .. }) if *at == to)
    });
    let Some(Said::Packet(_, ServerPacket { body: ServerBody::ResumeOk(ok), .. })) =
        place.map(|place| &heard[place])
    else {
        panic!("{heard:?}")
    };
    let ResumeOk { verdict, secret, .. } = *ok;
    let rest = heard.iter().filter(
        |said| !matches!(said, Said::Packet(_, packet) if matches!(packet.body, ServerBody::ResumeOk(_))),
    );
    (verdict, secret, rest.cloned().collect())
}

#[test]
fn a_session_is_taken_up_where_it_was_and_what_is_unacknowledged_follows() {
    let (mut stage, alice, ok) = online();
    stage.push(&[("alice", None)], 1);
    stage.push(&[("alice", None)], 2);
    stage.heard(HOME);
    hang_up(&mut stage, alice);
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 1));
    stage.push(&[("alice", None)], 3);
    assert_eq!(stage.heard(HOME), []);
    // In another form, as a client may have had to choose another transport.
    let again = conn("alice", 2);
    let heard = try_resume(&mut stage, again, JSON, resume(&ok, ok.secret.unwrap(), 1));
    let (verdict, secret, rest) = verdict(&heard, again);
    assert_eq!(verdict, Verdict::Complete);
    assert_ne!(secret, ok.secret);
    assert_eq!(rest, [pushed(again, 2, 2), pushed(again, 3, 3)]);
    stage.push(&[("alice", None)], 4);
    assert_eq!(stage.heard(HOME), [pushed(again, 4, 4)]);
    let counts = stage.shard.counts();
    assert_eq!((counts.resumed, counts.opened, stage.shard.away()), (1, 1, 0));
    assert_eq!(stage.asked(), [], "logic is not asked");
}

#[test]
fn any_gateway_will_do_and_the_connection_before_is_fenced() {
    let (mut stage, old, ok) = online();
    stage.handle(Input::GatewayUp(OTHER));
    stage.gateway_says(OTHER, |out| {
        link::hello(out, Hello { gateway: 9, reactor: 0, boot_epoch: 1, shard: 0 });
        link::live(out, &[], true);
    });
    stage.heard(OTHER);
    let new = ConnId::new(ConnParts { gateway: 9, reactor: 0, ..conn("alice", 7).parts() });
    let packet = packet(Codec::Proto, 0, ClientBody::Resume(resume(&ok, ok.secret.unwrap(), 0)));
    let peer = "192.0.2.1:99".parse().unwrap();
    stage.gateway_says(OTHER, |out| {
        link::open(out, link::Open { conn: new, form: WEBSOCKET, peer, packet: &packet });
    });
    assert_eq!(stage.heard(HOME), [Said::Close(old, CloseReason::Resumed)]);
    assert_eq!(verdict(&stage.heard(OTHER), new).0, Verdict::Complete);
    // What the old one still says is not taken, and its end is not the session's.
    stage.uplink(old, &submit(1));
    hang_up(&mut stage, old);
    assert_eq!((stage.asked(), stage.shard.counts().stale), (vec![], 1));
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 0));
    stage.gateway_says(OTHER, |out| link::uplink(out, new, &submit(1)));
    assert_eq!(stage.client_ids(), [1]);
}

#[test]
fn after_its_grace_there_is_nothing_to_resume_and_a_login_on_the_same_connection_helps() {
    let (mut stage, alice, ok) = online();
    hang_up(&mut stage, alice);
    stage.wait(Duration::from_millis(120_100));
    let again = conn("alice", 2);
    let heard = try_resume(&mut stage, again, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    assert_eq!(verdict(&heard, again), (Verdict::Reset, None, vec![]));
    assert_eq!((stage.shard.counts().resumes_unknown, stage.shard.waiting()), (1, 1));
    // One try: whoever tries secrets needs a connection for each.
    let second = packet(Codec::Proto, 0, ClientBody::Resume(resume(&ok, ok.secret.unwrap(), 0)));
    stage.uplink(again, &second);
    assert_eq!((stage.heard(HOME), stage.shard.counts().stale), (vec![], 1));
    let login = packet(Codec::Proto, 0, stage.login("alice", "phone"));
    stage.uplink(again, &login);
    let [FromState::Attach { call, .. }] = stage.asked()[..] else { panic!("one login") };
    stage.logic_says(FromLogic::Attached { call, last_client_id: 0 });
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 0));
}

#[test]
fn whoever_does_not_log_in_after_a_reset_is_closed() {
    let (mut stage, _, ok) = online();
    let thief = conn("alice", 2);
    try_resume(&mut stage, thief, WEBSOCKET, resume(&ok, Secret([1; 16]), 0));
    stage.wait(Duration::from_millis(10_100));
    assert_eq!(stage.heard(HOME), [Said::Close(thief, CloseReason::HandshakeTimeout)]);
}

#[test]
fn a_wrong_secret_another_device_and_another_session_are_refused_alike_and_disturb_nobody() {
    let (mut stage, alice, ok) = online();
    let tablet = stage.log_in(conn("alice", 8), WEBSOCKET, ("alice", "tablet"), 0);
    let good = resume(&ok, ok.secret.unwrap(), 0);
    let wrong = [
        Resume { secret: Secret([0; 16]), ..good.clone() },
        Resume { secret: tablet.secret.unwrap(), ..good.clone() },
        Resume { device: "tablet".parse().unwrap(), ..good.clone() },
        Resume { device: "watch".parse().unwrap(), ..good.clone() },
        Resume { session: tablet.session, ..good.clone() },
        Resume { session: String::new(), ..good.clone() },
        Resume { last_push_seq: 1, ..good.clone() },
    ];
    for (index, wrong) in wrong.into_iter().enumerate() {
        let thief = conn("alice", 20 + index as u32);
        let heard = try_resume(&mut stage, thief, WEBSOCKET, wrong);
        assert_eq!(verdict(&heard, thief), (Verdict::Reset, None, vec![]), "{index}");
    }
    let counts = stage.shard.counts();
    assert_eq!((counts.resumes_forged, counts.resumes_unknown, counts.resumed), (2, 5, 0));
    stage.uplink(alice, &submit(1));
    assert_eq!((stage.client_ids(), stage.shard.away()), (vec![1], 0));
    // Somebody else's slot is not even looked at.
    let stranger = conn("bob", 40);
    let heard = try_resume(&mut stage, stranger, WEBSOCKET, good);
    assert!(matches!(&heard[1], Said::Close(to, CloseReason::LoginRefused) if *to == stranger), "{heard:?}");
}

#[test]
fn a_lost_answer_leaves_the_client_its_secret_and_a_used_answer_makes_it_void() {
    let (mut stage, alice, ok) = online();
    hang_up(&mut stage, alice);
    let first = ok.secret.unwrap();
    let [second, third, fourth, fifth] = [2, 3, 4, 5].map(|index| conn("alice", index));
    // The answer is lost with its connection: the client knows only its first secret.
    try_resume(&mut stage, second, WEBSOCKET, resume(&ok, first, 0));
    hang_up(&mut stage, second);
    let heard = try_resume(&mut stage, third, WEBSOCKET, resume(&ok, first, 0));
    let (Verdict::Complete, Some(newest), _) = verdict(&heard, third) else { panic!("{heard:?}") };
    // It is there, and is used: by whatever is said on the connection.
    stage.uplink(third, &packet(Codec::Proto, 0, ClientBody::Heartbeat));
    stage.heard(HOME);
    let heard = try_resume(&mut stage, fourth, WEBSOCKET, resume(&ok, first, 0));
    assert_eq!((verdict(&heard, fourth).0, stage.shard.counts().resumes_forged), (Verdict::Reset, 1));
    assert_eq!(stage.shard.away(), 0, "the replayed secret disturbs nobody");
    let heard = try_resume(&mut stage, fifth, WEBSOCKET, resume(&ok, newest, 0));
    assert_eq!(verdict(&heard, fifth).0, Verdict::Complete);
}

#[test]
fn of_two_resumes_that_race_the_later_one_wins_and_the_other_is_fenced() {
    let (mut stage, alice, ok) = online();
    hang_up(&mut stage, alice);
    let [one, other, third] = [2, 3, 4].map(|index| conn("alice", index));
    let heard = try_resume(&mut stage, one, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    let (_, secret_of_one, _) = verdict(&heard, one);
    let heard = try_resume(&mut stage, other, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    let (winner, _, rest) = verdict(&heard, other);
    assert_eq!((winner, rest), (Verdict::Complete, vec![Said::Close(one, CloseReason::Resumed)]));
    stage.uplink(one, &submit(1));
    assert_eq!((stage.asked(), stage.shard.sessions()), (vec![], 1));
    // The loser has a secret that is void.
    let heard = try_resume(&mut stage, third, WEBSOCKET, resume(&ok, secret_of_one.unwrap(), 0));
    assert_eq!(verdict(&heard, third).0, Verdict::Reset);
}

#[test]
fn pushes_that_were_not_kept_are_a_gap_and_a_resync_says_which() {
    let (mut stage, alice, ok) = online_with(|settings| settings.in_flight_max = 2);
    hang_up(&mut stage, alice);
    (1..=5).for_each(|seq| stage.push(&[("alice", None)], seq));
    let again = conn("alice", 2);
    let heard = try_resume(&mut stage, again, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    let (found, _, rest) = verdict(&heard, again);
    let missed = vec![Missed { conversation: "g.club".parse().unwrap(), from_seq: 3, to_seq: 5 }];
    let body = ServerBody::Resync(Resync { missed, everything: false });
    let resync = Said::Packet(again, ServerPacket { push_seq: 3, client_id: 0, body });
    assert_eq!((found, rest), (Verdict::Gap, vec![pushed(again, 1, 1), pushed(again, 2, 2), resync]));
    assert_eq!(stage.shard.counts().resumed_with_gap, 1);
    stage.uplink(again, &ack(3));
    assert_eq!(stage.shard.in_flight(), 0);
}

#[test]
fn a_client_that_has_forgotten_what_it_acknowledged_is_told_to_pull_everything() {
    let (mut stage, alice, ok) = online();
    stage.push(&[("alice", None)], 1);
    stage.uplink(alice, &ack(1));
    stage.heard(HOME);
    let again = conn("alice", 2);
    let heard = try_resume(&mut stage, again, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    let (found, _, rest) = verdict(&heard, again);
    let body = ServerBody::Resync(Resync { missed: Vec::new(), everything: true });
    let resync = Said::Packet(again, ServerPacket { push_seq: 2, client_id: 0, body });
    assert_eq!((found, rest), (Verdict::Gap, vec![Said::Close(alice, CloseReason::Resumed), resync]));
}

#[test]
fn commands_keep_their_window_over_a_resume_and_pulls_do_not() {
    let (mut stage, alice, ok) = online();
    for client_id in [1, 2, 4] {
        stage.uplink(alice, &submit(client_id));
    }
    stage.uplink(alice, &pull());
    let requests = stage.requests();
    hang_up(&mut stage, alice);
    stage.reply(requests[0].1, submit_ok(1));
    stage.reply(requests[2].1, ServerPacket { push_seq: 0, client_id: 0, body: ServerBody::Heartbeat });
    assert_eq!(
        (stage.heard(HOME), stage.shard.counts().late_replies),
        (vec![], 1),
        "nobody is there to hear"
    );
    let again = conn("alice", 2);
    let heard = try_resume(&mut stage, again, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    let Said::Packet(_, ServerPacket { body: ServerBody::ResumeOk(resumed), .. }) = &heard[0] else {
        panic!("{heard:?}")
    };
    assert_eq!(resumed.last_client_id, 1);
    // 1 is answered by logic once more, 2 is with logic still, 3 is new, 4 was held: it goes now.
    for client_id in 1..=4 {
        stage.uplink(again, &submit(client_id));
    }
    assert_eq!(stage.client_ids(), [1, 3, 4]);
    stage.reply(requests[1].1, submit_ok(2));
    let answer = stage.heard(HOME);
    assert!(matches!(&answer[..], [Said::Packet(to, ServerPacket { client_id: 2, .. })] if *to == again));
    let counts = stage.shard.counts();
    assert_eq!((counts.commands, counts.repeats), (4, 1));
}

#[test]
fn a_connection_that_was_asked_to_log_in_may_resume_instead() {
    let (mut stage, alice, ok) = online();
    stage.handle(Input::GatewayDown(HOME));
    stage.wait(Duration::from_secs(11));
    assert_eq!(stage.shard.away(), 1, "the gateway counts as dead");
    stage.push(&[("alice", None)], 1);
    let required = ServerPacket { push_seq: 0, client_id: 0, body: ServerBody::LoginRequired };
    assert_eq!(stage.link_gateway(HOME, 1, &[(alice, WEBSOCKET)]), [Said::Packet(alice, required)]);
    let packet = packet(Codec::Proto, 0, ClientBody::Resume(resume(&ok, ok.secret.unwrap(), 0)));
    stage.uplink(alice, &packet);
    let heard = stage.heard(HOME);
    let (found, _, rest) = verdict(&heard, alice);
    assert_eq!((found, rest), (Verdict::Complete, vec![pushed(alice, 1, 1)]));
    assert_eq!((stage.shard.sessions(), stage.shard.away(), stage.shard.waiting()), (1, 0, 0));
}

#[test]
fn a_login_ends_the_session_that_waits_for_a_resume() {
    let (mut stage, alice, ok) = online();
    hang_up(&mut stage, alice);
    stage.log_in(conn("alice", 2), WEBSOCKET, ("alice", "phone"), 0);
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 0));
    let late = conn("alice", 3);
    let heard = try_resume(&mut stage, late, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    assert_eq!(verdict(&heard, late), (Verdict::Reset, None, vec![]));
}

#[test]
fn without_grace_a_session_ends_with_its_connection() {
    let (mut stage, alice, _) = online_with(|settings| settings.resume_grace = Duration::ZERO);
    hang_up(&mut stage, alice);
    assert_eq!((stage.shard.sessions(), stage.shard.next_deadline()), (0, None));
}

#[test]
fn a_logout_ends_the_session_at_once() {
    let (mut stage, alice, ok) = online();
    stage.uplink(alice, &packet(Codec::Proto, 0, ClientBody::Logout));
    assert_eq!(
        (stage.heard(HOME), stage.shard.sessions()),
        (vec![Said::Close(alice, CloseReason::Logout)], 0)
    );
    let late = conn("alice", 2);
    let heard = try_resume(&mut stage, late, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    assert_eq!(verdict(&heard, late).0, Verdict::Reset);
}

#[test]
fn who_was_asked_twice_may_resume_twice_on_one_connection() {
    let (mut stage, alice, ok) = online();
    hang_up(&mut stage, alice);
    let again = conn("alice", 2);
    try_resume(&mut stage, again, WEBSOCKET, resume(&ok, ok.secret.unwrap(), 0));
    stage.push(&[("alice", None)], 1);
    stage.heard(HOME);
    stage.uplink(again, &packet(Codec::Proto, 0, ClientBody::Resume(resume(&ok, ok.secret.unwrap(), 0))));
    let (verdict, secret, rest) = verdict(&stage.heard(HOME), again);
    assert_eq!((verdict, rest), (Verdict::Complete, vec![pushed(again, 1, 1)]));
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 0));
    // The secret of the second answer is the one that counts.
    stage.uplink(again, &ack(1));
    let third = conn("alice", 3);
    let heard = try_resume(&mut stage, third, WEBSOCKET, resume(&ok, secret.unwrap(), 1));
    assert!(heard.contains(&Said::Close(again, CloseReason::Resumed)));
}

#[test]
fn a_resume_of_another_session_within_a_session_is_refused() {
    let (mut stage, alice, ok) = online();
    let other = LoginOk { session: "0-0-0".into(), ..ok.clone() };
    for wrong in [resume(&ok, Secret([9; 16]), 0), resume(&other, ok.secret.unwrap(), 0)] {
        stage.uplink(alice, &packet(Codec::Proto, 0, ClientBody::Resume(wrong)));
        assert_eq!(stage.refused().1.field, "resume");
    }
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 0));
}
