//! Who comes and goes is told to those who watch, known again after every loss of a link, and last seen for ever.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod kit;

use kit::{Rig, device, link, pushes, text_to, uids};
use logic::store::memory::MemoryStore;
use logic::{Input, LinkId, Output};
use proto::backend::{Presence, PushClass, Status, Taken};
use proto::ids::Slot;
use proto::packet::{ClientBody, Codec, ServerBody, UserPresence, decode_server};

fn of(uid: &str) -> LinkId {
    link(Slot::of(uid).shard(2))
}

fn status(uid: &str, online: bool, since_ms: u64) -> Status {
    Status { uid: uid.parse().unwrap(), online, since_ms }
}

/// Tells of users over a link. Who is told what of whom.
fn tell(rig: &mut Rig<MemoryStore>, link: LinkId, presence: Presence) -> Vec<(String, String, bool)> {
    rig.logic.handle(rig.now, Input::Presence { link, presence });
    let (out, result) = rig.commit();
    result.unwrap();
    assert!(matches!(out.last(), Some(Output::PresenceTaken { link: to }) if *to == link), "{out:?}");
    let mut told = Vec::new();
    for (to, push) in pushes(out) {
        let ServerBody::Presence(users) = decode_server(Codec::Proto, &push.packet).unwrap().body else {
            panic!("{push:?}")
        };
        let [UserPresence { uid, online, .. }] = &users[..] else { panic!("{users:?}") };
        assert_eq!(push.class, PushClass::Mergeable(format!("presence.{uid}")));
        for (watcher, except) in push.targets {
            assert!(except.is_none() && of(watcher.as_str()) == to);
            told.push((watcher.as_str().to_owned(), uid.as_str().to_owned(), *online));
        }
    }
    told
}

fn changed(users: Vec<Status>) -> Presence {
    Presence { users, whole: false, last: false }
}

fn watch(rig: &mut Rig<MemoryStore>, watcher: &str, users: &[&str]) -> Vec<UserPresence> {
    let answer = rig.ask(&device(watcher, "phone"), 0, ClientBody::Watch(uids(users)));
    match answer.body {
        ServerBody::Presence(users) => users,
        other => panic!("{other:?}"),
    }
}

/// Bob has a single chat with alice, and watches her.
fn watched() -> Rig<MemoryStore> {
    let mut rig = Rig::new();
    rig.ask(&device("bob", "phone"), 1, text_to("alice", "hi"));
    tell(&mut rig, of("alice"), Presence { users: vec![], whole: true, last: true });
    let seen = watch(&mut rig, "bob", &["alice", "stranger"]);
    assert_eq!(seen, [UserPresence { uid: "alice".parse().unwrap(), online: false, since_ms: 0 }]);
    rig
}

fn heard(online: bool) -> Vec<(String, String, bool)> {
    vec![("bob".into(), "alice".into(), online)]
}

#[test]
fn a_watcher_is_told_of_each_change_and_a_stranger_of_nothing() {
    let mut rig = watched();
    assert_eq!(tell(&mut rig, of("alice"), changed(vec![status("alice", true, 5)])), heard(true));
    assert_eq!(tell(&mut rig, of("alice"), changed(vec![status("alice", true, 6)])), [], "she was online");
    assert!(watch(&mut rig, "bob", &["alice"])[0].online);
    assert_eq!(tell(&mut rig, of("alice"), changed(vec![status("alice", false, 7)])), heard(false));
    assert_eq!(watch(&mut rig, "bob", &["alice"])[0].since_ms, 7);
    watch(&mut rig, "bob", &[]);
    assert_eq!(tell(&mut rig, of("alice"), changed(vec![status("alice", true, 8)])), []);
}

#[test]
fn a_list_of_all_says_who_is_gone_by_not_naming_them() {
    let mut rig = watched();
    tell(&mut rig, of("alice"), changed(vec![status("alice", true, 5)]));
    let link = of("alice");
    let shard = Slot::of("alice").shard(2);
    rig.logic.handle(rig.now, Input::PushesTaken { link, number: u64::MAX });
    rig.logic.handle(rig.now, Input::LinkDown { link });
    rig.logic.handle(rig.now, Input::LinkUp { link, shard, shard_count: 2, taken: Taken::default() });
    let other = (0..1000).map(|n| format!("other{n}")).find(|uid| of(uid) == link).unwrap();
    let first = Presence { users: vec![status(&other, true, 0)], whole: true, last: false };
    assert_eq!(tell(&mut rig, link, first), [], "more pieces are to come");
    let last = Presence { users: vec![], whole: true, last: true };
    assert_eq!(tell(&mut rig, link, last.clone()), heard(false));
    assert_eq!(tell(&mut rig, link, last), [], "the next list begins anew");
}

#[test]
fn last_seen_and_watches_outlive_the_process() {
    let mut rig = watched();
    tell(&mut rig, of("alice"), changed(vec![status("alice", true, 5)]));
    tell(&mut rig, of("alice"), changed(vec![status("alice", false, 9)]));
    let mut rig = Rig::on(rig.logic.into_store());
    assert_eq!(watch(&mut rig, "bob", &["alice"])[0].since_ms, 9);
    let all = Presence { users: vec![status("alice", true, 0)], whole: true, last: true };
    assert_eq!(tell(&mut rig, of("alice"), all), heard(true));
}

#[test]
fn a_watcher_whose_shard_is_away_is_told_when_it_comes_back() {
    let mut rig = watched();
    let link = of("bob");
    assert_ne!(link, of("alice"));
    rig.logic.handle(rig.now, Input::PushesTaken { link, number: u64::MAX });
    rig.logic.handle(rig.now, Input::LinkDown { link });
    assert_eq!(tell(&mut rig, of("alice"), changed(vec![status("alice", true, 5)])), []);
    let shard = Slot::of("bob").shard(2);
    rig.logic.handle(rig.now, Input::LinkUp { link, shard, shard_count: 2, taken: Taken::default() });
    let (out, result) = rig.commit();
    result.unwrap();
    let [(to, push)] = &pushes(out)[..] else { panic!("one push") };
    assert_eq!((*to, &push.class), (link, &PushClass::Mergeable("presence.alice".into())));
}
