//! How many devices a user may have, on real processes: the oldest of a class goes, an operator lists and ends sessions and revokes tokens, and the SDK takes each of
//! these for the end.

use client::{Event, StopReason};
use proto::device::DeviceClass;
use proto::packet::{KickedReason, RefusedCode};
use serde_json::Value;

use crate::cluster::{Cluster, token, token_for};
use crate::device::{Device, Way};
use crate::metrics::{ask, await_metric, metric};

fn online(cluster: &Cluster, uid: &str, device: &str, token: String) -> Device {
    let mut device = Device::connect(cluster.address(), uid, device, Way::WebSocketProto, token);
    device.wait("the login", |event| matches!(event, Event::LoggedIn { .. }).then_some(()));
    device
}

fn sessions(cluster: &Cluster, query: &str) -> Vec<Value> {
    let page = ask(cluster.state.address("admin"), "GET", &format!("/sessions{query}"));
    let page: Value = serde_json::from_str(&page).unwrap();
    page["sessions"].as_array().unwrap().clone()
}

#[test]
fn a_second_phone_ends_the_first_and_tabs_are_many() {
    let cluster = Cluster::with_state(&[("devices", "phone=1,web=3")]);
    let mut first = online(&cluster, "alice", "old phone", token_for("alice", DeviceClass::Phone, "a"));
    let tabs: Vec<_> = (0..3)
        .map(|tab| {
            online(&cluster, "alice", &format!("tab {tab}"), token_for("alice", DeviceClass::Web, "b"))
        })
        .collect();
    let mut second = online(&cluster, "alice", "new phone", token_for("alice", DeviceClass::Phone, "c"));
    let (reason, text) = first.wait("the reason", |event| match event {
        Event::Kicked(reason, text) => Some((*reason, text.clone())),
        _ => None,
    });
    assert!(reason == KickedReason::DeviceLimit && text.contains("too many devices"), "{text}");
    assert_eq!(first.stopped(), StopReason::Kicked(KickedReason::DeviceLimit), "and does not come back");
    assert_eq!(sessions(&cluster, "?uid=alice").len(), 4);
    let admin = cluster.state.address("admin");
    assert_eq!(metric(admin, "holdfast_state_sessions_ended_total{reason=\"device_limit\"}"), 1);
    second.say("bob", "from the phone that stays");
    drop(tabs);
}

#[test]
fn an_operator_lists_sessions_ends_one_or_all_and_revokes_tokens() {
    let mut cluster = Cluster::start();
    let admin = cluster.state.address("admin");
    let mut phone = online(&cluster, "alice", "phone", token_for("alice", DeviceClass::Phone, "stolen"));
    let mut laptop = online(&cluster, "alice", "laptop", token_for("alice", DeviceClass::Desktop, "good"));
    let others: Vec<_> = (0..6).map(|n| format!("other-{n}")).collect();
    let mut others: Vec<_> = others.iter().map(|uid| online(&cluster, uid, "tcp", token(uid))).collect();

    let hers = sessions(&cluster, "?uid=alice");
    let phones: Vec<_> = hers.iter().filter(|session| session["class"] == "phone").collect();
    assert!(hers.len() == 2 && phones.len() == 1 && phones[0]["online"] == true, "{hers:?}");
    let (mut seen, mut after) = (0, String::new());
    loop {
        let page: Value =
            serde_json::from_str(&ask(admin, "GET", &format!("/sessions?limit=3{after}"))).unwrap();
        let listed = page["sessions"].as_array().unwrap().len();
        assert!(listed <= 3, "{page}");
        seen += listed;
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, 8);

    ask(admin, "POST", "/tokens/revoke?uid=alice&token=stolen");
    assert_eq!(phone.stopped(), StopReason::Kicked(KickedReason::Revoked));
    let stolen = token_for("alice", DeviceClass::Phone, "stolen");
    let mut again = Device::connect(cluster.address(), "alice", "phone", Way::Tcp, stolen);
    let stopped = again.stopped();
    assert!(
        matches!(&stopped, StopReason::LoginRefused(why) if why.code == RefusedCode::TokenInvalid),
        "{stopped:?}"
    );
    await_metric(admin, "holdfast_state_logins_revoked_total", 1);
    await_metric(cluster.logic.address("http"), "holdfast_logic_revocations_total", 1);

    laptop.say("bob", "the other token is good");
    let kicked: Value = serde_json::from_str(&ask(admin, "POST", "/sessions/kick?uid=alice")).unwrap();
    assert_eq!(kicked["ended"], 1);
    assert_eq!(laptop.stopped(), StopReason::Kicked(KickedReason::SignedOut));
    for other in &mut others {
        let uid = other.uid.as_str().to_owned();
        other.say("bob", &format!("{uid} is not disturbed"));
        assert!(!other.was_offline());
    }

    cluster.state.kill();
    cluster.state.start_again();
    let stolen = token_for("alice", DeviceClass::Phone, "stolen");
    let mut again = Device::connect(cluster.address(), "alice", "phone", Way::Tcp, stolen);
    let stopped = again.stopped();
    assert!(matches!(&stopped, StopReason::LoginRefused(_)), "a revocation outlives the server: {stopped:?}");
}
