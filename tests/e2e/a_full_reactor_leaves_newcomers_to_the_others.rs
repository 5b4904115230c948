//! A reactor without room does not get its share of the newcomers, and gets it again when it has room.

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;

use proto::tcp;

use crate::metrics::ask;
use crate::victim::{Client, Victim};

const PLACES: usize = 16;

/// How many connections each of the two reactors has, by their names on the operator's page.
fn shares(victim: &Victim) -> [usize; 2] {
    let page = ask(victim.admin(), "GET", "/connections?limit=1000");
    [0, 1].map(|reactor| page.matches(&format!("\"g0.r{reactor}.")).count())
}

/// One more client, which has shown that it is served. Whoever is in the queue of a reactor that closes it is reset, and tries again as clients do.
fn one_more(victim: &Victim) -> Client {
    let packet = [&tcp::head(5)[..], b"hello"].concat();
    for _ in 0..20 {
        let Some(mut stream) = victim.connect_from(Ipv4Addr::LOCALHOST) else { continue };
        let mut echo = vec![0; packet.len()];
        let said = stream.write_all(&[&tcp::MAGIC[..], &packet].concat());
        if said.is_ok() && stream.read_exact(&mut echo).is_ok() {
            assert_eq!(echo, packet);
            return Client { stream };
        }
    }
    panic!("nobody takes it");
}

#[test]
fn whoever_comes_is_served_while_one_of_two_has_room() {
    let victim = Victim::start(&["--reactors=2", &format!("--connections={PLACES}")]);
    // The kernel would give half of them to each, and many of the last ones to one that has no room.
    let clients: Vec<_> = (0..2 * PLACES - 1).map(|_| one_more(&victim)).collect();
    assert_eq!(victim.count("turned_away_total{why=\"room\"}"), 0);
    victim.await_count("full_reactors", 1);
    let mut full = shares(&victim);
    full.sort_unstable();
    assert_eq!(full, [PLACES - 1, PLACES]);
    // One always listens: who comes now is told, and counted.
    drop(victim.flood_from(Ipv4Addr::LOCALHOST, 5));
    victim.await_count("turned_away_total{why=\"room\"}", 5);

    // With room for all, both take part again.
    drop(clients);
    victim.await_count("connections", 0);
    victim.await_count("full_reactors", 0);
    let mut clients = Vec::new();
    while shares(&victim).contains(&0) {
        assert!(clients.len() < PLACES, "all come to one of them: {:?}", shares(&victim));
        clients.push(one_more(&victim));
    }
}
