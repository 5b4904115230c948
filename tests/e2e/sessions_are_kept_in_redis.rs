//! With the journal in Redis, state and Redis may die at any moment, one after the other or both, and nobody but their log takes notice. Whoever has lost the sessions to another
//! state server steps back.

use std::time::{Duration, Instant};

use client::wire::Transport;
use proto::packet::{Codec, ServerBody};

use crate::cluster::{Cluster, token};
use crate::crowd::nobody_notices;
use crate::device::{Device, Way, to_user};
use crate::metrics::{await_metric, await_more};
use crate::raw::Raw;
use crate::redis_server::{RedisServer, start_cluster};

/// Messages of each person.
const MESSAGES: usize = 400;

fn kept_by(urls: &[String]) -> Cluster {
    Cluster::with_state(&[("journal", "redis"), ("redis-urls", &urls.join(","))])
}

#[test]
fn no_connection_and_no_acknowledged_message_is_lost_when_state_and_redis_are_killed() {
    let mut redis = RedisServer::start();
    let mut cluster = kept_by(&[redis.url()]);
    nobody_notices(&mut cluster, MESSAGES, 6, |time, cluster| {
        if time % 3 != 1 {
            cluster.state.kill();
        }
        if time % 3 != 0 {
            redis.kill();
            redis.start_again();
        }
        if time % 3 != 1 {
            cluster.state.start_again();
        }
    });
}

#[test]
fn the_same_holds_for_a_redis_cluster() {
    let mut masters = start_cluster();
    let urls: Vec<_> = masters.iter().map(RedisServer::url).collect();
    let mut cluster = kept_by(&urls);
    nobody_notices(&mut cluster, MESSAGES, 4, |time, cluster| {
        if time % 2 == 0 {
            cluster.state.kill();
        }
        masters[time % 3].kill();
        masters[time % 3].start_again();
        if time % 2 == 0 {
            cluster.state.start_again();
        }
    });
}

#[test]
fn nothing_is_acknowledged_while_redis_is_away() {
    let mut redis = RedisServer::start();
    let cluster = kept_by(&[redis.url()]);
    let mut alice = Device::online(&cluster, "alice", "phone", Way::Tcp);
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    redis.kill();
    alice.submit(to_user("bob"), "are you there?").unwrap();
    await_more(cluster.state.address("admin"), "holdfast_state_journal_failing", 0);
    assert!(alice.next(Instant::now() + Duration::from_millis(500)).is_none(), "no answer before its commit");
    assert_eq!(alice.unanswered(), 1);
    redis.start_again();
    bob.hear("are you there?");
    alice.say("bob", "so you are");
    assert!(!alice.was_offline() && !bob.was_offline());
    await_metric(cluster.state.address("admin"), "holdfast_state_journal_failing", 0);
}

#[test]
fn a_state_server_that_has_lost_its_sessions_to_another_ends_and_says_so() {
    let redis = RedisServer::start();
    let mut cluster = kept_by(&[redis.url()]);
    let mut alice = Device::online(&cluster, "alice", "phone", Way::Tcp);
    let mut other = cluster.another_state();
    other.await_words("journal read from Redis");
    // What would have to be written is not said.
    alice.submit(to_user("bob"), "hello").unwrap();
    assert_eq!(cluster.state.exit_code(), Some(77));
    cluster.state.await_words("another state server has taken these sessions");
    other.stop();
    cluster.state.start_again();
    alice.say("bob", "hello again");
    assert!(!alice.was_offline());
}

#[test]
fn a_redis_that_has_forgotten_everything_costs_sessions_and_no_connection() {
    let redis = RedisServer::start();
    let mut cluster = kept_by(&[redis.url()]);
    let transport = Transport::WebSocket(Codec::Proto);
    let mut alice = Raw::log_in(cluster.address(), transport, "alice");
    let _: () = redis.ask(&["FLUSHALL"]);
    // A login has to be written.
    let mut bob = Raw::open(cluster.address(), transport);
    bob.send_login("bob", token("bob"));
    assert_eq!(cluster.state.exit_code(), Some(74));
    cluster.state.await_words("Redis has lost what it had confirmed");
    cluster.state.start_again();
    for (raw, uid) in [(&mut alice, "alice"), (&mut bob, "bob")] {
        assert_eq!(raw.packet().body, ServerBody::LoginRequired);
        raw.send_login(uid, token(uid));
        let answer = raw.packet().body;
        assert!(matches!(answer, ServerBody::LoginOk(_)), "{answer:?}");
    }
}
