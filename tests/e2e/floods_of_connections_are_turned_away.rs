//! Whoever opens too many connections is turned away, and others are served all the while.

use crate::victim::{MALLORY, Victim, ended, reset_on_drop};

#[test]
fn a_source_that_floods_is_held_to_its_limit_and_gets_it_back() {
    let victim = Victim::start(&["--source-connections=20"]);
    let mut alice = victim.client();
    let mut flood = victim.flood_from(MALLORY, 500);
    victim.await_count("turned_away_total{why=\"source_connections\"}", 480);
    alice.is_served();
    victim.client();
    for refused in &mut flood[20..] {
        assert_eq!(ended(refused), b"");
    }
    // They leave in both ways, and no trace of them is left.
    flood.iter().step_by(2).for_each(reset_on_drop);
    drop(flood);
    victim.await_count("connections", 1);
    victim.await_count("sources", 1);
    victim.client_from(MALLORY);
    alice.is_served();
}

#[test]
fn a_source_that_comes_too_fast_is_slowed_down() {
    let victim = Victim::start(&["--source-rate=1", "--source-burst=10"]);
    let mut alice = victim.client();
    let flood = victim.flood_from(MALLORY, 200);
    alice.is_served();
    victim.await_more("turned_away_total{why=\"source_rate\"}", 0);
    // The burst was let in, whatever the pace was at which the rest came.
    assert!(victim.count("turned_away_total{why=\"source_rate\"}") <= 190);
    drop(flood);
}

#[test]
fn a_storm_of_connections_that_are_reset_at_once_leaves_nothing_behind() {
    let victim = Victim::start(&[]);
    let mut alice = victim.client();
    for _ in 0..20 {
        let storm = victim.flood_from(MALLORY, 200);
        storm.iter().for_each(reset_on_drop);
        drop(storm);
        alice.is_served();
    }
    victim.await_count("connections", 1);
    victim.await_count("handshakes", 0);
}

#[test]
fn clients_that_never_finish_their_handshake_keep_nobody_out() {
    let victim = Victim::start(&["--handshakes=16", "--handshake-deadline=4s"]);
    let mut alice = victim.client();
    // They say nothing. Those that come while all places are taken by young ones are turned away, until one is old.
    let mut silent = victim.flood_from(MALLORY, 16);
    while victim.count("closed_total{reason=\"handshake_evicted\"}") == 0 {
        silent.extend(victim.connect_from(MALLORY));
        alice.is_served();
    }
    assert!(victim.count("handshakes") <= 16);
    for mut connection in silent {
        assert_eq!(ended(&mut connection), b"");
    }
    victim.client();
}
